//! Files, directories and symbolic links made in the new tree, and their permissions.

use crate::dest::{Name, PRIVATE, stat};
use crate::root::Root;
use crate::{Build, bind};
use common::chain::Argument;
use common::errno::Errno;
use common::fault;
use common::plan::{Access, FdNumber, Mode};
use common::report::{At, Outcome, Part};
use common::sys::{self, Fd, Mapping, o};
use common::text::Path;
use core::ffi::CStr;

/// `--dir`.
pub fn dir(root: &mut Root, dest: Path<'static>, mode: Mode) -> Outcome<()> {
    let mut name = Name::new();
    let entry = root.entry(dest, mode.bits(), &mut name)?;
    match sys::mkdirat(entry.dir, entry.name, mode.bits()) {
        Ok(()) => return Ok(()),
        Err(Errno::EXIST) => {}
        Err(errno) => return Err(fault!("Can't create file ", dest).errno(errno)),
    }
    let found = root.found(&entry, dest)?;
    if stat(found.fd(), dest)?.is_dir() {
        Ok(())
    } else {
        Err(fault!("Destination is not a directory ", dest))
    }
}

/// `--file`.
pub fn file(root: &mut Root, source: FdNumber, dest: Path<'static>, mode: Mode) -> Outcome<()> {
    let mut name = Name::new();
    let entry = root.entry(dest, mode.bits(), &mut name)?;
    let flags = o::WRONLY | o::CREAT | o::TRUNC | o::NOCTTY | o::NOFOLLOW | o::CLOEXEC;
    let file =
        sys::openat(entry.dir, entry.name, flags, mode.bits()).at(|| fault!("Can't create file ", dest))?;
    copy(source.fd(), file.fd()).at(|| fault!("Can't write data to file ", dest))
}

/// `--bind-data`, `--ro-bind-data`: a file of the base, which has no name any more once it is mounted.
pub fn bind_data(
    build: &mut Build,
    source: FdNumber,
    dest: Path<'static>,
    mode: Mode,
    read_only: bool,
) -> Outcome<()> {
    const NAME: &CStr = c"bindfile";
    let base = build.root.base()?;
    let not_made = || fault!("Can't create tmpfile for ", dest);
    let flags = o::RDWR | o::CREAT | o::EXCL | o::CLOEXEC;
    let file = sys::openat(base, NAME, flags, mode.bits()).at(not_made)?;
    copy(source.fd(), file.fd()).at(|| fault!("Can't write data to file ", dest))?;
    let tree = build.root.with_bindable_base(|| sys::open_tree_clone(file.fd(), false).at_mount(not_made))?;
    drop(file);
    let access = if read_only { Access::ReadOnly } else { Access::ReadWrite };
    bind::put(build, tree, "data".into(), dest, access, mode.bits())?;
    // ORDER: after the mount, since what has no name cannot be mounted (move_mount fails with ENOENT).
    sys::unlinkat(base, NAME).at(not_made)
}

/// Copies what is left in `from`.
///
/// Where `from` has an offset it stays as it is, so that one descriptor can serve two operations.
// Not inlined: its buffer is more than a page of stack.
#[inline(never)]
fn copy(from: Fd, to: Fd) -> sys::Result<()> {
    let mut buf = [0u8; 4096];
    let mut at = match sys::offset(from) {
        Ok(offset) => Some(offset),
        Err(Errno::SPIPE) => None,
        Err(errno) => return Err(errno),
    };
    loop {
        let len = sys::retry(|| match at {
            Some(offset) => sys::pread(from, &mut buf, offset),
            None => sys::read(from, &mut buf),
        })?;
        if len == 0 {
            return Ok(());
        }
        sys::write_all(to, buf.get(..len).unwrap_or_default())?;
        at = at.map(|offset| offset.saturating_add(len as u64));
    }
}

/// `--symlink`. One that is there and says the same will do.
pub fn symlink(root: &mut Root, target: Path<'static>, dest: Path<'static>) -> Outcome<()> {
    let mut name = Name::new();
    let entry = root.entry(dest, PRIVATE, &mut name)?;
    let dir = entry.dir;
    match sys::symlinkat(target.0, dir, entry.name) {
        Ok(()) => return Ok(()),
        Err(Errno::EXIST) => {}
        Err(errno) => return Err(fault!("Can't make symlink at ", dest).errno(errno)),
    }
    let unreadable =
        || fault!("Can't make symlink at ", dest, ": destination exists, and cannot read symlink target");
    // Kept for the message.
    let buf = Mapping::new(4096).at(unreadable)?.leak();
    match sys::readlinkat(dir, entry.name, buf) {
        Ok(existing) if existing == target.bytes() => Ok(()),
        Ok(existing) => Err(fault!("Can't make symlink at ", dest, ": existing destination is ", existing)),
        Err(Errno::INVAL) => {
            Err(fault!("Can't make symlink at ", dest, ": destination exists and is not a symlink"))
        }
        Err(errno) => Err(unreadable().errno(errno)),
    }
}

/// `--chmod`.
pub fn chmod(root: &Root, path: Path<'static>, mode: Mode) -> Outcome<()> {
    let file = root.lookup(path).at(|| fault!("Can't open ", path))?;
    let changed = match sys::fchmodat2_empty_path(file.fd(), mode.bits()) {
        // Before Linux 6.6: by the name that procfs has for the descriptor.
        Err(Errno::NOSYS) => {
            let mut link = Argument::new("/proc/self/fd/");
            link.decimal(file.fd().0.unsigned_abs());
            sys::fchmodat(sys::CWD, link.as_c_str(), mode.bits())
        }
        other => other,
    };
    changed.at(|| fault!("Can't chmod ", Part::Octal(mode.bits()), " ", path))
}
