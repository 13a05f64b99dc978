//! The network namespace that ns-enter's maker makes while the file system is built: sent, received and joined.
//!
//! For the maker `EPIPE`, and `ECONNRESET` where something was not read, say that nobody waits for it any more: the sandbox has
//! failed, said why, and is asked how it ended.

use super::Chain;
use crate::errno::Errno;
use crate::fault;
use crate::report::{At, Fault, Outcome};
use crate::sys::{self, Fd, OwnedFd, clone_flags};

/// Sends on `to` the network namespace that `socket` is in, with the cookie that it is told by. False if that cannot be:
/// descriptors are refused while too many of the user's are on their way (`ETOOMANYREFS`, unix(7)), whosever they are. Then
/// there is [`lend`].
pub fn send(to: Fd, socket: Fd) -> Outcome<bool> {
    let cookie = sys::netns_cookie(socket).at(cannot_send)?.to_ne_bytes();
    let Ok(netns) = sys::socket_netns(socket) else { return Ok(false) };
    match sys::retry(|| sys::send_with_fd(to, &cookie, Some(netns.fd()))) {
        Ok(_) | Err(Errno::PIPE | Errno::CONNRESET) => Ok(true),
        Err(_) => Ok(false),
    }
}

/// Has whoever waits at the other end of `to` join the network namespace as this process's, and stays until that is done.
pub fn lend(to: Fd, socket: Fd) -> Outcome<()> {
    let cookie = sys::netns_cookie(socket).at(cannot_send)?.to_ne_bytes();
    // ORDER: before. Whoever has fewer capabilities than this process may not look at it (ptrace(2), "access mode checking").
    sys::capset_none().at(|| fault!("capset failed"))?;
    match sys::retry(|| sys::send_with_fd(to, &cookie, None)) {
        Err(Errno::PIPE | Errno::CONNRESET) => return Ok(()),
        sent => sent.at(cannot_send)?,
    };
    // Its word, or its end.
    match sys::retry(|| sys::recv(to, &mut [0u8])) {
        Err(Errno::PIPE | Errno::CONNRESET) => Ok(()),
        told => told.at(cannot_send).map(drop),
    }
}

fn cannot_send() -> Fault {
    fault!("Can't send the network namespace")
}

/// The last word of a maker whose network namespace is as it should be.
const DONE: [u8; 1] = [1];
/// The last word of one whose network namespace is not: the monitor says why.
const REFUSED: [u8; 1] = [0];

/// Sends on `to` how it has ended. Where this fails, nobody goes on.
pub fn send_end(to: Fd, is_done: bool) -> Outcome<()> {
    match sys::retry(|| sys::send_with_fd(to, if is_done { &DONE } else { &REFUSED }, None)) {
        Err(Errno::PIPE | Errno::CONNRESET) => Ok(()),
        sent => sent.at(cannot_send).map(drop),
    }
}

impl Chain {
    /// Joins the network namespace that is made meanwhile, if one is, and the launch has not joined it yet.
    ///
    /// What is returned tells of the end of its maker, for [`Maker::ended`].
    pub fn join_netns(&mut self) -> Outcome<Maker> {
        let Some(socket) = self.passed.netns.take() else { return Ok(Maker(None)) };
        let maker = Maker(Some(OwnedFd::adopt(socket)));
        let failed = || fault!("Can't join the network namespace");
        let mut cookie = [0u8; 8];
        let (len, netns) = sys::retry(|| sys::recv_with_fd(socket, &mut cookie)).at(failed)?;
        if len == 0 || cookie.get(..len) == Some(&REFUSED) {
            // The monitor says why.
            sys::exit(1);
        }
        if len != cookie.len() {
            return Err(failed());
        }
        let is_lent = netns.is_none();
        let netns = netns.map_or_else(|| sys::peer_pidfd(socket).at(failed), Ok)?;
        sys::setns(netns.fd(), clone_flags::NEWNET).at(failed)?;
        // A call that did nothing would leave the command in the caller's network.
        let here = sys::netlink_route_socket().and_then(|own| sys::netns_cookie(own.fd())).at(failed)?;
        if here != u64::from_ne_bytes(cookie) {
            return Err(failed());
        }
        if is_lent {
            sys::retry(|| sys::send_with_fd(socket, b"j", None)).at(failed)?;
        }
        Ok(maker)
    }
}

/// The maker of a network namespace, who has power over it and over the sandbox's user namespace, and shares the
/// monitor's memory.
#[derive(Debug)]
#[must_use]
pub struct Maker(Option<OwnedFd>);

impl Maker {
    /// Waits until it has ended, its work done: no command meets it.
    pub fn ended(self) -> Outcome<()> {
        let Some(socket) = self.0 else { return Ok(()) };
        let failed = || fault!("Can't wait for the network namespace");
        let receive = || {
            let mut word = [0u8];
            let len = sys::retry(|| sys::recv(socket.fd(), &mut word)).at(failed)?;
            Ok(if len == word.len() { Some(word) } else { None })
        };
        match receive()? {
            // Not for the command to inherit.
            Some(DONE) if receive()?.is_none() => sys::close(socket.leak()).at(|| fault!("close")),
            // The monitor says why, or how it was killed.
            Some(REFUSED) | None => sys::exit(1),
            _ => Err(failed()),
        }
    }
}
