//! The mount tree that a plan makes, as far as the plan alone tells: what is where, what comes from the host, what
//! hides what.
//!
//! Paths go through the symbolic links that the plan makes, as they do at the launch. One of the host that leads
//! elsewhere is not known here.

use common::plan::{Access, FsBuild, MountOp};
use common::text::Path;

/// Where the contents of a mount come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This path of the host; one that is relative is looked up from the directory of the launch.
    Host(&'static [u8]),
    /// Whatever this descriptor has open.
    Descriptor(i32),
    /// The sandbox's own, empty or made from data.
    Own,
}

impl Origin {
    /// The path of the host, normal. None that is relative: where that leads only the launch tells.
    pub fn host_path(self) -> Option<Vec<u8>> {
        match self {
            Origin::Host(path) if path.starts_with(b"/") => Some(normal(path)),
            _ => None,
        }
    }
}

/// What an operation puts somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A mount, under which everything that was there is out of reach.
    Mount,
    /// A directory, file or link in what is there.
    Entry,
}

/// One operation's place in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which operation, counted from 0.
    pub index: usize,
    /// Where: absolute, without `.`, `..` and double slashes, behind all links that the plan had made by then.
    pub dest: Vec<u8>,
    /// Mount or entry.
    pub kind: Kind,
    /// Where it comes from.
    pub origin: Origin,
    /// Whether what is written goes to the host.
    pub writable: bool,
    /// Whether the mount itself was made read-only after all. What was mounted below it on the host came along with the
    /// bind, and stays writable.
    pub remounted: bool,
    /// Whether device nodes work there.
    pub devices: bool,
    /// Whether it is a mount that is empty at first.
    pub empty: bool,
    /// Where it leads, if it is a symbolic link.
    pub target: Option<&'static [u8]>,
    /// Whether it may be missing.
    pub optional: bool,
    /// The later operation that hides it.
    pub hidden_by: Option<usize>,
}

/// The tree.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// One place an operation, but for those that only change what is there.
    pub places: Vec<Place>,
}

/// `path` from the root on, `.` and `..` resolved as if there were no symbolic links.
pub fn normal(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let joined = parts.join(&b'/');
    [b"/", &joined[..]].concat()
}

/// What is left of `path` below `dir`: empty if it is `dir` itself, else with a slash in front. Both are normal.
pub fn below<'p>(path: &'p [u8], dir: &[u8]) -> Option<&'p [u8]> {
    if dir == b"/" {
        return Some(if path == b"/" { b"" } else { path });
    }
    let rest = path.strip_prefix(dir)?;
    if rest.is_empty() || rest.starts_with(b"/") { Some(rest) } else { None }
}

/// `dir` and what [`below`] said of something in it.
pub fn joined(dir: &[u8], rest: &[u8]) -> Vec<u8> {
    match (dir, rest) {
        (b"/", b"") => b"/".to_vec(),
        (b"/", rest) => rest.to_vec(),
        (dir, rest) => [dir, rest].concat(),
    }
}

impl Tree {
    /// The tree of these operations; `own_pids` if procfs can be the sandbox's own, `own_network` if sysfs can.
    pub fn of(frame: &FsBuild<'static>, own_pids: bool, own_network: bool) -> Tree {
        let mut tree = Tree::default();
        let mut layers: Vec<&'static [u8]> = Vec::new();
        for (index, op) in frame.ops.iter().enumerate() {
            match op {
                MountOp::Bind { source, dest, access, allow_missing } => {
                    let bind = Place { optional: allow_missing, ..bind(index, tree.at(dest), access) };
                    tree.add(Place { origin: Origin::Host(source.bytes()), ..bind });
                }
                MountOp::BindFd { fd, dest, access } => {
                    let origin = Origin::Descriptor(fd.fd().0);
                    tree.add(Place { origin, ..bind(index, tree.at(dest), access) });
                }
                MountOp::OverlaySrc { source } => layers.push(source.bytes()),
                MountOp::Overlay { upper, work: _, dest } => {
                    // ORDER: looked up once, before what the overlay hides is gone, links among it.
                    let dest = tree.at(dest);
                    tree.overlay(index, &mut layers, &dest);
                    let origin = Origin::Host(upper.bytes());
                    tree.push(Place { origin, writable: true, ..own(index, dest, Kind::Mount) });
                }
                MountOp::TmpOverlay { dest } | MountOp::RoOverlay { dest } => {
                    let dest = tree.at(dest);
                    tree.overlay(index, &mut layers, &dest);
                }
                MountOp::Proc { dest } => {
                    let origin = if own_pids { Origin::Own } else { Origin::Host(b"/proc") };
                    tree.add(Place { origin, ..own(index, tree.at(dest), Kind::Mount) });
                }
                MountOp::Tmpfs { dest, .. } => {
                    tree.add(Place { empty: true, ..own(index, tree.at(dest), Kind::Mount) });
                }
                MountOp::Sys { dest } => {
                    let origin = if own_network { Origin::Own } else { Origin::Host(b"/sys") };
                    tree.add(Place { origin, ..own(index, tree.at(dest), Kind::Mount) });
                }
                MountOp::Dev { dest } | MountOp::Mqueue { dest } | MountOp::Cgroup { dest } => {
                    tree.add(own(index, tree.at(dest), Kind::Mount));
                }
                MountOp::BindData { dest, .. } => tree.add(own(index, tree.at(dest), Kind::Mount)),
                MountOp::Dir { dest, .. } | MountOp::File { dest, .. } => {
                    tree.add(own(index, tree.at(dest), Kind::Entry));
                }
                MountOp::Symlink { target, dest } => {
                    let target = Some(target.bytes());
                    let dest = tree.entry_at(dest.bytes());
                    tree.add(Place { target, ..own(index, dest, Kind::Entry) });
                }
                MountOp::RemountRo { dest } => {
                    let is_overlay = |at| matches!(frame.ops.iter().nth(at), Some(MountOp::Overlay { .. }));
                    tree.remount_ro(&tree.at(dest), is_overlay);
                }
                MountOp::Chmod { .. } => {}
            }
        }
        tree
    }

