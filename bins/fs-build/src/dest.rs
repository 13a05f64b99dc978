//! Destinations: looked up inside the new root, made where they are missing, and mounted on.

use crate::root::{DIRECTORY, Parent, Root};
use common::errno::Errno;
use common::fault;
use common::report::{At, Fault, Outcome};
use common::sys::{self, Fd, OwnedFd, Stat, o, resolve, s};
use common::text::Path;
use core::ffi::CStr;

/// How every destination is looked up: absolute symbolic links and ".." end at the new root, and the links of a
/// procfs, which lead anywhere, are not followed.
const INSIDE: u64 = resolve::IN_ROOT | resolve::NO_MAGICLINKS;

/// The destination itself, whatever it is; if it is a symbolic link, that.
const ITSELF: u32 = o::PATH | o::NOFOLLOW | o::CLOEXEC;

/// The mode of operations that have none: what they make on the way is for its owner alone.
pub const PRIVATE: u32 = 0;

/// Permissions of the mount points that are made.
const MOUNT_POINT_DIR: u32 = 0o755;
const MOUNT_POINT_FILE: u32 = 0o444;

/// The kernel's limit on a path, NUL included.
pub const PATH_MAX: usize = 4096;

/// What is mounted, and so what it can be mounted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Dir,
    /// Anything else.
    File,
}

impl Kind {
    /// Of what `stat` is about.
    pub fn of(stat: &Stat) -> Kind {
        if stat.is_dir() { Kind::Dir } else { Kind::File }
    }
}

/// A destination taken apart.
#[derive(Debug)]
pub struct Entry<'b> {
    /// The directory that it is in; open until the next destination is taken apart.
    pub dir: Fd,
    /// Its last component, "." for the root.
    pub name: &'b CStr,
    /// Whether that is "." or "..", which only a lookup of the whole path keeps inside the root.
    special: bool,
}

/// Room for pieces of a path, which need a NUL of their own.
#[derive(Debug)]
pub struct Scratch<const N: usize>([u8; N]);

/// Room for a component of a path (`NAME_MAX`).
pub type Name = Scratch<256>;

impl<const N: usize> Scratch<N> {
    /// Empty room.
    pub fn new() -> Scratch<N> {
        Scratch([0; N])
    }

    /// `bytes` with a NUL behind.
    fn c_str(&mut self, bytes: &[u8]) -> sys::Result<&CStr> {
        let (room, nul) = self.0.split_at_mut_checked(bytes.len()).ok_or(Errno::NAMETOOLONG)?;
        sys::copy(room, bytes);
        *nul.first_mut().ok_or(Errno::NAMETOOLONG)? = 0;
        CStr::from_bytes_until_nul(&self.0).map_err(|_| Errno::INVAL)
    }
}

/// The permissions of missing parents: 0755, without what `mode` gives to nobody of the group or the others.
fn parents_mode(mode: u32) -> u32 {
    let closed = |class: u32| if mode & class == 0 { class & 0o055 } else { 0 };
    0o755 & !closed(0o070) & !closed(0o007)
}

/// The directory part and the last component of `path`; trailing slashes count for nothing.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let end = path.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last.saturating_add(1));
    let path = path.get(..end).unwrap_or_default();
    let start = path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash.saturating_add(1));
    path.split_at_checked(start).unwrap_or_default()
}

impl Root {
    /// Attaches the detached `mount` at `dest`, made if it is missing; on the root it becomes the new root.
    ///
    /// `mode` is that of the operation, for missing parents; `refused` is what a mount that fails reads as.
    pub fn attach(
        &mut self,
        mount: OwnedFd,
        kind: Kind,
        dest: Path<'static>,
        mode: u32,
        refused: &dyn Fn() -> Fault,
    ) -> Outcome<()> {
        let mut name = Name::new();
        let entry = self.entry(dest, mode, &mut name)?;
        if entry.special {
            return self.attach_special(mount, kind, dest, refused);
        }
        let attached = match kind {
            Kind::Dir => self.attach_dir(mount.fd(), &entry),
            Kind::File => self.attach_file(mount.fd(), &entry),
        };
        attached.map_err(|errno| match self.found(&entry, dest).and_then(|fd| suits(fd.fd(), kind, dest)) {
            Ok(()) => refused().mount_errno(errno),
            // What could not be made is not there: why it could not be made says more than that.
            Err(fault) if fault.cause() == Some(Errno::NOENT) => not_made(dest).errno(errno),
            Err(fault) => fault,
        })
    }

