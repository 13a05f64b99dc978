//! Pid 1's life: no capability, the command's filters, one call to wait.

use super::hold::{self, Locks};
use common::caps::CapSet;
use common::chain::Chain;
use common::errno::Errno;
use common::fault;
use common::plan::InitReaper;
use common::report::{At, Outcome};
use common::seccomp;
use common::sys::{self, Caps, OwnedFd};
use core::convert::Infallible;

/// Reaps until nobody is left, then ends with the command's status. A fault ends the command as well: in its PID
/// namespace by the kernel, elsewhere by this process.
pub fn run(
    chain: &Chain,
    frame: &InitReaper<'static>,
    locks: &Locks,
    command: i32,
    go: OwnedFd,
) -> Outcome<Infallible> {
    restrict(chain, frame, locks, &go).inspect_err(|_| {
        // ORDER: before `go` is closed. It waits for that, so nothing of it has run.
        sys::kill(command).ok();
    })?;
    // The command's go. Its filters, which this process wears now, may deny close(2), or write(2).
    let go = go.leak();
    if sys::close(go).is_err() {
        let _ = sys::retry(|| sys::write(go, b"\0"));
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
fn restrict(chain: &Chain, frame: &InitReaper<'static>, locks: &Locks, go: &OwnedFd) -> Outcome<()> {
    hold::close_in_reaper(chain, frame, locks, go.fd())?;
    let none = Caps { effective: CapSet::EMPTY, permitted: CapSet::EMPTY, inheritable: CapSet::EMPTY };
    sys::capset(none).at(|| fault!("capset failed"))?;
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
