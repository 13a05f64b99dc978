//! Signals: one disposition and one mask is all that the stages touch.

use super::{Result, raw, raw::nr};

/// `SIGKILL`.
pub const SIGKILL: u8 = 9;
/// `SIGPIPE`.
pub const SIGPIPE: u8 = 13;
/// `SIGCHLD`.
pub const SIGCHLD: u8 = 17;

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

/// `rt_sigprocmask(SIG_UNBLOCK, {SIGCHLD})`.
/// [sigprocmask(2)](https://man7.org/linux/man-pages/man2/sigprocmask.2.html)
pub fn unblock_sigchld() -> Result<()> {
    const SIG_UNBLOCK: usize = 1;
    let set = 1u64 << (SIGCHLD - 1);
    let args = [SIG_UNBLOCK, (&raw const set) as usize, 0, 8, 0, 0];
    // SAFETY: rt_sigprocmask reads a signal set of 8 bytes at `set`, a live local; no old set is asked for.
    unsafe { raw::syscall6(nr::RT_SIGPROCMASK, args) }.map(drop)
}
