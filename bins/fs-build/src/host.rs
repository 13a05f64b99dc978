//! Copies of the host's mounts: made when they are needed, or all beforehand when the host's tree is to become the
//! sandbox's.

use crate::bind::{is_same, name_of};
use common::errno::Errno;
use common::plan::{Access, FsBuild, MountOp};
use common::sys::{self, Fd, OwnedFd, o};
use core::ffi::CStr;

/// How many copies are kept at most.
const MOST: usize = 32;

/// The host's tree, or what was copied from it while it was whole.
#[derive(Debug)]
pub struct Host {
    copies: [Option<OwnedFd>; MOST],
    made: usize,
    /// How many of them have been taken; `None` when the host's tree is there to be copied.
    taken: Option<usize>,
    /// Whether the kernel has open_tree_attr(2), and copies what is attached nowhere.
    pub modern: bool,
}

impl Host {
    /// The host's tree, nothing copied.
    pub fn new(modern: bool) -> Host {
        Host { copies: [const { None }; MOST], made: 0, taken: None, modern }
    }

    /// The mounts at `source`, with `flags` set on each; `None` where that fails, for its two halves to say why.
    ///
    /// What was copied beforehand is copied again: so mounts have numbers in the order of the operations, and those
    /// that show a mount's place to whoever reads /proc/self/mountinfo by line still come after their parents.
    pub fn copy_with(&mut self, source: &CStr, flags: u64) -> Option<OwnedFd> {
        match self.taken {
            None => self.copy_at(sys::CWD, source, flags),
            Some(next) => {
                let kept = self.copies.get(next)?.as_ref()?.fd();
                let copy = self.copy_at(kept, c"", flags)?;
                self.take();
                Some(copy)
            }
        }
    }

    /// The same, for what is at `path` below `dir`.
    pub fn copy_at(&self, dir: Fd, path: &CStr, flags: u64) -> Option<OwnedFd> {
        if self.modern { sys::open_tree_attr_clone_at(dir, path, flags).ok() } else { None }
    }

    /// The mounts at `source`.
    pub fn copy(&mut self, source: &CStr) -> sys::Result<OwnedFd> {
        match self.taken {
            None => copy(source),
            Some(_) => self.take().ok_or(Errno::NOENT),
        }
    }

    /// The host's /dev; `None` where its devices are to be found by their paths.
    pub fn devices(&mut self) -> Option<OwnedFd> {
        self.taken.and_then(|_| self.take())
    }

    /// A copy of the terminal that standard output is.
    ///
    /// None when it is no terminal, or one that has no path here, or a path that leads to another device by now.
    pub fn console(&mut self) -> Option<OwnedFd> {
        match self.taken {
            None => console(),
            Some(_) => self.take(),
        }
    }

    /// The next of the copies that were made beforehand.
    fn take(&mut self) -> Option<OwnedFd> {
        let next = self.taken?;
        self.taken = Some(next.saturating_add(1));
        self.copies.get_mut(next)?.take()
    }

    /// Copies beforehand what the operations of `frame` but the first need, in their order; `None` where that cannot
    /// be.
    ///
    /// A source that is missing is such a case: an operation before it may be what makes it.
    pub fn copy_all(&mut self, frame: &FsBuild<'static>, new_pidns: bool) -> Option<()> {
        for op in frame.ops.iter().skip(1) {
            match op {
                MountOp::Bind { source, .. } => self.keep(Some(copy(source.0).ok()?))?,
                MountOp::Proc { .. } if !new_pidns => self.keep(Some(copy(c"/proc").ok()?))?,
                MountOp::Dev { .. } => {
                    self.keep(Some(copy(c"/dev").ok()?))?;
                    self.keep(console())?;
                }
                _ => {}
            }
        }
        self.taken = Some(0);
        Some(())
    }

    fn keep(&mut self, copy: Option<OwnedFd>) -> Option<()> {
        *self.copies.get_mut(self.made)? = copy;
        self.made = self.made.saturating_add(1);
        Some(())
    }
}

/// Copies the mounts at `source`.
fn copy(source: &CStr) -> sys::Result<OwnedFd> {
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

fn console() -> Option<OwnedFd> {
    if !sys::is_terminal(sys::STDOUT) {
        return None;
    }
    let tree = sys::open_tree_clone_at(sys::CWD, name_of(sys::STDOUT).ok()?).ok()?;
    if is_same(tree.fd(), sys::STDOUT) == Ok(true) { Some(tree) } else { None }
}

/// What the first operation lets one do in the host's whole tree, if it puts that in the place of the new root, and
/// all others can be done there: few enough sources, no destination that is the root.
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
    let mut copies = 0usize;
    let fits = ops.all(|op| match op {
        MountOp::Bind { dest, .. } | MountOp::Proc { dest } => {
            copies = copies.saturating_add(1);
            copies <= MOST && !special(dest.bytes())
        }
        MountOp::Dev { dest } => {
            copies = copies.saturating_add(2);
            copies <= MOST && !special(dest.bytes())
        }
        MountOp::Tmpfs { dest, .. } | MountOp::Mqueue { dest } | MountOp::BindData { dest, .. } => {
            !special(dest.bytes())
        }
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
