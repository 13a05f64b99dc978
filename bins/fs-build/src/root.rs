//! The two roots: the new one and the private tmpfs that carries it, and the old one that goes in the end.

use crate::instance;
use common::fault;
use common::report::{At, Outcome};
use common::sys::{self, Fd, OwnedFd, attr, o, propagation};

/// How a directory is opened only to start lookups from it: it need not be readable.
pub const DIRECTORY: u32 = o::PATH | o::DIRECTORY | o::CLOEXEC;

/// The tree being built.
#[derive(Debug)]
pub struct Root {
    /// A private tmpfs: the new root is a mount on one of its directories, and what overlays write goes to others.
    base: OwnedFd,
    /// The root of the new tree, where every destination is looked up.
    newroot: OwnedFd,
    /// Whether that is still the empty tree that was made here.
    is_ours: bool,
}

impl Root {
    /// Makes an empty new root.
    ///
    /// Whatever is mounted from here on stays in this mount namespace: first of all every mount becomes a slave,
    /// which also makes bindable what was not.
    pub fn make() -> Outcome<Root> {
        sys::mount_make_rslave(c"/").at_mount(|| fault!("Failed to make / slave"))?;
        let base = instance::mount(c"tmpfs", &[], attr::NOSUID | attr::NODEV)
            .at_mount(|| fault!("Failed to mount tmpfs"))?;
        attach_base(base.fd()).at_mount(|| fault!("Failed to mount tmpfs"))?;
        sys::mkdirat(base.fd(), c"newroot", 0o755).at(|| fault!("Creating newroot failed"))?;
        // A mount of its own, for pivot_root. ORDER: before the base becomes unbindable.
        let place =
            sys::openat(base.fd(), c"newroot", DIRECTORY, 0).at(|| fault!("Creating newroot failed"))?;
        let newroot = sys::open_tree_clone(place.fd(), false)
            .and_then(|tree| sys::move_mount(tree.fd(), place.fd()).map(|()| tree))
            .at_mount(|| fault!("setting up newroot bind"))?;
        let root = Root { base, newroot, is_ours: true };
        root.set_base_propagation(propagation::UNBINDABLE)?;
        Ok(root)
    }

    /// The root of the new tree.
    pub fn newroot(&self) -> Fd {
        self.newroot.fd()
    }

    /// The private tmpfs.
    pub fn base(&self) -> Fd {
        self.base.fd()
    }

    /// Whether no operation has put a mount on the root of the new tree.
    pub fn is_ours(&self) -> bool {
        self.is_ours
    }

    /// Makes `mount`, which has been attached on the root of the new tree, that root.
    pub fn replace(&mut self, mount: OwnedFd) {
        self.newroot = mount;
        self.is_ours = false;
    }

    /// Runs `copy`, which copies mounts out of the base.
    ///
    /// At all other times the base is unbindable: it hangs in the old tree, and without that `--bind / /` would take
    /// it along, new root and all.
    pub fn with_bindable_base<T>(&self, copy: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        self.set_base_propagation(propagation::PRIVATE)?;
        let copied = copy();
        self.set_base_propagation(propagation::UNBINDABLE)?;
        copied
    }

    fn set_base_propagation(&self, kind: u64) -> Outcome<()> {
        sys::mount_setattr(self.base.fd(), false, 0, kind).at_mount(|| fault!("setting up newroot bind"))
    }

    /// Makes the new root the root of this process and its mount namespace, and takes the old tree off.
    ///
    /// The old tree cannot take anything of the host with it: all its mounts are slaves, and an unmount travels
    /// from a master to its slaves only (`mount_namespaces(7)`).
    pub fn enter(self) -> Outcome<()> {
        let oldroot = sys::openat(sys::CWD, c"/", DIRECTORY, 0).at(|| fault!("can't open /"))?;
        sys::fchdir(self.newroot.fd()).at(|| fault!("chdir /newroot"))?;
        // "." for both: the old root ends up mounted on the new one, and no directory is needed for it
        // (pivot_root(2), "pivot_root(".", ".")").
        sys::pivot_root(c".", c".").at_mount(|| fault!("pivot_root(/newroot)"))?;
        sys::fchdir(oldroot.fd()).at(|| fault!("fchdir to oldroot"))?;
        // What an unmount takes off is the top mount at that place: once is enough, or thrice when the base and its
        // cover had to go on "/".
        loop {
            sys::umount_detach(c".").at_mount(|| fault!("umount old root"))?;
            if self.verify()? {
                break;
            }
        }
        sys::chdir(c"/").at(|| fault!("chdir /"))
    }

    /// Whether nothing covers the root and nothing is above it.
    ///
    /// ".." of the root is the root again, but the lookup then goes on to whatever is mounted there: an old root
    /// that was forgotten shows as "/..", with another mount id. (Lookups of "/" itself do not see it.)
    fn verify(&self) -> Outcome<bool> {
        let id = |fd, path| sys::mount_id(fd, path).at(|| fault!("statx /"));
        let (newroot, root, above) =
            (id(self.newroot.fd(), c"")?, id(sys::CWD, c"/")?, id(sys::CWD, c"/..")?);
        Ok(root.is_root && root == newroot && root == above)
    }
}

/// Attaches the base in the old tree, so that no path of the host changes its meaning: on /tmp, covered in turn by
/// a copy of what was there.
///
/// It has to be attached, or nothing could be mounted below it (before Linux 6.15). Why not on "/", which lookups
/// that start at the root do not see? Because those that come back to the root do: "/etc/../usr" would be looked
/// up in the base, and with it every symbolic link that climbs, as /etc/resolv.conf often is. "/" is for
/// hosts without /tmp: its copy has as many mounts as the host.
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