    /// The tree of a launch without fs-build: the host's.
    pub fn of_host() -> Tree {
        let root = Place {
            origin: Origin::Host(b"/"),
            writable: true,
            devices: true,
            ..own(0, b"/".to_vec(), Kind::Mount)
        };
        Tree { places: vec![root] }
    }

    /// The layers of an overlay, all seen at its place, none written to.
    fn overlay(&mut self, index: usize, layers: &mut Vec<&'static [u8]>, dest: &[u8]) {
        self.hide(dest, index);
        for layer in layers.drain(..) {
            self.push(Place { origin: Origin::Host(layer), ..own(index, dest.to_vec(), Kind::Mount) });
        }
    }

    /// Where an operation on `dest` works, at this point of the plan.
    fn at(&self, dest: Path<'static>) -> Vec<u8> {
        self.through_links(dest.bytes())
    }

    /// Where an entry of this name is made: of its own name no link is followed.
    pub fn entry_at(&self, path: &[u8]) -> Vec<u8> {
        let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
        let path = path.get(..end).unwrap_or_default();
        let start = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        let (parent, name) = path.split_at_checked(start).unwrap_or_default();
        normal(&[&self.through_links(parent)[..], b"/", name].concat())
    }

    fn add(&mut self, place: Place) {
        if place.kind == Kind::Mount {
            self.hide(&place.dest.clone(), place.index);
        }
        self.push(place);
    }

    fn push(&mut self, place: Place) {
        self.places.push(place);
    }

    /// A mount on `dest` hides what is there and below.
    fn hide(&mut self, dest: &[u8], by: usize) {
        for place in &mut self.places {
            if place.hidden_by.is_none() && place.index != by && below(&place.dest, dest).is_some() {
                place.hidden_by = Some(by);
            }
        }
    }

    /// Of the mount at `dest` alone; those below it stay as they are. Below an overlay there are none: what is mounted in
    /// its layers does not come along.
    fn remount_ro(&mut self, dest: &[u8], is_overlay: impl Fn(usize) -> bool) {
        let is_it =
            |place: &&mut Place| place.kind == Kind::Mount && place.hidden_by.is_none() && place.dest == dest;
        if let Some(place) = self.places.iter_mut().rev().find(is_it) {
            place.remounted = true;
            place.writable &= !is_overlay(place.index);
        }
    }

    /// The mounts that come from the host and that nothing hides.
    pub fn host(&self) -> impl Iterator<Item = &Place> {
        self.places.iter().filter(|place| {
            place.hidden_by.is_none() && place.origin != Origin::Own && place.kind == Kind::Mount
        })
    }

    /// The mount that one finds at `path`, if the plan makes one there or above it.
    pub fn mount_at(&self, path: &[u8]) -> Option<&Place> {
        let reachable =
            self.places.iter().filter(|place| place.kind == Kind::Mount && place.hidden_by.is_none());
        reachable.filter(|place| below(path, &place.dest).is_some()).max_by_key(|place| place.dest.len())
    }

    /// The mounts below `place` that are not hidden, an overlay once: there it is not what one sees.
    pub fn covers(&self, place: &Place) -> Vec<&Place> {
        let below_it = |other: &&Place| {
            other.kind == Kind::Mount
                && other.hidden_by.is_none()
                && other.index != place.index
                && below(&other.dest, &place.dest).is_some_and(|rest| !rest.is_empty())
        };
        let mut found: Vec<&Place> = self.places.iter().filter(below_it).collect();
        found.dedup_by_key(|place| place.index);
        found
    }

