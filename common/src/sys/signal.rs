//! Signals: blocked, waited for and sent. No stage has a handler.

use super::{Fd, OwnedFd, Result, raw, raw::nr};

/// `SIGHUP`.
pub const SIGHUP: u8 = 1;
/// `SIGINT`.
pub const SIGINT: u8 = 2;
/// `SIGQUIT`.
pub const SIGQUIT: u8 = 3;
/// `SIGKILL`.
pub const SIGKILL: u8 = 9;
/// `SIGPIPE`.
pub const SIGPIPE: u8 = 13;
/// `SIGTERM`.
pub const SIGTERM: u8 = 15;
/// `SIGCHLD`.
pub const SIGCHLD: u8 = 17;
/// `SIGCONT`.
pub const SIGCONT: u8 = 18;
/// `SIGSTOP`.
pub const SIGSTOP: u8 = 19;
/// `SIGTSTP`.
pub const SIGTSTP: u8 = 20;
/// `SIGTTIN`.
pub const SIGTTIN: u8 = 21;
/// `SIGTTOU`.
pub const SIGTTOU: u8 = 22;
/// `SIGWINCH`.
pub const SIGWINCH: u8 = 28;

/// `rt_sigaction(SIGCHLD, SIG_DFL)`. A caller that ignores the signal would have the kernel reap our children
/// before we can ask how they ended.
pub fn default_sigchld() -> Result<()> {
    default_action(SIGCHLD)
}

/// `rt_sigaction(SIGPIPE, SIG_DFL)`, for a launcher with Rust's std in it, which ignores the signal; a command would
/// inherit that.
pub fn default_sigpipe() -> Result<()> {
    default_action(SIGPIPE)
}

/// `rt_sigaction(signal, SIG_DFL)`.
/// [sigaction(2)](https://man7.org/linux/man-pages/man2/sigaction.2.html)
fn default_action(signal: u8) -> Result<()> {
    // struct sigaction of the kernel: handler, flags, restorer, mask; all zero is SIG_DFL.
    let action = [0usize; 4];
    let args = [usize::from(signal), (&raw const action) as usize, 0, 8, 0, 0];
    // SAFETY: rt_sigaction reads one kernel struct sigaction (4 words on x86_64) at `action`, a live local; the
    // handler is SIG_DFL, so no code of ours is ever called.
    unsafe { raw::syscall6(nr::RT_SIGACTION, args) }.map(drop)
}

/// `rt_sigprocmask(SIG_UNBLOCK, set)`: those of `set` that have arrived meanwhile do what they do to this process at once.
/// [sigprocmask(2)](https://man7.org/linux/man-pages/man2/sigprocmask.2.html)
pub fn unblock_signals(set: u64) -> Result<()> {
    const SIG_UNBLOCK: usize = 1;
    let args = [SIG_UNBLOCK, (&raw const set) as usize, 0, 8, 0, 0];
    // SAFETY: rt_sigprocmask reads a signal set of 8 bytes at `set`, a live local; no old set is asked for.
    unsafe { raw::syscall6(nr::RT_SIGPROCMASK, args) }.map(drop)
}

/// A signal as it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Its number.
    pub signal: u8,
    /// Whether the kernel has raised it: a key on the terminal, a child, a fault; not kill(2) and its kin.
    pub by_kernel: bool,
}

/// `rt_sigprocmask(SIG_BLOCK, set)`: these signals wait from now on; the mask as it was.
/// [sigprocmask(2)](https://man7.org/linux/man-pages/man2/sigprocmask.2.html)
pub fn block_signals(set: u64) -> Result<u64> {
    const SIG_BLOCK: usize = 0;
    let mut old = 0u64;
    let args = [SIG_BLOCK, (&raw const set) as usize, (&raw mut old) as usize, 8, 0, 0];
    // SAFETY: rt_sigprocmask reads a signal set of 8 bytes at `set` and writes one at `old`, live locals.
    unsafe { raw::syscall6(nr::RT_SIGPROCMASK, args) }?;
    Ok(old)
}

/// `rt_sigpending()`: the blocked signals that have arrived.
/// [sigpending(2)](https://man7.org/linux/man-pages/man2/sigpending.2.html)
pub fn pending_signals() -> Result<u64> {
    let mut set = 0u64;
    // SAFETY: rt_sigpending writes a signal set of 8 bytes at `set`, a live local.
    unsafe { raw::syscall6(nr::RT_SIGPENDING, [(&raw mut set) as usize, 8, 0, 0, 0, 0]) }?;
    Ok(set)
}

