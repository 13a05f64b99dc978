//! Bind mounts, by path and by descriptor, and read-only remounts.

use crate::Build;
use crate::dest::{Kind, PATH_MAX, PRIVATE};
use crate::host::Detached;
use common::chain::Argument;
use common::errno::Errno;
use common::fault;
use common::plan::{Access, FdNumber};
use common::report::{At, Fault, Outcome, Part, Voice};
use common::sys::{self, Fd, Mapping, OwnedFd};
use common::text::Path;
use core::ffi::CStr;

/// `--bind` and its family.
pub fn bind(
    build: &mut Build,
    source: Path<'static>,
    dest: Path<'static>,
    access: Access,
    allow_missing: bool,
) -> Outcome<()> {
    let copy = match build.host.take() {
        Some(made) => Ok(made),
        None => build.host.copy_with(source.0, build.host.attributes(access)),
    };
    match copy {
        Err(Errno::NOENT) if allow_missing => Ok(()),
        Err(errno) => Err(source_fault(source.into(), dest, errno)),
        Ok(Detached { tree, flagged: true }) => attach(build, tree, source.into(), dest, PRIVATE),
        Ok(Detached { tree, flagged: false }) => put(build, tree, source.into(), dest, access, PRIVATE),
    }
}

/// `--bind-fd`, `--ro-bind-fd`.
///
/// The descriptor comes from outside: its mount is not in this mount namespace and cannot be copied. So the
/// same directory is looked up here by the name it has, and compared.
pub fn bind_fd(build: &mut Build, fd: FdNumber, dest: Path<'static>, access: Access) -> Outcome<()> {
    let name = name_of(fd.fd()).at(|| missing_fd(fd))?;
    let tree = sys::open_tree_clone_at(sys::CWD, name).map_err(|errno| match errno {
        Errno::NOENT => missing_fd(fd).errno(errno),
        errno => source_fault(name.into(), dest, errno),
    })?;
    if !is_same(tree.fd(), fd.fd()).at(|| fault!("Can't stat fd ", fd.fd().0))? {
        return Err(fault!("Race condition binding dirfd").errno(Errno::INVAL));
    }
    put(build, tree, name.into(), dest, access, PRIVATE)
}

/// So many directories in a row are many.
const MANY: u32 = 16;

const PROC_FD: &str = "/proc/self/fd/";
const UNABLE: &str = ": Unable to mount source on destination";

/// There is nothing at descriptor `fd` that a bind mount could show.
pub fn missing_fd(fd: FdNumber) -> Fault {
    fault!("Can't find source path ", PROC_FD, fd.fd().0)
}

/// Whether both descriptors are open on the same file.
pub fn is_same(a: Fd, b: Fd) -> sys::Result<bool> {
    let (a, b) = (sys::fstat(a)?, sys::fstat(b)?);
    Ok((a.dev, a.ino) == (b.dev, b.ino))
}

/// The path of what `fd` is open on.
pub fn name_of(fd: Fd) -> sys::Result<&'static CStr> {
    let mut link = Argument::new(PROC_FD);
    link.decimal(fd.0.unsigned_abs());
    let buf = Mapping::new(PATH_MAX)?.leak();
    // The page is zeroes, so a name that leaves one of them has its NUL.
    if sys::readlinkat(sys::CWD, link.as_c_str(), buf)?.len() == PATH_MAX {
        return Err(Errno::NAMETOOLONG);
    }
    let name = CStr::from_bytes_until_nul(buf).map_err(|_| Errno::NAMETOOLONG)?;
    // What has no name, as a pipe, shows one that is no path.
    if name.to_bytes().starts_with(b"/") { Ok(name) } else { Err(Errno::NOENT) }
}

/// Gives the detached copy `tree` its flags and attaches it at `dest`; `parents` is the mode that missing parents
/// follow.
pub fn put(
    build: &mut Build,
    tree: OwnedFd,
    source: Part,
    dest: Path<'static>,
    access: Access,
    parents: u32,
) -> Outcome<()> {
    set_flags(build.lenient, tree.fd(), source, dest, (build.host.attributes(access), 0))?;
    attach(build, tree, source, dest, parents)
}

/// Attaches `tree`, which has its flags.
fn attach(build: &mut Build, tree: OwnedFd, source: Part, dest: Path<'static>, parents: u32) -> Outcome<()> {
    // After many directories the next is one, as a rule; and a mount of anything else does not go on a directory.
    if build.directories >= MANY && build.root.attach_new_dir(tree.fd(), dest, parents)? {
        return Ok(());
    }
    let stat = sys::fstat(tree.fd()).at(|| Fault::new([Part::from("Can't get type of source "), source]))?;
    build.directories = if stat.is_dir() { build.directories.saturating_add(1) } else { 0 };
    build.root.attach(tree, Kind::of(&stat), dest, parents, &|| bind_fault(source, dest, UNABLE))
}

/// Sets `flags` on all mounts of `tree`, and the propagation if that is not 0.
///
/// ORDER: before the tree is attached, so that nobody ever sees it with the rights that it has on the host.
pub fn set_flags(
    lenient: Option<Voice>,
    tree: Fd,
    source: Part,
    dest: Path<'static>,
    (flags, propagation): (u64, u64),
) -> Outcome<()> {
    let refused = || bind_fault(source, dest, ": mount_setattr() failed");
    match (restrict(tree, true, flags, propagation), lenient) {
        (Ok(()), _) => Ok(()),
        (Err(errno), None) => Err(refused().mount_errno(errno)),
        (Err(errno), Some(voice)) => {
            // All mounts of the tree or none: one below has refused. The top one has to take them.
            restrict(tree, false, flags, 0).at_mount(refused)?;
            voice.warn(fault!("Can't remount submounts of ", dest, ", ignoring error").errno(errno));
            Ok(())
        }
    }
}

/// Sets `flags` on the mount at `tree`, and on all below it if `recursive`; read back at the top, since a call that did
/// nothing would leave the host's rights.
pub fn restrict(tree: Fd, recursive: bool, flags: u64, propagation: u64) -> sys::Result<()> {
    sys::mount_setattr(tree, recursive, flags, propagation)?;
    if sys::mount_flags(tree)? & flags == flags { Ok(()) } else { Err(Errno::PERM) }
}

fn bind_fault(source: Part, dest: Path<'static>, why: &'static str) -> Fault {
    Fault::new([Part::from("Can't bind mount "), source, Part::from(" on "), dest.into(), why.into()])
}

/// Tells a source that is not there or not reachable from one that cannot be copied: no lookup has these errors.
fn source_fault(source: Part, dest: Path<'static>, errno: Errno) -> Fault {
    match errno {
        Errno::INVAL | Errno::PERM | Errno::NOSPC | Errno::NOMEM => {
            bind_fault(source, dest, UNABLE).mount_errno(errno)
        }
        _ => Fault::new([Part::from("Can't find source path "), source]).errno(errno),
    }
}

/// `--remount-ro`.
pub fn remount_ro(build: &mut Build, dest: Path<'static>) -> Outcome<()> {
    let place = build.root.existing(dest)?;
    restrict(place.fd(), false, build.host.attributes(Access::ReadOnly), 0)
        .at_mount(|| fault!("Can't remount readonly on ", dest, ": mount_setattr() failed at \"", dest, "\""))
}
