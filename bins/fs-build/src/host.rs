//! Where mounts come from: made when an operation needs them, or all beforehand when the host's tree is to become
//! the sandbox's.

use crate::bind::{is_same, name_of};
use crate::{dev, special};
use common::errno::Errno;
use common::plan::{Access, FsBuild, MountOp};
use common::sys::{self, Fd, OwnedFd, attr, o};
use common::text::Text;
use core::ffi::CStr;

/// How many mounts are made beforehand at most.
const MOST: usize = 48;

/// A mount that is attached nowhere yet.
#[derive(Debug)]
pub struct Detached {
    /// The mount, or the top one of a tree.
    pub tree: OwnedFd,
    /// Whether it has its flags.
    pub flagged: bool,
}

/// The host's tree, or what was made of it while it was whole.
#[derive(Debug)]
pub struct Host {
    made: [Option<Detached>; MOST],
    count: usize,
    /// How many of them have been taken; `None` when the host's tree is there to be copied.
    taken: Option<usize>,
    /// Whether the kernel has open_tree_attr(2), and attaches to what is attached nowhere.
    pub modern: bool,
    /// Whether there is a new PID namespace, which /proc has to show; `None` when nobody has said.
    pub new_pidns: Option<bool>,
    /// `--file-label`.
    pub label: Option<Text<'static>>,
    /// Whether binds honour set-user-ID bits.
    keep_suid: bool,
}

impl Host {
    /// The host's tree, nothing made.
    pub fn new(modern: bool, new_pidns: Option<bool>, frame: &FsBuild<'static>) -> Host {
        Host {
            made: [const { None }; MOST],
            count: 0,
            taken: None,
            modern,
            new_pidns,
            label: frame.file_label,
            keep_suid: frame.keep_suid,
        }
    }

    /// What `access` does not let one do, as flags of a mount.
    pub fn attributes(&self, access: Access) -> u64 {
        let nosuid = if self.keep_suid { 0 } else { attr::NOSUID };
        nosuid
            | match access {
                Access::ReadWrite => attr::NODEV,
                Access::ReadOnly => attr::NODEV | attr::RDONLY,
                Access::Device => 0,
            }
    }

    /// The mounts at `source`, with `flags` set on each where one call can do both.
    pub fn copy_with(&self, source: &CStr, flags: u64) -> sys::Result<Detached> {
        match self.copy_at(sys::CWD, source, flags) {
            Some(tree) => Ok(Detached { tree, flagged: true }),
            // The two halves say why.
            None => copy(source).map(|tree| Detached { tree, flagged: false }),
        }
    }

    /// The mounts at `path` below `dir` with `flags` set on each; `None` where that fails.
    pub fn copy_at(&self, dir: Fd, path: &CStr, flags: u64) -> Option<OwnedFd> {
        if self.modern { sys::open_tree_attr_clone_at(dir, path, flags).ok() } else { None }
    }

    /// The mount that was made beforehand for the operation that asks; `None` where none was.
    pub fn take(&mut self) -> Option<Detached> {
        let next = self.taken?;
        self.taken = Some(next.saturating_add(1));
        self.made.get_mut(next)?.take()
    }

    /// Makes beforehand what the operations of `frame` but the first will attach, in their order; `None` where that
    /// cannot be, and what was made goes.
    ///
    /// A source that is missing is such a case: an operation before it may be what makes it. In their order, since
    /// that is the one of /proc/self/mountinfo: whoever reads that by line meets a mount after its parent.
    pub fn make_all(&mut self, frame: &FsBuild<'static>) -> Option<()> {
        for op in frame.ops.iter().skip(1) {
            let made = match op {
                MountOp::Bind { source, access, .. } => {
                    self.copy_with(source.0, self.attributes(access)).ok()?
                }
                MountOp::Proc { .. } => Detached { tree: special::new_proc(self).ok()?, flagged: true },
                MountOp::Dev { .. } => Detached { tree: dev::make(self)?, flagged: true },
                MountOp::Tmpfs { mode, size, .. } => {
                    let tree = special::new_tmpfs(self.label, mode.bits(), size).ok()?;
                    Detached { tree, flagged: true }
                }
                MountOp::Mqueue { .. } => Detached { tree: special::new_mqueue(self).ok()?, flagged: true },
                MountOp::Sys { .. } => Detached { tree: special::new_sys(self).ok()?, flagged: true },
                MountOp::Cgroup { .. } => Detached { tree: special::new_cgroup(self).ok()?, flagged: true },
                _ => continue,
            };
            *self.made.get_mut(self.count)? = Some(made);
            self.count = self.count.saturating_add(1);
        }
        self.taken = Some(0);
        Some(())
    }
}

/// Copies the mounts at `source`.
pub fn copy(source: &CStr) -> sys::Result<OwnedFd> {
    match sys::open_tree_clone_at(sys::CWD, source) {
        // A link of procfs, as /proc/self/fd/3, leads to a mount outside this mount namespace.
        Err(Errno::INVAL) => {
            let open = sys::openat(sys::CWD, source, o::PATH | o::CLOEXEC, 0)?;
            let tree = sys::open_tree_clone_at(sys::CWD, name_of(open.fd())?)?;
            if is_same(tree.fd(), open.fd())? { Ok(tree) } else { Err(Errno::INVAL) }
        }
        other => other,
    }
}

/// A copy of the terminal that standard output is.
///
/// None when it is no terminal, or one that has no path here, or a path that leads to another device by now.
pub fn console() -> Option<OwnedFd> {
    if !sys::is_terminal(sys::STDOUT) {
        return None;
    }
    let tree = sys::open_tree_clone_at(sys::CWD, name_of(sys::STDOUT).ok()?).ok()?;
    if is_same(tree.fd(), sys::STDOUT) == Ok(true) { Some(tree) } else { None }
}

/// What the first operation lets one do in the host's whole tree, if it puts that in the place of the new root, and
/// all others can be done there: few enough mounts, no destination that is the root.
pub fn whole_tree(frame: &FsBuild<'static>) -> Option<Access> {
    let mut ops = frame.ops.iter();
    let Some(MountOp::Bind { source, dest, access, .. }) = ops.next() else { return None };
    let is_root = |path: &[u8]| path.iter().all(|byte| *byte == b'/');
    if !is_root(source.bytes()) || !is_root(dest.bytes()) {
        return None;
    }
    // A destination that is the root, or may be, as "/usr/.." is.
    let special = |path: &[u8]| {
        let name = path.rsplit(|byte| *byte == b'/').find(|name| !name.is_empty());
        name.is_none_or(|name| name == b"." || name == b"..")
    };
    let mut mounts = 0usize;
    let fits = ops.all(|op| match op {
        MountOp::Bind { dest, .. }
        | MountOp::Proc { dest }
        | MountOp::Dev { dest }
        | MountOp::Tmpfs { dest, .. }
        | MountOp::Mqueue { dest }
        | MountOp::Sys { dest }
        | MountOp::Cgroup { dest } => {
            mounts = mounts.saturating_add(1);
            mounts <= MOST && !special(dest.bytes())
        }
        MountOp::BindData { dest, .. } => !special(dest.bytes()),
        MountOp::Dir { .. }
        | MountOp::File { .. }
        | MountOp::Symlink { .. }
        | MountOp::RemountRo { .. }
        | MountOp::Chmod { .. } => true,
        MountOp::BindFd { .. }
        | MountOp::OverlaySrc { .. }
        | MountOp::Overlay { .. }
        | MountOp::TmpOverlay { .. }
        | MountOp::RoOverlay { .. } => false,
    });
    if fits { Some(access) } else { None }
}
