//! `--dev`: a tmpfs with the usual devices of the host bound in, and a devpts of its own.

use crate::Build;
use crate::dest::{Kind, PRIVATE, cannot_mount};
use crate::instance;
use crate::special::new_tmpfs;
use common::fault;
use common::report::{At, Fault, Outcome};
use common::sys::{self, Fd, OwnedFd, attr, o};
use common::text::Path;
use core::ffi::CStr;

/// The devices: name, and path on the host.
const DEVICES: [(&CStr, &CStr); 6] = [
    (c"null", c"/dev/null"),
    (c"zero", c"/dev/zero"),
    (c"full", c"/dev/full"),
    (c"random", c"/dev/random"),
    (c"urandom", c"/dev/urandom"),
    (c"tty", c"/dev/tty"),
];

/// The symbolic links: name and target.
const LINKS: [(&CStr, &CStr); 6] = [
    (c"stdin", c"/proc/self/fd/0"),
    (c"stdout", c"/proc/self/fd/1"),
    (c"stderr", c"/proc/self/fd/2"),
    (c"fd", c"/proc/self/fd"),
    (c"core", c"/proc/kcore"),
    (c"ptmx", c"pts/ptmx"),
];

/// `--dev`.
pub fn dev(build: &mut Build, dest: Path<'static>) -> Outcome<()> {
    let refused = cannot_mount("tmpfs", dest);
    let mount = new_tmpfs(build, 0o755, None).at_mount(&refused)?;
    let dev = sys::openat(mount.fd(), c".", o::PATH | o::CLOEXEC, 0).at(|| fault!("Can't open ", dest))?;
    // ORDER: attached first, since nothing can be mounted below what is not.
    build.root.attach(mount, Kind::Dir, dest, PRIVATE, &refused)?;
    let devices = build.host.devices();
    for (name, host) in DEVICES {
        let (dir, path) = devices.as_ref().map_or((sys::CWD, host), |devices| (devices.fd(), name));
        let tree = match build.host.copy_at(dir, path, attr::NOSUID) {
            Some(tree) => tree,
            None => {
                let tree = sys::open_tree_clone_at(dir, path).at(|| fault!("Can't open source ", host))?;
                restricted(tree, name)?
            }
        };
        device(dev.fd(), name, &tree, &|| fault!("Can't create file ", dest, "/", name))?;
    }
    for (name, target) in LINKS {
        sys::symlinkat(target, dev.fd(), name).at(|| fault!("Can't create symlink ", dest, "/", name))?;
    }
    sys::mkdirat(dev.fd(), c"shm", 0o755).at(|| fault!("Can't create ", dest, "/shm"))?;
    pts(build, dev.fd(), dest)?;
    match build.host.console() {
        Some(tree) => {
            let tree = restricted(tree, c"console")?;
            device(dev.fd(), c"console", &tree, &|| fault!("creating ", dest, "/console"))
        }
        None => Ok(()),
    }
}

/// `tree`, the copy of a device, with the flags of all that is bound.
fn restricted(tree: OwnedFd, name: &'static CStr) -> Outcome<OwnedFd> {
    sys::mount_setattr(tree.fd(), true, attr::NOSUID, 0).at_mount(|| cannot_bind(name))?;
    Ok(tree)
}

fn cannot_bind(name: &'static CStr) -> Fault {
    fault!("Can't bind mount /dev/", name)
}

/// Attaches `tree`, the copy of a device, to a file `name` that is made in `dev`.
fn device(dev: Fd, name: &'static CStr, tree: &OwnedFd, not_made: &dyn Fn() -> Fault) -> Outcome<()> {
    let flags = o::WRONLY | o::CREAT | o::EXCL | o::NOCTTY | o::NOFOLLOW | o::CLOEXEC;
    let point = sys::openat(dev, name, flags, 0o444).at(not_made)?;
    sys::move_mount(tree.fd(), point.fd()).at_mount(|| cannot_bind(name))
}

/// A devpts of its own: terminals of the sandbox and of the host do not see each other.
fn pts(build: &Build, dev: Fd, dest: Path<'static>) -> Outcome<()> {
    sys::mkdirat(dev, c"pts", 0o755).at(|| fault!("Can't create ", dest, "/pts"))?;
    let mut settings =
        [(c"newinstance", None), (c"ptmxmode", Some(c"0666")), (c"mode", Some(c"620")), (c"", None)];
    let count = instance::with_label(&mut settings, 3, build.label);
    instance::mount(c"devpts", settings.get(..count).unwrap_or_default(), attr::NOSUID | attr::NOEXEC)
        .and_then(|mount| sys::move_mount_at(mount.fd(), dev, c"pts"))
        .at_mount(|| fault!("Can't mount devpts on ", dest, "/pts"))
}