    /// Where the host's `path` is seen in the sandbox, with the mount that shows it. Its own contents may be covered.
    pub fn seen(&self, path: &[u8]) -> Vec<(Vec<u8>, &Place)> {
        let mut found = Vec::new();
        for place in self.host() {
            let Some(source) = place.origin.host_path() else { continue };
            let Some(rest) = below(path, &source).map(<[u8]>::to_vec) else { continue };
            let there = joined(&place.dest, &rest);
            if self.mount_at(&there).is_some_and(|top| top.index == place.index) {
                found.push((there, place));
            }
        }
        found
    }

    /// Whether there can be something at `path`, as far as the plan tells: what is inside the host's trees it does not.
    pub fn has(&self, path: &[u8]) -> bool {
        let path = normal(path);
        let is_made = |place: &Place| place.hidden_by.is_none() && below(&place.dest, &path).is_some();
        path == b"/"
            || self.places.iter().any(is_made)
            || self.mount_at(&path).is_some_and(|place| !place.empty)
    }

    /// `path` with the links that the plan makes followed, one name after another: `..` behind a link leads up from where
    /// that leads.
    pub fn through_links(&self, path: &[u8]) -> Vec<u8> {
        let names = |path: &'static [u8]| path.split(|byte| *byte == b'/').rev();
        let mut left: Vec<&[u8]> = path.split(|byte| *byte == b'/').rev().collect();
        let mut found = b"/".to_vec();
        let mut links = 0;
        while let Some(name) = left.pop() {
            let next = normal(&[&found[..], b"/", name].concat());
            let is_link = |place: &&Place| place.hidden_by.is_none() && place.dest == next;
            let target = self.places.iter().filter(is_link).find_map(|place| place.target);
            match target {
                // As often as the kernel would.
                Some(target) if next != found && links < 40 => {
                    links += 1;
                    left.extend(names(target));
                    if target.starts_with(b"/") {
                        found = b"/".to_vec();
                    }
                }
                _ => found = next,
            }
        }
        found
    }
}

/// A place of the sandbox's own.
fn own(index: usize, dest: Vec<u8>, kind: Kind) -> Place {
    Place {
        index,
        dest,
        kind,
        origin: Origin::Own,
        writable: false,
        remounted: false,
        devices: false,
        empty: false,
        target: None,
        optional: false,
        hidden_by: None,
    }
}

/// A bind, its origin not known yet.
fn bind(index: usize, dest: Vec<u8>, access: Access) -> Place {
    let (writable, devices) = match access {
        Access::ReadWrite => (true, false),
        Access::ReadOnly => (false, false),
        Access::Device => (true, true),
    };
    Place { writable, devices, ..own(index, dest, Kind::Mount) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_normal() {
        for (normal_form, path) in
            [("/", "/"), ("/", ""), ("/", "/.."), ("/a", "a"), ("/a/b", "//a/./b/"), ("/b", "/a/../b")]
        {
            assert_eq!(normal(path.as_bytes()), normal_form.as_bytes(), "{path}");
        }
    }

    #[test]
    fn links_are_followed_before_dots_and_for_ever_never() {
        let link = |dest: &str, target: &'static str| Place {
            target: Some(target.as_bytes()),
            ..own(0, dest.as_bytes().to_vec(), Kind::Entry)
        };
        let places = vec![
            link("/a/b", "../usr/bin"),
            link("/abs", "/a/b/x"),
            link("/loop", "loop/x"),
            link("/self", "."),
        ];
        let tree = Tree { places };
        for (found, path) in [
            ("/usr/bin", "/a/b"),
            ("/usr/lib", "/a/b/../lib"),
            ("/usr", "a//b/./..//"),
            ("/usr/bin/x/y", "/abs/y"),
            ("/x", "/self/x"),
            ("/", "/self/../.."),
        ] {
            assert_eq!(tree.through_links(path.as_bytes()), found.as_bytes(), "{path}");
        }
        assert!(tree.through_links(b"/loop").starts_with(b"/loop/x"));
        for (made, path) in
            [("/a/b", "/a/b"), ("/usr/bin/c", "/a/b/c/"), ("/c", "c"), ("/usr/bin/l", "/a/b//l")]
        {
            assert_eq!(tree.entry_at(path.as_bytes()), made.as_bytes(), "{path}");
        }
    }

    #[test]
    fn below_is_a_matter_of_whole_names() {
        assert_eq!(below(b"/a/b", b"/a"), Some(&b"/b"[..]));
        assert_eq!(below(b"/a", b"/a"), Some(&b""[..]));
        assert_eq!(below(b"/ab", b"/a"), None);
        assert_eq!(below(b"/a", b"/"), Some(&b"/a"[..]));
        assert_eq!(below(b"/", b"/"), Some(&b""[..]));
        assert_eq!(below(b"/", b"/a"), None);
    }
}
