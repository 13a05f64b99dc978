//! Whose mount namespace this is. In the host's own, a root that runs this stage would build over everybody's mounts
//! and pivot everybody's root.

use common::chain::{Argument, Passed};
use common::errno::Errno;
use common::fault;
use common::report::{At, Outcome};
use common::sys::{self, o};
use core::ffi::CStr;

const OWN: &CStr = c"/proc/self/ns/mnt";

/// Refuses to work where others live.
///
/// ns-enter says that it has made the mount namespace. Without that word (another program may have made it, as
/// unshare(1) does) the kernel is asked.
pub fn check(passed: &Passed) -> Outcome<()> {
    if passed.own_mounts || is_own()? {
        return Ok(());
    }
    Err(fault!("This mount namespace is not the sandbox's own: ns-enter makes one, or unshare --mount"))
}

/// Whether an ancestor lives in another mount namespace, so that one of them has made this one, or there is none;
/// where that cannot be seen, whether it was made in this user namespace, which is not the first.
#[cold]
fn is_own() -> Outcome<bool> {
    let asking = || fault!("Can't tell whose mount namespace this is");
    let own = sys::stat(sys::CWD, OWN).at(asking)?;
    let mut pid = parent(c"/proc/self/stat").at(asking)?;
    loop {
        if pid == 0 {
            // This is the first process there is, or all up to the first are in this namespace.
            let mut buf = [0u8; 16];
            return Ok(sys::readlinkat(sys::CWD, c"/proc/self", &mut buf).at(asking)? == b"1");
        }
        match sys::stat(sys::CWD, of_process(pid, b"/ns/mnt").as_c_str()) {
            Ok(other) if (own.dev, own.ino) != (other.dev, other.ino) => return Ok(true),
            Ok(_) => {}
            // Not for this process to see, or gone by now.
            Err(Errno::ACCES | Errno::PERM | Errno::NOENT | Errno::SRCH) => break,
            Err(errno) => return Err(asking().errno(errno)),
        }
        match parent(of_process(pid, b"/stat").as_c_str()) {
            Ok(above) => pid = above,
            Err(_) => break,
        }
    }
    // PROC_USER_INIT_INO (include/linux/proc_ns.h): the first user namespace has had this number since Linux 3.8.
    const FIRST_USERNS: u64 = 0xefff_fffd;
    let fd = sys::openat(sys::CWD, OWN, o::RDONLY | o::CLOEXEC, 0).at(asking)?;
    let owner = sys::ns_get_userns(fd.fd()).and_then(|owner| sys::fstat(owner.fd()));
    let user = sys::stat(sys::CWD, c"/proc/self/ns/user").at(asking)?;
    // An owner further out is not to be seen from here (EPERM): then this namespace was there before.
    Ok(owner.is_ok_and(|owner| (owner.dev, owner.ino) == (user.dev, user.ino)) && user.ino != FIRST_USERNS)
}

fn of_process(pid: u32, name: &[u8]) -> Argument {
    let mut path = Argument::new("/proc/");
    path.decimal(pid);
    path.text(name);
    path
}

/// The parent of the process whose `stat` this is, as /proc counts processes: 0 when it is not among those.
fn parent(stat: &CStr) -> sys::Result<u32> {
    let file = sys::openat(sys::CWD, stat, o::RDONLY | o::CLOEXEC, 0)?;
    let mut buf = [0u8; 512];
    let len = sys::retry(|| sys::read(file.fd(), &mut buf))?;
    let text = buf.get(..len).unwrap_or_default();
    // "PID (NAME) STATE PARENT …" (proc_pid_stat(5)), and there may be any byte in NAME.
    let name_end = text.iter().rposition(|byte| *byte == b')').ok_or(Errno::INVAL)?;
    let mut words = text.get(name_end..).unwrap_or_default().split(|byte| *byte == b' ');
    let digits = words.nth(2).ok_or(Errno::INVAL)?;
    digits
        .iter()
        .try_fold(0u32, |n, digit| {
            let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
            n.checked_mul(10)?.checked_add(u32::from(digit))
        })
        .ok_or(Errno::INVAL)
}
