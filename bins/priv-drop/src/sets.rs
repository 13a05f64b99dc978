//! The five capability sets where the plan names them one by one, or changes the user.

use super::{caps, identity};
use common::caps::CapSet;
use common::chain::Passed;
use common::errno::Errno;
use common::fault;
use common::plan::{Attributes, PrivDrop};
use common::report::{At, Outcome};
use common::sys::{self, Caps};

/// All five.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Sets {
    three: Caps,
    bounding: CapSet,
    ambient: CapSet,
}

impl Sets {
    /// Those of this process, as far as `known` goes.
    fn read(known: CapSet) -> Outcome<Sets> {
        let three = sys::capget().at(|| fault!("capget failed"))?;
        let (mut bounding, mut ambient) = (0u64, 0u64);
        for cap in known.iter() {
            let bit = 1 << cap;
            if sys::bounding_has(cap).at(|| fault!("prctl(PR_CAPBSET_READ)"))? {
                bounding |= bit;
            }
            if sys::ambient_has(cap).at(|| fault!("prctl(PR_CAP_AMBIENT)"))? {
                ambient |= bit;
            }
        }
        Ok(Sets { three, bounding: CapSet(bounding), ambient: CapSet(ambient) })
    }
}

/// The capabilities that this kernel knows: from 0 on without a gap.
fn known() -> Outcome<CapSet> {
    let mut bits = 0u64;
    for cap in 0..64 {
        match sys::bounding_has(cap) {
            Ok(_) => bits |= 1 << cap,
            Err(Errno::INVAL) => break,
            // Not that there are no more: those not known would be neither dropped nor looked for.
            Err(errno) => return Err(fault!("prctl(PR_CAPBSET_READ)").errno(errno)),
        }
    }
    Ok(CapSet(bits))
}

/// Changes limits, ids and sets: all for which capabilities are needed. `passed` says whose the process is, `strict` is as
/// in [`caps::drop`].
pub fn apply(
    frame: &PrivDrop<'static>,
    attributes: &Attributes<'static>,
    passed: &Passed,
    strict: bool,
) -> Outcome<()> {
    identity::limit(attributes.rlimits)?;
    let known = known()?;
    let before = Sets::read(known)?;
    let was_root = has_root()?;
    let changes_user = attributes.ruid.is_some() || attributes.euid.is_some();
    // ORDER: around the change of user, which would take from root what the sets are to keep.
    if changes_user {
        sys::set_keepcaps(true).at(|| fault!("prctl(PR_SET_KEEPCAPS)"))?;
    }
    identity::change(attributes)?;
    if changes_user {
        sys::set_keepcaps(false).at(|| fault!("prctl(PR_SET_KEEPCAPS)"))?;
    }
    if strict {
        caps::check_named(frame.cap_add, before.three.permitted)?;
    }
    let after = expected(frame, attributes, passed, before, was_root && !has_root()?, known)?;
    // The change of user has emptied the effective set, and an inheritable capability may come from the bounding
    // set only as long as that has it.
    let held = Caps { inheritable: after.three.inheritable, ..raised(before.three) };
    sys::capset(held).at(|| fault!("capset failed"))?;
    for cap in known.without(after.ambient).iter() {
        sys::ambient_lower(cap).at(|| fault!("Dropping ambient capability ", cap))?;
    }
    for cap in after.ambient.iter() {
        sys::ambient_raise(cap).at(|| fault!("Adding ambient capability ", cap))?;
    }
    for cap in before.bounding.without(after.bounding).iter() {
        sys::bounding_drop(cap).at(|| fault!("Dropping capability ", cap, " from bounds"))?;
    }
    change_securebits(attributes)?;
    sys::capset(after.three).at(|| fault!("capset failed"))?;
    // Read back: a call that did nothing would leave the command with more than it is to have.
    if Sets::read(known)? != after {
        return Err(fault!("The capabilities are not what they were set to"));
    }
    Ok(())
}

/// Whether one of the user ids is root's: what the kernel asks when a user changes (capabilities(7), "Effect of user
/// ID changes on capabilities").
fn has_root() -> Outcome<bool> {
    let ids = sys::getresuid().at(|| fault!("getresuid"))?;
    Ok([ids.real, ids.effective, ids.saved].contains(&0))
}

/// All that is permitted, effective.
fn raised(caps: Caps) -> Caps {
    Caps { effective: caps.permitted, ..caps }
}

/// What the sets are to be: what they would be without their options, changed by these.
fn expected(
    frame: &PrivDrop<'static>,
    attributes: &Attributes<'static>,
    passed: &Passed,
    before: Sets,
    left_root: bool,
    known: CapSet,
) -> Outcome<Sets> {
    let none = CapSet::EMPTY;
    caps::check_named(attributes.permitted.add, before.three.permitted)?;
    let mut sets = before;
    match caps::kept(frame, passed, before.three.permitted, left_root) {
        // Root who asks for nothing; when he has become somebody else, with what is left then.
        None if left_root => {
            sets.three = Caps { effective: none, permitted: none, ..before.three };
            sets.ambient = none;
        }
        None => {}
        Some(kept) => {
            sets.three = Caps { effective: kept.held, permitted: kept.held, inheritable: kept.inheritable };
            sets.ambient = kept.inheritable;
            sets.bounding =
                kept.bounding.map_or(before.bounding, |bounding| bounding.intersection(before.bounding));
        }
    }
    let change = |change: common::plan::CapChange, set: CapSet| {
        let all = change.add == CapSet::ALL;
        (change.of(set).intersection(known), all)
    };
    let (bounding, all) = change(attributes.bounding, sets.bounding);
    sets.bounding = if all { bounding.intersection(before.bounding) } else { bounding };
    if let Some(cap) = sets.bounding.without(before.bounding).iter().next() {
        return Err(fault!("Capability ", cap, " is not in the bounding set, to which nothing can be added"));
    }
    let (inheritable, all) = change(attributes.inheritable, sets.three.inheritable);
    let possible = before.three.inheritable.union(before.bounding);
    sets.three.inheritable = if all { inheritable.intersection(possible) } else { inheritable };
    let (ambient, all) = change(attributes.ambient, sets.ambient.intersection(sets.three.inheritable));
    // "+all" is all there is to add; one that is named and cannot be added is for the kernel to refuse.
    sets.ambient = if all {
        ambient.intersection(before.three.permitted).intersection(sets.three.inheritable)
    } else {
        ambient
    };
    let wanted = sets.three.permitted.union(sets.ambient);
    let (permitted, _) = change(attributes.permitted, wanted);
    sets.three.permitted = permitted.intersection(before.three.permitted);
    // Nothing is ambient that is not permitted.
    sets.ambient = sets.ambient.intersection(permitted);
    caps::check_named(attributes.effective.add, sets.three.permitted)?;
    let (effective, _) = change(attributes.effective, sets.three.effective.union(sets.ambient));
    sets.three.effective = effective.intersection(sets.three.permitted);
    Ok(sets)
}

fn change_securebits(attributes: &Attributes<'static>) -> Outcome<()> {
    if attributes.securebits_drop == 0 && attributes.securebits_add == 0 {
        return Ok(());
    }
    let fault = || fault!("prctl(PR_SET_SECUREBITS)");
    let old = sys::securebits().at(fault)?;
    let new = old & !attributes.securebits_drop | attributes.securebits_add;
    sys::set_securebits(new).at(fault)?;
    if sys::securebits() != Ok(new) {
        return Err(fault());
    }
    Ok(())
}
