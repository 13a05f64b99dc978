//! Sockets: the netlink conversation that brings up loopback, and one process id passed between namespaces.

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

const SOL_SOCKET: usize = 1;
const SO_PASSCRED: usize = 16;
const SCM_CREDENTIALS: i32 = 2;

/// `setsockopt(fd, SOL_SOCKET, SO_PASSCRED, 1)`: messages received on `fd` say who sent them.
/// [unix(7)](https://man7.org/linux/man-pages/man7/unix.7.html)
pub fn set_passcred(fd: Fd) -> Result<()> {
    let on = 1i32;
    let args = [fd.arg(), SOL_SOCKET, SO_PASSCRED, (&raw const on) as usize, size_of::<i32>(), 0];
    // SAFETY: setsockopt reads one int at `on`, a live local of the length given.
    unsafe { raw::syscall6(nr::SETSOCKOPT, args) }.map(drop)
}

/// `struct msghdr` of x86_64.
#[repr(C)]
struct MsgHdr {
    name: usize,
    name_len: u32,
    iov: *mut IoVec,
    iov_len: usize,
    control: *mut Credentials,
    control_len: usize,
    flags: i32,
}

/// `struct iovec`.
#[repr(C)]
struct IoVec {
    base: *mut u8,
    len: usize,
}

/// One control message: `struct cmsghdr` and a `struct ucred`, padded to 8 bytes.
#[repr(C, align(8))]
struct Credentials {
    len: usize,
    level: i32,
    kind: i32,
    pid: i32,
    uid: u32,
    gid: u32,
    pad: u32,
}

const CREDENTIALS_LEN: usize = 16 + 12;

/// Waits for a message of one byte on `fd` ([`set_passcred`] is on) and returns its sender's process id as seen
/// from here, or `None` when the other end has gone without sending one.
pub fn recv_sender_pid(fd: Fd) -> Result<Option<i32>> {
    let mut byte = 0u8;
    let mut iov = IoVec { base: &raw mut byte, len: 1 };
    let mut control = Credentials { len: 0, level: 0, kind: 0, pid: 0, uid: 0, gid: 0, pad: 0 };
    let mut message = MsgHdr {
        name: 0,
        name_len: 0,
        iov: &raw mut iov,
        iov_len: 1,
        control: &raw mut control,
        control_len: size_of::<Credentials>(),
        flags: 0,
    };
    let n = super::retry(|| {
        // SAFETY: recvmsg reads the header and one iovec, writes at most one byte at `byte` and at most
        // `control_len` bytes at `control`; all are live locals of just these sizes.
        unsafe { raw::syscall6(nr::RECVMSG, [fd.arg(), (&raw mut message) as usize, 0, 0, 0, 0]) }
    })?;
    if n == 0 {
        return Ok(None);
    }
    let is_credentials = message.control_len >= CREDENTIALS_LEN
        && control.len == CREDENTIALS_LEN
        && control.level == SOL_SOCKET as i32
        && control.kind == SCM_CREDENTIALS;
    if is_credentials { Ok(Some(control.pid)) } else { Err(Errno::PROTO) }
}
