//! What the command may do at the end, as far as the plan alone tells.

use super::facts::{Facts, Share};
use crate::document::Document;
use crate::words::capabilities;
use common::caps::CapSet;
use common::plan::{IdRange, NsEnter, PrivDrop, SecondUserNs};

/// Capabilities of the command, launched by an ordinary user. They hold in the user namespace that it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// These.
    Set(CapSet),
    /// All, if its user id in the user namespace is 0, which the plan does not tell; else these.
    AllIfRoot(CapSet),
}

impl Held {
    /// In words.
    pub fn words(self) -> String {
        match self {
            Held::Set(set) => capabilities(set),
            Held::AllIfRoot(set) => {
                format!("all capabilities if its user id there is 0, else {}", capabilities(set))
            }
        }
    }

    /// Whether it is none for certain.
    pub fn is_none(self) -> bool {
        self == Held::Set(CapSet::EMPTY)
    }
}

/// Whether the user id in the user namespace is 0; `None` if the plan does not tell.
pub fn is_root_inside(frame: &NsEnter<'static>, facts: &Facts) -> Option<bool> {
    let maps = frame.extra.is_some_and(|extra| !extra.uid_map.is_empty());
    match (frame.uid, facts.share("user")) {
        (_, Share::Shared) => Some(false),
        (Some(id), _) => Some(id == 0),
        (None, Share::Joined) => None,
        (None, _) if frame.userns_block_fd.is_some() => None,
        (None, _) if maps => {
            let ranges = frame.extra.into_iter().flat_map(|extra| extra.uid_map.iter());
            let has_0 = |range| !matches!(range, IdRange::Range { inner: 1.., .. });
            // Whether that is the caller's own, the host tells.
            if ranges.into_iter().any(has_0) { None } else { Some(false) }
        }
        // The caller's own id, an ordinary user's.
        (None, _) => Some(false),
    }
}

/// What goes over the exec of ns-enter in a new user namespace. Who is root there keeps all; a second user namespace is
/// made from one that maps root.
pub fn over_the_exec(frame: &NsEnter<'static>, facts: &Facts) -> Held {
    match is_root_inside(frame, facts) {
        Some(true) => Held::Set(CapSet::ALL),
        Some(false) if frame.second == SecondUserNs::No => Held::Set(frame.raise),
        None if frame.raise != CapSet::ALL => Held::AllIfRoot(frame.raise),
        _ => Held::Set(frame.raise),
    }
}

/// What the command of an ordinary user has.
pub fn held(document: &Document, facts: &Facts) -> Held {
    let frame = document.ns_enter.as_ref().filter(|_| facts.share("user") != Share::Shared);
    let Some(drop) = document.priv_drop else {
        let Some(frame) = frame else { return Held::Set(CapSet::EMPTY) };
        let kept = if document.command.drop_ambient { CapSet::EMPTY } else { frame.raise };
        return match is_root_inside(frame, facts) {
            Some(true) => Held::Set(CapSet::ALL),
            Some(false) => Held::Set(kept),
            None if kept == CapSet::ALL => Held::Set(kept),
            None => Held::AllIfRoot(kept),
        };
    };
    let possible = permitted(frame, &drop, facts);
    let added = drop.cap_add.intersection(possible);
    // priv-drop's order: all three are what --cap-add names, then each is changed by its option.
    let Some(attributes) = drop.attributes else { return Held::Set(added) };
    let inheritable = attributes.inheritable.of(added);
    let ambient = attributes.ambient.of(added.intersection(inheritable)).intersection(inheritable);
    let permitted = attributes.permitted.of(added.union(ambient)).intersection(possible);
    let inside = frame.map_or(Some(false), |frame| is_root_inside(frame, facts));
    let is_root = |id: Option<u32>| id.map_or(inside != Some(false), |id| id == 0);
    if frame.is_some() && (is_root(attributes.ruid) || is_root(attributes.euid)) {
        // What is permitted before it root's exec does not ask for: he gets what is inheritable and what the bounding set
        // has, which in a user namespace is cut to what is added.
        return Held::Set(inheritable.union(attributes.bounding.of(drop.cap_add)));
    }
    // Of what is permitted, an exec leaves one who is not root what is ambient.
    Held::Set(ambient.intersection(permitted))
}

/// What priv-drop has to give of in the user namespace that it leaves the command in: nothing where that is the caller's.
fn permitted(frame: Option<&NsEnter<'static>>, drop: &PrivDrop<'static>, facts: &Facts) -> CapSet {
    let Some(frame) = frame else {
        return if drop.userns2_fd.is_some() { CapSet::ALL } else { CapSet::EMPTY };
    };
    // Who enters one of his own, or may enter another's, has all over it.
    let has_second = frame.second != SecondUserNs::No && frame.userns_block_fd.is_none();
    match over_the_exec(frame, facts) {
        Held::Set(set) if !has_second && drop.userns2_fd.is_none() => set,
        _ => CapSet::ALL,
    }
}
