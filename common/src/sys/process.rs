//! Processes: clone, exec, wait, exit, namespaces and `prctl`.

use super::{Errno, Fd, Result, Strings, raw, raw::nr};

use core::ffi::CStr;

/// `CLONE_NEW*` flags without their prefix.
#[allow(missing_docs)]
pub mod clone_flags {
    /// Not for clone(2), which takes this bit for a signal's.
    pub const NEWTIME: u32 = 0x0000_0080;
    pub const NEWNS: u32 = 0x0002_0000;
    pub const NEWCGROUP: u32 = 0x0200_0000;
    pub const NEWUTS: u32 = 0x0400_0000;
    pub const NEWIPC: u32 = 0x0800_0000;
    pub const NEWUSER: u32 = 0x1000_0000;
    pub const NEWPID: u32 = 0x2000_0000;
    pub const NEWNET: u32 = 0x4000_0000;
}

const SIGCHLD: usize = 17;

/// Which side of a fork this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forked {
    /// The new process.
    Child,
    /// The old one, with the child's process id as seen from here.
    Parent(i32),
}

/// `clone(flags | SIGCHLD)` without a new stack: a fork into new namespaces ([`clone_flags`]; 0 for none).
///
/// The child is a copy with memory of its own, so this is as safe as returning twice can be: a stage has one
/// thread, hence no lock that somebody else held, and both sides go on in the same code with their own copies.
/// [clone(2)](https://man7.org/linux/man-pages/man2/clone.2.html)
pub fn fork_into(flags: u32) -> Result<Forked> {
    // SAFETY: no CLONE_VM, so no memory is shared; a null stack means the child goes on on its copy of ours. The
    // process has one thread (the runtime starts none), so no other thread's state is lost in the child.
    let pid = unsafe { raw::syscall6(nr::CLONE, [flags as usize | SIGCHLD, 0, 0, 0, 0, 0]) }?;
    Ok(if pid == 0 { Forked::Child } else { Forked::Parent(pid as i32) })
}

/// [`fork_into`] whose child is a child of this process's parent, as this process is (`CLONE_PARENT`). Its process id is
/// at `sibling` before it takes its first step (`CLONE_PARENT_SETTID`), so that whoever shares the memory knows it even if
/// this process is killed then.
/// [clone(2)](https://man7.org/linux/man-pages/man2/clone.2.html)
pub fn fork_sibling_into(flags: u32, sibling: &mut i32) -> Result<Forked> {
    const CLONE_PARENT: usize = 0x8000;
    const CLONE_PARENT_SETTID: usize = 0x0010_0000;
    let flags = flags as usize | CLONE_PARENT | CLONE_PARENT_SETTID | SIGCHLD;
    // SAFETY: as in `fork_into`; the kernel writes one int at `sibling`, which is borrowed for it. Memory that this process
    // shares with its parent, the child has a copy of.
    let pid = unsafe { raw::syscall6(nr::CLONE, [flags, 0, (&raw mut *sibling) as usize, 0, 0, 0]) }?;
    Ok(if pid == 0 { Forked::Child } else { Forked::Parent(pid as i32) })
}