/// `rt_sigprocmask(SIG_SETMASK, set)`.
/// [sigprocmask(2)](https://man7.org/linux/man-pages/man2/sigprocmask.2.html)
pub fn set_signal_mask(set: u64) -> Result<()> {
    const SIG_SETMASK: usize = 2;
    let args = [SIG_SETMASK, (&raw const set) as usize, 0, 8, 0, 0];
    // SAFETY: rt_sigprocmask reads a signal set of 8 bytes at `set`, a live local; no old set is asked for.
    unsafe { raw::syscall6(nr::RT_SIGPROCMASK, args) }.map(drop)
}

/// `rt_sigtimedwait(set, &info, timeout)`: takes one of the blocked signals in `set` when there is one; `EAGAIN` after
/// `timeout` (seconds and nanoseconds), which without one never comes.
/// [sigtimedwait(2)](https://man7.org/linux/man-pages/man2/sigtimedwait.2.html)
pub fn wait_for_signal(set: u64, timeout: Option<[i64; 2]>) -> Result<Arrived> {
    // siginfo_t is 128 bytes, its first three numbers signal, errno and code.
    let mut info = [0i32; 32];
    let timeout = timeout.as_ref().map_or(0, |timeout| timeout.as_ptr() as usize);
    let args = [(&raw const set) as usize, info.as_mut_ptr() as usize, timeout, 8, 0, 0];
    // SAFETY: rt_sigtimedwait reads a signal set of 8 bytes at `set` and, unless it is null, one struct timespec (two
    // 64-bit numbers) at `timeout`, and writes one siginfo_t at `info`: live locals of these sizes.
    unsafe { raw::syscall6(nr::RT_SIGTIMEDWAIT, args) }?;
    let [signal, _, code, ..] = info;
    Ok(Arrived { signal: signal as u8, by_kernel: code > 0 })
}

/// `signalfd4(-1, set, SFD_CLOEXEC | SFD_NONBLOCK)`: a descriptor from which the blocked signals in `set` are read.
/// [signalfd(2)](https://man7.org/linux/man-pages/man2/signalfd.2.html)
pub fn signalfd(set: u64) -> Result<OwnedFd> {
    signalfd4(Fd(-1), set).and_then(OwnedFd::returned)
}

/// Gives a [`signalfd`] another set.
pub fn signalfd_change(fd: Fd, set: u64) -> Result<()> {
    signalfd4(fd, set).map(drop)
}

fn signalfd4(fd: Fd, set: u64) -> Result<usize> {
    const FLAGS: usize = 0o2004000;
    // SAFETY: signalfd4 reads a signal set of 8 bytes at `set`, a live local.
    unsafe { raw::syscall6(nr::SIGNALFD4, [fd.arg(), (&raw const set) as usize, 8, FLAGS, 0, 0]) }
}

/// Reads one signal from a [`signalfd`]; `EAGAIN` when there is none.
pub fn read_signal(fd: Fd) -> Result<Arrived> {
    // struct signalfd_siginfo is 128 bytes, its first three numbers signal, errno and code.
    let mut info = [0u8; 128];
    super::read(fd, &mut info)?;
    let [signal, _, _, _, _, _, _, _, c0, c1, c2, c3, ..] = info;
    Ok(Arrived { signal, by_kernel: i32::from_le_bytes([c0, c1, c2, c3]) > 0 })
}

/// `pidfd_open(pid, 0)`: a descriptor of the process; it can be read when the process has ended.
/// [pidfd_open(2)](https://man7.org/linux/man-pages/man2/pidfd_open.2.html)
pub fn pidfd_open(pid: i32) -> Result<OwnedFd> {
    raw::plain(nr::PIDFD_OPEN, [pid as isize as usize, 0, 0, 0, 0, 0]).and_then(OwnedFd::returned)
}

/// `pidfd_send_signal(pidfd, signal, NULL, 0)`.
/// [pidfd_send_signal(2)](https://man7.org/linux/man-pages/man2/pidfd_send_signal.2.html)
pub fn pidfd_send_signal(pidfd: Fd, signal: u8) -> Result<()> {
    raw::plain(nr::PIDFD_SEND_SIGNAL, [pidfd.arg(), usize::from(signal), 0, 0, 0, 0]).map(drop)
}

/// `kill(pid, signal)`: -1 is every process that there is in this PID namespace but pid 1, another negative number a
/// process group. [kill(2)](https://man7.org/linux/man-pages/man2/kill.2.html)
pub fn send_signal(pid: i32, signal: u8) -> Result<()> {
    raw::plain(nr::KILL, [pid as isize as usize, usize::from(signal), 0, 0, 0, 0]).map(drop)
}
