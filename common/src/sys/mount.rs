//! Mounts through descriptors: the mount API of Linux 5.2 and `mount_setattr` of 5.12.

use super::{Fd, OwnedFd, Result, raw, raw::nr};
use core::ffi::CStr;

/// `MOUNT_ATTR_*` without their prefix.
#[allow(missing_docs)]
pub mod attr {
    pub const RDONLY: u64 = 0x1;
    pub const NOSUID: u64 = 0x2;
    pub const NODEV: u64 = 0x4;
    pub const NOEXEC: u64 = 0x8;
}

/// Propagation types, as `mount_setattr(2)` takes them.
#[allow(missing_docs)]
pub mod propagation {
    pub const UNBINDABLE: u64 = 1 << 17;
    pub const PRIVATE: u64 = 1 << 18;
    pub const SLAVE: u64 = 1 << 19;
}

const AT_EMPTY_PATH: usize = 0x1000;
const AT_RECURSIVE: usize = 0x8000;
const OPEN_TREE_CLONE: usize = 1;
const OPEN_TREE_CLOEXEC: usize = 0o2000000;

/// `open_tree(fd, "", OPEN_TREE_CLONE | AT_EMPTY_PATH [| AT_RECURSIVE])`: a detached copy of the mount at `fd`,
/// with all mounts below it if `recursive`.
/// [open_tree(2)](https://man7.org/linux/man-pages/man2/open_tree.2.html)
pub fn open_tree_clone(fd: Fd, recursive: bool) -> Result<OwnedFd> {
    let flags =
        OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | if recursive { AT_RECURSIVE } else { 0 };
    // SAFETY: open_tree reads the empty NUL-terminated string, a constant.
    unsafe { raw::syscall6(nr::OPEN_TREE, [fd.arg(), c"".as_ptr() as usize, flags, 0, 0, 0]) }
        .and_then(OwnedFd::returned)
}

/// `open_tree(dir, path, OPEN_TREE_CLONE | AT_RECURSIVE)`: lookup and copy in one call, symbolic links followed.
pub fn open_tree_clone_at(dir: Fd, path: &CStr) -> Result<OwnedFd> {
    let flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE;
    // SAFETY: open_tree reads the NUL-terminated string at `path`, borrowed until it returns.
    unsafe { raw::syscall6(nr::OPEN_TREE, [dir.arg(), path.as_ptr() as usize, flags, 0, 0, 0]) }
        .and_then(OwnedFd::returned)
}

/// `move_mount(from, "", to, "", F_EMPTY_PATH | T_EMPTY_PATH)`: attaches the detached mount `from` at `to`.
/// [move_mount(2)](https://man7.org/linux/man-pages/man2/move_mount.2.html)
pub fn move_mount(from: Fd, to: Fd) -> Result<()> {
    const F_EMPTY_PATH: usize = 0x4;
    const T_EMPTY_PATH: usize = 0x40;
    let empty = c"".as_ptr() as usize;
    // SAFETY: move_mount reads the empty NUL-terminated string twice, a constant.
    unsafe {
        raw::syscall6(nr::MOVE_MOUNT, [from.arg(), empty, to.arg(), empty, F_EMPTY_PATH | T_EMPTY_PATH, 0])
    }
    .map(drop)
}

/// `move_mount(from, "", dir, path, F_EMPTY_PATH)`: attaches the detached mount `from` at `path`, the last component
/// of which is not followed if it is a symbolic link.
pub fn move_mount_at(from: Fd, dir: Fd, path: &CStr) -> Result<()> {
    const F_EMPTY_PATH: usize = 0x4;
    let args = [from.arg(), c"".as_ptr() as usize, dir.arg(), path.as_ptr() as usize, F_EMPTY_PATH, 0];
    // SAFETY: move_mount reads the empty string, a constant, and the NUL-terminated string at `path`, borrowed
    // until it returns.
    unsafe { raw::syscall6(nr::MOVE_MOUNT, args) }.map(drop)
}

