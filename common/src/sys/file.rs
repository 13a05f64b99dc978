//! Files and directories: open, make, link, stat and read them, always relative to a descriptor.

use super::{Fd, OwnedFd, Result, raw, raw::nr};
use crate::errno::Errno;
use core::ffi::CStr;
use core::mem::MaybeUninit;

/// Flags of `open(2)` without their prefix (x86_64 values).
#[allow(missing_docs)]
pub mod o {
    pub const RDONLY: u32 = 0;
    pub const WRONLY: u32 = 1;
    pub const RDWR: u32 = 2;
    pub const CREAT: u32 = 0o100;
    pub const EXCL: u32 = 0o200;
    pub const NOCTTY: u32 = 0o400;
    pub const TRUNC: u32 = 0o1000;
    pub const NONBLOCK: u32 = 0o4000;
    pub const DIRECTORY: u32 = 0o200000;
    pub const NOFOLLOW: u32 = 0o400000;
    pub const CLOEXEC: u32 = 0o2000000;
    pub const PATH: u32 = 0o10000000;
    /// `O_TMPFILE`, which has `O_DIRECTORY` in it.
    pub const TMPFILE: u32 = 0o20200000;
}

/// Flags of `openat2(2)` on how a path is resolved, without their prefix.
#[allow(missing_docs)]
pub mod resolve {
    pub const NO_MAGICLINKS: u64 = 0x02;
    pub const NO_SYMLINKS: u64 = 0x04;
    pub const BENEATH: u64 = 0x08;
    pub const IN_ROOT: u64 = 0x10;
}

/// `openat(dir, path, flags, mode)`. [open(2)](https://man7.org/linux/man-pages/man2/open.2.html)
pub fn openat(dir: Fd, path: &CStr, flags: u32, mode: u32) -> Result<OwnedFd> {
    let args = [dir.arg(), path.as_ptr() as usize, flags as usize, mode as usize, 0, 0];
    // SAFETY: openat reads the NUL-terminated string at `path`, borrowed until it returns.
    unsafe { raw::syscall6(nr::OPENAT, args) }.and_then(OwnedFd::returned)
}

/// `openat2(dir, path, {flags, mode, resolve})` (Linux 5.6). The kernel may say `EAGAIN` when a rename goes on
/// meanwhile and asks to try again; that is done here, a bounded number of times.
/// [openat2(2)](https://man7.org/linux/man-pages/man2/openat2.2.html)
pub fn openat2(dir: Fd, path: &CStr, flags: u32, mode: u32, resolve: u64) -> Result<OwnedFd> {
    /// `struct open_how`, version 0 (24 bytes).
    #[repr(C)]
    struct OpenHow {
        flags: u64,
        mode: u64,
        resolve: u64,
    }
    let how = OpenHow { flags: u64::from(flags), mode: u64::from(mode), resolve };
    let size = size_of::<OpenHow>();
    let args = [dir.arg(), path.as_ptr() as usize, (&raw const how) as usize, size, 0, 0];
    let mut tries = 0;
    loop {
        // SAFETY: openat2 reads the NUL-terminated string at `path` and `size` bytes at `how`, a live local of
        // exactly that size.
        match unsafe { raw::syscall6(nr::OPENAT2, args) } {
            Err(Errno::AGAIN) if tries < 128 => tries += 1,
            other => return other.and_then(OwnedFd::returned),
        }
    }
}

/// `mkdirat(dir, path, mode)`. [mkdir(2)](https://man7.org/linux/man-pages/man2/mkdir.2.html)
pub fn mkdirat(dir: Fd, path: &CStr, mode: u32) -> Result<()> {
    // SAFETY: mkdirat reads the NUL-terminated string at `path`, borrowed until it returns.
    unsafe { raw::syscall6(nr::MKDIRAT, [dir.arg(), path.as_ptr() as usize, mode as usize, 0, 0, 0]) }
        .map(drop)
}

/// `mknodat(dir, path, S_IFREG | mode, 0)`: an empty file, which nobody has opened; `EEXIST` for whatever is there.
/// [mknod(2)](https://man7.org/linux/man-pages/man2/mknod.2.html)
pub fn mkfileat(dir: Fd, path: &CStr, mode: u32) -> Result<()> {
    let args = [dir.arg(), path.as_ptr() as usize, (s::IFREG | mode) as usize, 0, 0, 0];
    // SAFETY: mknodat reads the NUL-terminated string at `path`, borrowed until it returns.
    unsafe { raw::syscall6(nr::MKNODAT, args) }.map(drop)
}

