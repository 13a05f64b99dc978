//! Why the kernel refuses new namespaces here, and what can be done: said behind ns-enter's own message, which tells only
//! what was refused.
//!
//! ns-enter execs this as `why ERRNO|FLAGS [--level-prefix]` when its clone has failed in a chain. No stage can be asked for
//! that with a word of a command line, which begins with the stage's own name.

use common::caps::cap;
use common::chain::unsigned;
use common::errno::Errno;
use common::fault;
use common::plan::Stage;
use common::report::{ENV_FAILURE, Fault, Voice};
use common::rt::Start;
use common::sys::{self, clone_flags as flags, o};
use core::ffi::CStr;

/// A kind of namespaces: its bit, its name, where this kernel shows that it has it, and how many there may be.
struct Kind {
    flag: u32,
    name: &'static str,
    own: &'static CStr,
    most: &'static CStr,
}

macro_rules! path {
    ($($part:literal),*) => {
        match CStr::from_bytes_with_nul(concat!($($part,)* "\0").as_bytes()) {
            Ok(path) => path,
            Err(_) => c"",
        }
    };
}

macro_rules! kinds {
    ($($flag:ident $name:literal)*) => {
        [$(Kind {
            flag: flags::$flag,
            name: $name,
            own: path!("/proc/self/ns/", $name),
            most: path!("/proc/sys/user/max_", $name, "_namespaces"),
        }),*]
    };
}

/// All that a clone makes, the user namespace first: the others are made within it.
const KINDS: [Kind; 7] = kinds! {
    NEWUSER "user" NEWNS "mnt" NEWPID "pid" NEWNET "net" NEWIPC "ipc" NEWUTS "uts" NEWCGROUP "cgroup"
};

/// The part of the number that is an errno; no bit of [`KINDS`] is in it.
const ERRNO: u32 = 0xfff;

/// Whether this process was started for that.
pub fn is_asked(start: &Start) -> bool {
    start.args.get(0) == Some(c"why")
}

/// Says it and ends the process.
pub fn say(start: &Start) -> ! {
    let level_prefix = start.args.get(2) == Some(c"--level-prefix");
    let voice = Voice { name: Stage::NsEnter.name(), level_prefix, failure: ENV_FAILURE };
    let Some(what) = start.args.get(1).and_then(|word| unsigned(word.to_bytes())) else {
        sys::exit(ENV_FAILURE)
    };
    voice.die(reason(Errno((what & ERRNO) as u16), what & !ERRNO))
}

fn reason(errno: Errno, flags: u32) -> Fault {
    let missing = KINDS
        .iter()
        .find(|kind| flags & kind.flag != 0 && sys::stat(sys::CWD, kind.own) == Err(Errno::NOENT));
    if let Some(kind) = missing {
        return fault!(
            "This kernel has no ",
            kind.name,
            " namespaces: leave out the option that asks for one, or use another kernel"
        );
    }
    let known = match errno {
        Errno::NOSPC => Some(limit(flags)),
        Errno::PERM => permission(flags),
        _ => None,
    };
    known.or_else(filter).unwrap_or_else(|| {
        fault!(
            "No switch of this host explains that: a security module may (look into the kernel's log, dmesg)"
        )
    })
}

/// Which limit it was: the one that the kernel names again when the kinds are asked for one after the other. This process
/// has nothing else to do, so it may try.
fn limit(flags: u32) -> Fault {
    let asked = || KINDS.iter().filter(|kind| flags & kind.flag != 0);
    // ORDER: before anything is tried: in a new user namespace these files say its own limits.
    if let Some(kind) = asked().find(|kind| value(kind.most) == Some(0)) {
        return fault!(
            kind.most,
            " is 0, which forbids them: have an administrator raise that (sysctl -w), here and in each container around"
        );
    }
    let Some(kind) = asked().find(|kind| sys::unshare(kind.flag) == Err(Errno::NOSPC)) else {
        return fault!(
            "There is room again: other sandboxes of this user had used up a limit in /proc/sys/user"
        );
    };
    if matches!(kind.flag, flags::NEWUSER | flags::NEWPID) {
        return fault!(
            kind.name,
            " namespaces are 32 deep here already, or as many as ",
            kind.most,
            " allows, in this user namespace or one around it: start this from further out, end other sandboxes, or raise that"
        );
    }
    fault!(
        "There are as many as ",
        kind.most,
        " allows, in this user namespace or one around it: end other sandboxes, or raise that"
    )
}

