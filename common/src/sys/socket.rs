//! Sockets: the netlink conversation that brings up loopback, and what is passed between processes: the id of one, or a
//! network namespace.

use super::{Fd, OwnedFd, Result, raw, raw::nr};
use crate::errno::Errno;
use core::mem::MaybeUninit;

const AF_UNIX: usize = 1;
const AF_NETLINK: usize = 16;
const SOCK_CLOEXEC: usize = 0o2000000;
const SOCK_RAW: usize = 3;
const SOCK_SEQPACKET: usize = 5;

/// `socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)`.
/// [netlink(7)](https://man7.org/linux/man-pages/man7/netlink.7.html)
pub fn netlink_route_socket() -> Result<OwnedFd> {
    raw::plain(nr::SOCKET, [AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0, 0, 0, 0]).and_then(OwnedFd::returned)
}

/// `send(fd, message, 0)`. [send(2)](https://man7.org/linux/man-pages/man2/send.2.html)
pub fn send(fd: Fd, message: &[u8]) -> Result<usize> {
    // SAFETY: sendto reads `message.len()` bytes at `message`, borrowed until it returns; no address is given.
    unsafe { raw::syscall6(nr::SENDTO, [fd.arg(), message.as_ptr() as usize, message.len(), 0, 0, 0]) }
}

/// `recv(fd, buf, 0)`. [recv(2)](https://man7.org/linux/man-pages/man2/recv.2.html)
pub fn recv(fd: Fd, buf: &mut [u8]) -> Result<usize> {
    // SAFETY: recvfrom writes at most `buf.len()` bytes at `buf`, exclusively borrowed until it returns; no
    // address is asked for.
    unsafe { raw::syscall6(nr::RECVFROM, [fd.arg(), buf.as_mut_ptr() as usize, buf.len(), 0, 0, 0]) }
}

/// `socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC)`.
/// [socketpair(2)](https://man7.org/linux/man-pages/man2/socketpair.2.html)
pub fn socketpair() -> Result<(OwnedFd, OwnedFd)> {
    let mut ends = MaybeUninit::<[i32; 2]>::uninit();
    let args = [AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.as_mut_ptr() as usize, 0, 0];
    // SAFETY: socketpair writes two ints at the pointer, which is room for exactly these, live to the return.
    unsafe { raw::syscall6(nr::SOCKETPAIR, args) }?;
    // SAFETY: socketpair has returned without an error, so it has written both numbers.
    super::both(unsafe { ends.assume_init() })
}

/// `ioctl(fd, SIOCGSKNS)` (Linux 4.10): the network namespace that the socket `fd` is in, for who has `CAP_NET_ADMIN` there.
/// [socket(7)](https://man7.org/linux/man-pages/man7/socket.7.html)
pub fn socket_netns(fd: Fd) -> Result<OwnedFd> {
    const SIOCGSKNS: usize = 0x894c;
    raw::plain(nr::IOCTL, [fd.arg(), SIOCGSKNS, 0, 0, 0, 0]).and_then(OwnedFd::returned)
}

/// `getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE)` (Linux 5.14): a number that the network namespace of the socket `fd` has,
/// and none before or after it. [socket(7)](https://man7.org/linux/man-pages/man7/socket.7.html)
pub fn netns_cookie(fd: Fd) -> Result<u64> {
    const SO_NETNS_COOKIE: usize = 71;
    let mut cookie = 0u64;
    let mut len = size_of::<u64>() as u32;
    let (at, room) = ((&raw mut cookie) as usize, (&raw mut len) as usize);
    // SAFETY: getsockopt writes at most `len` bytes, the size of `cookie`, at the fourth argument, and an int at the last;
    // both are live locals.
    unsafe { raw::syscall6(nr::GETSOCKOPT, [fd.arg(), SOL_SOCKET, SO_NETNS_COOKIE, at, room, 0]) }?;
    if len as usize == size_of::<u64>() { Ok(cookie) } else { Err(Errno::PROTO) }
}

