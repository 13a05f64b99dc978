//! `--dev`: a tmpfs with the usual devices of the host bound in, and a devpts of its own.

use crate::Build;
use crate::bind::restrict;
use crate::dest::{Kind, PRIVATE, cannot_mount};
use crate::host::{Host, console};
use crate::instance;
use crate::special::new_tmpfs;
use common::fault;
use common::report::{At, Fault, Outcome};
use common::sys::{self, Fd, OwnedFd, attr, o};
use common::text::{Names, Path};
use core::ffi::CStr;

/// The devices: name, and path on the host.
const DEVICES: Names = Names(
    b"null\0/dev/null\0\
      zero\0/dev/zero\0\
      full\0/dev/full\0\
      random\0/dev/random\0\
      urandom\0/dev/urandom\0\
      tty\0/dev/tty\0",
);

/// The symbolic links: name and target.
const LINKS: Names = Names(
    b"stdin\0/proc/self/fd/0\0\
      stdout\0/proc/self/fd/1\0\
      stderr\0/proc/self/fd/2\0\
      fd\0/proc/self/fd\0\
      core\0/proc/kcore\0\
      ptmx\0pts/ptmx\0",
);

/// `--dev`.
pub fn dev(build: &mut Build, dest: Path<'static>) -> Outcome<()> {
    let refused = cannot_mount("tmpfs", dest);
    if let Some(made) = build.host.take() {
        return build.root.attach(made.tree, Kind::Dir, dest, PRIVATE, &refused);
    }
    let mount = new_tmpfs(build.host.label, 0o755, None).at_mount(&refused)?;
    let dev = sys::openat(mount.fd(), c".", o::PATH | o::CLOEXEC, 0).at(|| fault!("Can't open ", dest))?;
    // ORDER: attached first, since before Linux 6.15 nothing can be mounted below what is not.
    build.root.attach(mount, Kind::Dir, dest, PRIVATE, &refused)?;
    fill(&build.host, dev.fd(), dest)
}

/// The whole of it, attached nowhere yet; `None` where that fails, for [`dev`] to say why.
pub fn make(host: &Host) -> Option<OwnedFd> {
    let mount = new_tmpfs(host.label, 0o755, None).ok()?;
    fill(host, mount.fd(), Path(c"/dev")).ok()?;
    Some(mount)
}

/// Puts everything in `dev`, which will be or is at `dest`.
fn fill(host: &Host, dev: Fd, dest: Path<'static>) -> Outcome<()> {
    let mut devices = DEVICES;
    while let (Some(name), Some(path)) = (devices.next(), devices.next()) {
        let tree = match host.copy_at(sys::CWD, path, attr::NOSUID) {
            Some(tree) => tree,
            None => {
                let tree =
                    sys::open_tree_clone_at(sys::CWD, path).at(|| fault!("Can't open source ", path))?;
                restricted(tree, name)?
            }
        };
        device(dev, name, &tree, &|| fault!("Can't create file ", dest, "/", name))?;
    }
    let mut links = LINKS;
    while let (Some(name), Some(target)) = (links.next(), links.next()) {
        sys::symlinkat(target, dev, name).at(|| fault!("Can't create symlink ", dest, "/", name))?;
    }
    sys::mkdirat(dev, c"shm", 0o755).at(|| fault!("Can't create ", dest, "/shm"))?;
    pts(host, dev, dest)?;
    match console() {
        Some(tree) => {
            let tree = restricted(tree, c"console")?;
            device(dev, c"console", &tree, &|| fault!("creating ", dest, "/console"))
        }
        None => Ok(()),
    }
}

/// `tree`, the copy of a device, with the flags of all that is bound.
fn restricted(tree: OwnedFd, name: &'static CStr) -> Outcome<OwnedFd> {
    restrict(tree.fd(), true, attr::NOSUID, 0).at_mount(|| cannot_bind(name))?;
    Ok(tree)
}

fn cannot_bind(name: &'static CStr) -> Fault {
    fault!("Can't bind mount /dev/", name)
}

/// Attaches `tree`, the copy of a device, to a file `name` that is made in `dev`.
fn device(dev: Fd, name: &'static CStr, tree: &OwnedFd, not_made: &dyn Fn() -> Fault) -> Outcome<()> {
    // By its name, which nobody else can have changed: this tmpfs is new, and in sight of nobody.
    sys::mkfileat(dev, name, 0o444).at(not_made)?;
    sys::move_mount_at(tree.fd(), dev, name).at_mount(|| cannot_bind(name))
}

/// A devpts of its own: terminals of the sandbox and of the host do not see each other.
fn pts(host: &Host, dev: Fd, dest: Path<'static>) -> Outcome<()> {
    sys::mkdirat(dev, c"pts", 0o755).at(|| fault!("Can't create ", dest, "/pts"))?;
    let mut settings =
        [(c"newinstance", None), (c"ptmxmode", Some(c"0666")), (c"mode", Some(c"620")), (c"", None)];
    let count = instance::with_label(&mut settings, 3, host.label);
    instance::mount(c"devpts", settings.get(..count).unwrap_or_default(), attr::NOSUID | attr::NOEXEC)
        .and_then(|mount| sys::move_mount_at(mount.fd(), dev, c"pts"))
        .at_mount(|| fault!("Can't mount devpts on ", dest, "/pts"))
}
