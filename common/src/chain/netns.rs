//! The network namespace that ns-enter's maker makes while the file system is built: sent, received and joined.

use super::Chain;
use crate::errno::Errno;
use crate::fault;
use crate::report::{At, Outcome};
use crate::sys::{self, Fd, OwnedFd, clone_flags};

/// Sends on `to` the network namespace that `socket` is in, with the cookie that it is told by.
pub fn send(to: Fd, socket: Fd) -> Outcome<()> {
    let failed = || fault!("Can't send the network namespace");
    let cookie = sys::netns_cookie(socket).at(failed)?;
    let netns = sys::socket_netns(socket).at(failed)?;
    match sys::send_with_fd(to, &cookie.to_ne_bytes(), Some(netns.fd())) {
        // Nobody waits for it any more: the sandbox has failed, said why, and is asked how it ended.
        Err(Errno::PIPE) => Ok(()),
        sent => sent.at(failed).map(drop),
    }
}

/// The last word of a maker whose network namespace is as it should be.
const DONE: [u8; 1] = [1];
/// The last word of one who has said why it is not.
const REFUSED: [u8; 1] = [0];

/// Sends on `to` how it has ended.
pub fn send_end(to: Fd, is_done: bool) {
    // Where this fails, the end of the socket says less, and nobody goes on.
    let _ = sys::send_with_fd(to, if is_done { &DONE } else { &REFUSED }, None);
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
        let (len, netns) = sys::recv_with_fd(socket, &mut cookie).at(failed)?;
        if cookie.get(..len) == Some(&REFUSED) {
            sys::exit(1);
        }
        let netns = netns.filter(|_| len == cookie.len()).ok_or_else(failed)?;
        sys::setns(netns.fd(), clone_flags::NEWNET).at(failed)?;
        // A call that did nothing would leave the command in the caller's network.
        let here = sys::netlink_route_socket().and_then(|own| sys::netns_cookie(own.fd())).at(failed)?;
        if here == u64::from_ne_bytes(cookie) { Ok(maker) } else { Err(failed()) }
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
            Some(REFUSED) => sys::exit(1),
            _ => Err(failed()),
        }
    }
}
