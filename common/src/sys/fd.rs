//! File descriptors: who owns one, and the calls that make, flag and close them.

use super::{Result, raw, raw::nr};
use crate::errno::Errno;
use core::mem::MaybeUninit;

/// A descriptor number that somebody else owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fd(pub i32);

/// `AT_FDCWD`: relative paths start at the working directory.
pub const CWD: Fd = Fd(-100);
/// Standard input.
pub const STDIN: Fd = Fd(0);
/// Standard output.
pub const STDOUT: Fd = Fd(1);
/// Standard error.
pub const STDERR: Fd = Fd(2);

impl Fd {
    /// The number as a system call argument.
    pub(super) fn arg(self) -> usize {
        self.0 as isize as usize
    }
}

/// A descriptor that is closed when this value goes.
#[derive(Debug, PartialEq, Eq)]
pub struct OwnedFd(i32);

impl OwnedFd {
    /// Takes over descriptor `fd`, which nobody else may close from now on.
    pub fn adopt(fd: Fd) -> OwnedFd {
        OwnedFd(fd.0)
    }

    /// Takes over the descriptor that a system call returned.
    pub(super) fn returned(value: usize) -> Result<OwnedFd> {
        OwnedFd(value as i32).above_standard()
    }

    /// This, or a copy of it that is none of the standard three.
    ///
    /// With one of those closed by the caller the kernel gives its number to the next file that is opened. Messages
    /// would be written into that, and pid 1 and the monitor, which close all but the standard three, would keep it:
    /// an executable on the host's own mount, say, which the command could reach through /proc/1/fd.
    fn above_standard(self) -> Result<OwnedFd> {
        if self.0 > STDERR.0 { Ok(self) } else { self.moved_up() }
    }

    #[cold]
    #[inline(never)]
    fn moved_up(self) -> Result<OwnedFd> {
        let copy = |how| raw::plain(nr::FCNTL, [self.fd().arg(), how, STDERR.arg() + 1, 0, 0, 0]);
        let flags = raw::plain(nr::FCNTL, [self.fd().arg(), F_GETFD, 0, 0, 0, 0])?;
        copy(if flags & FD_CLOEXEC == 0 { F_DUPFD } else { F_DUPFD_CLOEXEC }).map(|fd| OwnedFd(fd as i32))
    }

    /// The number, still owned by this value.
    pub fn fd(&self) -> Fd {
        Fd(self.0)
    }

    /// Gives up ownership: the descriptor stays open.
    pub fn leak(self) -> Fd {
        let fd = Fd(self.0);
        core::mem::forget(self);
        fd
    }
}

impl Drop for OwnedFd {
    fn drop(&mut self) {
        // close(2) reports late write errors of network file systems; none of ours is written through one.
        let _ = close(Fd(self.0));
    }
}

/// `close(fd)`. [close(2)](https://man7.org/linux/man-pages/man2/close.2.html)
pub fn close(fd: Fd) -> Result<()> {
    raw::plain(nr::CLOSE, [fd.arg(), 0, 0, 0, 0, 0]).map(drop)
}

/// Makes sure that `fd`, which the user may have named twice, is not open any more: it may have been closed before,
/// but one that stays open would reach the command.
pub fn close_named(fd: Fd) -> Result<()> {
    match close(fd) {
        Err(_) if !is_open(fd)? => Ok(()),
        other => other,
    }
}

/// What `poll(2)` tells of, without their prefix.
#[allow(missing_docs)]
pub mod event {
    pub const IN: i16 = 0x1;
    pub const PRI: i16 = 0x2;
    pub const OUT: i16 = 0x4;
    pub const HUP: i16 = 0x10;
}

/// `struct pollfd`: a descriptor and what is waited for on it ([`event`]).
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct PollFd {
    fd: i32,
    events: i16,
    revents: i16,
}

impl PollFd {
    /// Waits for `events` on `fd`; on `None` nothing ever comes, as poll(2) ignores what is negative.
    pub fn new(fd: Option<Fd>, events: i16) -> PollFd {
        PollFd { fd: fd.map_or(-1, |fd| fd.0), events, revents: 0 }
    }

    /// Whether that has come, an error, or the end.
    pub fn is_ready(&self) -> bool {
        self.revents != 0
    }
}

/// Waits until one of `fds` can be read or has come to its end (`poll(2)`); which of them. Those that are `None` never do.
pub fn poll<const N: usize>(fds: [Option<Fd>; N]) -> Result<[bool; N]> {
    let mut asked = fds.map(|fd| PollFd::new(fd, event::IN));
    poll_events(&mut asked)?;
    Ok(asked.map(|fd| fd.is_ready()))
}

/// `poll(fds, -1)`: waits until something has come on one of them.
/// [poll(2)](https://man7.org/linux/man-pages/man2/poll.2.html)
pub fn poll_events(fds: &mut [PollFd]) -> Result<usize> {
    poll_for(fds, usize::MAX)
}

