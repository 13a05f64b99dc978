//! Namespaces, ids and the monitor: makes the namespaces, stays outside as the one who reports how it ended.
//!
//! The process forks once. The child, inside, maps its ids and execs the next stage; the parent, outside, tells
//! who wants to know, gives up everything and waits.

#![no_std]
#![no_main]
#![deny(unsafe_code)]

mod beside;
mod clock;
mod forward;
mod idmap;
mod inside;
mod join;
mod loopback;
mod maps;
mod monitor;
mod namespaces;
mod netns;
mod report;
mod why;

use beside::Beside;
use common::chain::stored;
use common::chain::{Chain, Neighbours};
use common::errno::Errno;
use common::fault;
use common::plan::{NsEnter, SignalSet, Stage};
use common::report::{At, Fault, Outcome};
use common::rt::Start;
use common::sys::{self, Fd, Forked, clone_flags, o};
use core::convert::Infallible;
use join::PidSocket;
use monitor::Sandbox;
use namespaces::Decided;
use netns::Made;

common::entry!(main);

fn main(start: Start) -> ! {
    common::chain::run(Stage::NsEnter, start, run)
}

/// What is between the sides: pipes above all. Either end goes when its side does, so neither can wait for the dead.
#[derive(Clone, Copy, Debug)]
struct Pipes {
    /// The child starts when a byte arrives, and ends when the monitor ends before it. `None` when nothing has to
    /// be done outside first.
    go: Option<Pipe>,
    /// init-reaper writes how the command ended. `None` without init-reaper: then the child is the command.
    status: Option<Pipe>,
    /// The last stage says that the command is about to run. `None` when nobody wants to know.
    ready: Option<Pipe>,
    /// Signals that wait on this side from before there was another one.
    blocked: Option<forward::Blocked>,
}

/// Both ends of a pipe. Plain numbers: each side closes what it does not need.
#[derive(Clone, Copy, Debug)]
struct Pipe {
    read: Fd,
    write: Fd,
}

/// What the child goes on with. It may be working in the monitor's memory: it changes nothing but this.
struct Inside {
    chain: Chain,
    frame: NsEnter<'static>,
    decided: Decided,
    pipes: Pipes,
    own: Neighbours,
    pid_socket: Option<PidSocket>,
    beside: Beside,
    /// The sandbox's first process, where the child is not that but the maker of its network namespace; 0 before there is
    /// one.
    sibling: i32,
    /// What the maker has come to.
    made: Made,
}

fn run(mut chain: Chain) -> Outcome<Infallible> {
    // 1. Own frame.
    let mut frame = chain.frame(NsEnter::decode)?;
    if chain.passed.next.is_none() {
        // Nobody before this stage: descriptors and environment are the caller's.
        frame.descriptors().try_for_each(|number| chain.needs(number))?;
        chain.env =
            common::chain::environment(&chain.plan, stored::without_held(chain.env, chain.passed.plan)?)?;
    }
    let joins = join::Joins::open(&mut frame)?;
    // 2. Entry state: who calls, and what this host allows.
    let decided = namespaces::decide(&frame, joins.has_mounts())?;
    // 3. Apply. A caller who ignores SIGCHLD would have the kernel reap the child before it can be asked.
    // The command gets the signal as it is by default, too.
    sys::default_sigchld().at(|| fault!("sigaction"))?;
    sys::unblock_signals(SignalSet::of(&[sys::SIGCHLD]).0).at(|| fault!("sigprocmask"))?;
    let pipes = Pipes {
        go: pipe_if(monitor::has_work(&frame, &decided))?,
        status: pipe_if(chain.plan.has(Stage::InitReaper))?,
        ready: pipe_if(frame.json_status_fd.is_some() || !frame.forward.is_empty())?,
        blocked: forward::block(&frame)?,
    };
    chain.passed.proc = open_proc(&chain, &decided)?;
    let mut own = Neighbours::find()?;
    if decided.is_foreign {
        // Out of reach by their paths then.
        chain.open_next_beside(&mut own)?;
    }
    let beside = beside::start(&chain, &frame, &mut own)?;
    joins.enter(&frame).inspect_err(|_| beside.end())?;
    let pid_socket = join::pid_socket(&frame)?;
    let mut inside =
        Inside { chain, frame, decided, pipes, own, pid_socket, beside, sibling: 0, made: Made::Unknown };
    let sandbox = if can_lend(&inside) {
        lend(&mut inside)?
    } else {
        match beside.fork_into(decided.clone_flags).map_err(|errno| inside.refused(errno))? {
            (Forked::Child, _) => inside.run(),
            (Forked::Parent(pid), is_in_cgroup) => Sandbox { pid, is_in_cgroup, mask: None },
        }
    };
    monitor::run(chain, frame, decided, pipes, sandbox, pid_socket, beside)
}

