//! Overlay mounts: layers of the host, with writes going to the host, to memory, or nowhere.

use crate::Build;
use crate::dest::{Kind, PATH_MAX, PRIVATE};
use crate::root::DIRECTORY;
use common::chain::Argument;
use common::errno::Errno;
use common::fault;
use common::report::{At, Fault, Outcome};
use common::sys::{self, Fd, Mapping, OwnedFd, o};
use common::text::Path;
use core::ffi::CStr;

/// What the kernel takes in an overlay (`OVL_MAX_STACK`).
const MOST: usize = 500;

/// The layers for the overlay that comes next, the lowest first.
///
/// Their numbers are on pages of their own: as part of this they would be most of a page on the stack of every launch,
/// and few launches have an overlay.
#[derive(Debug)]
pub struct Layers {
    numbers: &'static mut [usize],
    count: usize,
}

impl Layers {
    /// No layer.
    pub const fn new() -> Layers {
        Layers { numbers: &mut [], count: 0 }
    }

    /// `--overlay-src`.
    pub fn push(&mut self, source: Path<'static>) -> Outcome<()> {
        let layer = open(source)?;
        let too_many = || fault!("Too many --overlay-src");
        if self.numbers.is_empty() {
            self.numbers = Mapping::words(MOST).at(too_many)?;
        }
        let slot = self.numbers.get_mut(self.count).ok_or_else(too_many)?;
        *slot = layer.leak().0.unsigned_abs() as usize;
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    /// The layers, the highest first.
    fn iter(&self) -> impl Iterator<Item = Fd> {
        self.numbers.iter().take(self.count).rev().map(|number| Fd(*number as i32))
    }
}

impl Drop for Layers {
    fn drop(&mut self) {
        self.iter().for_each(|fd| drop(OwnedFd::adopt(fd)));
    }
}

/// Opens `source` so that it can be named as `/proc/self/fd/N`: that has no colon, comma or backslash, which mean
/// something in the options.
fn open(source: Path<'static>) -> Outcome<OwnedFd> {
    sys::openat(sys::CWD, source.0, o::PATH | o::CLOEXEC, 0).at(|| fault!("Can't find source path ", source))
}

/// `--overlay`.
pub fn overlay(
    build: &mut Build,
    upper: Path<'static>,
    work: Path<'static>,
    dest: Path<'static>,
) -> Outcome<()> {
    let (upper, work) = (open(upper)?, open(work)?);
    mount(build, Some((upper, work)), dest)
}

/// `--tmp-overlay`.
///
/// DIFFERS: in mountinfo the upper and work directory show as descriptors, as the layers do; bubblewrap, whose
/// root this tmpfs is meanwhile, names them by path.
pub fn tmp_overlay(build: &mut Build, dest: Path<'static>) -> Outcome<()> {
    let number = build.tmp_overlays;
    build.tmp_overlays = number.saturating_add(1);
    let base = build.root.base()?;
    let scratch = |prefix, failed: fn() -> Fault| {
        let mut name = Argument::new(prefix);
        name.decimal(number);
        sys::mkdirat(base, name.as_c_str(), 0o755).at(failed)?;
        sys::openat(base, name.as_c_str(), DIRECTORY, 0).at(failed)
    };
    let upper = scratch("tmp-overlay-upper-", || fault!("Creating --tmp-overlay upperdir failed"))?;
    let work = scratch("tmp-overlay-work-", || fault!("Creating --tmp-overlay workdir failed"))?;
    mount(build, Some((upper, work)), dest)
}

/// `--ro-overlay`.
pub fn ro_overlay(build: &mut Build, dest: Path<'static>) -> Outcome<()> {
    mount(build, None, dest)
}

/// Mounts the layers, with `writes` as upper and work directory, at `dest`.
fn mount(build: &mut Build, writes: Option<(OwnedFd, OwnedFd)>, dest: Path<'static>) -> Outcome<()> {
    let layers = core::mem::replace(&mut build.layers, Layers::new());
    let options = options(&layers, writes.as_ref())
        .at(|| fault!("Can't make overlay mount on ", dest, ": too many layers"))?;
    let refused = || fault!("Can't make overlay mount on ", dest, " with options ", options);
    let base = build.root.base()?;
    let mount = build.root.with_bindable_base(|| {
        mount_in(base, options).map_err(|errno| match errno {
            Errno::LOOP => fault!(
                "Can't make overlay mount on ",
                dest,
                " with options ",
                options,
                ": Overlay directories may not overlap"
            ),
            errno => refused().mount_errno(errno),
        })
    })?;
    build.root.attach(mount, Kind::Dir, dest, PRIVATE, &refused)
}

/// Mounts an overlay on a directory of the base, and opens its root.
///
/// With mount(2), since fsconfig(2) takes no more than 255 bytes of layers; and not on the destination itself, to
/// which that would need a path.
fn mount_in(base: Fd, options: &CStr) -> sys::Result<OwnedFd> {
    const MS_NOSUID: usize = 2;
    const MS_NODEV: usize = 4;
    const NAME: &CStr = c"overlay";
    match sys::mkdirat(base, NAME, 0o755) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    let place = sys::openat(base, NAME, DIRECTORY, 0)?;
    sys::mount(c"overlay", link(place.fd()).as_c_str(), c"overlay", MS_NOSUID | MS_NODEV, options)?;
    sys::openat(base, NAME, DIRECTORY, 0)
}

/// A path for `fd`.
fn link(fd: Fd) -> Argument {
    let mut link = Argument::new("/proc/self/fd/");
    link.decimal(fd.0.unsigned_abs());
    link
}

/// The options, kept for the message.
fn options(layers: &Layers, writes: Option<&(OwnedFd, OwnedFd)>) -> sys::Result<&'static CStr> {
    let buf = Mapping::new(PATH_MAX)?.leak();
    let mut len = 0;
    let mut add = |bytes: &[u8]| {
        let end = bytes.len().checked_add(len)?;
        // The last byte stays 0.
        sys::copy(buf.get_mut(len..end).filter(|_| end < PATH_MAX)?, bytes);
        len = end;
        Some(())
    };
    let mut add_all = || {
        if let Some((upper, work)) = writes {
            add(b"upperdir=")?;
            add(link(upper.fd()).as_c_str().to_bytes())?;
            add(b",workdir=")?;
            add(link(work.fd()).as_c_str().to_bytes())?;
            add(b",")?;
        }
        for (index, layer) in layers.iter().enumerate() {
            add(if index == 0 { b"lowerdir=" } else { b":" })?;
            add(link(layer).as_c_str().to_bytes())?;
        }
        // Whoever is root in a user namespace may not set trusted.* attributes, which overlays use otherwise.
        add(b",userxattr")
    };
    add_all().ok_or(Errno::TOOBIG)?;
    CStr::from_bytes_until_nul(buf).map_err(|_| Errno::TOOBIG)
}
