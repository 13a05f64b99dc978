//! Joining namespaces that exist already: `--userns` before the clone, `--pidns` after it.

use common::errno::Errno;
use common::fault;
use common::plan::NsEnter;
use common::report::{At, Outcome};
use common::sys::{self, Fd, Forked, clone_flags};

/// Both ends of the socket that tells the monitor which process came out of `--pidns`. Plain numbers: each side
/// closes what it does not need.
#[derive(Clone, Copy, Debug)]
pub struct PidSocket {
    /// The monitor's.
    pub outside: Fd,
    /// The child's.
    pub inside: Fd,
}

/// Joins the user namespace of `--userns`.
pub fn user(frame: &NsEnter<'static>) -> Outcome<()> {
    let Some(fd) = frame.userns_fd else { return Ok(()) };
    sys::setns(fd.fd(), clone_flags::NEWUSER).map_err(|errno| match errno {
        Errno::INVAL => fault!(
            "Joining the specified user namespace failed, it might not be a descendant of the current user \
             namespace."
        ),
        errno => fault!("Joining specified user namespace failed").errno(errno),
    })
}

/// Prepares for a child that is not our own: joining a PID namespace takes a fork inside, so the process that
/// goes on is a grandchild, which comes to us when its parent ends and says itself who it is.
pub fn pid_socket(frame: &NsEnter<'static>) -> Outcome<Option<PidSocket>> {
    if frame.pidns_fd.is_none() {
        return Ok(None);
    }
    sys::set_child_subreaper().at(|| fault!("prctl(PR_SET_CHILD_SUBREAPER)"))?;
    let (outside, inside) = sys::socketpair().at(|| fault!("Can't create intermediate pids socket"))?;
    sys::set_passcred(outside.fd()).at(|| fault!("Can't set SO_PASSCRED"))?;
    Ok(Some(PidSocket { outside: outside.leak(), inside: inside.leak() }))
}

/// In the child: joins the PID namespace of `--pidns`, and a new one below it if the plan has that too.
pub fn pid_inside(frame: &NsEnter<'static>, socket: Option<PidSocket>) -> Outcome<()> {
    let (Some(fd), Some(socket)) = (frame.pidns_fd, socket) else { return Ok(()) };
    sys::close(socket.outside).at(|| fault!("close"))?;
    sys::setns(fd.fd(), clone_flags::NEWPID).at(|| fault!("Setting pidns failed"))?;
    // Only a new process is in the namespace that setns(2) names.
    go_on_in_a_child()?;
    if frame.namespaces.has(clone_flags::NEWPID) {
        sys::unshare(clone_flags::NEWPID).at(|| fault!("unshare pid ns"))?;
        go_on_in_a_child()?;
    }
    sys::send(socket.inside, b"\0").at(|| fault!("Can't send pid"))?;
    sys::close(socket.inside).at(|| fault!("close"))
}

fn go_on_in_a_child() -> Outcome<()> {
    match sys::fork_into(0).at(|| fault!("Can't fork for --pidns"))? {
        Forked::Child => Ok(()),
        Forked::Parent(_) => sys::exit(0),
    }
}
