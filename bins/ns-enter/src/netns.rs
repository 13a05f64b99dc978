//! A network namespace that is made while the file system is built.
//!
//! To make one takes the kernel longer than all the other namespaces together, and longer than fs-build needs for most.
//! So a maker in the new user namespace has the sandbox's first process as a sibling, makes the network namespace
//! meanwhile, sends it and ends. Who needs it first waits for it and joins: priv-drop, the last with the power to, or
//! fs-build for a sysfs.

use super::{Inside, loopback, namespaces};
use common::chain::{Chain, netns};
use common::fault;
use common::plan::{NsEnter, Stage};
use common::report::{At, Outcome};
use common::sys::{self, Forked, clone_flags};

/// Whether there is something to do meanwhile, and somebody to join it.
pub fn can_be_late(chain: &Chain, frame: &NsEnter<'static>) -> bool {
    frame.namespaces.has(clone_flags::NEWNET)
        && chain.plan.has(Stage::FsBuild)
        && chain.plan.has(Stage::PrivDrop)
}

/// The maker's side, to its end, in the new user namespace. The sandbox's first process goes on with a copy of `inside`;
/// this one is the monitor's, which waits for the maker's end and finds its sibling there.
pub fn make(inside: &mut Inside) -> ! {
    let voice = inside.chain.voice();
    match go_on(inside) {
        Ok(()) => sys::exit(0),
        Err(fault) => voice.die(fault),
    }
}

fn go_on(inside: &mut Inside) -> Outcome<()> {
    let (ours, theirs) = sys::socketpair().at(|| fault!("Can't make a socket for the network namespace"))?;
    // A kernel that cannot tell which one was joined (before Linux 5.14) has to make it first.
    let is_late = sys::netns_cookie(ours.fd()).is_ok();
    if !is_late {
        unshare(inside)?;
    }
    let others = inside.decided.clone_flags & !(clone_flags::NEWUSER | clone_flags::NEWNET);
    let forked =
        sys::fork_sibling_into(others).map_err(|errno| namespaces::refused(errno, &inside.decided))?;
    match forked {
        Forked::Child => {
            drop(ours);
            if is_late {
                sys::set_cloexec(theirs.fd(), false).at(|| fault!("fcntl"))?;
                inside.chain.passed.netns = Some(theirs.leak());
            }
            inside.run()
        }
        Forked::Parent(pid) => inside.sibling = Some(pid),
    }
    drop(theirs);
    if !is_late {
        return Ok(());
    }
    let made = unshare(inside).and_then(|()| {
        let socket = loopback::socket()?;
        netns::send(ours.fd(), socket.fd())?;
        // The sandbox has begun to give up its privileges by now.
        if inside.frame.loopback { loopback::up(&socket) } else { Ok(()) }
    });
    netns::send_end(ours.fd(), made.is_ok());
    // ORDER: not closed here. The end of this socket is what priv-drop takes for the end of this process, which has the
    // host's mounts as its root: the kernel closes it on exit, when it has neither these nor memory any more (`do_exit`).
    ours.leak();
    made
}

fn unshare(inside: &Inside) -> Outcome<()> {
    sys::unshare(clone_flags::NEWNET).map_err(|errno| namespaces::refused(errno, &inside.decided))
}
