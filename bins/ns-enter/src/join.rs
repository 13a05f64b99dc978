//! Joining namespaces that exist already: `--userns` before the clone, `--pidns` after it.

use common::chain::Argument;
use common::errno::Errno;
use common::fault;
use common::plan::{FdNumber, JoinNs, NsEnter, NsKind};
use common::report::{At, Fault, Outcome};
use common::sys::{self, Fd, Forked, clone_flags, o};

/// Both ends of the socket that tells the monitor which process came out of `--pidns`. Plain numbers: each side
/// closes what it does not need.
#[derive(Clone, Copy, Debug)]
pub struct PidSocket {
    /// The monitor's.
    pub outside: Fd,
    /// The child's.
    pub inside: Fd,
}

/// The most namespaces of `--join-ns` beside the user and the PID namespace.
const OTHERS: usize = 6;

/// The namespaces of `--join-ns` but those of the user and the PID kind, open.
pub struct Joins([Option<(NsKind, Fd)>; OTHERS]);

impl Joins {
    /// Opens all that is named by path, before anything is joined that could hide it. The user and the PID namespace take
    /// the places of `--userns` and `--pidns`.
    pub fn open(frame: &mut NsEnter<'static>) -> Outcome<Joins> {
        let mut others = [None; OTHERS];
        let mut slots = others.iter_mut();
        for join in frame.extra.into_iter().flat_map(|extra| extra.join.iter()) {
            let fd = match join {
                JoinNs::Fd { fd, .. } => fd.fd(),
                JoinNs::Path { kind, path } => sys::openat(sys::CWD, path.0, o::RDONLY | o::CLOEXEC, 0)
                    .at(|| fault!("Can't open ", kind.name(), " namespace ", path))?
                    .leak(),
            };
            match join.kind() {
                NsKind::User => frame.userns_fd = FdNumber::new(fd.0),
                NsKind::Pid => frame.pidns_fd = FdNumber::new(fd.0),
                kind => {
                    *slots.next().ok_or_else(|| fault!("Too many namespaces to join"))? = Some((kind, fd))
                }
            }
        }
        Ok(Joins(others))
    }

    /// Whether the paths of the host are gone afterwards.
    pub fn has_mounts(&self) -> bool {
        self.0.iter().flatten().any(|(kind, _)| *kind == NsKind::Mnt)
    }

    /// Joins them all: those that belong to this user namespace first, then the user namespace, which gives power over
    /// those that belong to it. The mount namespace is the last, whoever owns it.
    pub fn enter(mut self, frame: &NsEnter<'static>) -> Outcome<()> {
        if let Some(user_ns) = frame.userns_fd {
            self.round(true, true)?;
            let owner_joined = self.enter_owner();
            if owner_joined {
                self.round(true, true)?;
            }
            if !owner_joined || verify(NsKind::User, user_ns.fd()).is_err() {
                user(frame)?;
            }
        }
        self.round(false, frame.userns_fd.is_some())
    }

    /// Joins the user namespace that gives power over what is left. It need not be the one that is named: a sandbox with a
    /// /dev has a second one below that of its namespaces. What does not work shows with the next join.
    fn enter_owner(&self) -> bool {
        let left = self.0.iter().flatten().find(|(kind, _)| *kind != NsKind::Mnt);
        left.is_some_and(|(_, fd)| {
            sys::ns_get_userns(*fd).and_then(|owner| sys::setns(owner.fd(), clone_flags::NEWUSER)).is_ok()
        })
    }

    /// Joins what is left; with `before`, leaves what needs power over another user namespace.
    fn round(&mut self, before: bool, user_joins: bool) -> Outcome<()> {
        for kind in NsKind::ALL.into_iter().filter(|kind| !before || *kind != NsKind::Mnt) {
            for slot in &mut self.0 {
                let Some((_, fd)) = slot.filter(|(found, _)| *found == kind) else { continue };
                match sys::setns(fd, kind.flag()) {
                    Ok(()) => {}
                    Err(Errno::PERM) if before => continue,
                    Err(errno) => return Err(refusal(kind, user_joins, errno)),
                }
                verify(kind, fd)?;
                *slot = None;
                sys::close_named(fd).at(|| fault!("close"))?;
            }
        }
        Ok(())
    }
}

/// Looks where a join has led: one that did nothing would leave the sandbox in its caller's namespace.
fn verify(kind: NsKind, fd: Fd) -> Outcome<()> {
    // What a mount namespace shows at /proc is its owner's matter; the root, which follows from it, is asked for.
    if kind == NsKind::Mnt {
        return Ok(());
    }
    let mut path = Argument::new("/proc/self/ns/");
    path.text(kind.name().as_bytes());
    let failed = || fault!("Can't tell which ", kind.name(), " namespace was joined");
    let joined = sys::stat(sys::CWD, path.as_c_str()).at(failed)?;
    let wanted = sys::fstat(fd).at(failed)?;
    if (joined.dev, joined.ino) == (wanted.dev, wanted.ino) {
        Ok(())
    } else {
        Err(fault!("Can't join ", kind.name(), " namespace: it is still the one before"))
    }
}

fn refusal(kind: NsKind, user_joins: bool, errno: Errno) -> Fault {
    let hint = match errno {
        Errno::PERM if !user_joins => " (join its user namespace too: --join-ns user=...)",
        Errno::INVAL => " (no namespace of that kind)",
        _ => "",
    };
    fault!("Can't join ", kind.name(), " namespace", hint).errno(errno)
}

/// Joins the user namespace of `--userns`.
fn user(frame: &NsEnter<'static>) -> Outcome<()> {
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
    match sys::send(socket.inside, b"\0") {
        // Nobody waits for it any more: the monitor has failed, and said why.
        Err(Errno::PIPE) => sys::exit(1),
        sent => sent.at(|| fault!("Can't send pid"))?,
    };
    sys::close(socket.inside).at(|| fault!("close"))
}

fn go_on_in_a_child() -> Outcome<()> {
    match sys::fork_into(0).at(|| fault!("Can't fork for --pidns"))? {
        Forked::Child => Ok(()),
        Forked::Parent(_) => sys::exit(0),
    }
}
