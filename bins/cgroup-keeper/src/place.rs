//! Where the caller is in the cgroup2 hierarchy.

use common::chain::Argument;
use common::errno::Errno;
use common::fault;
use common::report::{At, Fault, Outcome};
use common::sys::{self, Fd, Mapping, OwnedFd, o, resolve};
use core::ffi::CStr;

/// Where distributions mount it: alone, or beside the hierarchies of version 1.
const MOUNTS: [&CStr; 2] = [c"/sys/fs/cgroup", c"/sys/fs/cgroup/unified"];

/// `CGROUP2_SUPER_MAGIC` of `include/uapi/linux/magic.h`.
const CGROUP2: u64 = 0x6367_7270;

/// The kernel's limit on a path, NUL included.
const PATH_MAX: usize = 4096;

/// The caller's cgroup.
#[derive(Debug)]
pub struct Place {
    /// Its directory.
    pub dir: OwnedFd,
    /// Where the hierarchy is mounted.
    pub mount: &'static CStr,
    /// Its path there, starting with "/".
    pub path: &'static [u8],
}

impl Place {
    /// The cgroup that this process, and so the launcher, is in.
    pub fn of_caller() -> Outcome<Place> {
        let path = path()?;
        let mount = MOUNTS
            .into_iter()
            .find(|mount| sys::statfs_type(mount) == Ok(CGROUP2))
            .ok_or_else(|| fault!("--cgroup: no cgroup2 hierarchy is mounted on /sys/fs/cgroup"))?;
        let refused = || fault!("--cgroup: Can't open cgroup ", mount, path.0);
        let top = sys::openat(sys::CWD, mount, o::PATH | o::DIRECTORY | o::CLOEXEC, 0).at(refused)?;
        let below = path.0.iter().position(|byte| *byte != b'/').and_then(|start| path.0.get(start..));
        let relative = match below {
            Some(_) => CStr::from_bytes_with_nul(path.1).unwrap_or(c"."),
            None => c".",
        };
        // "/../x": the caller is outside of what this mount shows.
        let inside = resolve::BENEATH | resolve::NO_SYMLINKS;
        let dir =
            sys::openat2(top.fd(), relative, o::RDONLY | o::DIRECTORY | o::CLOEXEC, 0, inside).at(refused)?;
        Ok(Place { dir, mount, path: path.0 })
    }

    /// A fault about the caller's cgroup: `what`, where, and then `why` if the kernel has not said it.
    pub fn fault(&self, what: &'static str, why: &'static str) -> Fault {
        fault!("--cgroup: ", what, " ", self.mount, self.path, why)
    }

    /// What to say when the caller may not make cgroups below his own.
    pub fn not_delegated(&self, what: &'static str) -> Fault {
        self.fault(
            what,
            ", which is not delegated to you (try: systemd-run --user --scope -p Delegate=yes COMMAND)",
        )
    }
}

/// The path of this process in the cgroup2 hierarchy, as `/proc/self/cgroup` says it: with its "/" in front, and what
/// follows that with a NUL behind.
fn path() -> Outcome<(&'static [u8], &'static [u8])> {
    let failed = || fault!("--cgroup: Can't read /proc/self/cgroup");
    let file = sys::openat(sys::CWD, c"/proc/self/cgroup", o::RDONLY | o::CLOEXEC, 0).at(failed)?;
    // As many lines of version 1 as there can be, and one path.
    let buf = Mapping::new(4 * PATH_MAX).at(failed)?.leak();
    let mut len = 0;
    loop {
        let room = buf.get_mut(len..).unwrap_or_default();
        match sys::retry(|| sys::read(file.fd(), room)).at(failed)? {
            0 => break,
            n => len += n,
        }
    }
    let text = buf.get_mut(..len).unwrap_or_default();
    let mut line = text.split_mut(|byte| *byte == b'\n').find(|line| line.starts_with(b"0::/"));
    let not_there = || fault!("--cgroup: this process is in no cgroup2 hierarchy");
    let line = line.take().ok_or_else(not_there)?;
    // "0::" goes, and the path moves by one, so that there is a place for its NUL.
    let (_, path) = line.split_at_mut_checked(2).ok_or_else(not_there)?;
    let last = path.len().saturating_sub(1);
    path.copy_within(1.., 0);
    *path.get_mut(last).ok_or_else(not_there)? = 0;
    let path: &'static [u8] = path;
    let with_slash = path.get(..last).unwrap_or_default();
    Ok((with_slash, path.get(1..).unwrap_or_default()))
}

/// The user namespace of the sandbox's first process; `None` if it is the caller's.
pub fn user_namespace(pid: i32) -> Outcome<Option<OwnedFd>> {
    let mut path = Argument::new("/proc/");
    path.decimal(pid.unsigned_abs());
    path.text(b"/ns/user");
    let failed = || fault!("--cgroup: Can't open /proc/", pid, "/ns/user");
    let userns = sys::openat(sys::CWD, path.as_c_str(), o::RDONLY | o::CLOEXEC, 0).at(failed)?;
    let own = sys::stat(sys::CWD, c"/proc/self/ns/user").at(failed)?;
    let theirs = sys::fstat(userns.fd()).at(failed)?;
    Ok(if (own.dev, own.ino) == (theirs.dev, theirs.ino) { None } else { Some(userns) })
}

/// Writes `value` to the file `name` of the cgroup `dir`.
pub fn write(dir: Fd, name: &CStr, value: &[u8]) -> sys::Result<()> {
    let file = sys::openat(dir, name, o::WRONLY | o::CLOEXEC | o::NOFOLLOW, 0)?;
    match sys::retry(|| sys::write(file.fd(), value))? {
        n if n == value.len() => Ok(()),
        _ => Err(Errno::IO),
    }
}

/// Reads the file `name` of the cgroup `dir` into `buf`.
pub fn read<'b>(dir: Fd, name: &CStr, buf: &'b mut [u8]) -> sys::Result<&'b [u8]> {
    let file = sys::openat(dir, name, o::RDONLY | o::CLOEXEC | o::NOFOLLOW, 0)?;
    let n = sys::retry(|| sys::pread(file.fd(), buf, 0))?;
    Ok(buf.get(..n).unwrap_or_default())
}

/// Moves process `pid` to the cgroup `dir`.
pub fn move_to(dir: Fd, pid: i32) -> sys::Result<()> {
    let mut number = Argument::new("");
    number.decimal(pid.unsigned_abs());
    write(dir, c"cgroup.procs", number.as_c_str().to_bytes())
}

/// Switches `controller` on (`sign` "+") or off for the cgroups below `dir`.
pub fn switch(dir: Fd, sign: &[u8], controller: &[u8]) -> sys::Result<()> {
    let mut word = Argument::new("");
    word.text(sign);
    word.text(controller);
    write(dir, c"cgroup.subtree_control", word.as_c_str().to_bytes())
}
