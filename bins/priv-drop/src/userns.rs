//! The second user namespace, and the end of all others.

use common::chain::{Argument, Passed};
use common::fault;
use common::plan::PrivDrop;
use common::report::{At, Fault, Outcome};
use common::sys::{self, Fd, clone_flags, o};
use core::ffi::CStr;

/// Enters the user namespace that the command will be in.
pub fn enter(frame: &PrivDrop, passed: &Passed) -> Outcome<()> {
    if let Some((uid, gid)) = passed.ids {
        let proc = passed.proc.ok_or_else(|| fault!("Can't open /proc"))?;
        let own = (sys::getuid(), sys::getgid());
        if frame.disable_userns {
            limit(proc)?;
        }
        sys::unshare(clone_flags::NEWUSER).at(|| fault!("unshare user ns"))?;
        // setgroups(2) is denied already: a new user namespace inherits that (user_namespaces(7)).
        map(proc, c"self/uid_map", (uid, own.0), || fault!("setting up uid map"))?;
        map(proc, c"self/gid_map", (gid, own.1), || fault!("setting up gid map"))?;
    } else if frame.disable_userns {
        return Err(fault!("--disable-userns requires --unshare-user"));
    }
    if let Some(fd) = frame.userns2_fd {
        sys::setns(fd.fd(), clone_flags::NEWUSER).at(|| fault!("Setting userns2 failed"))?;
        sys::close_named(fd.fd()).at(|| fault!("close"))?;
    }
    // The proof is in the trying: had this call worked, the command could make one as well.
    if (frame.disable_userns || frame.assert_userns_disabled) && sys::unshare(clone_flags::NEWUSER).is_ok() {
        return Err(fault!("creation of new user namespaces was not disabled as requested"));
    }
    Ok(())
}

/// Allows one more user namespace below this one, which the next call takes up. The command, inside that, has no
/// power over this limit.
fn limit(proc: Fd) -> Outcome<()> {
    let sysctl = sys::openat(proc, c"sys/user/max_user_namespaces", o::WRONLY | o::CLOEXEC, 0)
        .at(|| fault!("cannot open /proc/sys/user/max_user_namespaces"))?;
    sys::write_all(sysctl.fd(), b"1").at(|| fault!("sysctl user.max_user_namespaces = 1"))
}

/// Maps one id: `inside` of the new namespace to `outside`, ours in the one before.
fn map(proc: Fd, path: &CStr, (inside, outside): (u32, u32), fault: impl Fn() -> Fault) -> Outcome<()> {
    let map = sys::openat(proc, path, o::WRONLY | o::CLOEXEC, 0).at(&fault)?;
    let mut line = Argument::new("");
    line.decimal(inside);
    line.text(b" ");
    line.decimal(outside);
    line.text(b" 1\n");
    sys::write_all(map.fd(), line.as_c_str().to_bytes()).at(&fault)
}
