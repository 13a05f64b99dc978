//! Destinations: looked up inside the new root, made where they are missing, checked to be what can be mounted on.

use crate::root::{DIRECTORY, Root};
use common::errno::Errno;
use common::fault;
use common::report::{At, Fault, Outcome};
use common::sys::{self, Fd, OwnedFd, o, resolve, s};
use common::text::Path;
use core::ffi::CStr;

/// How every destination is looked up: absolute symbolic links and ".." end at the new root, and the links of a
/// procfs, which lead anywhere, are not followed.
const INSIDE: u64 = resolve::IN_ROOT | resolve::NO_MAGICLINKS;

/// The destination itself, whatever it is; if it is a symbolic link, that.
const ITSELF: u32 = o::PATH | o::NOFOLLOW | o::CLOEXEC;

/// Permissions of missing parents for operations that have no mode of their own, and of made mount points.
pub const PRIVATE: u32 = 0;
const MOUNT_POINT_DIR: u32 = 0o755;
const MOUNT_POINT_FILE: u32 = 0o444;

/// The kernel's limit on a path, NUL included.
pub const PATH_MAX: usize = 4096;

/// What something can be mounted on.
#[derive(Debug)]
pub enum Place {
    /// The root of the new tree.
    Root,
    /// Something below it.
    Below(OwnedFd),
}

/// What a destination has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// A directory, made if it is missing.
    Dir,
    /// Anything else but a symbolic link; an empty file is made if it is missing.
    File,
    /// Either, and it has to be there.
    Existing,
}

/// A destination taken apart.
#[derive(Debug)]
pub struct Entry<'b> {
    /// The directory that it is in; `None` is the root of the new tree.
    dir: Option<OwnedFd>,
    /// Its last component, "." for the root.
    pub name: &'b CStr,
    /// Whether that is "." or "..", which only a lookup of the whole path keeps inside the root.
    special: bool,
}

impl Entry<'_> {
    /// The directory that it is in.
    pub fn dir(&self, root: &Root) -> Fd {
        self.dir.as_ref().map_or(root.newroot(), OwnedFd::fd)
    }
}

/// Room for the pieces of a path that need a NUL of their own.
#[derive(Debug)]
pub struct Scratch([u8; PATH_MAX]);

impl Scratch {
    /// Empty room.
    pub fn new() -> Scratch {
        Scratch([0; PATH_MAX])
    }

    /// `bytes` with a NUL behind.
    fn c_str(&mut self, bytes: &[u8]) -> sys::Result<&CStr> {
        let (room, nul) = self.0.split_at_mut_checked(bytes.len()).ok_or(Errno::NAMETOOLONG)?;
        room.copy_from_slice(bytes);
        *nul.first_mut().ok_or(Errno::NAMETOOLONG)? = 0;
        CStr::from_bytes_until_nul(&self.0).map_err(|_| Errno::INVAL)
    }
}