    /// Attaches `mount` at `dest`, which is missing in a tree that is still our own; `false` where it is not, or `mount`
    /// is no directory, for [`Root::attach`] to do it or to say why not.
    pub fn attach_new_dir(&mut self, mount: Fd, dest: Path<'static>, mode: u32) -> Outcome<bool> {
        let mut name = Name::new();
        if !self.is_ours() {
            return Ok(false);
        }
        let entry = self.entry(dest, mode, &mut name)?;
        if entry.special || sys::mkdirat(entry.dir, entry.name, MOUNT_POINT_DIR).is_err() {
            return Ok(false);
        }
        if sys::move_mount_at(mount, entry.dir, entry.name).is_ok() {
            return Ok(true);
        }
        sys::rmdirat(entry.dir, entry.name).at(|| not_made(dest)).map(|()| false)
    }

    /// Attaches the directory `mount`.
    ///
    /// The last component is looked up by the mount itself, which follows no symbolic link and wants a directory: so
    /// nothing has to be checked before. A tree that is still our own has no destination yet, so it is made first;
    /// one of the host has most.
    ///
    /// DIFFERS: a destination that cannot be asked for its type, a FUSE mount whose server is gone, is covered;
    /// bubblewrap refuses it.
    fn attach_dir(&self, mount: Fd, entry: &Entry<'_>) -> sys::Result<()> {
        let dir = entry.dir;
        if !self.is_ours() {
            match sys::move_mount_at(mount, dir, entry.name) {
                Err(Errno::NOENT) => {}
                other => return other,
            }
        }
        match sys::mkdirat(dir, entry.name, MOUNT_POINT_DIR) {
            Ok(()) | Err(Errno::EXIST) => sys::move_mount_at(mount, dir, entry.name),
            Err(errno) => Err(errno),
        }
    }

    /// Attaches `mount`, which is no directory.
    ///
    /// A mount of a file would take a symbolic link as its mount point: so what is there is opened, checked, and
    /// mounted on through that descriptor.
    fn attach_file(&self, mount: Fd, entry: &Entry<'_>) -> sys::Result<()> {
        let dir = entry.dir;
        let make = || {
            let flags = o::WRONLY | o::CREAT | o::EXCL | o::NOCTTY | o::NOFOLLOW | o::CLOEXEC;
            sys::openat(dir, entry.name, flags, MOUNT_POINT_FILE)
        };
        let open = || {
            let fd = sys::openat(dir, entry.name, ITSELF, 0)?;
            if sys::fstat(fd.fd())?.kind() == s::IFLNK { Err(Errno::LOOP) } else { Ok(fd) }
        };
        let (first, then): (&dyn Fn() -> _, &dyn Fn() -> _) =
            if self.is_ours() { (&make, &open) } else { (&open, &make) };
        let place = match first() {
            Err(Errno::EXIST | Errno::NOENT) => then(),
            other => other,
        }?;
        sys::move_mount(mount, place.fd())
    }

    /// Attaches `mount` at `dest`, which ends in "." or ".." or is "/".
    fn attach_special(
        &mut self,
        mount: OwnedFd,
        kind: Kind,
        dest: Path<'static>,
        refused: &dyn Fn() -> Fault,
    ) -> Outcome<()> {
        let place = self.lookup(dest).at(|| not_made(dest))?;
        suits(place.fd(), kind, dest)?;
        let id = |fd| sys::mount_id(fd, c"").at(|| fault!("Can't stat mount at ", dest));
        let found = id(place.fd())?;
        let is_root = found.is_root && found == id(self.newroot())?;
        sys::move_mount(mount.fd(), place.fd()).at_mount(refused)?;
        if is_root {
            self.replace(mount);
        }
        Ok(())
    }

    /// Opens `dest` itself, which has to be there and to be no symbolic link.
    pub fn existing(&mut self, dest: Path<'static>) -> Outcome<OwnedFd> {
        let mut name = Name::new();
        let entry = self.entry(dest, PRIVATE, &mut name)?;
        let found = self.found(&entry, dest)?;
        if stat(found.fd(), dest)?.kind() == s::IFLNK { Err(is_symlink(dest)) } else { Ok(found) }
    }

    /// Opens `entry` itself, which is what `dest` was taken apart into.
    pub fn found(&self, entry: &Entry<'_>, dest: Path<'static>) -> Outcome<OwnedFd> {
        let opened =
            if entry.special { self.lookup(dest) } else { sys::openat(entry.dir, entry.name, ITSELF, 0) };
        opened.at(|| not_made(dest))
    }

    /// Opens `path` itself, inside the new root.
    pub fn lookup(&self, path: Path<'static>) -> sys::Result<OwnedFd> {
        sys::openat2(self.newroot(), path.0, ITSELF, 0, INSIDE)
    }