/// `clone(flags | CLONE_VM | CLONE_VFORK | SIGCHLD)`: has a new process, in new namespaces ([`clone_flags`]), run
/// `child(data)`, and goes on when that has exec'd or ended. The child's process id as seen from here.
///
/// Nothing of the memory is copied, not even on write, which for a small process is most of what a fork costs. What the
/// child changes in it stays changed, as if `child` had been called here.
/// [vfork(2)](https://man7.org/linux/man-pages/man2/vfork.2.html)
pub fn vfork_into<T>(flags: u32, data: &mut T, child: fn(&mut T) -> !) -> Result<i32> {
    const CLONE_VM: usize = 0x100;
    const CLONE_VFORK: usize = 0x4000;
    /// What the child is called with.
    struct Call<'a, T> {
        data: &'a mut T,
        child: fn(&mut T) -> !,
    }
    /// The child's first function.
    ///
    /// # Safety
    ///
    /// `call` is the address of a `Call<'_, T>` that nobody else uses.
    unsafe extern "C" fn enter<T>(call: usize) -> ! {
        // SAFETY: the caller's promise.
        let call = unsafe { &mut *(call as *mut Call<'_, T>) };
        (call.child)(call.data)
    }
    let mut call = Call { data, child };
    let flags = flags as usize | CLONE_VM | CLONE_VFORK | SIGCHLD;
    // SAFETY: the flags are those that are asked for, and `enter` gets what it expects: the parent does not touch `call`
    // before the child has another memory or has ended. It goes on with what it had lent to the child as with what it
    // lends to any function: by the types nothing else can have changed.
    let pid = unsafe { raw::clone_vfork(flags, enter::<T>, (&raw mut call) as usize) }?;
    Ok(pid as i32)
}

/// [`fork_into`] whose child starts in the cgroup that `cgroup`, a directory, is (`clone3(CLONE_INTO_CGROUP)`, Linux
/// 5.7): moving one that runs already makes the kernel wait for all its processors.
pub fn fork_into_cgroup(flags: u32, cgroup: Fd) -> Result<Forked> {
    const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
    /// `struct clone_args` (88 bytes) of `include/uapi/linux/sched.h`.
    #[repr(C)]
    #[derive(Default)]
    struct CloneArgs {
        flags: u64,
        pidfd: u64,
        child_tid: u64,
        parent_tid: u64,
        exit_signal: u64,
        stack: u64,
        stack_size: u64,
        tls: u64,
        set_tid: u64,
        set_tid_size: u64,
        cgroup: u64,
    }
    const _: () = assert!(size_of::<CloneArgs>() == 88);
    let args = CloneArgs {
        flags: u64::from(flags) | CLONE_INTO_CGROUP,
        exit_signal: SIGCHLD as u64,
        cgroup: cgroup.arg() as u64,
        ..CloneArgs::default()
    };
    // SAFETY: clone3 reads one struct clone_args, a live local of the size given. As in `fork_into`: no memory is
    // shared, no stack given, and there is one thread.
    let pid = unsafe {
        raw::syscall6(nr::CLONE3, [(&raw const args) as usize, size_of::<CloneArgs>(), 0, 0, 0, 0])
    }?;
    Ok(if pid == 0 { Forked::Child } else { Forked::Parent(pid as i32) })
}

/// `unshare(flags)`: moves this process into new namespaces.
/// [unshare(2)](https://man7.org/linux/man-pages/man2/unshare.2.html)
pub fn unshare(flags: u32) -> Result<()> {
    raw::plain(nr::UNSHARE, [flags as usize, 0, 0, 0, 0, 0]).map(drop)
}

/// `setns(fd, kind)`: joins the namespace at `fd`, which must be of that kind ([`clone_flags`]).
/// [setns(2)](https://man7.org/linux/man-pages/man2/setns.2.html)
pub fn setns(fd: Fd, kind: u32) -> Result<()> {
    raw::plain(nr::SETNS, [fd.arg(), kind as usize, 0, 0, 0, 0]).map(drop)
}

/// `execve(path, args, env)`: returns only to say why not.
/// [execve(2)](https://man7.org/linux/man-pages/man2/execve.2.html)
pub fn execve(path: &CStr, args: Strings<'_>, env: Strings<'_>) -> crate::errno::Errno {
    // SAFETY: execve reads a string and two null-terminated arrays of pointers to strings; `Strings` holds
    // just such an array (its constructor checks the terminator and borrows the strings). When it succeeds
    // nothing of this image is left to be unsound.
    match unsafe {
        raw::syscall6(nr::EXECVE, [path.as_ptr() as usize, args.address(), env.address(), 0, 0, 0])
    } {
        Err(errno) => errno,
        Ok(_) => crate::errno::Errno::NOEXEC,
    }
}

/// `execveat(fd, "", args, env, AT_EMPTY_PATH)`: runs the program that `fd` (`O_PATH` will do) is open on;
/// returns only to say why not. [execveat(2)](https://man7.org/linux/man-pages/man2/execveat.2.html)
pub fn fexecve(fd: Fd, args: Strings<'_>, env: Strings<'_>) -> crate::errno::Errno {
    const AT_EMPTY_PATH: usize = 0x1000;
    let call = [fd.arg(), c"".as_ptr() as usize, args.address(), env.address(), AT_EMPTY_PATH, 0];
    // SAFETY: as in `execve`; the path is a constant empty string.
    match unsafe { raw::syscall6(nr::EXECVEAT, call) } {
        Err(errno) => errno,
        Ok(_) => crate::errno::Errno::NOEXEC,
    }
}

/// How a process ended, as `wait(2)` encodes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitStatus(pub i32);

impl WaitStatus {
    /// The exit status in the encoding of a shell: n, or 128 + n when signal n ended it.
    pub fn shell(self) -> u8 {
        let signal = self.0 & 0x7f;
        if signal == 0 { (self.0 >> 8 & 0xff) as u8 } else { (128 + signal) as u8 }
    }

    /// Whether it has not ended, but stopped.
    pub fn is_stop(self) -> bool {
        self.0 & 0xff == 0x7f
    }

    /// The signal that ended it, if one did.
    pub fn signal(self) -> Option<u8> {
        u8::try_from(self.0 & 0x7f).ok().filter(|signal| *signal != 0 && *signal != 0x7f)
    }
}

/// `wait4(pid, &status, 0, NULL)`: waits until child `pid` (-1: any child) ends; its id and how it ended.
/// [wait(2)](https://man7.org/linux/man-pages/man2/wait.2.html)
pub fn wait(pid: i32) -> Result<(i32, WaitStatus)> {
    let mut status = 0i32;
    let args = [pid as isize as usize, (&raw mut status) as usize, 0, 0, 0, 0];
    // SAFETY: wait4 writes one int at `status`, a live local; the usage pointer may be null.
    let pid = unsafe { raw::syscall6(nr::WAIT4, args) }?;
    Ok((pid as i32, WaitStatus(status)))
}

/// `wait4(-1, &status, WNOHANG | WUNTRACED, NULL)`: a child that has ended, or stopped; `None` when there is none yet.
/// [wait(2)](https://man7.org/linux/man-pages/man2/wait.2.html)
pub fn wait_now() -> Result<Option<(i32, WaitStatus)>> {
    const FLAGS: usize = 1 | 2;
    let mut status = 0i32;
    let args = [usize::MAX, (&raw mut status) as usize, FLAGS, 0, 0, 0];
    // SAFETY: as in `wait`.
    let pid = unsafe { raw::syscall6(nr::WAIT4, args) }?;
    Ok(if pid == 0 { None } else { Some((pid as i32, WaitStatus(status))) })
}

/// `clock_gettime(CLOCK_MONOTONIC)` in milliseconds.
/// [clock_gettime(2)](https://man7.org/linux/man-pages/man2/clock_gettime.2.html)
pub fn monotonic_ms() -> Result<u64> {
    const CLOCK_MONOTONIC: usize = 1;
    let mut now = [0u64; 2];
    // SAFETY: clock_gettime writes one struct timespec, two 64-bit numbers, at `now`, a live local.
    unsafe { raw::syscall6(nr::CLOCK_GETTIME, [CLOCK_MONOTONIC, now.as_mut_ptr() as usize, 0, 0, 0, 0]) }?;
    let [seconds, nanoseconds] = now;
    Ok(seconds.saturating_mul(1000).saturating_add(nanoseconds / 1_000_000))
}

/// `setpgid(pid, pid)`: the process (a child that has not exec'd yet) leads a process group of its own.
/// [setpgid(2)](https://man7.org/linux/man-pages/man2/setpgid.2.html)
pub fn lead_process_group(pid: i32) -> Result<()> {
    let pid = pid as isize as usize;
    raw::plain(nr::SETPGID, [pid, pid, 0, 0, 0, 0]).map(drop)
}

/// `getsid(pid)`: the session of process `pid` (0: this one); 0 when its leader is outside this PID namespace.
/// [getsid(2)](https://man7.org/linux/man-pages/man2/getsid.2.html)
pub fn getsid(pid: i32) -> Result<i32> {
    raw::plain(nr::GETSID, [pid as isize as usize, 0, 0, 0, 0, 0]).map(|sid| sid as i32)
}

/// `getpgrp()`: this process's group; 0 when its leader is outside this PID namespace.
pub fn getpgrp() -> i32 {
    raw::plain(nr::GETPGRP, [0; 6]).unwrap_or(0) as i32
}

/// `ioctl(terminal, TIOCGPGRP)`: the foreground process group; `ENOTTY` for what is not this process's terminal.
/// [TIOCSPGRP(2const)](https://man7.org/linux/man-pages/man2/TIOCSPGRP.2const.html)
pub fn tcgetpgrp(terminal: Fd) -> Result<i32> {
    const TIOCGPGRP: usize = 0x540f;
    let mut group = 0i32;
    // SAFETY: TIOCGPGRP writes one int at the pointer, a live local.
    unsafe { raw::syscall6(nr::IOCTL, [terminal.arg(), TIOCGPGRP, (&raw mut group) as usize, 0, 0, 0]) }?;
    Ok(group)
}

/// `ioctl(terminal, TIOCSPGRP)`: makes `group` the foreground process group. A caller in the background is stopped by
/// `SIGTTOU`, unless he blocks it.
/// [TIOCSPGRP(2const)](https://man7.org/linux/man-pages/man2/TIOCSPGRP.2const.html)
pub fn tcsetpgrp(terminal: Fd, group: i32) -> Result<()> {
    const TIOCSPGRP: usize = 0x5410;
    // SAFETY: TIOCSPGRP reads one int at the pointer, a live local.
    unsafe { raw::syscall6(nr::IOCTL, [terminal.arg(), TIOCSPGRP, (&raw const group) as usize, 0, 0, 0]) }
        .map(drop)
}

/// `kill(pid, SIGKILL)`, for a child that this process has made and not waited for yet, so that the number is
/// still its. [kill(2)](https://man7.org/linux/man-pages/man2/kill.2.html)
pub fn kill(pid: i32) -> Result<()> {
    raw::plain(nr::KILL, [pid as isize as usize, usize::from(super::SIGKILL), 0, 0, 0, 0]).map(drop)
}

/// `exit_group(status)`. [_exit(2)](https://man7.org/linux/man-pages/man2/_exit.2.html)
///
/// A filter may refuse even that call. Then this process is ended by `SIGSEGV`, as one with the C library is.
pub fn exit(status: u8) -> ! {
    let _ = raw::plain(nr::EXIT_GROUP, [usize::from(status), 0, 0, 0, 0, 0]);
    raw::trap()
}

/// `getpid()`: this process's id in its own PID namespace.
pub fn getpid() -> i32 {
    raw::plain(nr::GETPID, [0; 6]).unwrap_or(0) as i32
}

/// `getppid()`: the parent's process id; 0 when it is outside this PID namespace.
pub fn getppid() -> i32 {
    raw::plain(nr::GETPPID, [0; 6]).unwrap_or(0) as i32
}

/// `setsid()`: a new session without a controlling terminal; its id.
/// [setsid(2)](https://man7.org/linux/man-pages/man2/setsid.2.html)
pub fn setsid() -> Result<i32> {
    raw::plain(nr::SETSID, [0; 6]).map(|id| id as i32)
}

/// A soft and a hard limit; the largest number is unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Limits {
    /// What counts.
    pub soft: u64,
    /// How far the soft one may be raised.
    pub hard: u64,
}

