//! What follows from a plan as a whole: which namespaces are shared, who is process 1, what of the host is seen.

use crate::document::Document;
use crate::tree::Tree;
use crate::tree::normal;
use crate::words::{NAMESPACES, quoted};
use common::plan::{JoinNs, NsEnter, UserNs};
use common::sys::clone_flags as flags;

/// How a namespace of the command stands to the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// A new one.
    New,
    /// A new one if the host can, else the caller's.
    Try,
    /// One that a descriptor or a path stands for. It may be the host's; where that is certain it counts as shared.
    Joined,
    /// The caller's own.
    Shared,
}

/// What a namespace that is joined is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// This descriptor is open on it.
    Descriptor(i32),
    /// This path of the host leads to it.
    Path(&'static [u8]),
}

impl Source {
    /// In words.
    pub fn words(self) -> String {
        match self {
            Source::Descriptor(fd) => format!("descriptor {fd}"),
            Source::Path(path) => quoted(path),
        }
    }

    /// Whether it is the caller's own namespace for certain, or that of the host's process 1: all others are whatever
    /// the host has at the launch.
    pub fn is_host(self) -> bool {
        let Source::Path(path) = self else { return false };
        let path = normal(path);
        let callers: [&[u8]; 3] = [b"/proc/self/", b"/proc/thread-self/", b"/proc/1/"];
        path.starts_with(b"/proc/self/task/")
            || callers.iter().any(|dir| path.strip_prefix(*dir).is_some_and(|rest| rest.starts_with(b"ns/")))
    }
}

/// What follows from a plan.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Each namespace by its name in `/proc/PID/ns`, and how it stands to the caller's.
    pub namespaces: Vec<(&'static str, Share)>,
    /// Those that are joined, and no new one made from there, by what.
    pub joined: Vec<(&'static str, Source)>,
    /// Whether there is a new PID namespace for certain.
    pub own_pids: bool,
    /// Whether the network namespace is not the caller's.
    pub own_network: bool,
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
        let joined = frame.map(joined).unwrap_or_default();
        let source = |name| joined.iter().find(|(joined, _)| *joined == name).map(|(_, source)| *source);
        let mut namespaces = vec![("user", user(frame, source("user")))];
        for (name, flag) in NAMESPACES {
            let share = match (name, frame) {
                _ if has(flag) => Share::New,
                ("cgroup", Some(frame)) if frame.cgroup_try => Share::Try,
                _ => share_of(source(name)),
            };
            namespaces.push((name, share));
        }
        let own_network = namespaces.iter().any(|(name, share)| *name == "net" && *share != Share::Shared);
        let tree = document
            .fs_build
            .as_ref()
            .map_or_else(Tree::of_host, |frame| Tree::of(frame, own_pids, own_network));
        Facts { namespaces, joined, own_pids, own_network, has_reaper: document.init_reaper.is_some(), tree }
    }

    /// How the namespace of this name stands to the caller's.
    pub fn share(&self, name: &str) -> Share {
        self.namespaces.iter().find(|(known, _)| *known == name).map_or(Share::Shared, |(_, share)| *share)
    }

    /// By what the namespace of this name is joined.
    pub fn source(&self, name: &str) -> Option<Source> {
        self.joined.iter().find(|(joined, _)| *joined == name).map(|(_, source)| *source)
    }

    /// The names of the namespaces that stand so to the caller's.
    pub fn names(&self, share: Share) -> Vec<&'static str> {
        self.namespaces.iter().filter(|(_, found)| *found == share).map(|(name, _)| *name).collect()
    }
}

/// The namespaces that the command is in by joining them: each option's, but for those of which it makes a new one then.
fn joined(frame: &NsEnter<'static>) -> Vec<(&'static str, Source)> {
    let descriptor =
        |name, fd: Option<common::plan::FdNumber>| fd.map(|fd| (name, Source::Descriptor(fd.fd().0)));
    let all = frame.extra.into_iter().flat_map(|extra| extra.join.iter()).map(|join| match join {
        JoinNs::Fd { kind, fd } => (kind.name(), Source::Descriptor(fd.fd().0)),
        JoinNs::Path { kind, path } => (kind.name(), Source::Path(path.bytes())),
    });
    let flag = |name: &str| NAMESPACES.iter().find(|(known, _)| *known == name).map(|(_, flag)| *flag);
    all.chain(descriptor("user", frame.userns_fd))
        .chain(descriptor("pid", frame.pidns_fd))
        .filter(|(name, _)| !flag(name).is_some_and(|flag| frame.namespaces.has(flag)))
        .collect()
}

fn share_of(source: Option<Source>) -> Share {
    match source {
        Some(source) if !source.is_host() => Share::Joined,
        _ => Share::Shared,
    }
}

/// The user namespace. An ordinary user has a new one for `UnlessRoot`; root keeps his.
fn user(frame: Option<&NsEnter<'static>>, source: Option<Source>) -> Share {
    match frame.map_or(UserNs::Keep, |frame| frame.user) {
        UserNs::Keep => share_of(source),
        UserNs::UnlessRoot | UserNs::Try => Share::Try,
        UserNs::New => Share::New,
    }
}