/// `getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD)` (Linux 6.5): a pidfd of the process that made this socket pair.
/// [unix(7)](https://man7.org/linux/man-pages/man7/unix.7.html)
pub fn peer_pidfd(fd: Fd) -> Result<OwnedFd> {
    const SO_PEERPIDFD: usize = 77;
    let mut pidfd = -1i32;
    let mut len = size_of::<i32>() as u32;
    let (at, room) = ((&raw mut pidfd) as usize, (&raw mut len) as usize);
    // SAFETY: getsockopt writes at most `len` bytes, the size of `pidfd`, at the fourth argument, and an int at the last;
    // both are live locals.
    unsafe { raw::syscall6(nr::GETSOCKOPT, [fd.arg(), SOL_SOCKET, SO_PEERPIDFD, at, room, 0]) }?;
    usize::try_from(pidfd).map_err(|_| Errno::PROTO).and_then(OwnedFd::returned)
}

/// `getsockopt(fd, SOL_SOCKET, SO_PEERCRED)`: the id of the process that made this socket pair, as seen from here; that it had,
/// should it have ended. [unix(7)](https://man7.org/linux/man-pages/man7/unix.7.html)
fn peer_pid(fd: Fd) -> Result<i32> {
    const SO_PEERCRED: usize = 17;
    // struct ucred: the ids of a process, its user and its group.
    let mut cred = [0i32; 3];
    let mut len = size_of_val(&cred) as u32;
    let (at, room) = (cred.as_mut_ptr() as usize, (&raw mut len) as usize);
    // SAFETY: getsockopt writes at most `len` bytes, the size of `cred`, at the fourth argument, and an int at the last;
    // both are live locals.
    unsafe { raw::syscall6(nr::GETSOCKOPT, [fd.arg(), SOL_SOCKET, SO_PEERCRED, at, room, 0]) }?;
    let [pid, ..] = cred;
    if len as usize == size_of_val(&cred) { Ok(pid) } else { Err(Errno::PROTO) }
}

/// This process's parent, if it is who made the socket pair `fd`; `None` if that has ended, and the parent is who adopted this
/// process (`PR_SET_CHILD_SUBREAPER`, or pid 1). Those are its ancestors, and were there before, under other numbers.
pub fn parent_behind(fd: Fd) -> Result<Option<i32>> {
    let made = peer_pid(fd)?;
    Ok(Some(made).filter(|made| *made == super::getppid()))
}

const SOL_SOCKET: usize = 1;
const SO_PASSCRED: usize = 16;
const SCM_RIGHTS: i32 = 1;
const SCM_CREDENTIALS: i32 = 2;

/// `setsockopt(fd, SOL_SOCKET, SO_PASSCRED, 1)`: messages received on `fd` say who sent them.
/// [unix(7)](https://man7.org/linux/man-pages/man7/unix.7.html)
pub fn set_passcred(fd: Fd) -> Result<()> {
    let on = 1i32;
    let args = [fd.arg(), SOL_SOCKET, SO_PASSCRED, (&raw const on) as usize, size_of::<i32>(), 0];
    // SAFETY: setsockopt reads one int at `on`, a live local of the length given.
    unsafe { raw::syscall6(nr::SETSOCKOPT, args) }.map(drop)
}

/// `struct msghdr` of x86_64, for one buffer and one control message.
#[repr(C)]
struct MsgHdr {
    name: usize,
    name_len: u32,
    iov: *mut IoVec,
    iov_len: usize,
    control: *mut Control,
    control_len: usize,
    flags: i32,
}

/// `struct iovec`.
#[repr(C)]
struct IoVec {
    base: *mut u8,
    len: usize,
}

/// One control message: `struct cmsghdr` and what is behind it, a `struct ucred` or one descriptor, padded to 8 bytes.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control {
    len: usize,
    level: i32,
    kind: i32,
    data: [i32; 4],
}

impl Control {
    /// The size of the head.
    const HEAD: usize = 16;
    const NONE: Control = Control { len: 0, level: 0, kind: 0, data: [0; 4] };