/// `unlinkat(dir, path, 0)`: takes away a name that is not a directory.
/// [unlink(2)](https://man7.org/linux/man-pages/man2/unlink.2.html)
pub fn unlinkat(dir: Fd, path: &CStr) -> Result<()> {
    // SAFETY: unlinkat reads the NUL-terminated string at `path`, borrowed until it returns.
    unsafe { raw::syscall6(nr::UNLINKAT, [dir.arg(), path.as_ptr() as usize, 0, 0, 0, 0]) }.map(drop)
}

/// `unlinkat(dir, path, AT_REMOVEDIR)`. [rmdir(2)](https://man7.org/linux/man-pages/man2/rmdir.2.html)
pub fn rmdirat(dir: Fd, path: &CStr) -> Result<()> {
    const AT_REMOVEDIR: usize = 0x200;
    // SAFETY: unlinkat reads the NUL-terminated string at `path`, borrowed until it returns.
    unsafe { raw::syscall6(nr::UNLINKAT, [dir.arg(), path.as_ptr() as usize, AT_REMOVEDIR, 0, 0, 0]) }
        .map(drop)
}

/// An entry of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'b> {
    /// Its name.
    pub name: &'b CStr,
    /// Whether it is a directory (`DT_DIR`).
    pub is_dir: bool,
}

/// `getdents64(fd, buf)`: the next entries of the directory `fd`, as many as fit in `buf`; none at its end.
/// [getdents(2)](https://man7.org/linux/man-pages/man2/getdents.2.html)
pub fn getdents64(fd: Fd, buf: &mut [u8]) -> Result<impl Iterator<Item = Entry<'_>>> {
    // SAFETY: getdents64 writes at most `buf.len()` bytes at `buf`, exclusively borrowed until it returns.
    let n =
        unsafe { raw::syscall6(nr::GETDENTS64, [fd.arg(), buf.as_mut_ptr() as usize, buf.len(), 0, 0, 0]) }?;
    let mut rest = buf.get(..n).unwrap_or_default();
    Ok(core::iter::from_fn(move || {
        const DT_DIR: u8 = 4;
        // `struct linux_dirent64`: inode (8 bytes), offset (8), length of the record (2), type (1), name.
        let len = rest.get(16..)?.first_chunk::<2>()?;
        let (record, after) = rest.split_at_checked(usize::from(u16::from_le_bytes(*len)))?;
        rest = after;
        let name = CStr::from_bytes_until_nul(record.get(19..)?).ok()?;
        Some(Entry { name, is_dir: record.get(18) == Some(&DT_DIR) })
    }))
}

/// `symlinkat(target, dir, path)`. [symlink(2)](https://man7.org/linux/man-pages/man2/symlink.2.html)
pub fn symlinkat(target: &CStr, dir: Fd, path: &CStr) -> Result<()> {
    let args = [target.as_ptr() as usize, dir.arg(), path.as_ptr() as usize, 0, 0, 0];
    // SAFETY: symlinkat reads the NUL-terminated strings at `target` and `path`, borrowed until it returns.
    unsafe { raw::syscall6(nr::SYMLINKAT, args) }.map(drop)
}

/// `readlinkat(dir, path, buf)`: the part of `buf` that holds the target; a target that fills `buf` may be cut
/// off. [readlink(2)](https://man7.org/linux/man-pages/man2/readlink.2.html)
pub fn readlinkat<'b>(dir: Fd, path: &CStr, buf: &'b mut [u8]) -> Result<&'b [u8]> {
    let args = [dir.arg(), path.as_ptr() as usize, buf.as_mut_ptr() as usize, buf.len(), 0, 0];
    // SAFETY: readlinkat reads the string at `path` and writes at most `buf.len()` bytes at `buf`, which is
    // exclusively borrowed until it returns.
    let n = unsafe { raw::syscall6(nr::READLINKAT, args) }?;
    Ok(buf.get(..n).unwrap_or_default())
}

/// `fchmod(fd, mode)`; not for `O_PATH` descriptors.
/// [chmod(2)](https://man7.org/linux/man-pages/man2/chmod.2.html)
pub fn fchmod(fd: Fd, mode: u32) -> Result<()> {
    raw::plain(nr::FCHMOD, [fd.arg(), mode as usize, 0, 0, 0, 0]).map(drop)
}