/// The permissions of missing parents: 0755, without what `mode` gives to nobody of the group or the others.
pub fn parents_mode(mode: u32) -> u32 {
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
    /// Finds or makes the mount point `dest`. `mode` is that of the operation, for the parents.
    pub fn mount_point(&self, dest: Path<'static>, want: Want, mode: u32) -> Outcome<Place> {
        // The usual case, one system call: it is there. One that ends in a slash or a dot may be a link followed,
        // or the root.
        if want == Want::Dir
            && !matches!(dest.bytes().last(), Some(b'/' | b'.'))
            && let Ok(fd) = sys::openat2(self.newroot(), dest.0, DIRECTORY | o::NOFOLLOW, 0, INSIDE)
        {
            return Ok(Place::Below(fd));
        }
        let mut scratch = Scratch::new();
        let entry = self.entry(dest, mode, &mut scratch)?;
        let place = self.open_or_make(&entry, dest, want)?;
        let fd = match &place {
            Place::Root => self.newroot(),
            Place::Below(fd) => fd.fd(),
        };
        let stat = sys::fstat(fd).at(|| fault!("Can't get type of dest ", dest))?;
        match want {
            _ if stat.kind() == s::IFLNK => Err(fault!("Can't mount on symlink destination ", dest)),
            Want::Dir if !stat.is_dir() => Err(fault!("Destination is not a directory ", dest)),
            Want::File if stat.is_dir() => Err(fault!("Destination is not a file ", dest)),
            _ => Ok(place),
        }
    }

    /// Opens `entry` itself; makes it if it is missing and `want` says what.
    fn open_or_make(&self, entry: &Entry<'_>, dest: Path<'static>, want: Want) -> Outcome<Place> {
        let dir = entry.dir(self);
        let refused = || fault!("Can't create file ", dest);
        if entry.special {
            return self.open_special(dest).at(refused);
        }
        let open = || self.open_entry(entry, dest);
        let made = match open() {
            Err(Errno::NOENT) => match want {
                Want::Existing => Err(Errno::NOENT),
                Want::Dir => made(sys::mkdirat(dir, entry.name, MOUNT_POINT_DIR)).and_then(|()| open()),
                Want::File => {
                    let flags = o::WRONLY | o::CREAT | o::EXCL | o::NOCTTY | o::NOFOLLOW | o::CLOEXEC;
                    made(sys::openat(dir, entry.name, flags, MOUNT_POINT_FILE).map(drop)).and_then(|()| open())
                }
            },
            other => other,
        };
        made.map(Place::Below).at(refused)
    }

    /// Opens `dest`, which ends in "." or ".." or is "/".
    fn open_special(&self, dest: Path<'static>) -> sys::Result<Place> {
        let fd = self.lookup(dest)?;
        let (found, root) = (sys::mount_id(fd.fd(), c"")?, sys::mount_id(self.newroot(), c"")?);
        Ok(if found == root && found.is_root { Place::Root } else { Place::Below(fd) })
    }

    /// Opens `entry` itself, which is what `dest` was taken apart into.
    pub fn open_entry(&self, entry: &Entry<'_>, dest: Path<'static>) -> sys::Result<OwnedFd> {
        if entry.special { self.lookup(dest) } else { sys::openat(entry.dir(self), entry.name, ITSELF, 0) }
    }

    /// Opens `path` itself, inside the new root.
    pub fn lookup(&self, path: Path<'static>) -> sys::Result<OwnedFd> {
        sys::openat2(self.newroot(), path.0, ITSELF, 0, INSIDE)
    }

    /// Opens the directory that `dest` is in, making what of it is missing.
    pub fn entry<'b>(&self, dest: Path<'static>, mode: u32, scratch: &'b mut Scratch) -> Outcome<Entry<'b>> {
        let fault = || fault!("Can't mkdir parents for ", dest);
        let (parent, name) = split(dest.bytes());
        let dir = if parent.iter().all(|&byte| byte == b'/') {
            None
        } else {
            Some(self.open_parent(parent, parents_mode(mode), scratch).at(fault)?)
        };
        let special = matches!(name, b"" | b"." | b"..");
        let name = scratch.c_str(if name.is_empty() { b"." } else { name }).at(fault)?;
        Ok(Entry { dir, name, special })
    }

    /// Opens the directory `path`, making what of it is missing with permissions `mode`.
    fn open_parent(&self, path: &[u8], mode: u32, scratch: &mut Scratch) -> sys::Result<OwnedFd> {
        let open = |path: &CStr| sys::openat2(self.newroot(), path, DIRECTORY, 0, INSIDE);
        match open(scratch.c_str(path)?) {
            Err(Errno::NOENT) => {}
            other => return other,
        }
        let mut dir: Option<OwnedFd> = None;
        let mut start = 0;
        while let Some(rest) = path.get(start..)
            && let Some(skip) = rest.iter().position(|&byte| byte != b'/')
        {
            let from = start.saturating_add(skip);
            let rest = path.get(from..).unwrap_or_default();
            let len = rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
            start = from.saturating_add(len);
            let upto = path.get(..start).unwrap_or_default();
            let opened = match open(scratch.c_str(upto)?) {
                Err(Errno::NOENT) => {
                    let within = dir.as_ref().map_or(self.newroot(), OwnedFd::fd);
                    made(sys::mkdirat(within, scratch.c_str(rest.get(..len).unwrap_or_default())?, mode))?;
                    // By its whole path again, not by its name: only that stays inside whatever it is by now.
                    open(scratch.c_str(upto)?)
                }
                other => other,
            };
            dir = Some(opened?);
        }
        dir.ok_or(Errno::NOENT)
    }
}

/// Made, or there already: what it is then, the descriptor tells that is opened next.
fn made(result: sys::Result<()>) -> sys::Result<()> {
    match result {
        Err(Errno::EXIST) => Ok(()),
        other => other,
    }
}

/// The refusal of an attach.
pub fn cannot_mount(what: &'static str, dest: Path<'static>) -> Fault {
    fault!("Can't mount ", what, " on ", dest)
}
