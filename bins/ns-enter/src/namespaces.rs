//! Which namespaces there will be: what the plan asks for, against who calls and what this host has.

use common::caps::CapSet;
use common::chain::OwnUserNs;
use common::errno::Errno;
use common::fault;
use common::plan::{NsEnter, SecondUserNs, UserNs};
use common::report::{At, Fault, Outcome};
use common::sys::{self, clone_flags, o};
use core::ffi::CStr;

/// The answer.
#[derive(Clone, Copy, Debug)]
pub struct Decided {
    /// Flags of the clone.
    pub clone_flags: u32,
    /// Whether there is a new user namespace.
    pub new_user: bool,
    /// Whether the sandbox is in another PID namespace.
    pub own_pids: bool,
    /// The user namespace that the sandbox has of its own.
    pub own_userns: Option<OwnUserNs>,
    /// The caller's ids.
    pub caller: (u32, u32),
    /// The ids that the caller's are mapped to in the new user namespace.
    pub mapped: (u32, u32),
    /// The ids that a second user namespace maps, if there has to be one.
    pub second_ids: Option<(u32, u32)>,
    /// The capabilities of a caller who is root.
    pub caller_caps: Option<CapSet>,
    /// Whether the paths of the host are gone by the time of the clone, and those of somebody else in their place.
    pub is_foreign: bool,
}

/// Decides, and refuses what cannot be.
pub fn decide(frame: &NsEnter<'static>, is_foreign: bool) -> Outcome<Decided> {
    let caller = (sys::getuid(), sys::getgid());
    let is_root = caller.0 == 0;
    let new_user = match frame.user {
        UserNs::Keep => false,
        UserNs::UnlessRoot => !is_root,
        UserNs::New => true,
        UserNs::Try => !is_root || host_has_user_namespaces()?,
    };
    if is_foreign && (new_user || frame.namespaces.has(clone_flags::NEWTIME) || frame.own_cgroup()) {
        // What is written to somebody else's /proc need not reach the kernel (CVE-2025-52881).
        return Err(fault!("--join-ns mnt excludes --unshare-user, --unshare-time and --cgroup"));
    }
    let caller_caps = if is_root {
        Some(sys::capget().at(|| fault!("capget (for uid == 0) failed"))?.effective)
    } else {
        None
    };
    let wanted = (frame.uid.unwrap_or(caller.0), frame.gid.unwrap_or(caller.1));
    if !new_user && frame.userns_fd.is_none() {
        // `--unshare-user-try` on a host without them.
        if frame.uid.is_some_and(|uid| uid != caller.0) {
            return Err(fault!("Specifying --uid requires --unshare-user or --userns"));
        }
        if frame.gid.is_some_and(|gid| gid != caller.1) {
            return Err(fault!("Specifying --gid requires --unshare-user or --userns"));
        }
    }
    let maps_here = new_user && frame.userns_block_fd.is_none();
    let (mapped, second_ids) = match frame.second {
        SecondUserNs::UnlessRoot if maps_here && wanted != (0, 0) => ((0, 0), Some(wanted)),
        SecondUserNs::Always if maps_here => (wanted, Some(wanted)),
        SecondUserNs::AlwaysFromRoot if maps_here => ((0, 0), Some(wanted)),
        _ => (wanted, None),
    };
    // The time namespace is for the child to make.
    let mut clone_flags = frame.namespaces.0 & !clone_flags::NEWTIME;
    if frame.namespaces.has(clone_flags::NEWCGROUP) {
        sys::stat(sys::CWD, c"/proc/self/ns/cgroup").map_err(|errno| match errno {
            Errno::NOENT => {
                fault!("Cannot create new cgroup namespace because the kernel does not support it")
            }
            errno => fault!("stat on /proc/self/ns/cgroup failed").errno(errno),
        })?;
    } else if frame.cgroup_try {
        // A kernel without cgroups ignores the flag (`copy_cgroup_ns`).
        clone_flags |= clone_flags::NEWCGROUP;
    }
    if new_user {
        clone_flags |= clone_flags::NEWUSER;
    }
    let own_pids = frame.namespaces.has(clone_flags::NEWPID) || frame.pidns_fd.is_some();
    if frame.pidns_fd.is_some() {
        // Made by the child, once it is in the other one.
        clone_flags &= !clone_flags::NEWPID;
    }
    if frame.own_cgroup() {
        // Made by the child, once it is in its cgroup.
        clone_flags &= !clone_flags::NEWCGROUP;
    }
    let own_userns = match (new_user, frame.userns_fd) {
        // One below the other if there are both.
        (true, _) if frame.has_maps() => Some(OwnUserNs::Several),
        // Mapped as he likes by who writes to that.
        (true, _) if frame.userns_block_fd.is_some() => Some(OwnUserNs::Joined),
        (true, _) => Some(OwnUserNs::New),
        (false, Some(_)) => Some(OwnUserNs::Joined),
        (false, None) => None,
    };
    Ok(Decided {
        clone_flags,
        new_user,
        own_pids,
        own_userns,
        caller,
        mapped,
        second_ids,
        caller_caps,
        is_foreign,
    })
}

/// Whether this kernel has user namespaces and no switch of the host turns them off.
fn host_has_user_namespaces() -> Outcome<bool> {
    if !exists(c"/proc/self/ns/user")? {
        return Ok(false);
    }
    let starts_with = |path, byte| {
        let file = sys::openat(sys::CWD, path, o::RDONLY | o::CLOEXEC, 0)?;
        let mut first = [0u8];
        sys::retry(|| sys::read(file.fd(), &mut first)).map(|n| n == 1 && first == [byte])
    };
    // A RHEL 7 kernel had this parameter; where it is missing, it forbids nothing.
    if starts_with(c"/sys/module/user_namespace/parameters/enable", b'N') == Ok(true) {
        return Ok(false);
    }
    Ok(starts_with(c"/proc/sys/user/max_user_namespaces", b'0') != Ok(true))
}

/// Whether `path` is there. Only that it is not means that the kernel has no such namespace; any other failure to
/// look must not make the sandbox weaker.
fn exists(path: &'static CStr) -> Outcome<bool> {
    match sys::stat(sys::CWD, path) {
        Ok(_) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(fault!("stat on ", path, " failed").errno(errno)),
    }
}

/// Why the clone failed, in words that say what to do.
pub fn refused(errno: Errno, decided: &Decided) -> Fault {
    match errno {
        Errno::INVAL if decided.new_user => fault!(
            "Creating new namespace failed, likely because the kernel does not support user namespaces."
        ),
        Errno::PERM if decided.new_user => fault!(
            "No permissions to create a new namespace, likely because the kernel does not allow \
             non-privileged user namespaces. See <https://deb.li/bubblewrap> or \
             <file:///usr/share/doc/bubblewrap/README.Debian.gz>."
        ),
        Errno::NOSPC => exceeded(),
        errno => fault!("Creating new namespace failed").errno(errno),
    }
}

/// There are as many as some limit allows.
pub fn exceeded() -> Fault {
    fault!(
        "Creating new namespace failed: nesting depth or /proc/sys/user/max_*_namespaces exceeded (ENOSPC)"
    )
}
