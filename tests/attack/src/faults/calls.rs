//! System calls by name, and how each can go wrong.

use super::trace::{Call, Fault};

/// Those that a launch makes, by their numbers on x86_64.
#[rustfmt::skip]
const NAMES: &[(u64, &str)] = &[
    (0, "read"), (1, "write"), (2, "open"), (3, "close"), (4, "stat"), (5, "fstat"), (6, "lstat"),
    (7, "poll"), (8, "lseek"), (9, "mmap"), (10, "mprotect"), (11, "munmap"), (12, "brk"),
    (13, "rt_sigaction"), (14, "rt_sigprocmask"), (15, "rt_sigreturn"), (16, "ioctl"), (17, "pread64"),
    (18, "pwrite64"), (19, "readv"), (20, "writev"), (21, "access"), (22, "pipe"), (28, "madvise"),
    (32, "dup"), (33, "dup2"), (39, "getpid"), (41, "socket"), (44, "sendto"), (45, "recvfrom"),
    (46, "sendmsg"), (47, "recvmsg"), (49, "bind"), (51, "getsockname"), (53, "socketpair"),
    (54, "setsockopt"), (56, "clone"), (57, "fork"), (58, "vfork"), (59, "execve"), (60, "exit"),
    (61, "wait4"), (62, "kill"), (63, "uname"), (72, "fcntl"), (73, "flock"), (77, "ftruncate"),
    (79, "getcwd"), (80, "chdir"), (81, "fchdir"), (83, "mkdir"), (87, "unlink"), (89, "readlink"),
    (90, "chmod"), (91, "fchmod"), (95, "umask"), (97, "getrlimit"), (102, "getuid"), (104, "getgid"),
    (105, "setuid"), (106, "setgid"), (107, "geteuid"), (108, "getegid"), (109, "setpgid"),
    (110, "getppid"), (111, "getpgrp"), (112, "setsid"), (115, "getgroups"), (116, "setgroups"), (117, "setresuid"),
    (118, "getresuid"), (119, "setresgid"), (120, "getresgid"), (124, "getsid"), (125, "capget"), (126, "capset"), (128, "rt_sigtimedwait"), (137, "statfs"),
    (138, "fstatfs"), (141, "setpriority"), (155, "pivot_root"), (157, "prctl"), (158, "arch_prctl"),
    (160, "setrlimit"), (165, "mount"), (166, "umount2"), (170, "sethostname"), (186, "gettid"),
    (191, "getxattr"), (202, "futex"), (204, "sched_getaffinity"), (217, "getdents64"),
    (218, "set_tid_address"), (231, "exit_group"), (232, "epoll_wait"), (233, "epoll_ctl"),
    (248, "add_key"), (250, "keyctl"), (257, "openat"), (258, "mkdirat"), (262, "newfstatat"),
    (263, "unlinkat"), (266, "symlinkat"), (267, "readlinkat"), (268, "fchmodat"), (269, "faccessat"),
    (271, "ppoll"), (272, "unshare"), (273, "set_robust_list"), (289, "signalfd4"), (290, "eventfd2"),
    (291, "epoll_create1"), (292, "dup3"), (293, "pipe2"), (302, "prlimit64"), (308, "setns"),
    (317, "seccomp"), (318, "getrandom"), (319, "memfd_create"), (322, "execveat"), (332, "statx"),
    (334, "rseq"), (424, "pidfd_send_signal"), (428, "open_tree"), (429, "move_mount"), (430, "fsopen"),
    (431, "fsconfig"), (432, "fsmount"), (433, "fspick"), (434, "pidfd_open"), (435, "clone3"),
    (436, "close_range"), (437, "openat2"), (439, "faccessat2"), (442, "mount_setattr"), (452, "fchmodat2"),
    (457, "statmount"), (458, "listmount"), (467, "open_tree_attr"),
];

/// The name of a call.
pub fn name(nr: u64) -> String {
    let known = NAMES.iter().find(|(number, _)| *number == nr);
    known.map_or_else(|| format!("call {nr}"), |(_, name)| (*name).to_owned())
}

/// The name of a call, with the sub-operation of those that do many things.
pub fn operation(call: &Call) -> String {
    let name = name(call.nr);
    let part = match name.as_str() {
        "prctl" => PRCTL.iter().find(|(number, _)| *number == call.args[0]),
        "fcntl" => FCNTL.iter().find(|(number, _)| *number == call.args[1]),
        _ => None,
    };
    match (part, name.as_str()) {
        (Some((47, what)), _) => {
            let which = ["", "is-set", "raise", "lower", "clear"];
            format!("{name}({what} {})", which.get(call.args[1] as usize).unwrap_or(&"?"))
        }
        (Some((_, what)), "prctl") if call.args[0] <= 2 || call.args[0] == 23 || call.args[0] == 24 => {
            format!("{name}({what} {})", call.args[1])
        }
        (Some((_, what)), _) => format!("{name}({what})"),
        (None, "prctl") => format!("prctl({})", call.args[0]),
        (None, "fcntl") => format!("fcntl({})", call.args[1]),
        (None, _) => name,
    }
}