/// `prlimit(0, resource, NULL, &old)`: this process's limits of `resource` (`RLIMIT_*`).
/// [prlimit(2)](https://man7.org/linux/man-pages/man2/getrlimit.2.html)
pub fn getrlimit(resource: u32) -> Result<Limits> {
    // No limit, should the kernel answer nothing.
    let mut old = Limits { soft: u64::MAX, hard: u64::MAX };
    // SAFETY: prlimit64 writes one struct rlimit64, two 64-bit numbers, at the last pointer, a live local of that
    // layout; a null new limit changes nothing.
    unsafe { raw::syscall6(nr::PRLIMIT64, [0, resource as usize, 0, (&raw mut old) as usize, 0, 0]) }?;
    Ok(old)
}

/// `prlimit(0, resource, &limits, NULL)`.
/// [prlimit(2)](https://man7.org/linux/man-pages/man2/getrlimit.2.html)
pub fn setrlimit(resource: u32, limits: Limits) -> Result<()> {
    let args = [0, resource as usize, (&raw const limits) as usize, 0, 0, 0];
    // SAFETY: prlimit64 reads one struct rlimit64, two 64-bit numbers, at `limits`, a live local of that layout.
    unsafe { raw::syscall6(nr::PRLIMIT64, args) }.map(drop)
}

