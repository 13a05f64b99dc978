//! Namespaces, ids and the monitor: makes the namespaces, stays outside as the one who reports how it ended.
//!
//! The process forks once. The child, inside, maps its ids and execs the next stage; the parent, outside, tells
//! who wants to know, gives up everything and waits.

#![no_std]
#![no_main]
#![deny(unsafe_code)]

mod idmap;
mod inside;
mod join;
mod loopback;
mod monitor;
mod namespaces;
mod report;

use common::chain::{Chain, Neighbours};
use common::fault;
use common::plan::{NsEnter, Stage};
use common::report::{At, Outcome};
use common::rt::Start;
use common::sys::{self, Fd, Forked, OwnedFd, clone_flags, o};
use core::convert::Infallible;
use namespaces::Decided;

common::entry!(main);

fn main(start: Start) -> ! {
    common::chain::run_first(Stage::NsEnter, start, run)
}

/// The pipes between the sides. Either end goes when its side does, so neither can wait for the dead.
struct Pipes {
    /// The child starts when a byte arrives, and ends when the monitor ends before it. `None` when nothing has to
    /// be done outside first.
    go: Option<(OwnedFd, OwnedFd)>,
    /// init-reaper writes how the command ended. `None` without init-reaper: then the child is the command.
    status: Option<(OwnedFd, OwnedFd)>,
    /// The last stage says that the command is about to run. `None` when nobody wants to know the exit code.
    ready: Option<(OwnedFd, OwnedFd)>,
}

fn run(mut chain: Chain) -> Outcome<Infallible> {
    // 1. Own frame.
    let frame = chain.frame(NsEnter::decode)?;
    if !frame.forward.is_empty() || frame.stop_signal.is_some() || frame.handle_reboot {
        return Err(fault!("The plan asks for what this stage does not do yet"));
    }
    // 2. Entry state: who calls, and what this host allows.
    let decided = namespaces::decide(&frame)?;
    // 3. Apply. A caller who ignores SIGCHLD would have the kernel reap the child before it can be asked.
    // The command gets the signal as it is by default, too.
    sys::default_sigchld().at(|| fault!("sigaction"))?;
    sys::unblock_sigchld().at(|| fault!("sigprocmask"))?;
    let pipes = Pipes {
        go: pipe_if(monitor::has_work(&frame))?,
        status: pipe_if(chain.plan.has(Stage::InitReaper))?,
        ready: pipe_if(frame.json_status_fd.is_some())?,
    };
    chain.passed.proc = open_proc(&chain, &decided)?;
    let own = Neighbours::find()?;
    join::user(&frame)?;
    let pid_socket = join::pid_socket(&frame)?;
    match sys::fork_into(decided.clone_flags).map_err(|errno| namespaces::refused(errno, &decided))? {
        Forked::Child => {
            join::pid_inside(&frame, pid_socket)?;
            inside::run(&mut chain, &frame, &decided, pipes, own)?;
            // 6. Hand over.
            chain.exec()
        }
        Forked::Parent(child) => monitor::run(chain, frame, decided, pipes, child, pid_socket),
    }
}

fn pipe_if(wanted: bool) -> Outcome<Option<(OwnedFd, OwnedFd)>> {
    if wanted { sys::pipe().at(|| fault!("pipe2()")).map(Some) } else { Ok(None) }
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
}