/// `fchmodat2(fd, "", mode, AT_EMPTY_PATH)` (Linux 6.6): for `O_PATH` descriptors too; `EOPNOTSUPP` for a
/// symbolic link. [chmod(2)](https://man7.org/linux/man-pages/man2/chmod.2.html)
pub fn fchmodat2_empty_path(fd: Fd, mode: u32) -> Result<()> {
    let args = [fd.arg(), c"".as_ptr() as usize, mode as usize, AT_EMPTY_PATH, 0, 0];
    // SAFETY: fchmodat2 reads the empty NUL-terminated string, a constant.
    unsafe { raw::syscall6(nr::FCHMODAT2, args) }.map(drop)
}

/// `fchmodat(dir, path, mode)`, symbolic links followed.
/// [chmod(2)](https://man7.org/linux/man-pages/man2/chmod.2.html)
pub fn fchmodat(dir: Fd, path: &CStr, mode: u32) -> Result<()> {
    // SAFETY: fchmodat reads the NUL-terminated string at `path`, borrowed until it returns.
    unsafe { raw::syscall6(nr::FCHMODAT, [dir.arg(), path.as_ptr() as usize, mode as usize, 0, 0, 0]) }
        .map(drop)
}

/// `ftruncate(fd, length)`. [truncate(2)](https://man7.org/linux/man-pages/man2/truncate.2.html)
pub fn ftruncate(fd: Fd, length: u64) -> Result<()> {
    raw::plain(nr::FTRUNCATE, [fd.arg(), length as usize, 0, 0, 0, 0]).map(drop)
}

/// `umask(mask)`: sets the file mode creation mask, returns the one before.
/// [umask(2)](https://man7.org/linux/man-pages/man2/umask.2.html)
///
/// The kernel never fails it, but a seccomp filter of whoever started us may.
pub fn umask(mask: u32) -> Result<u32> {
    raw::plain(nr::UMASK, [mask as usize, 0, 0, 0, 0, 0]).map(|old| old as u32)
}

/// What `access(2)` asks for.
#[allow(missing_docs)]
pub mod access {
    pub const W_OK: usize = 2;
}

/// `faccessat2(dir, path, mode, AT_EACCESS?)` with the real ids, as `access(2)` (Linux 5.8).
/// [access(2)](https://man7.org/linux/man-pages/man2/access.2.html)
pub fn faccessat(dir: Fd, path: &CStr, mode: usize) -> Result<()> {
    // SAFETY: faccessat2 reads the NUL-terminated string at `path`, borrowed until it returns.
    unsafe { raw::syscall6(nr::FACCESSAT2, [dir.arg(), path.as_ptr() as usize, mode, 0, 0, 0]) }.map(drop)
}

/// The type bits of a mode and the kinds we tell apart.
#[allow(missing_docs)]
pub mod s {
    pub const IFMT: u32 = 0o170000;
    pub const IFDIR: u32 = 0o040000;
    pub const IFREG: u32 = 0o100000;
    pub const IFLNK: u32 = 0o120000;
    pub const IFCHR: u32 = 0o020000;
}

/// What of `struct stat` is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Device number of the file system.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// Type and permissions.
    pub mode: u32,
    /// Size in bytes.
    pub size: u64,
    /// Device number, for a device node.
    pub rdev: u64,
}

impl Stat {
    /// The type bits ([`s`]).
    pub fn kind(&self) -> u32 {
        self.mode & s::IFMT
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.kind() == s::IFDIR
    }
}

const AT_SYMLINK_NOFOLLOW: usize = 0x100;
const AT_EMPTY_PATH: usize = 0x1000;

/// `newfstatat(dir, path)`: what `path` is, symbolic links followed.
/// [stat(2)](https://man7.org/linux/man-pages/man2/stat.2.html)
pub fn stat(dir: Fd, path: &CStr) -> Result<Stat> {
    newfstatat(dir, path, 0)
}

/// `newfstatat(dir, path, AT_SYMLINK_NOFOLLOW)`: what `path` itself is.
pub fn lstat(dir: Fd, path: &CStr) -> Result<Stat> {
    newfstatat(dir, path, AT_SYMLINK_NOFOLLOW)
}

/// What the open file `fd` is; works for `O_PATH` descriptors too.
pub fn fstat(fd: Fd) -> Result<Stat> {
    newfstatat(fd, c"", AT_EMPTY_PATH)
}