/// `struct mount_attr`, version 0 (32 bytes).
#[repr(C)]
struct MountAttr {
    attr_set: u64,
    attr_clr: u64,
    propagation: u64,
    userns_fd: u64,
}

/// `mount_setattr(fd, "", AT_EMPTY_PATH [| AT_RECURSIVE], {set, 0, propagation, 0})` (Linux 5.12).
/// [mount_setattr(2)](https://man7.org/linux/man-pages/man2/mount_setattr.2.html)
pub fn mount_setattr(fd: Fd, recursive: bool, set: u64, propagation: u64) -> Result<()> {
    let what = MountAttr { attr_set: set, attr_clr: 0, propagation, userns_fd: 0 };
    let flags = AT_EMPTY_PATH | if recursive { AT_RECURSIVE } else { 0 };
    let (empty, size) = (c"".as_ptr() as usize, size_of::<MountAttr>());
    let args = [fd.arg(), empty, flags, (&raw const what) as usize, size, 0];
    // SAFETY: mount_setattr reads the empty string, a constant, and `size` bytes at `what`, a live local of
    // exactly that size.
    unsafe { raw::syscall6(nr::MOUNT_SETATTR, args) }.map(drop)
}

/// `open_tree_attr(dir, path, OPEN_TREE_CLONE | AT_RECURSIVE | AT_EMPTY_PATH, {set, 0, 0, 0})` (Linux 6.15):
/// [`open_tree_clone_at`] and [`mount_setattr`] in one; an empty path is `dir` itself. [open_tree_attr(2)](https://man7.org/linux/man-pages/man2/open_tree_attr.2.html)
pub fn open_tree_attr_clone_at(dir: Fd, path: &CStr, set: u64) -> Result<OwnedFd> {
    let what = MountAttr { attr_set: set, attr_clr: 0, propagation: 0, userns_fd: 0 };
    let flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH;
    let size = size_of::<MountAttr>();
    let args = [dir.arg(), path.as_ptr() as usize, flags, (&raw const what) as usize, size, 0];
    // SAFETY: open_tree_attr reads the NUL-terminated string at `path`, borrowed until it returns, and `size` bytes
    // at `what`, a live local of exactly that size.
    unsafe { raw::syscall6(nr::OPEN_TREE_ATTR, args) }.and_then(OwnedFd::returned)
}

/// Whether this kernel has open_tree_attr(2), and so all that came with it in Linux 6.15: mounts can be attached to
/// trees that are attached nowhere themselves, and copied from them.
pub fn has_open_tree_attr() -> bool {
    // Unknown flags: EINVAL from a kernel that knows the call, before it looks at anything else.
    const NO_SUCH_FLAGS: usize = 0xffff_ffff;
    raw::plain(nr::OPEN_TREE_ATTR, [0, 0, NO_SUCH_FLAGS, 0, 0, 0]) == Err(crate::errno::Errno::INVAL)
}

/// `fsopen(name, FSOPEN_CLOEXEC)`: begins a new instance of file system `name`.
/// [fsopen(2)](https://man7.org/linux/man-pages/man2/fsopen.2.html)
pub fn fsopen(name: &CStr) -> Result<OwnedFd> {
    // SAFETY: fsopen reads the NUL-terminated string at `name`, borrowed until it returns.
    unsafe { raw::syscall6(nr::FSOPEN, [name.as_ptr() as usize, 1, 0, 0, 0, 0]) }.and_then(OwnedFd::returned)
}

const FSCONFIG_SET_FLAG: usize = 0;
const FSCONFIG_SET_STRING: usize = 1;
const FSCONFIG_CMD_CREATE: usize = 6;

/// `fsconfig(fd, FSCONFIG_SET_STRING, key, value, 0)`.
/// [fsconfig(2)](https://man7.org/linux/man-pages/man2/fsconfig.2.html)
pub fn fsconfig_string(fd: Fd, key: &CStr, value: &CStr) -> Result<()> {
    let args = [fd.arg(), FSCONFIG_SET_STRING, key.as_ptr() as usize, value.as_ptr() as usize, 0, 0];
    // SAFETY: fsconfig reads the NUL-terminated strings at `key` and `value`, borrowed until it returns.
    unsafe { raw::syscall6(nr::FSCONFIG, args) }.map(drop)
}

