//! The id maps of the new user namespace, written by its first process.

use common::chain::Argument;
use common::errno::Errno;
use common::fault;
use common::report::{At, Outcome};
use common::sys::{self, Fd, o};
use core::ffi::CStr;

/// Maps `inside` to `outside`, one user and one group.
///
/// Whoever has no privileges outside may map just himself, and only after giving up setgroups(2)
/// (user_namespaces(7), CVE-2014-8989).
pub fn write(inside: (u32, u32), outside: (u32, u32)) -> Outcome<()> {
    let open = |path: &CStr| sys::openat(sys::CWD, path, o::WRONLY | o::CLOEXEC, 0);
    let map = open(c"/proc/self/uid_map").at(|| fault!("setting up uid map"))?;
    line(map.fd(), inside.0, outside.0).at(|| fault!("setting up uid map"))?;
    match open(c"/proc/self/setgroups") {
        Ok(setgroups) => {
            sys::write_all(setgroups.fd(), b"deny\n").at(|| fault!("error writing to setgroups"))?;
        }
        // Before Linux 3.19 there was no such file, and no need of it.
        Err(Errno::NOENT) => {}
        Err(errno) => return Err(fault!("error writing to setgroups").errno(errno)),
    }
    let map = open(c"/proc/self/gid_map").at(|| fault!("setting up gid map"))?;
    line(map.fd(), inside.1, outside.1).at(|| fault!("setting up gid map"))
}

/// Whether there is a map of user ids.
pub fn is_written() -> Outcome<bool> {
    let map = sys::openat(sys::CWD, c"/proc/self/uid_map", o::RDONLY | o::CLOEXEC, 0)
        .at(|| fault!("setting up uid map"))?;
    let mut byte = [0u8];
    sys::retry(|| sys::read(map.fd(), &mut byte)).at(|| fault!("setting up uid map")).map(|n| n > 0)
}

/// One line, in one write: the kernel takes a map once and whole.
fn line(map: Fd, inside: u32, outside: u32) -> sys::Result<()> {
    let mut line = Argument::new("");
    line.decimal(inside);
    line.text(b" ");
    line.decimal(outside);
    line.text(b" 1\n");
    sys::write_all(map, line.as_c_str().to_bytes())
}
