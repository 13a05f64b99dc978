//! Mounts that are not of files of the host: tmpfs, procfs, sysfs, cgroups, the POSIX message queues.

use crate::Build;
use crate::bind::restrict;
use crate::dest::{Kind, PRIVATE, cannot_mount};
use crate::host::{self, Host};
use crate::instance;
use common::chain::Argument;
use common::errno::Errno;
use common::fault;
use common::plan::Mode;
use common::report::{At, Outcome};
use common::sys::{self, Fd, OwnedFd, access, attr, o};
use common::text::{Names, Path, Text};
use core::ffi::CStr;

/// `--tmpfs`.
pub fn tmpfs(build: &mut Build, dest: Path<'static>, mode: Mode, size: Option<u64>) -> Outcome<()> {
    let refused = cannot_mount("tmpfs", dest);
    let mount = match build.host.take() {
        Some(made) => made.tree,
        None => new_tmpfs(build.host.label, mode.bits(), size).at_mount(&refused)?,
    };
    build.root.attach(mount, Kind::Dir, dest, mode.bits(), &refused)
}

/// A tmpfs whose root has permissions `mode`, limited to `size` bytes if that is given.
pub fn new_tmpfs(label: Option<Text<'_>>, mode: u32, size: Option<u64>) -> sys::Result<OwnedFd> {
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
    count = instance::with_label(&mut settings, count, label);
    let settings = settings.get(..count).unwrap_or_default();
    instance::mount(c"tmpfs", settings, attr::NOSUID | attr::NODEV)
}

/// `--mqueue`.
pub fn mqueue(build: &mut Build, dest: Path<'static>) -> Outcome<()> {
    kernels(build, "mqueue", dest, new_mqueue)
}

/// `--sys`.
pub fn sys(build: &mut Build, dest: Path<'static>) -> Outcome<()> {
    kernels(build, "sysfs", dest, new_sys)
}

/// `--cgroup`.
pub fn cgroup(build: &mut Build, dest: Path<'static>) -> Outcome<()> {
    kernels(build, "cgroup2", dest, new_cgroup)
}

/// Attaches at `dest` what `make` makes, a file system that is all the kernel's.
fn kernels(
    build: &mut Build,
    name: &'static str,
    dest: Path<'static>,
    make: fn(&Host) -> sys::Result<OwnedFd>,
) -> Outcome<()> {
    let refused = cannot_mount(name, dest);
    let mount = match build.host.take() {
        Some(made) => made.tree,
        None => make(&build.host).at_mount(&refused)?,
    };
    build.root.attach(mount, Kind::Dir, dest, PRIVATE, &refused)
}

/// The message queues of the IPC namespace.
pub fn new_mqueue(_: &Host) -> sys::Result<OwnedFd> {
    instance::mount(c"mqueue", &[], 0)
}

/// What is below the cgroup that is the root of this cgroup namespace: the sandbox's own.
pub fn new_cgroup(_: &Host) -> sys::Result<OwnedFd> {
    instance::mount(c"cgroup2", &[], attr::NOSUID | attr::NODEV | attr::NOEXEC)
}

/// The devices and settings of the kernel, to look at. Nothing in it is the sandbox's but the interfaces of a network
/// namespace of its own; and as long as it is read-only, a udevd inside does not start.
///
/// A fresh sysfs shows nothing that the host has mounted below its own. The kernel makes one for whoever owns the
/// network namespace, and only while the host's is to be seen whole (fs/namespace.c, `mount_too_revealing`); to others
/// the host's is shown.
pub fn new_sys(_: &Host) -> sys::Result<OwnedFd> {
    let flags = attr::NOSUID | attr::NODEV | attr::NOEXEC | attr::RDONLY;
    match instance::mount(c"sysfs", &[], flags) {
        Err(Errno::PERM) => {
            let tree = host::copy(c"/sys")?;
            restrict(tree.fd(), true, flags, 0)?;
            Ok(tree)
        }
        fresh => fresh,
    }
}

/// What of a procfs may be writable, by somebody who is root, and reaches beyond the sandbox.
const COVERED: Names = Names(b"sys\0sysrq-trigger\0irq\0bus\0");

/// `--proc`.
pub fn proc(build: &mut Build, dest: Path<'static>) -> Outcome<()> {
    let refused = cannot_mount("proc", dest);
    let mount = match build.host.take() {
        Some(made) => made.tree,
        None => new_proc(&build.host).map_err(|errno| match errno {
            // Not one of a mount: the host has none.
            Errno::NOENT => fault!("Can't open source /proc").errno(errno),
            errno => refused().mount_errno(errno),
        })?,
    };
    // The mount's own root stays at hand for the coverings, wherever it is attached.
    let proc = sys::openat(mount.fd(), c".", o::PATH | o::CLOEXEC, 0).at(|| fault!("Can't open ", dest))?;
    build.root.attach(mount, Kind::Dir, dest, PRIVATE, &refused)?;
    { COVERED }.try_for_each(|name| cover(proc.fd(), name, dest))
}

/// A new procfs for a new PID namespace, else the host's, which shows the same processes. Where nobody has said which it
/// is, a new one shows the right processes in either case, if it may be had.
pub fn new_proc(host: &Host) -> sys::Result<OwnedFd> {
    let flags = attr::NOSUID | attr::NODEV;
    if host.new_pidns != Some(false) {
        let new = instance::mount(c"proc", &[], flags | attr::NOEXEC);
        if new.is_ok() || host.new_pidns.is_some() {
            return new;
        }
    }
    let tree = host::copy(c"/proc")?;
    restrict(tree.fd(), true, flags, 0)?;
    Ok(tree)
}

/// Mounts `name` read-only over itself, if it is there and this process could write to it.
fn cover(proc: Fd, name: &'static CStr, dest: Path<'static>) -> Outcome<()> {
    match sys::faccessat(proc, name, access::W_OK) {
        Ok(()) => {}
        Err(Errno::ACCES | Errno::NOENT | Errno::ROFS) => return Ok(()),
        Err(errno) => return Err(fault!("Can't access ", dest, "/", name).errno(errno)),
    }
    let tree = sys::open_tree_clone_at(proc, name).at(|| fault!("Can't open ", dest, "/", name))?;
    restrict(tree.fd(), true, attr::NOSUID | attr::NODEV | attr::RDONLY, 0)
        .and_then(|()| sys::move_mount_at(tree.fd(), proc, name))
        .at_mount(|| fault!("Can't mount readonly on ", dest, "/", name))
}
