//! What the process belongs to and what it leaves behind: keyring, session, mask, parent.

use common::errno::Errno;
use common::fault;
use common::plan::Attributes;
use common::report::{At, Outcome};
use common::sys::{self, Forked};

/// A session keyring of its own and the file mode mask. The keyring belongs to whom the ids say, so it comes after
/// them.
pub fn belong(attributes: &Attributes<'static>) -> Outcome<()> {
    if attributes.keyring {
        let fault = || fault!("keyctl(KEYCTL_JOIN_SESSION_KEYRING)");
        let new = sys::new_session_keyring().at(fault)?;
        // Read back: the caller's keys would still be the command's.
        if new <= 0 || sys::session_keyring() != Ok(new) {
            return Err(fault());
        }
    }
    if let Some(mask) = attributes.umask {
        let fault = || fault!("umask");
        sys::umask(mask.bits()).at(fault)?;
        // There is no other way to ask.
        if sys::umask(mask.bits()) != Ok(mask.bits()) {
            return Err(fault());
        }
    }
    Ok(())
}

/// A session without the caller's terminal. Whoever leads a process group cannot make one; `may_fork` is for a
/// command that a shell has started as a job of its own: then a child goes on, and this process waits for it.
pub fn lead(may_fork: bool) -> Outcome<()> {
    match new() {
        Ok(()) => Ok(()),
        Err(Errno::PERM) if may_fork => lead_in_a_child(),
        Err(errno) => Err(fault!("setsid").errno(errno)),
    }
}

/// A new session, read back: still in its caller's, the command could type into the caller's terminal.
fn new() -> sys::Result<()> {
    let session = sys::setsid()?;
    if session > 0 && sys::getsid(0)? == session { Ok(()) } else { Err(Errno::IO) }
}

fn lead_in_a_child() -> Outcome<()> {
    // A caller who ignores the signal would have the kernel reap the child before it can be asked.
    sys::default_sigchld().at(|| fault!("sigaction"))?;
    match sys::fork_into(0).at(|| fault!("Can't fork for setsid"))? {
        Forked::Child => new().at(|| fault!("setsid")),
        Forked::Parent(child) => {
            // All is given up already, and nothing that is open is this side's any more.
            sys::close_range(3, u32::MAX).at(|| fault!("close_range"))?;
            let (_, status) = sys::retry(|| sys::wait(child)).at(|| fault!("wait"))?;
            sys::exit(status.shell())
        }
    }
}

/// The signal for when the parent ends; changes of credentials clear it, so it comes after them.
pub fn die_with_parent(signal: u32) -> Outcome<()> {
    let fault = || fault!("prctl(PR_SET_PDEATHSIG)");
    let signal = u8::try_from(signal).map_err(|_| fault().errno(Errno::INVAL))?;
    sys::set_pdeathsig(signal).at(fault)
}
