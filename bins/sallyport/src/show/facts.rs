//! What follows from a plan as a whole: which namespaces are shared, who is process 1, what of the host is seen.

use crate::document::Document;
use crate::tree::Tree;
use crate::words::NAMESPACES;
use common::plan::{NsEnter, NsKind, UserNs};
use common::sys::clone_flags as flags;

/// How a namespace of the command stands to the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// A new one.
    New,
    /// A new one if the host can, else the caller's.
    Try,
    /// One that a descriptor stands for.
    Joined,
    /// The caller's own.
    Shared,
}

/// What follows from a plan.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Each namespace by its name in `/proc/PID/ns`, and how it stands to the caller's.
    pub namespaces: Vec<(&'static str, Share)>,
    /// Whether there is a new PID namespace for certain.
    pub own_pids: bool,
    /// Whether init-reaper stands between.
    pub has_reaper: bool,
    /// The mount tree.
    pub tree: Tree,
}

impl Facts {
    /// Those of `document`.
    pub fn of(document: &Document) -> Facts {
        let frame = document.ns_enter.as_ref();
        let has = |flag| frame.is_some_and(|frame| frame.namespaces.has(flag));
        let own_pids = has(flags::NEWPID);
        let joins = |flag| {
            let extra = frame.and_then(|frame| frame.extra);
            extra.is_some_and(|extra| extra.join.iter().any(|join| join.kind().flag() == flag))
        };
        let mut namespaces = vec![("user", user(frame))];
        for (name, flag) in NAMESPACES {
            let share = match (name, frame) {
                _ if has(flag) => Share::New,
                ("cgroup", Some(frame)) if frame.cgroup_try => Share::Try,
                ("pid", Some(frame)) if frame.pidns_fd.is_some() => Share::Joined,
                _ if joins(flag) => Share::Joined,
                _ => Share::Shared,
            };
            namespaces.push((name, share));
        }
        let tree = document.fs_build.as_ref().map_or_else(Tree::of_host, |frame| Tree::of(frame, own_pids));
        Facts { namespaces, own_pids, has_reaper: document.init_reaper.is_some(), tree }
    }

    /// How the namespace of this name stands to the caller's.
    pub fn share(&self, name: &str) -> Share {
        self.namespaces.iter().find(|(known, _)| *known == name).map_or(Share::Shared, |(_, share)| *share)
    }

    /// The names of the namespaces that stand so to the caller's.
    pub fn names(&self, share: Share) -> Vec<&'static str> {
        self.namespaces.iter().filter(|(_, found)| *found == share).map(|(name, _)| *name).collect()
    }
}

/// The user namespace. An ordinary user has a new one for `UnlessRoot`; root keeps his.
fn user(frame: Option<&NsEnter<'static>>) -> Share {
    let Some(frame) = frame else { return Share::Shared };
    let joins = frame.extra.is_some_and(|extra| extra.join.iter().any(|join| join.kind() == NsKind::User));
    match frame.user {
        UserNs::Keep if joins => Share::Joined,
        UserNs::Keep if frame.userns_fd.is_some() => Share::Joined,
        UserNs::Keep => Share::Shared,
        UserNs::UnlessRoot | UserNs::Try => Share::Try,
        UserNs::New => Share::New,
    }
}