/// `keyctl(KEYCTL_JOIN_SESSION_KEYRING, NULL)`: a new session keyring, empty and without a name.
/// [KEYCTL_JOIN_SESSION_KEYRING(2const)](https://man7.org/linux/man-pages/man2/KEYCTL_JOIN_SESSION_KEYRING.2const.html)
pub fn new_session_keyring() -> Result<i32> {
    const JOIN_SESSION_KEYRING: usize = 1;
    raw::plain(nr::KEYCTL, [JOIN_SESSION_KEYRING, 0, 0, 0, 0, 0]).map(|id| id as i32)
}

/// `keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0)`: the number of the session keyring.
/// [KEYCTL_GET_KEYRING_ID(2const)](https://man7.org/linux/man-pages/man2/KEYCTL_GET_KEYRING_ID.2const.html)
pub fn session_keyring() -> Result<i32> {
    const GET_KEYRING_ID: usize = 0;
    const SESSION_KEYRING: isize = -3;
    raw::plain(nr::KEYCTL, [GET_KEYRING_ID, SESSION_KEYRING as usize, 0, 0, 0, 0]).map(|id| id as i32)
}

/// `sethostname(name)`. [sethostname(2)](https://man7.org/linux/man-pages/man2/sethostname.2.html)
pub fn sethostname(name: &[u8]) -> Result<()> {
    // SAFETY: sethostname reads `name.len()` bytes at `name`, borrowed until it returns.
    unsafe { raw::syscall6(nr::SETHOSTNAME, [name.as_ptr() as usize, name.len(), 0, 0, 0, 0]) }.map(drop)
}

