//! The five capability sets, brought down to what the command is to have.

use common::caps::CapSet;
use common::chain::Passed;
use common::errno::Errno;
use common::fault;
use common::plan::PrivDrop;
use common::report::{At, Outcome};
use common::sys::{self, Caps};

/// Drops all capabilities but those asked for.
///
/// A caller who is root and asks for nothing keeps his own, as under bubblewrap: the kernel gives them to him at
/// each exec. Everybody else keeps exactly what `--cap-add` names, as far as there is any of it to keep.
pub fn drop(frame: &PrivDrop, passed: &Passed) -> Outcome<()> {
    let asked = !frame.cap_add.is_empty() || !frame.cap_drop.is_empty();
    if passed.caps.is_some() && !asked && passed.own_userns.is_none() {
        return Ok(());
    }
    sys::ambient_clear().at(|| fault!("prctl(PR_CAP_AMBIENT)"))?;
    let held = sys::capget().at(|| fault!("capget failed"))?.permitted;
    // DIFFERS: bubblewrap asks for all of it, ignores that the kernel refuses, and drops nothing then.
    let callers = passed.caps.unwrap_or(CapSet::EMPTY);
    let wanted = callers.without(frame.cap_drop).union(frame.cap_add);
    let keep = wanted.intersection(held);
    if passed.own_userns.is_some() {
        // ORDER: before capset, since CAP_SETPCAP is needed.
        bound(wanted)?;
    }
    let inheritable = if passed.caps.is_some() && !asked { CapSet::EMPTY } else { keep };
    let caps = Caps { effective: keep, permitted: keep, inheritable };
    sys::capset(caps).at(|| fault!("capset failed"))?;
    // Read back: a call that did nothing would leave the command with everything.
    if sys::capget() != Ok(caps) {
        return Err(fault!("capset failed"));
    }
    for cap in inheritable.iter() {
        sys::ambient_raise(cap).at(|| fault!("Adding ambient capability ", cap))?;
    }
    Ok(())
}

/// Takes everything but `keep` out of the bounding set.
fn bound(keep: CapSet) -> Outcome<()> {
    for cap in (0..64).filter(|cap| !keep.has(*cap)) {
        match sys::bounding_drop(cap) {
            Ok(()) => {}
            // Beyond the last that this kernel knows.
            Err(Errno::INVAL) if sys::bounding_has(cap).is_err() => break,
            Err(errno) => return Err(fault!("Dropping capability ", cap, " from bounds").errno(errno)),
        }
    }
    Ok(())
}