fn newfstatat(dir: Fd, path: &CStr, flags: usize) -> Result<Stat> {
    /// `struct stat` of x86_64 (`arch/x86/include/uapi/asm/stat.h`).
    #[repr(C)]
    struct KernelStat {
        st_dev: u64,
        st_ino: u64,
        st_nlink: u64,
        st_mode: u32,
        st_uid: u32,
        st_gid: u32,
        pad0: u32,
        st_rdev: u64,
        st_size: i64,
        rest: [u64; 11],
    }
    const _: () = assert!(size_of::<KernelStat>() == 144);
    let mut out = MaybeUninit::<KernelStat>::uninit();
    let args = [dir.arg(), path.as_ptr() as usize, out.as_mut_ptr() as usize, flags, 0, 0];
    // SAFETY: newfstatat reads the string at `path` and writes one struct stat (144 bytes, asserted above) into
    // `out`, live to the return.
    unsafe { raw::syscall6(nr::NEWFSTATAT, args) }?;
    // SAFETY: the call returned without an error, so the kernel has written the whole struct.
    let st = unsafe { out.assume_init() };
    Ok(Stat { dev: st.st_dev, ino: st.st_ino, mode: st.st_mode, size: st.st_size as u64, rdev: st.st_rdev })
}

/// `SELINUX_MAGIC` of `include/uapi/linux/magic.h`: the type of selinuxfs.
pub const SELINUX_MAGIC: u64 = 0xf97c_ff8c;

/// `statfs(path)`: the type of the file system that `path` is on.
/// [statfs(2)](https://man7.org/linux/man-pages/man2/statfs.2.html)
pub fn statfs_type(path: &CStr) -> Result<u64> {
    // `struct statfs` of x86_64 is 15 words, the type first (asm-generic/statfs.h).
    let mut out = [0u64; 15];
    // SAFETY: statfs reads the string at `path` and writes one struct statfs, 120 bytes as `out` has, live to
    // the return.
    unsafe { raw::syscall6(nr::STATFS, [path.as_ptr() as usize, out.as_mut_ptr() as usize, 0, 0, 0, 0]) }?;
    let [kind, ..] = out;
    Ok(kind)
}

/// `fstatfs(fd)`, the words of its struct as in [`statfs_type`].
/// [statfs(2)](https://man7.org/linux/man-pages/man2/statfs.2.html)
fn fstatfs(fd: Fd) -> Result<[u64; 15]> {
    let mut out = [0u64; 15];
    // SAFETY: fstatfs writes one struct statfs, 120 bytes as `out` has, live to the return.
    unsafe { raw::syscall6(nr::FSTATFS, [fd.arg(), out.as_mut_ptr() as usize, 0, 0, 0, 0]) }?;
    Ok(out)
}

/// The flags of the mount that `fd` is on, in the values of [`super::attr`], which `include/linux/statfs.h` has too.
pub fn mount_flags(fd: Fd) -> Result<u64> {
    // The eleventh word.
    let [.., flags, _, _, _, _] = fstatfs(fd)?;
    Ok(flags)
}

/// Whether the mount that `fd` is on, or the file system, is read-only.
pub fn is_read_only(fd: Fd) -> Result<bool> {
    mount_flags(fd).map(|flags| flags & super::attr::RDONLY != 0)
}

/// `PROC_SUPER_MAGIC` of `include/uapi/linux/magic.h`: the type of procfs.
pub const PROC_SUPER_MAGIC: u64 = 0x9fa0;

/// The type of the file system that `fd` is on.
pub fn fstatfs_type(fd: Fd) -> Result<u64> {
    let [kind, ..] = fstatfs(fd)?;
    Ok(kind)
}

/// The mount that `path` is on, as the mount id of `statx(2)` (Linux 5.8), and whether `path` is the root of
/// that mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MountId {
    /// `stx_mnt_id`.
    pub id: u64,
    /// `STATX_ATTR_MOUNT_ROOT`.
    pub is_root: bool,
}

/// `statx(dir, path, STATX_MNT_ID)`, the last component not followed.
/// [statx(2)](https://man7.org/linux/man-pages/man2/statx.2.html)
pub fn mount_id(dir: Fd, path: &CStr) -> Result<MountId> {
    const STATX_MNT_ID: usize = 0x1000;
    const STATX_ATTR_MOUNT_ROOT: u64 = 0x2000;
    /// `struct statx` (`include/uapi/linux/stat.h`), 256 bytes.
    #[repr(C)]
    struct Statx {
        mask: u32,
        blksize: u32,
        attributes: u64,
        to_mnt_id: [u64; 16],
        mnt_id: u64,
        rest: [u64; 13],
    }
    const _: () = assert!(size_of::<Statx>() == 256);
    const _: () = assert!(core::mem::offset_of!(Statx, mnt_id) == 0x90);
    let mut out = MaybeUninit::<Statx>::uninit();
    let flags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
    let args = [dir.arg(), path.as_ptr() as usize, flags, STATX_MNT_ID, out.as_mut_ptr() as usize, 0];
    // SAFETY: statx reads the string at `path` and writes one struct statx (256 bytes, asserted above) into
    // `out`, live to the return.
    unsafe { raw::syscall6(nr::STATX, args) }?;
    // SAFETY: the call returned without an error, so the kernel has written the whole struct.
    let st = unsafe { out.assume_init() };
    if st.mask & STATX_MNT_ID as u32 == 0 {
        return Err(Errno::NOSYS);
    }
    Ok(MountId { id: st.mnt_id, is_root: st.attributes & STATX_ATTR_MOUNT_ROOT != 0 })
}