const PR_SET_PDEATHSIG: usize = 1;
const PR_GET_DUMPABLE: usize = 3;
const PR_SET_DUMPABLE: usize = 4;
const PR_SET_KEEPCAPS: usize = 8;
const PR_SET_NO_NEW_PRIVS: usize = 38;
const PR_GET_NO_NEW_PRIVS: usize = 39;
const PR_SET_CHILD_SUBREAPER: usize = 36;

/// `prctl(PR_SET_PDEATHSIG, signal)`: this process gets `signal` when its parent ends.
/// [PR_SET_PDEATHSIG(2const)](https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html)
pub fn set_pdeathsig(signal: u8) -> Result<()> {
    raw::plain(nr::PRCTL, [PR_SET_PDEATHSIG, usize::from(signal), 0, 0, 0, 0]).map(drop)
}

/// `prctl(PR_SET_NAME, name)`: what this process is called in /proc/PID/comm; 15 bytes count.
/// [PR_SET_NAME(2const)](https://man7.org/linux/man-pages/man2/PR_SET_NAME.2const.html)
pub fn set_name(name: &CStr) -> Result<()> {
    const PR_SET_NAME: usize = 15;
    // SAFETY: PR_SET_NAME reads the NUL-terminated string at `name`, borrowed until it returns.
    unsafe { raw::syscall6(nr::PRCTL, [PR_SET_NAME, name.as_ptr() as usize, 0, 0, 0, 0]) }.map(drop)
}

/// `prctl(PR_SET_DUMPABLE, 0)`, read back: nobody without `CAP_SYS_PTRACE` in the user namespace of this process's last exec
/// may trace it or look at its /proc files, be he its user; until an exec. `EPERM` where it had no effect.
/// [PR_SET_DUMPABLE(2const)](https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html)
pub fn hide() -> Result<()> {
    raw::plain(nr::PRCTL, [PR_SET_DUMPABLE, 0, 0, 0, 0, 0])?;
    if raw::plain(nr::PRCTL, [PR_GET_DUMPABLE, 0, 0, 0, 0, 0])? == 0 { Ok(()) } else { Err(Errno::PERM) }
}

