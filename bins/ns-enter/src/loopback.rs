//! Brings up `lo` in a new network namespace by one rtnetlink(7) request.
//!
//! The kernel itself gives a loopback interface that comes up without an address 127.0.0.1/8 (net/ipv4/devinet.c,
//! `inetdev_event`); bubblewrap asks for that first, with the same outcome.

use common::errno::Errno;
use common::fault;
use common::report::{At, Fault, Outcome};
use common::sys::{self, Fd, OwnedFd};

const RTM_NEWLINK: u16 = 16;
const NLMSG_ERROR: u16 = 2;
/// Request, acknowledgement wanted.
const REQUEST: u16 = 0x1 | 0x4;

/// `lo` is the first interface of every network namespace (net/core/dev.c: `LOOPBACK_IFINDEX`).
const LO: u32 = 1;

/// A socket in this network namespace.
pub fn socket() -> Outcome<OwnedFd> {
    sys::netlink_route_socket().at(|| fault!("loopback: Failed to create NETLINK_ROUTE socket"))
}

/// Brings it up in the network namespace of `socket`.
pub fn up(socket: &OwnedFd) -> Outcome<()> {
    ask(socket.fd(), &new_link(), || fault!("loopback: Failed RTM_NEWLINK"))
}

/// Appends parts to a message and fills in its length.
fn message<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut bytes = [0u8; N];
    let all = parts.iter().flat_map(|part| part.iter());
    for (to, from) in bytes.iter_mut().zip(all) {
        *to = *from;
    }
    if let Some(len) = bytes.first_chunk_mut::<4>() {
        *len = (N as u32).to_le_bytes();
    }
    bytes
}

/// `struct nlmsghdr` without its length, which [`message`] fills in; sequence and port 0: the kernel's answer is
/// the only thing that arrives on this socket.
fn header(kind: u16, flags: u16) -> [u8; 16] {
    let ([k0, k1], [f0, f1]) = (kind.to_le_bytes(), flags.to_le_bytes());
    [0, 0, 0, 0, k0, k1, f0, f1, 0, 0, 0, 0, 0, 0, 0, 0]
}

/// `RTM_NEWLINK`: `struct ifinfomsg` that sets `IFF_UP`.
fn new_link() -> [u8; 32] {
    const IFF_UP: u32 = 1;
    let (index, up) = (LO.to_le_bytes(), IFF_UP.to_le_bytes());
    message(&[&header(RTM_NEWLINK, REQUEST), &[0; 4], &index, &up, &up])
}

/// Sends `request` and waits for the kernel's word on it.
fn ask(socket: Fd, request: &[u8], fault: impl Fn() -> Fault) -> Outcome<()> {
    let sent = sys::retry(|| sys::send(socket, request)).at(&fault)?;
    if sent != request.len() {
        return Err(fault());
    }
    let mut answer = [0u8; 1024];
    let n = sys::retry(|| sys::recv(socket, &mut answer)).at(&fault)?;
    let (kind, error) = match answer.get(..n).and_then(|got| got.first_chunk::<20>()) {
        Some([_, _, _, _, k0, k1, .., e0, e1, e2, e3]) => {
            (u16::from_le_bytes([*k0, *k1]), i32::from_le_bytes([*e0, *e1, *e2, *e3]))
        }
        None => return Err(fault()),
    };
    match (kind, error) {
        (NLMSG_ERROR, 0) => Ok(()),
        (NLMSG_ERROR, errno) => Err(fault().errno(Errno(errno.unsigned_abs() as u16))),
        _ => Err(fault()),
    }
}