const PRCTL: &[(u64, &str)] = &[
    (1, "pdeathsig"),
    (4, "dumpable"),
    (22, "seccomp"),
    (23, "bounding-read"),
    (24, "bounding-drop"),
    (27, "get-securebits"),
    (36, "subreaper"),
    (38, "no-new-privs"),
    (39, "get-no-new-privs"),
    (47, "ambient"),
];

const FCNTL: &[(u64, &str)] = &[
    (0, "dupfd"),
    (1, "getfd"),
    (2, "setfd"),
    (3, "getfl"),
    (4, "setfl"),
    (6, "setlk"),
    (1030, "dupfd-cloexec"),
    (1033, "add-seals"),
    (1034, "get-seals"),
];

/// Calls that the kernel never fails: an error of theirs is not a state that a launch can meet. (A seccomp filter of
/// the caller's could invent one, but whoever confines the launcher so answers for what comes of it.)
const NEVER_FAIL: [&str; 12] = [
    "getpid",
    "getppid",
    "gettid",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "getpgrp",
    "exit",
    "exit_group",
    "set_tid_address",
    "rt_sigreturn",
];

/// Whether it waits for others: how often one does, or whether at all, is not the same in each launch.
pub fn waits_for_others(nr: u64) -> bool {
    ["poll", "ppoll", "wait4", "rt_sigtimedwait"].contains(&name(nr).as_str())
}

/// Calls that confine, or hand on what confines: one that says it has done so and has not must be noticed.
const CONFINE: [&str; 35] = [
    "capset",
    "setsid",
    "seccomp",
    "mount",
    "umount2",
    "mount_setattr",
    "move_mount",
    "pivot_root",
    "unshare",
    "setns",
    "close",
    "close_range",
    "umask",
    "chdir",
    "fchdir",
    "setresuid",
    "setresgid",
    "setuid",
    "setgid",
    "setgroups",
    "sethostname",
    "chmod",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "dup2",
    "dup3",
    "setrlimit",
    "prlimit64",
    "ftruncate",
    "rt_sigaction",
    "rt_sigprocmask",
    "setpgid",
    "fsconfig",
    "kill",
];

/// Sub-operations of the same kind.
const CONFINE_BY: [&str; 9] = [
    "prctl(pdeathsig",
    "prctl(dumpable",
    "prctl(seccomp",
    "prctl(subreaper",
    "prctl(no-new-privs",
    "prctl(bounding-drop",
    "prctl(ambient clear",
    "prctl(ambient raise",
    "fcntl(set",
];

const ERRNOS: [i32; 6] = [libc::EPERM, libc::ENOMEM, libc::EINTR, libc::EAGAIN, libc::ENOSPC, libc::EBADF];

/// How `call` is made to go wrong, one launch each; a quick run has the first of the errnos only.
pub fn faults(call: &Call, quick: bool) -> Vec<Fault> {
    let name = name(call.nr);
    let name = name.as_str();
    if NEVER_FAIL.contains(&name) {
        return Vec::new();
    }
    let errnos = if quick { ERRNOS.get(..1).unwrap_or_default() } else { &ERRNOS };
    let mut all: Vec<Fault> = errnos.iter().map(|errno| Fault::Errno(*errno)).collect();
    let operation = operation(call);
    if CONFINE.contains(&name)
        || operation == "fcntl(add-seals)"
        || CONFINE_BY.iter().any(|prefix| operation.starts_with(prefix))
        || name == "write"
    {
        all.push(Fault::NoEffect);
    }
    if ["read", "write", "pread64", "pwrite64"].contains(&name) && call.args[2] > 1 {
        all.push(Fault::Short);
    }
    all
}

/// What `call` returns when it has worked.
pub fn success(call: &Call) -> i64 {
    match name(call.nr).as_str() {
        "write" | "pwrite64" => call.args[2] as i64,
        "dup2" | "dup3" => call.args[1] as i64,
        "setsid" => 1,
        // The mask that launches start with.
        "umask" => 0o022,
        _ => 0,
    }
}

/// A fault as one word.
pub fn fault_name(fault: Fault) -> String {
    match fault {
        Fault::Errno(errno) => {
            let names = [
                (libc::EPERM, "EPERM"),
                (libc::ENOMEM, "ENOMEM"),
                (libc::EINTR, "EINTR"),
                (libc::EAGAIN, "EAGAIN"),
                (libc::ENOSPC, "ENOSPC"),
                (libc::EBADF, "EBADF"),
            ];
            names.iter().find(|(number, _)| *number == errno).map_or("errno", |(_, name)| name).to_owned()
        }
        Fault::NoEffect => "no-effect".to_owned(),
        Fault::Short => "short".to_owned(),
        Fault::KillBefore => "kill-before".to_owned(),
        Fault::KillAfter => "kill-after".to_owned(),
    }
}
