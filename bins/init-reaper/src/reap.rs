//! Pid 1's life: no capability, the command's filters, one call to wait.

use super::control::Controller;
use super::hold::{self, Locks};
use common::chain::Chain;
use common::errno::Errno;
use common::fault;
use common::plan::InitReaper;
use common::report::{At, Outcome};
use common::seccomp;
use common::sys::{self, Fd, OwnedFd};
use core::convert::Infallible;
use core::sync::atomic::{AtomicU32, Ordering};

/// The command's process, which still waits for its go.
pub struct Command {
    /// Its number.
    pub pid: i32,
    /// Whether it has its place at the terminal.
    pub placed: Outcome<()>,
    /// What is done for it beside waiting.
    pub control: Option<Controller>,
    /// Says to it that this process is as confined as it will be: 1 by then. Its filters may end it before it can tell.
    pub is_confined: &'static AtomicU32,
    /// Closed, this lets it go.
    pub go: OwnedFd,
}

/// Reaps until nobody is left, then ends with the command's status. A fault ends the command as well: in its PID
/// namespace by the kernel, elsewhere by this process.
pub fn run(
    chain: &Chain,
    frame: &InitReaper<'static>,
    locks: &Locks,
    command: Command,
) -> Outcome<Infallible> {
    let Command { pid: command, placed, control, is_confined, go } = command;
    let children = control.as_ref().and_then(|control| control.left.children);
    placed.and_then(|()| restrict(chain, frame, locks, [Some(go.fd()), children])).inspect_err(|_| {
        // ORDER: before `go` is closed. It waits for that, so nothing of it has run.
        sys::kill(command).ok();
    })?;
    // ORDER: before `go` is closed. The death of this process closes it as well.
    is_confined.store(1, Ordering::Release);
    // The command's go. Its filters, which this process wears now, may deny close(2), or write(2).
    let go = go.leak();
    if sys::close(go).is_err() {
        let _ = sys::retry(|| sys::write(go, b"\0"));
    }
    if let Some(control) = control {
        sys::exit(control.run(command, |code| report(chain, code))?);
    }
    let mut code = 0;
    loop {
        match sys::wait(-1) {
            Ok((pid, status)) if pid == command => {
                code = status.shell();
                report(chain, code);
            }
            Ok(_) | Err(Errno::INTR) => {}
            // Nobody is left.
            Err(Errno::CHILD) => sys::exit(code),
            Err(errno) => return Err(fault!("init wait()").errno(errno)),
        }
    }
}

/// Gives up what the command does not have either, before the command can look: it could trace this process if
/// this one were less confined (bubblewrap's promise for --seccomp).
fn restrict(chain: &Chain, frame: &InitReaper<'static>, locks: &Locks, kept: [Option<Fd>; 2]) -> Outcome<()> {
    hold::close_in_reaper(chain, frame, locks, kept)?;
    sys::capset_none().at(|| fault!("capset failed"))?;
    seccomp::apply(&chain.plan)
}

/// Tells the monitor how the command ended.
fn report(chain: &Chain, code: u8) {
    if let Some(status) = chain.passed.status {
        // A monitor that was killed reads no more; there is nobody else to tell.
        let _ = sys::retry(|| sys::write(status, &[code]));
        let _ = sys::close(status);
    }
}