/// `fsconfig(fd, FSCONFIG_SET_FLAG, key, NULL, 0)`.
pub fn fsconfig_flag(fd: Fd, key: &CStr) -> Result<()> {
    // SAFETY: fsconfig reads the NUL-terminated string at `key`, borrowed until it returns.
    unsafe { raw::syscall6(nr::FSCONFIG, [fd.arg(), FSCONFIG_SET_FLAG, key.as_ptr() as usize, 0, 0, 0]) }
        .map(drop)
}

/// `fsconfig(fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0)`: makes the superblock.
pub fn fsconfig_create(fd: Fd) -> Result<()> {
    raw::plain(nr::FSCONFIG, [fd.arg(), FSCONFIG_CMD_CREATE, 0, 0, 0, 0]).map(drop)
}

/// `fsmount(fd, FSMOUNT_CLOEXEC, attributes)`: a detached mount of what `fd` has configured.
/// [fsmount(2)](https://man7.org/linux/man-pages/man2/fsmount.2.html)
pub fn fsmount(fd: Fd, attributes: u64) -> Result<OwnedFd> {
    raw::plain(nr::FSMOUNT, [fd.arg(), 1, attributes as usize, 0, 0, 0]).and_then(OwnedFd::returned)
}

/// `mount(NULL, path, NULL, MS_REC | MS_SILENT | MS_SLAVE, NULL)`: no mount or unmount from now on reaches the
/// namespace this one was copied from. [mount(2)](https://man7.org/linux/man-pages/man2/mount.2.html)
pub fn mount_make_rslave(path: &CStr) -> Result<()> {
    const MS_REC: usize = 1 << 14;
    const MS_SILENT: usize = 1 << 15;
    const MS_SLAVE: usize = 1 << 19;
    // SAFETY: mount reads the NUL-terminated string at `path`, borrowed until it returns; with MS_SLAVE it
    // ignores the arguments that are null here.
    unsafe { raw::syscall6(nr::MOUNT, [0, path.as_ptr() as usize, 0, MS_REC | MS_SILENT | MS_SLAVE, 0, 0]) }
        .map(drop)
}

/// `mount(source, path, type, flags, data)`: the one-call form, for file systems whose options are given at once.
/// [mount(2)](https://man7.org/linux/man-pages/man2/mount.2.html)
pub fn mount(source: &CStr, path: &CStr, fs_type: &CStr, flags: usize, data: &CStr) -> Result<()> {
    let args = [
        source.as_ptr() as usize,
        path.as_ptr() as usize,
        fs_type.as_ptr() as usize,
        flags,
        data.as_ptr() as usize,
        0,
    ];
    // SAFETY: mount reads four NUL-terminated strings, all borrowed until it returns; `data` is text for every
    // file system this is called with (none takes binary data).
    unsafe { raw::syscall6(nr::MOUNT, args) }.map(drop)
}

/// `umount2(path, MNT_DETACH)`. [umount(2)](https://man7.org/linux/man-pages/man2/umount.2.html)
pub fn umount_detach(path: &CStr) -> Result<()> {
    const MNT_DETACH: usize = 2;
    // SAFETY: umount2 reads the NUL-terminated string at `path`, borrowed until it returns.
    unsafe { raw::syscall6(nr::UMOUNT2, [path.as_ptr() as usize, MNT_DETACH, 0, 0, 0, 0]) }.map(drop)
}

/// `pivot_root(new_root, put_old)`.
/// [pivot_root(2)](https://man7.org/linux/man-pages/man2/pivot_root.2.html)
pub fn pivot_root(new_root: &CStr, put_old: &CStr) -> Result<()> {
    let args = [new_root.as_ptr() as usize, put_old.as_ptr() as usize, 0, 0, 0, 0];
    // SAFETY: pivot_root reads two NUL-terminated strings, borrowed until it returns.
    unsafe { raw::syscall6(nr::PIVOT_ROOT, args) }.map(drop)
}