/// Whether the child can work in this process's memory up to its exec.
///
/// An ordinary user's monitor has nothing to do or to hide until the next stage runs. Not where a time namespace is entered,
/// which takes memory of one's own (setns(2), EUSERS), and only where the next stage takes back what [`lend`] blocks.
fn can_lend(inside: &Inside) -> bool {
    inside.pipes.go.is_none()
        && inside.pipes.blocked.is_none()
        && inside.decided.new_user
        && inside.decided.caller_caps.is_none()
        && !inside.frame.namespaces.has(clone_flags::NEWTIME)
        && inside.chain.plan.has(Stage::FsBuild)
}

/// Has the child work in this process's memory, up to its exec.
///
/// Meanwhile this process sleeps as nothing but `SIGKILL` can wake it. If a key on the terminal stopped the child then, the
/// shell would wait for a job that neither stops nor ends: so these signals wait until each side is on its own.
fn lend(inside: &mut Inside) -> Outcome<Sandbox> {
    let stopping = SignalSet::JOB_STOPPING;
    let mask = sys::block_signals(stopping.0).at(|| fault!("sigprocmask"))?;
    inside.chain.passed.unblock = Some(stopping.without(SignalSet(mask)));
    let mut pid = 0;
    if netns::can_be_late(&inside.chain, &inside.frame) {
        pid = make_beside(inside)?;
    }
    if pid == 0 {
        let flags = inside.decided.clone_flags;
        pid = sys::vfork_into(flags, inside, Inside::run).map_err(|errno| inside.refused(errno))?;
    }
    Ok(Sandbox { pid, is_in_cgroup: false, mask: Some(mask) })
}

/// Has a maker of the network namespace start the sandbox's first process, which is returned; 0 when it did not, since this
/// host does not let it.
fn make_beside(inside: &mut Inside) -> Outcome<i32> {
    let maker =
        sys::vfork_into(clone_flags::NEWUSER, inside, netns::make).map_err(|errno| inside.refused(errno))?;
    // It has ended. One that cannot be waited for leaves its entry in the process table to the end of this process.
    let _ = sys::retry(|| sys::wait(maker));
    if matches!(inside.made, Made::Done) {
        return Ok(inside.sibling);
    }
    if inside.sibling != 0 {
        // It may be waiting for somebody else, and is not to go on.
        let _ = sys::kill(inside.sibling);
        let _ = sys::retry(|| sys::wait(inside.sibling));
    }
    let fault = match inside.made {
        Made::Refused(errno) => return Err(inside.refused(errno)),
        Made::Failed(fault) => fault,
        Made::Unknown | Made::Done => fault!("The network namespace was not made: its maker was killed"),
    };
    inside.beside.end();
    Err(fault)
}

impl Inside {
    /// The child's side, to its end.
    fn run(&mut self) -> ! {
        let voice = self.chain.voice();
        match self.go_on() {
            Err(fault) => voice.die(fault),
            Ok(never) => match never {},
        }
    }

    /// What the user is told where the kernel refuses the namespaces; where this is a command of its own, it ends so.
    fn refused(&self, errno: Errno) -> Fault {
        self.beside.end();
        why::refused(&self.chain, &self.decided, errno)
    }

    fn go_on(&mut self) -> Outcome<Infallible> {
        join::pid_inside(&self.frame, self.pid_socket)?;
        inside::run(&mut self.chain, &self.frame, &self.decided, self.pipes, &mut self.own, &self.beside)?;
        // 6. Hand over.
        self.chain.exec()
    }
}

fn pipe_if(wanted: bool) -> Outcome<Option<Pipe>> {
    if !wanted {
        return Ok(None);
    }
    let (read, write) = sys::pipe().at(|| fault!("pipe2()"))?;
    Ok(Some(Pipe { read: read.leak(), write: write.leak() }))
}

/// `/proc`, if priv-drop will need it.
///
/// ORDER: before the clone. It is written through, and in the new mount namespace fs-build may make all mounts read-only.
fn open_proc(chain: &Chain, decided: &Decided) -> Outcome<Option<Fd>> {
    if !chain.plan.has(Stage::PrivDrop) || decided.second_ids.is_none() {
        return Ok(None);
    }
    let proc = sys::openat(sys::CWD, c"/proc", o::PATH | o::DIRECTORY, 0);
    proc.at(|| fault!("Can't open /proc")).map(|proc| Some(proc.leak()))
}

/// What the later stages have to be told.
fn pass(chain: &mut Chain, decided: &Decided) {
    chain.passed.caps = decided.caller_caps;
    chain.passed.ids = decided.second_ids;
    chain.passed.own_userns = decided.own_userns;
    chain.passed.own_mounts = decided.clone_flags & clone_flags::NEWNS != 0;
    chain.passed.own_pids = decided.own_pids;
}