/// `getcwd(buf)`: the working directory with its NUL; a path that does not start with "/" says that the
/// directory is outside the root. [getcwd(2)](https://man7.org/linux/man-pages/man2/getcwd.2.html)
pub fn getcwd(buf: &mut [u8]) -> Result<&CStr> {
    // SAFETY: getcwd writes at most `buf.len()` bytes at `buf`, exclusively borrowed until it returns.
    let n = unsafe { raw::syscall6(nr::GETCWD, [buf.as_mut_ptr() as usize, buf.len(), 0, 0, 0, 0]) }?;
    CStr::from_bytes_until_nul(buf.get(..n).unwrap_or_default()).map_err(|_| Errno::NAMETOOLONG)
}

/// `chdir(path)`. [chdir(2)](https://man7.org/linux/man-pages/man2/chdir.2.html)
pub fn chdir(path: &CStr) -> Result<()> {
    // SAFETY: chdir reads the NUL-terminated string at `path`, borrowed until it returns.
    unsafe { raw::syscall6(nr::CHDIR, [path.as_ptr() as usize, 0, 0, 0, 0, 0]) }.map(drop)
}

/// `chroot(path)`. [chroot(2)](https://man7.org/linux/man-pages/man2/chroot.2.html)
pub fn chroot(path: &CStr) -> Result<()> {
    // SAFETY: chroot reads the NUL-terminated string at `path`, borrowed until it returns.
    unsafe { raw::syscall6(nr::CHROOT, [path.as_ptr() as usize, 0, 0, 0, 0, 0]) }.map(drop)
}

/// `fchdir(fd)`. [chdir(2)](https://man7.org/linux/man-pages/man2/chdir.2.html)
pub fn fchdir(fd: Fd) -> Result<()> {
    raw::plain(nr::FCHDIR, [fd.arg(), 0, 0, 0, 0, 0]).map(drop)
}

/// `memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING)`, for data.
/// [memfd_create(2)](https://man7.org/linux/man-pages/man2/memfd_create.2.html)
pub fn memfd_create(name: &CStr) -> Result<OwnedFd> {
    const NOEXEC_SEAL: usize = 8;
    create_memfd(name, NOEXEC_SEAL)
}

/// The same for a program that is to be executed; `EACCES` where `vm.memfd_noexec` is 2.
pub fn memfd_create_executable(name: &CStr) -> Result<OwnedFd> {
    const EXEC: usize = 0x10;
    create_memfd(name, EXEC)
}

/// `either` says whether it can be executed: `vm.memfd_noexec` (Linux 6.3) wants that said; older kernels do not know it.
fn create_memfd(name: &CStr, either: usize) -> Result<OwnedFd> {
    const CLOEXEC: usize = 1;
    const ALLOW_SEALING: usize = 2;
    let create = |flags: usize| {
        // SAFETY: memfd_create reads the NUL-terminated string at `name`, borrowed until it returns.
        unsafe { raw::syscall6(nr::MEMFD_CREATE, [name.as_ptr() as usize, flags, 0, 0, 0, 0]) }
    };
    match create(CLOEXEC | ALLOW_SEALING | either) {
        Err(Errno::INVAL) => create(CLOEXEC | ALLOW_SEALING),
        other => other,
    }
    .and_then(OwnedFd::returned)
}

/// The user namespace that owns the namespace which `fd` is open on (`ioctl(NS_GET_USERNS)`).
/// [NS_GET_USERNS(2const)](https://man7.org/linux/man-pages/man2/NS_GET_USERNS.2const.html)
pub fn ns_get_userns(fd: Fd) -> Result<OwnedFd> {
    const NS_GET_USERNS: usize = 0xb701;
    raw::plain(nr::IOCTL, [fd.arg(), NS_GET_USERNS, 0, 0, 0, 0]).and_then(OwnedFd::returned)
}
