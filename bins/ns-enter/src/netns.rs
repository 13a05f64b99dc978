//! A network namespace that is made while the file system is built.
//!
//! To make one takes the kernel longer than all the other namespaces together, and longer than fs-build needs for most.
//! So a maker in the new user namespace has the sandbox's first process as a sibling, makes the network namespace
//! meanwhile, sends it and ends. Who needs it first waits for it and joins: priv-drop, the last with the power to, or
//! fs-build for a sysfs.

use super::{Inside, loopback};
use common::chain::{Chain, netns};
use common::errno::Errno;
use common::fault;
use common::plan::{NsEnter, Stage};
use common::report::{Fault, Outcome};
use common::sys::{self, Fd, Forked, clone_flags};

/// Whether there is something to do meanwhile, and somebody to join it.
pub fn can_be_late(chain: &Chain, frame: &NsEnter<'static>) -> bool {
    frame.namespaces.has(clone_flags::NEWNET)
        && chain.plan.has(Stage::FsBuild)
        && chain.plan.has(Stage::PrivDrop)
}

/// What a maker has come to; the monitor, whose memory it works in, finds it there.
#[derive(Clone, Copy, Debug)]
pub enum Made {
    /// It did not get so far.
    Unknown,
    /// Its part is done. Without a sibling that was to find that this host has what it takes only for making one after the
    /// other.
    Done,
    /// The kernel refuses the network namespace.
    Refused(Errno),
    /// Something else went wrong.
    Failed(Fault),
}

/// The maker's side, to its end, in the new user namespace. The sandbox's first process goes on with a copy of `inside`.
pub fn make(inside: &mut Inside) -> ! {
    let made = go_on(inside);
    inside.made = made;
    sys::exit(0)
}

fn go_on(inside: &mut Inside) -> Made {
    let Ok((ours, theirs)) = sys::socketpair() else { return Made::Done };
    // Before Linux 5.14 nobody can tell which one was joined.
    if sys::netns_cookie(ours.fd()).is_err() {
        return Made::Done;
    }
    let others = inside.decided.clone_flags & !(clone_flags::NEWUSER | clone_flags::NEWNET);
    match sys::fork_sibling_into(others, &mut inside.sibling) {
        Ok(Forked::Child) => {
            drop(ours);
            let theirs = theirs.leak();
            if let Err(errno) = sys::set_cloexec(theirs, false) {
                inside.chain.voice().die(fault!("fcntl").errno(errno))
            }
            inside.chain.passed.netns = Some(theirs);
            inside.run()
        }
        Ok(Forked::Parent(_)) => {}
        // One process more, or one in its place, may be too many. Asked again, the kernel says what it minds.
        Err(_) => return Made::Done,
    }
    drop(theirs);
    let made = match sys::unshare(clone_flags::NEWNET) {
        Err(errno) => Made::Refused(errno),
        Ok(()) => match hand_over(inside, ours.fd()) {
            Err(fault) => Made::Failed(fault),
            Ok(()) => Made::Done,
        },
    };
    let is_done = matches!(made, Made::Done);
    let made = match netns::send_end(ours.fd(), is_done) {
        Err(fault) if is_done => Made::Failed(fault),
        _ => made,
    };
    // ORDER: not closed here. The end of this socket is what priv-drop takes for the end of this process, which has the
    // host's mounts as its root: the kernel closes it on exit, when it has neither these nor memory any more (`do_exit`).
    ours.leak();
    made
}

/// Sends the namespace that this process is in on `to`, and has `lo` up there.
fn hand_over(inside: &Inside, to: Fd) -> Outcome<()> {
    let socket = loopback::socket()?;
    let is_sent = netns::send(to, socket.fd())?;
    if inside.frame.loopback {
        // The sandbox has begun to give up its privileges by now.
        loopback::up(&socket)?;
    }
    if is_sent { Ok(()) } else { netns::lend(to, socket.fd()) }
}
