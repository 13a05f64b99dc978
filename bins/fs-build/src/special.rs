//! Mounts that are not of files of the host: procfs, tmpfs, the POSIX message queues.

use crate::Build;
use crate::dest::{PRIVATE, Want, cannot_mount};
use crate::instance;
use common::chain::Argument;
use common::errno::Errno;
use common::fault;
use common::plan::Mode;
use common::report::{At, Outcome};
use common::sys::{self, Fd, OwnedFd, access, attr, o};
use common::text::Path;
use core::ffi::CStr;

/// `--tmpfs`.
pub fn tmpfs(build: &mut Build, dest: Path<'static>, mode: Mode, size: Option<u64>) -> Outcome<()> {
    let place = build.root.mount_point(dest, Want::Dir, mode.bits())?;
    let mount = new_tmpfs(build, mode.bits(), size).at_mount(|| cannot_mount("tmpfs", dest))?;
    build.root.attach(mount, place).at_mount(|| cannot_mount("tmpfs", dest))
}

/// A tmpfs whose root has permissions `mode`, limited to `size` bytes if that is given.
pub fn new_tmpfs(build: &Build, mode: u32, size: Option<u64>) -> sys::Result<OwnedFd> {
    let digit = |shift: u32| b'0' | (mode >> shift & 7) as u8;
    let octal = [digit(9), digit(6), digit(3), digit(0), 0];
    let octal = CStr::from_bytes_until_nul(&octal).map_err(|_| Errno::INVAL)?;
    let mut limit = Argument::new("0x");
    limit.hex(size.unwrap_or_default());
    let mut settings = [(c"mode", Some(octal)); 4];
    let mut count = 1;
    if let (Some(_), Some(slot)) = (size, settings.get_mut(count)) {
        *slot = (c"size", Some(limit.as_c_str()));
        count = 2;
    }
    count = instance::with_label(&mut settings, count, build.label);
    let settings = settings.get(..count).unwrap_or_default();
    instance::mount(c"tmpfs", settings, attr::NOSUID | attr::NODEV)
}

/// `--mqueue`.
pub fn mqueue(build: &mut Build, dest: Path<'static>) -> Outcome<()> {
    let place = build.root.mount_point(dest, Want::Dir, PRIVATE)?;
    instance::mount(c"mqueue", &[], 0)
        .and_then(|mount| build.root.attach(mount, place))
        .at_mount(|| cannot_mount("mqueue", dest))
}

/// What of a procfs may be writable, by somebody who is root, and reaches beyond the sandbox.
const COVERED: [(&CStr, &str); 4] =
    [(c"sys", "sys"), (c"sysrq-trigger", "sysrq-trigger"), (c"irq", "irq"), (c"bus", "bus")];

/// `--proc`: a new procfs for a new PID namespace, else the host's, which shows the same processes.
pub fn proc(build: &mut Build, dest: Path<'static>) -> Outcome<()> {
    let place = build.root.mount_point(dest, Want::Dir, PRIVATE)?;
    let flags = attr::NOSUID | attr::NODEV;
    let mount = if build.new_pidns {
        instance::mount(c"proc", &[], flags | attr::NOEXEC).at_mount(|| cannot_mount("proc", dest))?
    } else {
        let tree = sys::open_tree_clone_at(sys::CWD, c"/proc").at(|| fault!("Can't open source /proc"))?;
        sys::mount_setattr(tree.fd(), true, flags, 0).at_mount(|| cannot_mount("proc", dest))?;
        tree
    };
    // The mount's own root stays at hand for the coverings, wherever it is attached.
    let proc = sys::openat(mount.fd(), c".", o::PATH | o::CLOEXEC, 0).at(|| fault!("Can't open ", dest))?;
    build.root.attach(mount, place).at_mount(|| cannot_mount("proc", dest))?;
    COVERED.into_iter().try_for_each(|(name, words)| cover(proc.fd(), name, words, dest))
}

/// Mounts `name` read-only over itself, if it is there and this process could write to it.
fn cover(proc: Fd, name: &CStr, words: &'static str, dest: Path<'static>) -> Outcome<()> {
    match sys::faccessat(proc, name, access::W_OK) {
        Ok(()) => {}
        Err(Errno::ACCES | Errno::NOENT | Errno::ROFS) => return Ok(()),
        Err(errno) => return Err(fault!("Can't access ", dest, "/", words).errno(errno)),
    }
    let own = sys::openat(proc, name, o::PATH | o::NOFOLLOW | o::CLOEXEC, 0)
        .at(|| fault!("Can't open ", dest, "/", words))?;
    let flags = attr::NOSUID | attr::NODEV | attr::RDONLY;
    sys::open_tree_clone(own.fd(), true)
        .and_then(|tree| sys::mount_setattr(tree.fd(), true, flags, 0).map(|()| tree))
        .and_then(|tree| sys::move_mount(tree.fd(), own.fd()))
        .at_mount(|| fault!("Can't mount readonly on ", dest, "/", words))
}
