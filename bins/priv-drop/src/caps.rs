//! The five capability sets, brought down to what the command is to have.

use common::caps::CapSet;
use common::chain::Passed;
use common::errno::Errno;
use common::fault;
use common::plan::PrivDrop;
use common::report::{At, Outcome};
use common::sys::{self, Caps};

/// What is kept.
pub struct Kept {
    /// Permitted and effective.
    pub held: CapSet,
    /// Inheritable and ambient.
    pub inheritable: CapSet,
    /// The bounding set, where it is cut.
    pub bounding: Option<CapSet>,
}

/// What of `permitted` the command keeps; `None` when nothing changes. `left_root` is a caller who was root and has
/// become somebody else.
///
/// A caller who is root and asks for nothing keeps his own, as under bubblewrap: the kernel gives them to him at
/// each exec. Everybody else keeps exactly what `--cap-add` names, as far as there is any of it to keep.
pub fn kept(frame: &PrivDrop, passed: &Passed, permitted: CapSet, left_root: bool) -> Option<Kept> {
    let asked = !frame.cap_add.is_empty() || !frame.cap_drop.is_empty();
    if passed.caps.is_some() && !asked && passed.own_userns.is_none() {
        return None;
    }
    // DIFFERS: bubblewrap asks for all of it, ignores that the kernel refuses, and drops nothing then.
    let callers = passed.caps.filter(|_| !left_root).unwrap_or(CapSet::EMPTY);
    let wanted = callers.without(frame.cap_drop).union(frame.cap_add);
    let held = wanted.intersection(permitted);
    // Without no_new_privs root's next exec would give back what the bounding set has.
    let cut = passed.own_userns.is_some() || frame.allow_new_privs && asked;
    Some(Kept {
        held,
        inheritable: if passed.caps.is_some() && !asked { CapSet::EMPTY } else { held },
        bounding: cut.then_some(wanted),
    })
}

/// Refuses what is `named` to be added and is not `permitted`. "all" is what there is to add.
pub fn check_named(named: CapSet, permitted: CapSet) -> Outcome<()> {
    // Only "all" has the last one, which no kernel knows.
    let missing = named.without(permitted).iter().next().filter(|_| !named.has(63));
    match missing {
        Some(cap) => Err(fault!("Can't add capability ", cap, ", which is not permitted")),
        None => Ok(()),
    }
}

/// Drops all capabilities but those asked for. Behind `bwrap` one that is named and not there is left out, as bubblewrap
/// has it; whoever runs this stage himself, `strict`, is told.
pub fn drop(frame: &PrivDrop, passed: &Passed, strict: bool) -> Outcome<()> {
    // The first call decides only whether there is anything to do.
    if kept(frame, passed, CapSet::EMPTY, false).is_none() {
        return Ok(());
    }
    sys::ambient_clear().at(|| fault!("prctl(PR_CAP_AMBIENT)"))?;
    let permitted = sys::capget().at(|| fault!("capget failed"))?.permitted;
    let Some(kept) = kept(frame, passed, permitted, false) else { return Ok(()) };
    if strict {
        check_named(frame.cap_add, permitted)?;
    }
    if let Some(wanted) = kept.bounding {
        // ORDER: before capset, since CAP_SETPCAP is needed.
        bound(wanted)?;
        if frame.allow_new_privs {
            verify_bound(wanted)?;
        }
    }
    let caps = Caps { effective: kept.held, permitted: kept.held, inheritable: kept.inheritable };
    sys::capset(caps).at(|| fault!("capset failed"))?;
    // Read back: a call that did nothing would leave the command with everything.
    if sys::capget() != Ok(caps) {
        return Err(fault!("capset failed"));
    }
    for cap in kept.inheritable.iter() {
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

/// Reads the bounding set back, where it is what keeps an exec from giving back capabilities: under `no_new_privs` none
/// does, and forty calls are saved.
fn verify_bound(keep: CapSet) -> Outcome<()> {
    let mut known = (0..64).map_while(|cap| sys::bounding_has(cap).ok().map(|has| (cap, has)));
    match known.find(|(cap, has)| *has && !keep.has(*cap)) {
        Some((cap, _)) => Err(fault!("Dropping capability ", cap, " from bounds")),
        None => Ok(()),
    }
}
