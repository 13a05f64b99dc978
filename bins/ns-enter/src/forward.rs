//! Signals that arrive outside, at the monitor, passed on into the sandbox.
//!
//! They are blocked before the clone, so that none is lost; the child gets the mask back at once. Until the command runs
//! a request to end ends the launch; from then on what arrives is the command's, through init-reaper if there is one.

use common::errno::Errno;
use common::fault;
use common::plan::{NsEnter, SignalSet};
use common::report::{At, Outcome};
use common::sys::{self, Arrived, Fd};

/// `SIGCONT` and `SIGTSTP`: job control, which reaches monitor and sandbox alike as one job of the caller's shell.
const JOB_CONTROL: SignalSet = SignalSet::of(&[18, 20]);

/// The signals that are blocked, and the mask as it was.
#[derive(Clone, Copy, Debug)]
pub struct Blocked {
    signals: SignalSet,
    mask: u64,
}

/// Blocks what will be passed on; `None` when nothing is, and nobody but the sandbox's first process is to be waited for.
pub fn block(frame: &NsEnter<'static>) -> Outcome<Option<Blocked>> {
    let signals = frame.forward.intersection(SignalSet::FORWARDABLE).without(JOB_CONTROL);
    if signals.is_empty() && !frame.console() {
        return Ok(None);
    }
    let mask = sys::block_signals(signals.0).at(|| fault!("sigprocmask"))?;
    Ok(Some(Blocked { signals, mask }))
}

impl Blocked {
    /// In the child: the mask that this process was started with.
    pub fn release(self) -> Outcome<()> {
        sys::set_signal_mask(self.mask).at(|| fault!("sigprocmask"))
    }
}

/// See the module.
#[derive(Debug)]
pub struct Forwarder {
    signals: SignalSet,
    stop: Option<u8>,
    /// Of the first process of the sandbox.
    pub sandbox: Fd,
    /// Of the signals.
    pub arrivals: Fd,
    pid: i32,
    /// Whether the command runs.
    running: bool,
}

impl Forwarder {
    /// For the sandbox whose first process is `pid`.
    pub fn new(frame: &NsEnter<'static>, blocked: Blocked, pid: i32, has_reaper: bool) -> Outcome<Forwarder> {
        let sandbox = sys::pidfd_open(pid).at(|| fault!("pidfd_open"))?;
        let early = blocked.signals.intersection(SignalSet::STOPPING);
        let arrivals = sys::signalfd(early.0).at(|| fault!("signalfd"))?;
        // init-reaper knows itself what the command is to get.
        let stop = frame.stop_signal.filter(|_| !has_reaper).map(|signal| signal.number());
        let (sandbox, arrivals) = (sandbox.leak(), arrivals.leak());
        Ok(Forwarder { signals: blocked.signals, stop, sandbox, arrivals, pid, running: false })
    }

    /// Waits until `fd` can be read, or a signal ends the launch.
    pub fn wait_for(&self, fd: Fd) -> Outcome<()> {
        loop {
            match sys::poll([Some(fd), Some(self.arrivals)]) {
                Ok([true, _]) => return Ok(()),
                Ok([false, true]) => self.take()?,
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(fault!("poll").errno(errno)),
            }
        }
    }

    /// Waits until `status` can be read, or the first process has ended, passing signals on meanwhile. `ready` tells that
    /// the command runs. True when the relay of its terminal has ended before.
    pub fn wait(&mut self, status: Option<Fd>, ready: Option<Fd>, relay: Option<Fd>) -> Outcome<bool> {
        loop {
            let ready = ready.filter(|_| !self.running);
            let seen = match sys::poll([status, Some(self.sandbox), Some(self.arrivals), ready, relay]) {
                Ok(seen) => seen,
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(fault!("poll").errno(errno)),
            };
            let [status, ended, arrived, ready, relay] = seen;
            if ready {
                self.running = true;
                sys::signalfd_change(self.arrivals, self.signals.0).at(|| fault!("signalfd"))?;
            }
            if status || ended {
                return Ok(false);
            }
            if relay {
                return Ok(true);
            }
            if arrived {
                self.take()?;
            }
        }
    }

    /// Deals with one signal.
    fn take(&self) -> Outcome<()> {
        let arrived = match sys::read_signal(self.arrivals) {
            Ok(arrived) => arrived,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(errno) => return Err(fault!("read").errno(errno)),
        };
        if !self.running {
            // Nothing of the command has run, and nothing will.
            sys::pidfd_send_signal(self.sandbox, sys::SIGKILL).at(|| fault!("pidfd_send_signal"))?;
            let _ = sys::retry(|| sys::wait(self.pid));
            sys::exit(128u8.saturating_add(arrived.signal));
        }
        if self.is_theirs_already(arrived) {
            return Ok(());
        }
        let stops = SignalSet::STOPPING.has(arrived.signal);
        let signal = self.stop.filter(|_| stops).unwrap_or(arrived.signal);
        // One that has ended, or is another user by now, goes without.
        let _ = sys::pidfd_send_signal(self.sandbox, signal);
        Ok(())
    }

    /// Whether the sandbox has got it itself: what a key on the terminal raises goes to everybody in the session.
    fn is_theirs_already(&self, arrived: Arrived) -> bool {
        arrived.by_kernel && sys::getsid(self.pid) == sys::getsid(0)
    }
}