fn poll_for(fds: &mut [PollFd], timeout: usize) -> Result<usize> {
    // SAFETY: poll reads and writes `fds.len()` structs pollfd at `fds`, exclusively borrowed until it returns, of
    // that layout.
    unsafe { raw::syscall6(nr::POLL, [fds.as_mut_ptr() as usize, fds.len(), timeout, 0, 0, 0]) }
}

/// Whether nobody has the other end of pipe `fd` open any more (`poll(2)`, `POLLHUP`), without waiting.
pub fn is_hung_up(fd: Fd) -> Result<bool> {
    let mut ask = [PollFd::new(Some(fd), 0)];
    poll_for(&mut ask, 0)?;
    let [answer] = ask;
    Ok(answer.revents & event::HUP != 0)
}

/// `close_range(first, last, 0)`: closes all descriptors from `first` to `last`, both included (Linux 5.9).
/// [close_range(2)](https://man7.org/linux/man-pages/man2/close_range.2.html)
pub fn close_range(first: u32, last: u32) -> Result<()> {
    raw::plain(nr::CLOSE_RANGE, [first as usize, last as usize, 0, 0, 0, 0]).map(drop)
}

const F_DUPFD: usize = 0;
/// `close_range(first, last, CLOSE_RANGE_CLOEXEC)`: those descriptors end with the next exec (Linux 5.11).
pub fn cloexec_range(first: u32, last: u32) -> Result<()> {
    const CLOSE_RANGE_CLOEXEC: usize = 4;
    raw::plain(nr::CLOSE_RANGE, [first as usize, last as usize, CLOSE_RANGE_CLOEXEC, 0, 0, 0]).map(drop)
}

/// Closes all descriptors but `kept`, which is put in order; negative numbers in it stand for none.
pub fn close_all_but(kept: &mut [Fd]) -> Result<()> {
    crate::sort::sort(kept);
    let mut first = 0u32;
    for fd in kept.iter().filter_map(|fd| u32::try_from(fd.0).ok()) {
        if fd > first {
            close_range(first, fd - 1)?;
        }
        first = first.max(fd.saturating_add(1));
    }
    close_range(first, u32::MAX)
}

const F_GETFD: usize = 1;
const F_SETFD: usize = 2;
const F_GETFL: usize = 3;
const F_SETLK: usize = 6;
const F_ADD_SEALS: usize = 1033;
const F_GET_SEALS: usize = 1034;
const F_DUPFD_CLOEXEC: usize = 1030;
const FD_CLOEXEC: usize = 1;