/// `prctl(PR_SET_KEEPCAPS, 1)`: a change from root to another user leaves the permitted capabilities, until the next exec.
/// [PR_SET_KEEPCAPS(2const)](https://man7.org/linux/man-pages/man2/PR_SET_KEEPCAPS.2const.html)
pub fn set_keep_caps() -> Result<()> {
    raw::plain(nr::PRCTL, [PR_SET_KEEPCAPS, 1, 0, 0, 0, 0]).map(drop)
}

/// `prctl(PR_SET_NO_NEW_PRIVS, 1)`: no exec of this process or of its children grants privileges any more.
/// [PR_SET_NO_NEW_PRIVS(2const)](https://man7.org/linux/man-pages/man2/PR_SET_NO_NEW_PRIVS.2const.html)
pub fn set_no_new_privs() -> Result<()> {
    raw::plain(nr::PRCTL, [PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0]).map(drop)
}

/// `prctl(PR_GET_NO_NEW_PRIVS)`.
pub fn no_new_privs() -> Result<bool> {
    raw::plain(nr::PRCTL, [PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0, 0]).map(|value| value == 1)
}

/// `prctl(PR_SET_CHILD_SUBREAPER, 1)`: orphans below this process become its children.
/// [PR_SET_CHILD_SUBREAPER(2const)](https://man7.org/linux/man-pages/man2/PR_SET_CHILD_SUBREAPER.2const.html)
pub fn set_child_subreaper() -> Result<()> {
    raw::plain(nr::PRCTL, [PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0, 0]).map(drop)
}

/// `struct sock_fprog`: a filter as the kernel takes it.
#[repr(C)]
struct Fprog {
    len: u16,
    filter: *const u8,
}

impl Fprog {
    /// `program`, which is whole 8-byte `struct sock_filter` entries in native byte order.
    fn of(program: &[u8]) -> Result<Fprog> {
        let len = u16::try_from(program.len() / 8).map_err(|_| crate::errno::Errno::INVAL)?;
        Ok(Fprog { len, filter: program.as_ptr() })
    }
}

/// `prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program)`: adds a filter.
///
/// Not seccomp(2): callers write filters that allow this prctl, as bubblewrap asks of all filters but the last.
/// [PR_SET_SECCOMP(2const)](https://man7.org/linux/man-pages/man2/PR_SET_SECCOMP.2const.html)
pub fn seccomp_set_mode_filter(program: &[u8]) -> Result<()> {
    const PR_SET_SECCOMP: usize = 22;
    const MODE_FILTER: usize = 2;
    let fprog = Fprog::of(program)?;
    // SAFETY: the call reads one struct sock_fprog, a live local, and `len` entries of 8 bytes at `filter`:
    // `program` holds at least that many and is borrowed until the return; the kernel copies byte by byte, so
    // no alignment is needed.
    unsafe { raw::syscall6(nr::PRCTL, [PR_SET_SECCOMP, MODE_FILTER, (&raw const fprog) as usize, 0, 0, 0]) }
        .map(drop)
}

/// The flags of [`seccomp`] (`SECCOMP_FILTER_FLAG_LOG`, `SECCOMP_FILTER_FLAG_SPEC_ALLOW`).
pub const fn seccomp_flags(log: bool, spec_allow: bool) -> u32 {
    const LOG: u32 = 2;
    const SPEC_ALLOW: u32 = 4;
    (if log { LOG } else { 0 }) | (if spec_allow { SPEC_ALLOW } else { 0 })
}

/// `seccomp(SECCOMP_SET_MODE_FILTER, flags, program)`: the same with [`seccomp_flags`].
/// [seccomp(2)](https://man7.org/linux/man-pages/man2/seccomp.2.html)
pub fn seccomp(flags: u32, program: &[u8]) -> Result<()> {
    const SET_MODE_FILTER: usize = 1;
    let fprog = Fprog::of(program)?;
    let args = [SET_MODE_FILTER, flags as usize, (&raw const fprog) as usize, 0, 0, 0];
    // SAFETY: as in `seccomp_set_mode_filter`. Without the flags that make one, no descriptor is returned.
    unsafe { raw::syscall6(nr::SECCOMP, args) }.map(drop)
}
