//! The two roots: the new one, wherever it is built, and the old one that goes in the end.

use crate::instance;
use common::fault;
use common::plan::Access;
use common::report::{At, Outcome};
use common::sys::{self, Fd, OwnedFd, attr, o, propagation};
use core::ffi::CStr;

/// How a directory is opened only to start lookups from it: it need not be readable.
pub const DIRECTORY: u32 = o::PATH | o::DIRECTORY | o::CLOEXEC;

/// Permissions of an empty new root.
const ROOT_MODE: u32 = 0o755;

/// What the operations need beside the new tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// A base.
    Base,
    /// A base that is attached in the old tree, and the new tree in it.
    Attached,
}

/// Where the new tree is while it is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Where it will be: the copy of the host's mounts that this mount namespace began with is the new tree, all of
    /// it read-only or not.
    Here { read_only: bool },
    /// Nowhere, until it is complete (Linux 6.15).
    Nowhere,
    /// On a directory of the base, which is attached in the old tree.
    Base,
}

/// The tree being built.
#[derive(Debug)]
pub struct Root {
    place: Place,
    /// A private tmpfs, for what has to be in a file system but not in sight: files that are bound over others, and
    /// what overlays write. Made when it is needed, or when it carries the tree.
    base: Option<OwnedFd>,
    /// The root of the new tree, where every destination is looked up.
    newroot: OwnedFd,
    /// The mount at the bottom of the new tree, when that is another.
    bottom: Option<OwnedFd>,
    /// Whether the root is still the empty tree that was made here.
    is_ours: bool,
    /// Whether missing parents are for everybody: with several ids, not only their owner has to get through.
    pub open_parents: bool,
    /// The directory that the last destination was in.
    pub(crate) last: Option<Parent>,
}

/// The directory of a destination, kept for the next one: many binds in a row often share it.
#[derive(Debug)]
pub(crate) struct Parent {
    /// As the plan names it.
    pub path: &'static [u8],
    /// The directory.
    pub fd: OwnedFd,
    /// Whether it is on the tmpfs that was made here, where nobody else can move it meanwhile; `None` before anyone
    /// has asked.
    pub own: Option<bool>,
}

impl Root {
    /// Makes an empty new root: a tmpfs, or a directory of one that holds something else besides.
    ///
    /// Whatever is mounted from here on stays in this mount namespace: first of all every mount becomes a slave,
    /// which also makes bindable what was not.
    pub fn make(needs: Needs) -> Outcome<Root> {
        const NAME: &CStr = c"newroot";
        let failed = || fault!("Creating newroot failed");
        sys::mount_make_rslave(c"/").at_mount(|| fault!("Failed to make / slave"))?;
        let tmpfs = new_tmpfs()?;
        if needs == Needs::Nothing {
            sys::fchmodat2_empty_path(tmpfs.fd(), ROOT_MODE).at(failed)?;
            return Ok(Root::new(Place::Nowhere, tmpfs, None, true));
        }
        if needs == Needs::Attached {
            attach_base(tmpfs.fd()).at_mount(|| fault!("Failed to mount tmpfs"))?;
        }
        sys::mkdirat(tmpfs.fd(), NAME, ROOT_MODE).at(failed)?;
        // A mount of its own, for pivot_root.
        let newroot =
            sys::open_tree_clone_at(tmpfs.fd(), NAME).at_mount(|| fault!("setting up newroot bind"))?;
        if needs == Needs::Base {
            return Ok(Root::new(Place::Nowhere, newroot, Some(tmpfs), true));
        }
        sys::move_mount_at(newroot.fd(), tmpfs.fd(), NAME).at_mount(|| fault!("setting up newroot bind"))?;
        // ORDER: not before the copy.
        set_propagation(tmpfs.fd(), propagation::UNBINDABLE)?;
        Ok(Root::new(Place::Base, newroot, Some(tmpfs), true))
    }

    /// The mounts at `root`, which is this process's root, as the new tree; the caller has restricted them to `access`.
    pub fn here(root: OwnedFd, access: Access) -> Root {
        Root::new(Place::Here { read_only: access == Access::ReadOnly }, root, None, false)
    }

    fn new(place: Place, newroot: OwnedFd, base: Option<OwnedFd>, is_ours: bool) -> Root {
        Root { place, base, newroot, bottom: None, is_ours, open_parents: false, last: None }
    }

    /// The root of the new tree.
    pub fn newroot(&self) -> Fd {
        self.newroot.fd()
    }

    /// The private tmpfs.
    pub fn base(&mut self) -> Outcome<Fd> {
        if let Some(base) = &self.base {
            return Ok(base.fd());
        }
        Ok(self.base.insert(new_tmpfs()?).fd())
    }

    /// Whether no operation has put a mount on the root of the new tree.
    pub fn is_ours(&self) -> bool {
        self.is_ours
    }

    /// Whether the tree is that of the host, restricted, and so has no old one above.
    pub fn is_here(&self) -> bool {
        matches!(self.place, Place::Here { .. })
    }