fn permission(flags: u32) -> Option<Fault> {
    let privileged = sys::capget().is_ok_and(|caps| caps.effective.has(cap::SYS_ADMIN));
    if flags & flags::NEWUSER == 0 {
        return (!privileged).then(|| {
            fault!("This process is root without the capability CAP_SYS_ADMIN: make a user namespace too (--unshare-user)")
        });
    }
    if is_chrooted() {
        return Some(fault!(
            "The caller's root directory is none of its mount namespace (chroot), where the kernel makes no user namespaces: \
             start this outside, or enter that tree with pivot_root as fs-build does"
        ));
    }
    if privileged {
        return None;
    }
    if value(c"/proc/sys/kernel/unprivileged_userns_clone") == Some(0) {
        return Some(fault!(
            "kernel.unprivileged_userns_clone is 0, so only root makes user namespaces: have an administrator set it to 1 \
             (sysctl -w), or run this as root"
        ));
    }
    if value(c"/proc/sys/kernel/apparmor_restrict_unprivileged_userns").is_some_and(|set| set != 0) {
        return Some(fault!(
            "kernel.apparmor_restrict_unprivileged_userns is set, so AppArmor lets only programs with a profile that says \
             userns make user namespaces: have an administrator give ns-enter one"
        ));
    }
    None
}

/// A seccomp filter, which answers what it likes.
fn filter() -> Option<Fault> {
    let mut buf = [0u8; 4096];
    let status = contents(c"/proc/self/status", &mut buf)?;
    let has = |line: &[u8]| status.split(|byte| *byte == b'\n').any(|found| found == line);
    let confined =
        if has(b"NoNewPrivs:\t1") { " (and NoNewPrivs), which nothing takes off again" } else { "" };
    has(b"Seccomp:\t2").then(|| {
        fault!(
            "The caller is under a seccomp filter",
            confined,
            ": it may be that which refuses, as those of container managers do; start this outside, or with a filter that \
             allows clone(2) with CLONE_NEW* flags"
        )
    })
}

/// Whether no mount that this process can see is on its root: then that is a directory somewhere below one.
fn is_chrooted() -> bool {
    let Ok(file) = sys::openat(sys::CWD, c"/proc/self/mountinfo", o::RDONLY | o::CLOEXEC, 0) else {
        return false;
    };
    let mut buf = [0u8; 4096];
    // Field 5 of a line (proc_pid_mountinfo(5)), of which there is no need to have any other whole.
    let (mut field, mut mount_point, mut len) = (1, [0u8; 2], 0usize);
    loop {
        let Ok(n) = sys::retry(|| sys::read(file.fd(), &mut buf)) else { return false };
        for byte in buf.get(..n).unwrap_or_default() {
            match byte {
                b'\n' => (field, len) = (1, 0),
                b' ' if field == 5 && mount_point.get(..len) == Some(b"/") => return false,
                b' ' => field += 1,
                byte if field == 5 => {
                    if let Some(slot) = mount_point.get_mut(len) {
                        (*slot, len) = (*byte, len + 1);
                    }
                }
                _ => {}
            }
        }
        if n == 0 {
            return true;
        }
    }
}

/// The number in a file of /proc/sys.
fn value(path: &'static CStr) -> Option<u32> {
    let mut buf = [0u8; 16];
    contents(path, &mut buf).and_then(|text| unsigned(text.trim_ascii_end()))
}

/// What is in a file, as far as `buf` has room for it.
fn contents<'b>(path: &'static CStr, buf: &'b mut [u8]) -> Option<&'b [u8]> {
    let file = sys::openat(sys::CWD, path, o::RDONLY | o::CLOEXEC, 0).ok()?;
    let n = sys::retry(|| sys::read(file.fd(), buf)).ok()?;
    buf.get(..n)
}