/// Whether `fd` is open in this process (`fcntl(F_GETFD)`); an error is one of asking.
pub fn is_open(fd: Fd) -> Result<bool> {
    match raw::plain(nr::FCNTL, [fd.arg(), F_GETFD, 0, 0, 0, 0]) {
        Ok(_) => Ok(true),
        Err(Errno::BADF) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Sets or clears close-on-exec (`fcntl(F_SETFD)`).
pub fn set_cloexec(fd: Fd, on: bool) -> Result<()> {
    raw::plain(nr::FCNTL, [fd.arg(), F_SETFD, if on { FD_CLOEXEC } else { 0 }, 0, 0, 0]).map(drop)
}

/// A copy of `fd`, close-on-exec, with the lowest free number that is at least `min` (`F_DUPFD_CLOEXEC`).
pub fn dup_at_least(fd: Fd, min: i32) -> Result<OwnedFd> {
    raw::plain(nr::FCNTL, [fd.arg(), F_DUPFD_CLOEXEC, Fd(min).arg(), 0, 0, 0]).and_then(OwnedFd::returned)
}

/// `dup2(fd, to)`: `to` becomes a copy of `fd` that outlives an exec.
/// [dup(2)](https://man7.org/linux/man-pages/man2/dup.2.html)
pub fn dup_to(fd: Fd, to: Fd) -> Result<()> {
    raw::plain(nr::DUP2, [fd.arg(), to.arg(), 0, 0, 0, 0]).map(drop)
}

/// Whether `fd` was opened for writing (`fcntl(F_GETFL)`, access mode).
pub fn is_writable(fd: Fd) -> Result<bool> {
    raw::plain(nr::FCNTL, [fd.arg(), F_GETFL, 0, 0, 0, 0]).map(|flags| flags & 3 != 0)
}

/// The four seals that make a memfd a constant: no write, no grow, no shrink, no change of seals.
pub const SEALED: u32 = SEAL_SEAL | 0x2 | 0x4 | 0x8;
const SEAL_SEAL: u32 = 0x1;

/// `fcntl(fd, F_ADD_SEALS, seals)`.
/// [F_ADD_SEALS(2const)](https://man7.org/linux/man-pages/man2/F_GET_SEALS.2const.html)
pub fn add_seals(fd: Fd, seals: u32) -> Result<()> {
    raw::plain(nr::FCNTL, [fd.arg(), F_ADD_SEALS, seals as usize, 0, 0, 0]).map(drop)
}

/// `fcntl(fd, F_GET_SEALS)`; `EINVAL` for what is not a memfd.
pub fn get_seals(fd: Fd) -> Result<u32> {
    raw::plain(nr::FCNTL, [fd.arg(), F_GET_SEALS, 0, 0, 0, 0]).map(|seals| seals as u32)
}

/// A shared (read) record lock on all of `fd`, without waiting (`fcntl(F_SETLK)`, `F_RDLCK`); it lasts as long
/// as this process does. [fcntl_locking(2)](https://man7.org/linux/man-pages/man2/fcntl_locking.2.html)
pub fn lock_shared(fd: Fd) -> Result<()> {
    /// `struct flock` of x86_64.
    #[repr(C)]
    struct Flock {
        l_type: i16,
        l_whence: i16,
        l_start: i64,
        l_len: i64,
        l_pid: i32,
    }
    let lock = Flock { l_type: 0, l_whence: 0, l_start: 0, l_len: 0, l_pid: 0 };
    // SAFETY: F_SETLK reads one struct flock at the pointer, which is a live local of that layout.
    unsafe { raw::syscall6(nr::FCNTL, [fd.arg(), F_SETLK, (&raw const lock) as usize, 0, 0, 0]) }.map(drop)
}

/// `pipe2(O_CLOEXEC)`: the read end and the write end.
/// [pipe2(2)](https://man7.org/linux/man-pages/man2/pipe2.2.html)
pub fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    const O_CLOEXEC: usize = 0o2000000;
    let mut ends = MaybeUninit::<[i32; 2]>::uninit();
    // SAFETY: pipe2 writes two ints at the pointer, which is room for exactly these, live to the return.
    unsafe { raw::syscall6(nr::PIPE2, [ends.as_mut_ptr() as usize, O_CLOEXEC, 0, 0, 0, 0]) }?;
    // SAFETY: pipe2 has returned without an error, so it has written both numbers.
    let ends = unsafe { ends.assume_init() };
    both(ends)
}

/// Takes over both ends of a pipe or a pair of sockets.
pub(super) fn both([a, b]: [i32; 2]) -> Result<(OwnedFd, OwnedFd)> {
    let (a, b) = (OwnedFd(a), OwnedFd(b));
    Ok((a.above_standard()?, b.above_standard()?))
}

/// `read(fd, buf)`: the number of bytes read, 0 at the end.
/// [read(2)](https://man7.org/linux/man-pages/man2/read.2.html)
pub fn read(fd: Fd, buf: &mut [u8]) -> Result<usize> {
    // SAFETY: read writes at most `buf.len()` bytes at `buf`, which is exclusively borrowed until it returns.
    unsafe { raw::syscall6(nr::READ, [fd.arg(), buf.as_mut_ptr() as usize, buf.len(), 0, 0, 0]) }
}

/// `pread64(fd, buf, offset)`; `ESPIPE` for what has no offset.
/// [pread(2)](https://man7.org/linux/man-pages/man2/pread.2.html)
pub fn pread(fd: Fd, buf: &mut [u8], offset: u64) -> Result<usize> {
    let args = [fd.arg(), buf.as_mut_ptr() as usize, buf.len(), offset as usize, 0, 0];
    // SAFETY: pread64 writes at most `buf.len()` bytes at `buf`, exclusively borrowed until it returns.
    unsafe { raw::syscall6(nr::PREAD64, args) }
}

/// `lseek(fd, 0, SEEK_CUR)`: where the next read starts; `ESPIPE` for what has no offset.
/// [lseek(2)](https://man7.org/linux/man-pages/man2/lseek.2.html)
pub fn offset(fd: Fd) -> Result<u64> {
    const SEEK_CUR: usize = 1;
    raw::plain(nr::LSEEK, [fd.arg(), 0, SEEK_CUR, 0, 0, 0]).map(|offset| offset as u64)
}

/// `write(fd, buf)`: the number of bytes taken.
/// [write(2)](https://man7.org/linux/man-pages/man2/write.2.html)
pub fn write(fd: Fd, buf: &[u8]) -> Result<usize> {
    // SAFETY: write reads at most `buf.len()` bytes at `buf`, which is borrowed until it returns.
    unsafe { raw::syscall6(nr::WRITE, [fd.arg(), buf.as_ptr() as usize, buf.len(), 0, 0, 0]) }
}

/// Writes all of `buf`, going on after a short write or a signal.
pub fn write_all(fd: Fd, mut buf: &[u8]) -> Result<()> {
    while !buf.is_empty() {
        let n = super::retry(|| write(fd, buf))?;
        if n == 0 {
            return Err(Errno::IO);
        }
        buf = buf.get(n..).unwrap_or_default();
    }
    Ok(())
}