    /// Takes `dest` apart and opens the directory that it is in, making what of it is missing.
    pub fn entry<'b>(&mut self, dest: Path<'static>, mode: u32, room: &'b mut Name) -> Outcome<Entry<'b>> {
        let fault = || fault!("Can't mkdir parents for ", dest);
        let (parent, name) = split(dest.bytes());
        let special = matches!(name, b"" | b"." | b"..");
        let name = room.c_str(if name.is_empty() { b"." } else { name }).at(|| not_made(dest))?;
        if parent.iter().all(|&byte| byte == b'/') {
            self.last = None;
            return Ok(Entry { dir: self.newroot(), name, special });
        }
        let dir = match self.last_parent(parent) {
            Some(dir) => dir,
            None => {
                self.last = None;
                let mode = if self.open_parents { 0o755 } else { parents_mode(mode) };
                let fd = self.open_parent(parent, mode).at(fault)?;
                self.last.insert(Parent { path: parent, fd, own: None }).fd.fd()
            }
        };
        Ok(Entry { dir, name, special })
    }

    /// The directory of the last destination, if that was in `path` too.
    ///
    /// Only a directory of the tmpfs that was made here: in one of the host somebody else may meanwhile have moved
    /// it to where it is no part of the new root. And nothing that was done since can have given the path another
    /// meaning: what is mounted or made in a directory is below it, so not on the way to it.
    fn last_parent(&mut self, path: &[u8]) -> Option<Fd> {
        let (newroot, is_ours) = (self.newroot(), self.is_ours());
        let last = self.last.as_mut().filter(|last| is_ours && last.path == path)?;
        let own = *last.own.get_or_insert_with(|| {
            let id = |fd| sys::mount_id(fd, c"").map(|mount| mount.id);
            id(last.fd.fd()).is_ok_and(|mount| id(newroot) == Ok(mount))
        });
        own.then(|| last.fd.fd())
    }

    /// Opens the directory `path`, making what of it is missing with permissions `mode`.
    // Not inlined: its room for a path is more than a page of stack, and most parents are there or the root.
    #[inline(never)]
    fn open_parent(&self, path: &[u8], mode: u32) -> sys::Result<OwnedFd> {
        let mut scratch = Scratch::<PATH_MAX>::new();
        let open = |path: &CStr| sys::openat2(self.newroot(), path, DIRECTORY, 0, INSIDE);
        match open(scratch.c_str(path)?) {
            Err(Errno::NOENT) => {}
            other => return other,
        }
        let mut dir: Option<OwnedFd> = None;
        let mut end = 0;
        // What is below a directory that was made just now is missing too.
        let mut made = false;
        for name in path.split(|&byte| byte == b'/') {
            end = name.len().saturating_add(end);
            let upto = path.get(..end).unwrap_or_default();
            end = end.saturating_add(1);
            if name.is_empty() {
                continue;
            }
            let opened = if made { Err(Errno::NOENT) } else { open(scratch.c_str(upto)?) };
            let opened = match opened {
                Err(Errno::NOENT) => {
                    let within = dir.as_ref().map_or(self.newroot(), OwnedFd::fd);
                    match sys::mkdirat(within, scratch.c_str(name)?, mode) {
                        Ok(()) => made = true,
                        Err(Errno::EXIST) => {}
                        Err(errno) => return Err(errno),
                    }
                    // By its whole path again, not by its name: only that stays inside, whatever it is by now.
                    open(scratch.c_str(upto)?)
                }
                other => other,
            };
            dir = Some(opened?);
        }
        dir.ok_or(Errno::NOENT)
    }
}

fn not_made(dest: Path<'static>) -> Fault {
    fault!("Can't create file ", dest)
}

fn is_symlink(dest: Path<'static>) -> Fault {
    fault!("Can't mount on symlink destination ", dest)
}

/// What the destination that `fd` is open on is.
pub fn stat(fd: Fd, dest: Path<'static>) -> Outcome<Stat> {
    sys::fstat(fd).at(|| fault!("Can't get type of dest ", dest))
}

/// Refuses the destination that `fd` is open on unless something of `kind` can be mounted on it.
fn suits(fd: Fd, kind: Kind, dest: Path<'static>) -> Outcome<()> {
    let stat = stat(fd, dest)?;
    match kind {
        _ if stat.kind() == s::IFLNK => Err(is_symlink(dest)),
        Kind::Dir if !stat.is_dir() => Err(fault!("Destination is not a directory ", dest)),
        Kind::File if stat.is_dir() => Err(fault!("Destination is not a file ", dest)),
        _ => Ok(()),
    }
}

/// What a mount of `what` on `dest` that fails reads as.
pub fn cannot_mount(what: &'static str, dest: Path<'static>) -> impl Fn() -> Fault {
    move || fault!("Can't mount ", what, " on ", dest)
}
