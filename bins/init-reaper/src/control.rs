//! What is done for the command beside waiting: signals passed on, the terminal, what is left at the end.
//!
//! No handler is ever set: the signals are blocked before the fork and taken one by one, so that none is lost or comes
//! between two steps.

use super::left::Left;
use common::errno::Errno;
use common::fault;
use common::plan::{Control, SignalSet};
use common::report::{At, Outcome};
use common::sys::{self, Arrived, Fd, STDERR, STDIN, STDOUT};

/// See the module.
pub struct Controller {
    plan: Control<'static>,
    /// The signals that are blocked here and taken by [`Controller::run`].
    taken: SignalSet,
    /// The mask that the command gets back.
    mask: u64,
    /// The terminal, when the command gets a place of its own at it.
    terminal: Option<Fd>,
    own_group: i32,
    /// Whether the command leads a process group of its own.
    leads: bool,
    pub left: Left,
}

/// Prepares this process.
///
/// ORDER: before the fork; a signal that arrives from here on waits until somebody is there to get it.
pub fn prepare(plan: Control<'static>) -> Outcome<Controller> {
    // A caller who ignores the signal would have the kernel reap the children before they can be asked.
    sys::default_sigchld().at(|| fault!("sigaction"))?;
    let forward = plan.forward.intersection(SignalSet::FORWARDABLE);
    let own = SignalSet::of(&[sys::SIGCHLD]);
    // A process that gives its terminal away is in the background, where these stop it.
    let background =
        if plan.foreground { SignalSet::of(&[sys::SIGTTIN, sys::SIGTTOU]) } else { SignalSet::EMPTY };
    let taken = forward.union(own).union(background);
    let mask = sys::block_signals(taken.0).at(|| fault!("sigprocmask"))?;
    let is_pid_1 = sys::getpid() == 1;
    if plan.subreaper && !is_pid_1 {
        sys::set_child_subreaper().at(|| fault!("prctl(PR_SET_CHILD_SUBREAPER)"))?;
    }
    if let Some(signal) = plan.parent_death_signal {
        sys::set_pdeathsig(signal.number()).at(|| fault!("prctl(PR_SET_PDEATHSIG)"))?;
    }
    let left = Left::prepare(plan.left, is_pid_1)?;
    let terminal = [STDIN, STDOUT, STDERR].into_iter().find(|fd| sys::tcgetpgrp(*fd).is_ok());
    Ok(Controller {
        plan,
        taken,
        mask,
        terminal: terminal.filter(|_| plan.foreground),
        own_group: sys::getpgrp(),
        leads: false,
        left,
    })
}

impl Controller {
    /// In the command's process: gives it the signal mask that this one was started with.
    pub fn release(&self) -> Outcome<()> {
        // SIGCHLD was made the default's, and is not blocked either.
        sys::set_signal_mask(SignalSet(self.mask).without(SignalSet::of(&[sys::SIGCHLD])).0)
            .at(|| fault!("sigprocmask"))
    }

    /// Gives the command, which still waits for its go, a process group of its own; in the foreground if this one was.
    pub fn place(&mut self, command: i32) -> Outcome<()> {
        if !self.plan.foreground {
            return Ok(());
        }
        if self.terminal.is_some() && self.own_group == 0 {
            // Our group is outside this PID namespace, so nobody here could give the terminal back to it.
            self.terminal = None;
            return Ok(());
        }
        sys::lead_process_group(command).at(|| fault!("setpgid"))?;
        self.leads = true;
        self.hand_over_terminal(self.own_group, command)
    }

    /// Makes group `to` the foreground's if `from` is. A terminal that has gone meanwhile is nobody's.
    fn hand_over_terminal(&self, from: i32, to: i32) -> Outcome<()> {
        let Some(terminal) = self.terminal else { return Ok(()) };
        match sys::tcgetpgrp(terminal) {
            Ok(group) if group == from => match sys::tcsetpgrp(terminal, to) {
                Err(Errno::NOTTY | Errno::IO | Errno::SRCH) | Ok(()) => Ok(()),
                Err(errno) => Err(fault!("tcsetpgrp").errno(errno)),
            },
            _ => Ok(()),
        }
    }