    /// The first number of a whole control message of this kind whose data has `len` bytes.
    fn number(&self, received: usize, kind: i32, len: usize) -> Option<i32> {
        let len = Control::HEAD + len;
        let is = received >= len && self.len == len && self.level == SOL_SOCKET as i32 && self.kind == kind;
        is.then_some(self.data[0])
    }
}

/// `recvmsg(fd, …, flags)`: the length of the message in `buf`, its control message, and how much of that came.
fn recvmsg(fd: Fd, buf: &mut [u8], flags: usize) -> Result<(usize, Control, usize)> {
    let mut iov = IoVec { base: buf.as_mut_ptr(), len: buf.len() };
    let mut control = Control::NONE;
    let mut message = MsgHdr {
        name: 0,
        name_len: 0,
        iov: &raw mut iov,
        iov_len: 1,
        control: &raw mut control,
        control_len: size_of::<Control>(),
        flags: 0,
    };
    let n = super::retry(|| {
        // SAFETY: recvmsg reads the header and one iovec, writes at most `buf.len()` bytes at `buf`, borrowed exclusively,
        // and at most `control_len` bytes at `control`; all else are live locals of just these sizes.
        unsafe { raw::syscall6(nr::RECVMSG, [fd.arg(), (&raw mut message) as usize, flags, 0, 0, 0]) }
    })?;
    let received = message.control_len;
    Ok((n, control, received))
}

/// Waits for a message of one byte on `fd` ([`set_passcred`] is on) and returns its sender's process id as seen
/// from here, or `None` when the other end has gone without sending one.
pub fn recv_sender_pid(fd: Fd) -> Result<Option<i32>> {
    let (n, control, received) = recvmsg(fd, &mut [0], 0)?;
    if n == 0 {
        return Ok(None);
    }
    control.number(received, SCM_CREDENTIALS, 12).map(Some).ok_or(Errno::PROTO)
}

/// `sendmsg(fd, …, MSG_NOSIGNAL)` of `bytes` with the descriptor `passed` (`SCM_RIGHTS`), if there is one.
/// [unix(7)](https://man7.org/linux/man-pages/man7/unix.7.html)
pub fn send_with_fd(fd: Fd, bytes: &[u8], passed: Option<Fd>) -> Result<usize> {
    const MSG_NOSIGNAL: usize = 0x4000;
    let (number, control_len) = match passed {
        // CMSG_SPACE of one int.
        Some(Fd(number)) => (number, Control::HEAD + 8),
        None => (-1, 0),
    };
    let mut control = Control {
        len: Control::HEAD + size_of::<i32>(),
        level: SOL_SOCKET as i32,
        kind: SCM_RIGHTS,
        data: [number, 0, 0, 0],
    };
    let mut iov = IoVec { base: bytes.as_ptr().cast_mut(), len: bytes.len() };
    let message = MsgHdr {
        name: 0,
        name_len: 0,
        iov: &raw mut iov,
        iov_len: 1,
        control: &raw mut control,
        control_len,
        flags: 0,
    };
    // SAFETY: sendmsg reads the header, one iovec, `bytes`, borrowed until it returns, and `control_len` bytes at `control`;
    // all else are live locals, `control` of more than that size. It writes nothing.
    unsafe { raw::syscall6(nr::SENDMSG, [fd.arg(), (&raw const message) as usize, MSG_NOSIGNAL, 0, 0, 0]) }
}

/// Waits for a message on `fd`: its length in `buf`, 0 when the other end has gone, and the descriptor that came with it,
/// close-on-exec here.
pub fn recv_with_fd(fd: Fd, buf: &mut [u8]) -> Result<(usize, Option<OwnedFd>)> {
    const MSG_CMSG_CLOEXEC: usize = 0x4000_0000;
    let (n, control, received) = recvmsg(fd, buf, MSG_CMSG_CLOEXEC)?;
    let passed = control.number(received, SCM_RIGHTS, size_of::<i32>());
    let passed = passed.and_then(|number| usize::try_from(number).ok());
    Ok((n, passed.map(OwnedFd::returned).transpose()?))
}