    /// Whether the tree is that of the host, and all of it was made read-only.
    pub fn is_read_only_host(&self) -> bool {
        self.place == Place::Here { read_only: true }
    }

    /// Makes `mount`, which has been attached on the root of the new tree, that root.
    pub fn replace(&mut self, mount: OwnedFd) {
        let below = core::mem::replace(&mut self.newroot, mount);
        self.bottom.get_or_insert(below);
        self.is_ours = false;
    }

    /// Runs `copy`, which copies mounts out of the base.
    ///
    /// At all other times a base that is attached is unbindable: it hangs in the old tree, and without that
    /// `--bind / /` would take it along, new root and all.
    pub fn with_bindable_base<T>(&self, copy: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        let Some(base) = self.base.as_ref().filter(|_| self.place == Place::Base) else { return copy() };
        set_propagation(base.fd(), propagation::PRIVATE)?;
        let copied = copy();
        set_propagation(base.fd(), propagation::UNBINDABLE)?;
        copied
    }

    /// Makes the new root the root of this process and its mount namespace, and takes the old tree off.
    pub fn enter(self) -> Outcome<()> {
        match self.place {
            // The caller's directory may be below a mount that the sandbox does not show.
            Place::Here { .. } => sys::chdir(c"/").at(|| fault!("chdir /"))?,
            Place::Nowhere | Place::Base => self.pivot()?,
        }
        if self.is_entered()? { Ok(()) } else { Err(fault!("umount old root")) }
    }

    /// The old tree cannot take anything of the host with it: all its mounts are slaves, and an unmount travels
    /// from a master to its slaves only (`mount_namespaces(7)`).
    fn pivot(&self) -> Outcome<()> {
        let bottom = self.bottom.as_ref().unwrap_or(&self.newroot);
        if self.place == Place::Nowhere {
            if let Some(base) = &self.base {
                // Into the old tree, with which it goes. By itself it would keep this process waiting once more, when
                // its descriptor is closed; where that is not to be, it does.
                let _ = sys::openat(sys::CWD, c"/proc", DIRECTORY, 0)
                    .and_then(|place| sys::move_mount(base.fd(), place.fd()));
            }
            // On the old root, from where the pivot takes it.
            sys::openat(sys::CWD, c"/", DIRECTORY, 0)
                .and_then(|oldroot| sys::move_mount(bottom.fd(), oldroot.fd()))
                .at_mount(|| fault!("setting up newroot bind"))?;
        }
        sys::fchdir(self.newroot.fd()).at(|| fault!("chdir /newroot"))?;
        // "." for both: the old root ends up mounted on the new one, and no directory is needed for it
        // (pivot_root(2), "pivot_root(".", ".")").
        sys::pivot_root(c".", c".").at_mount(|| fault!("pivot_root(/newroot)"))?;
        // "." is the new root still, and what an unmount takes off is the top mount at that place: once is enough,
        // or more often when the base and its cover, or a root that was replaced, are there as well.
        loop {
            sys::umount_detach(c".").at_mount(|| fault!("umount old root"))?;
            if self.is_entered()? {
                return Ok(());
            }
        }
    }

    /// Whether nothing covers the root and nothing is above it.
    ///
    /// ".." of the root is the root again, but the lookup then goes on to whatever is mounted there: an old root
    /// that was forgotten shows as "/..", with another mount id. (Lookups of "/" itself do not see it.)
    fn is_entered(&self) -> Outcome<bool> {
        let id = |fd, path| sys::mount_id(fd, path).at(|| fault!("statx /"));
        let (newroot, root, above) =
            (id(self.newroot.fd(), c"")?, id(sys::CWD, c"/")?, id(sys::CWD, c"/..")?);
        Ok(root.is_root && root == newroot && root == above)
    }
}

fn new_tmpfs() -> Outcome<OwnedFd> {
    instance::mount(c"tmpfs", &[], attr::NOSUID | attr::NODEV).at_mount(|| fault!("Failed to mount tmpfs"))
}

fn set_propagation(mount: Fd, kind: u64) -> Outcome<()> {
    sys::mount_setattr(mount, false, 0, kind).at_mount(|| fault!("setting up newroot bind"))
}

/// Attaches the base in the old tree, so that no path of the host changes its meaning: on /tmp, covered in turn by
/// a copy of what was there.
///
/// Only where it has to be attached ([`Needs::Attached`]). Why not on "/", which lookups that start at the root do not see? Because those that come back to
/// the root do: "/etc/../usr" would be looked up in the base, and with it every symbolic link that climbs, as
/// /etc/resolv.conf often is. "/" is for hosts without /tmp: its copy has as many mounts as the host.
fn attach_base(base: Fd) -> sys::Result<()> {
    let cover = |place: Fd| {
        let copy = sys::open_tree_clone(place, true)?;
        sys::move_mount(base, place)?;
        sys::move_mount(copy.fd(), base)
    };
    match sys::openat(sys::CWD, c"/tmp", DIRECTORY, 0) {
        Ok(tmp) => cover(tmp.fd()),
        Err(_) => cover(sys::openat(sys::CWD, c"/", DIRECTORY, 0)?.fd()),
    }
}
