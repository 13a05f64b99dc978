//! Which process of a launch this is: the executable that it runs, and on which side of its fork it is.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The executables of a sandbox, in the order in which they run; the one that reads chains; those that run beside.
pub const EXECUTABLES: [&str; 9] = [
    "bwrap",
    "ns-enter",
    "fs-build",
    "priv-drop",
    "init-reaper",
    "seccomp-load",
    "compose",
    "cgroup-keeper",
    "pty-relay",
];

/// A process's part, as the list names it: `ns-enter`, `ns-enter monitor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Role(pub &'static str);

impl Role {
    /// Of a process that forks, after the call `before`: who it is then, and who its child is.
    ///
    /// ns-enter makes a socket for a helper beside it right before it forks that, and for nobody else. Its child asks a
    /// socket which network namespace it is in right before it forks the sandbox's first process as its sibling; where it ends
    /// without having done so, its monitor makes another child.
    pub fn fork(self, before: &str) -> (Role, Role) {
        match self.0 {
            "ns-enter" if before == "socketpair" => (self, Role("ns-enter helper")),
            "ns-enter" => (Role("ns-enter monitor"), Role("ns-enter child")),
            "ns-enter child" if before == "getsockopt" => (Role("ns-enter maker"), self),
            "ns-enter monitor" if before == "wait4" => (self, Role("ns-enter child")),
            "ns-enter monitor" => (self, Role("ns-enter map helper")),
            "init-reaper" => (Role("init-reaper pid 1"), Role("init-reaper command")),
            _ => (self, self),
        }
    }
}

/// The executables under test, by what is in them: tests copy them to wherever they need them.
#[derive(Debug, Default)]
pub struct Images {
    contents: Vec<(&'static str, Vec<u8>)>,
    known: HashMap<(u64, u64, i64), Option<Role>>,
}

impl Images {
    /// Those in `folder`.
    pub fn of(folder: &Path) -> io::Result<Images> {
        let mut images = Images::default();
        for name in EXECUTABLES {
            match fs::read(folder.join(name)) {
                Ok(bytes) => images.contents.push((name, bytes)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        if images.contents.is_empty() {
            return Err(io::Error::other(format!("no executable of ours in {}", folder.display())));
        }
        Ok(images)
    }

    /// What process `pid` runs, if that is one of these.
    pub fn role(&mut self, pid: i32) -> Option<Role> {
        let exe = format!("/proc/{pid}/exe");
        let meta = fs::metadata(&exe).ok()?;
        let is_candidate = self.contents.iter().any(|(_, bytes)| bytes.len() as u64 == meta.len());
        let key = (meta.dev(), meta.ino(), meta.ctime_nsec());
        if !is_candidate {
            return None;
        }
        if let Some(role) = self.known.get(&key) {
            return *role;
        }
        let bytes = fs::read(&exe).ok()?;
        let role = self.contents.iter().find(|(_, known)| *known == bytes).map(|(name, _)| Role(name));
        self.known.insert(key, role);
        role
    }
}

#[cfg(test)]
mod tests {
    use super::Role;

    #[test]
    fn a_fork_parts_the_monitor_from_the_child_and_no_more() {
        let (monitor, child) = Role("ns-enter").fork("pipe2");
        assert_eq!((monitor.0, child.0), ("ns-enter monitor", "ns-enter child"));
        assert_eq!(child.fork(""), (child, child));
    }

    #[test]
    fn a_child_that_could_not_be_a_maker_is_followed_by_another() {
        let (monitor, _) = Role("ns-enter").fork("rt_sigprocmask");
        assert_eq!(monitor.fork("wait4").1.0, "ns-enter child");
        assert_eq!(monitor.fork("openat").1.0, "ns-enter map helper");
    }

    #[test]
    fn helpers_are_forked_before_that() {
        let (ns_enter, helper) = Role("ns-enter").fork("socketpair");
        assert_eq!((ns_enter.0, helper.0), ("ns-enter", "ns-enter helper"));
    }

    #[test]
    fn the_maker_of_the_network_namespace_is_forked_first() {
        let (_, child) = Role("ns-enter").fork("readlinkat");
        let (maker, sandbox) = child.fork("getsockopt");
        assert_eq!((maker.0, sandbox.0), ("ns-enter maker", "ns-enter child"));
    }
}