    /// Waits until all is over, passing signals on meanwhile. `ended` is told once how the command ended; what comes back
    /// is this process's status.
    pub fn run(mut self, command: i32, ended: impl Fn(u8)) -> Outcome<u8> {
        let mut code = None;
        loop {
            match sys::wait_now() {
                Ok(Some((pid, status))) if status.is_stop() => {
                    if pid == command {
                        self.stopped(command)?;
                    }
                    continue;
                }
                Ok(Some((pid, status))) if pid == command => {
                    let status = self.remapped(status.shell());
                    code = Some(status);
                    // Who kills what is left has not ended before that is done.
                    if !self.left.kills() {
                        ended(status);
                    }
                    self.hand_over_terminal(command, self.own_group)?;
                    if self.left.leaves() {
                        return Ok(status);
                    }
                    self.left.begin()?;
                    continue;
                }
                Ok(Some((pid, _))) => {
                    self.left.reaped(pid);
                    continue;
                }
                Err(Errno::INTR) => continue,
                // Nobody is left.
                Err(Errno::CHILD) => {
                    let status = code.unwrap_or(1);
                    if self.left.kills() {
                        ended(status);
                    }
                    return Ok(status);
                }
                Err(errno) => return Err(fault!("init wait()").errno(errno)),
                // There are children, and none has ended.
                Ok(None) => {}
            }
            let timeout = if code.is_some() { self.left.signal()? } else { None };
            match sys::wait_for_signal(self.taken.0, timeout) {
                Ok(arrived) if code.is_none() => self.forward(command, arrived),
                // The end of a child, a grace time that is over, or a signal for a command that is no more.
                Ok(_) | Err(Errno::AGAIN | Errno::INTR) => {}
                Err(errno) => return Err(fault!("sigtimedwait").errno(errno)),
            }
        }
    }

    /// Passes a signal on. What a key on the terminal raises, the command has got itself as long as it is in our group.
    fn forward(&self, command: i32, arrived: Arrived) {
        if !self.plan.forward.has(arrived.signal) || arrived.by_kernel && !self.leads {
            return;
        }
        let stops = SignalSet::STOPPING.has(arrived.signal);
        let signal = self.plan.stop_signal.filter(|_| stops).map_or(arrived.signal, |stop| stop.number());
        let whom = if self.plan.group && self.leads { command.saturating_neg() } else { command };
        // It is a child of ours that was not waited for, so the number is still its own. One that may not be signalled
        // (another user by now) goes without.
        let _ = sys::send_signal(whom, signal);
    }

    /// The command has stopped: so does this process, for the shell whose job it is, and it goes on with the command.
    fn stopped(&self, command: i32) -> Outcome<()> {
        // Without a terminal there is no job control, and pid 1 cannot be stopped.
        if self.terminal.is_none() || !self.leads || sys::getpid() == 1 {
            return Ok(());
        }
        self.hand_over_terminal(command, self.own_group)?;
        sys::send_signal(sys::getpid(), sys::SIGSTOP).at(|| fault!("kill"))?;
        self.hand_over_terminal(self.own_group, command)?;
        // ORDER: what continued this process is taken before the command goes on. Passed on later, it would undo the next
        // stop.
        let continued = SignalSet::of(&[sys::SIGCONT]);
        let _ = sys::wait_for_signal(self.taken.intersection(continued).0, Some([0, 0]));
        let _ = sys::send_signal(command.saturating_neg(), sys::SIGCONT);
        Ok(())
    }

    fn remapped(&self, status: u8) -> u8 {
        if self.plan.remap_exit.iter().any(|one| one == u32::from(status)) { 0 } else { status }
    }
}
