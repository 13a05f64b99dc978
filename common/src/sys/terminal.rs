//! Terminals: their modes and sizes, and making a pseudo-terminal.

use super::{Fd, OwnedFd, Result, o, raw, raw::nr};
use core::mem::MaybeUninit;

/// The kernel's `struct termios` (asm-generic/termbits.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Termios {
    iflag: u32,
    oflag: u32,
    cflag: u32,
    lflag: u32,
    line: u8,
    cc: [u8; 19],
}

const _: () = assert!(size_of::<Termios>() == 36);

impl Termios {
    const ECHO: u32 = 0o10;

    /// As `cfmakeraw(3)` makes it: bytes come and go as they are, one at a time.
    pub fn raw(&self) -> Termios {
        const IGNBRK_BRKINT_PARMRK_ISTRIP_INLCR_IGNCR_ICRNL_IXON: u32 = 0o2753;
        const OPOST: u32 = 0o1;
        const CSIZE_PARENB: u32 = 0o460;
        const CS8: u32 = 0o60;
        const ISIG_ICANON_ECHO_ECHONL_IEXTEN: u32 = 0o100113;
        let mut termios = *self;
        termios.iflag &= !IGNBRK_BRKINT_PARMRK_ISTRIP_INLCR_IGNCR_ICRNL_IXON;
        termios.oflag &= !OPOST;
        termios.cflag = termios.cflag & !CSIZE_PARENB | CS8;
        termios.lflag &= !ISIG_ICANON_ECHO_ECHONL_IEXTEN;
        let [_, _, _, _, _, time, min, ..] = &mut termios.cc;
        (*time, *min) = (0, 1);
        termios
    }

    /// The same without echo.
    pub fn without_echo(&self) -> Termios {
        Termios { lflag: self.lflag & !Termios::ECHO, ..*self }
    }
}

/// `struct winsize`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct WindowSize {
    rows: u16,
    columns: u16,
    x_pixels: u16,
    y_pixels: u16,
}

/// `ioctl(fd, TCGETS)`. [TCGETS(2const)](https://man7.org/linux/man-pages/man2/TCSETS.2const.html)
pub fn termios(fd: Fd) -> Result<Termios> {
    const TCGETS: usize = 0x5401;
    let mut termios = MaybeUninit::<Termios>::uninit();
    // SAFETY: TCGETS writes one struct termios (36 bytes, asserted above), which is room for exactly that.
    unsafe { raw::syscall6(nr::IOCTL, [fd.arg(), TCGETS, termios.as_mut_ptr() as usize, 0, 0, 0]) }?;
    // SAFETY: the call returned without an error, so the kernel has written the whole struct.
    Ok(unsafe { termios.assume_init() })
}

/// `ioctl(fd, TCSETSW)`: sets the modes once all output is out.
/// [TCSETS(2const)](https://man7.org/linux/man-pages/man2/TCSETS.2const.html)
pub fn set_termios(fd: Fd, termios: &Termios) -> Result<()> {
    const TCSETSW: usize = 0x5403;
    // SAFETY: TCSETSW reads one struct termios, which is borrowed until it returns.
    unsafe { raw::syscall6(nr::IOCTL, [fd.arg(), TCSETSW, core::ptr::from_ref(termios) as usize, 0, 0, 0]) }
        .map(drop)
}

/// `ioctl(fd, TIOCGWINSZ)`. [TIOCGWINSZ(2const)](https://man7.org/linux/man-pages/man2/TIOCSWINSZ.2const.html)
pub fn window_size(fd: Fd) -> Result<WindowSize> {
    const TIOCGWINSZ: usize = 0x5413;
    let mut size = WindowSize::default();
    // SAFETY: TIOCGWINSZ writes one struct winsize, a live local of that layout.
    unsafe { raw::syscall6(nr::IOCTL, [fd.arg(), TIOCGWINSZ, (&raw mut size) as usize, 0, 0, 0]) }?;
    Ok(size)
}

/// `ioctl(fd, TIOCSWINSZ)`. [TIOCSWINSZ(2const)](https://man7.org/linux/man-pages/man2/TIOCSWINSZ.2const.html)
pub fn set_window_size(fd: Fd, size: WindowSize) -> Result<()> {
    const TIOCSWINSZ: usize = 0x5414;
    // SAFETY: TIOCSWINSZ reads one struct winsize, a live local of that layout.
    unsafe { raw::syscall6(nr::IOCTL, [fd.arg(), TIOCSWINSZ, (&raw const size) as usize, 0, 0, 0]) }.map(drop)
}

/// A new pseudo-terminal, unlocked: its master, not blocking.
/// [pts(4)](https://man7.org/linux/man-pages/man4/pts.4.html)
pub fn new_pty() -> Result<OwnedFd> {
    const TIOCSPTLCK: usize = 0x4004_5431;
    let flags = o::RDWR | o::NOCTTY | o::NONBLOCK | o::CLOEXEC;
    let master = super::openat(super::CWD, c"/dev/ptmx", flags, 0)?;
    let locked = 0i32;
    let args = [master.fd().arg(), TIOCSPTLCK, (&raw const locked) as usize, 0, 0, 0];
    // SAFETY: TIOCSPTLCK reads one int, a live local.
    unsafe { raw::syscall6(nr::IOCTL, args) }?;
    Ok(master)
}

/// `ioctl(master, TIOCGPTPEER)`: opens the other end, wherever its file is mounted, if anywhere (Linux 4.13).
/// [TIOCGPTPEER(2const)](https://man7.org/linux/man-pages/man2/TIOCGPTPEER.2const.html)
pub fn pty_peer(master: Fd) -> Result<OwnedFd> {
    const TIOCGPTPEER: usize = 0x5441;
    let flags = (o::RDWR | o::NOCTTY | o::CLOEXEC) as usize;
    raw::plain(nr::IOCTL, [master.arg(), TIOCGPTPEER, flags, 0, 0, 0]).and_then(OwnedFd::returned)
}

/// `ioctl(fd, TIOCSCTTY, 0)`: the terminal becomes that of this session, whose leader this process is.
/// [TIOCSCTTY(2const)](https://man7.org/linux/man-pages/man2/TIOCSCTTY.2const.html)
pub fn set_controlling_terminal(fd: Fd) -> Result<()> {
    const TIOCSCTTY: usize = 0x540e;
    raw::plain(nr::IOCTL, [fd.arg(), TIOCSCTTY, 0, 0, 0, 0]).map(drop)
}

/// Whether `fd` is a terminal.
pub fn is_terminal(fd: Fd) -> bool {
    termios(fd).is_ok()
}
