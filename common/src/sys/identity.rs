//! Who a process is: ids and the five capability sets.

use super::{Result, raw, raw::nr};
use crate::caps::CapSet;
use crate::errno::Errno;
use core::mem::MaybeUninit;

/// `getuid()`: the real user id, in this user namespace.
pub fn getuid() -> u32 {
    raw::plain(nr::GETUID, [0; 6]).unwrap_or(0) as u32
}

/// `geteuid()`: the effective user id, in this user namespace.
pub fn geteuid() -> u32 {
    raw::plain(nr::GETEUID, [0; 6]).unwrap_or(0) as u32
}

/// `getgid()`: the real group id, in this user namespace.
pub fn getgid() -> u32 {
    raw::plain(nr::GETGID, [0; 6]).unwrap_or(0) as u32
}

/// `setresuid(uid, uid, uid)`. [setresuid(2)](https://man7.org/linux/man-pages/man2/setresuid.2.html)
pub fn setresuid(uid: u32) -> Result<()> {
    let uid = uid as usize;
    raw::plain(nr::SETRESUID, [uid, uid, uid, 0, 0, 0]).map(drop)
}

/// `setresgid(gid, gid, gid)`. [setresuid(2)](https://man7.org/linux/man-pages/man2/setresuid.2.html)
pub fn setresgid(gid: u32) -> Result<()> {
    let gid = gid as usize;
    raw::plain(nr::SETRESGID, [gid, gid, gid, 0, 0, 0]).map(drop)
}

/// Real, effective and saved id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids {
    /// Whose process it is.
    pub real: u32,
    /// Whose rights it has.
    pub effective: u32,
    /// Whose rights it can take back.
    pub saved: u32,
}

/// Three numbers that call `nr` writes, each through a pointer of its own.
fn three(nr: usize) -> Result<Ids> {
    let mut ids = [0u32; 3];
    let [real, effective, saved] = &mut ids;
    let args = [real, effective, saved].map(|id| (&raw mut *id) as usize);
    let [real, effective, saved] = args;
    // SAFETY: getresuid and getresgid, the only calls that come here, write one 32-bit number at each of the three
    // pointers, which are the parts of a live local.
    unsafe { raw::syscall6(nr, [real, effective, saved, 0, 0, 0]) }?;
    let [real, effective, saved] = ids;
    Ok(Ids { real, effective, saved })
}

/// `getresuid()`. [getresuid(2)](https://man7.org/linux/man-pages/man2/getresuid.2.html)
pub fn getresuid() -> Result<Ids> {
    three(nr::GETRESUID)
}

/// `getresgid()`. [getresuid(2)](https://man7.org/linux/man-pages/man2/getresuid.2.html)
pub fn getresgid() -> Result<Ids> {
    three(nr::GETRESGID)
}

/// `setresuid(real, effective, saved)`. [setresuid(2)](https://man7.org/linux/man-pages/man2/setresuid.2.html)
pub fn setresuid_each(ids: Ids) -> Result<()> {
    let args = [ids.real as usize, ids.effective as usize, ids.saved as usize, 0, 0, 0];
    raw::plain(nr::SETRESUID, args).map(drop)
}

/// `setresgid(real, effective, saved)`. [setresuid(2)](https://man7.org/linux/man-pages/man2/setresuid.2.html)
pub fn setresgid_each(ids: Ids) -> Result<()> {
    let args = [ids.real as usize, ids.effective as usize, ids.saved as usize, 0, 0, 0];
    raw::plain(nr::SETRESGID, args).map(drop)
}

/// The most supplementary groups that a process can have (`NGROUPS_MAX`).
pub const GROUPS_MAX: usize = 1 << 16;

/// `setgroups(groups)`: these supplementary groups and no others.
/// [setgroups(2)](https://man7.org/linux/man-pages/man2/setgroups.2.html)
pub fn setgroups(groups: &[u32]) -> Result<()> {
    let args = [groups.len(), groups.as_ptr() as usize, 0, 0, 0, 0];
    // SAFETY: setgroups reads `groups.len()` numbers of 32 bits at `groups`, borrowed until it returns.
    unsafe { raw::syscall6(nr::SETGROUPS, args) }.map(drop)
}

/// `getgroups(groups)`: how many there are, written to the front of `groups`; `EINVAL` when they do not fit.
/// [getgroups(2)](https://man7.org/linux/man-pages/man2/getgroups.2.html)
pub fn getgroups(groups: &mut [u32]) -> Result<usize> {
    let args = [groups.len(), groups.as_mut_ptr() as usize, 0, 0, 0, 0];
    // SAFETY: getgroups writes at most `groups.len()` numbers of 32 bits at `groups`, exclusively borrowed until it
    // returns; for a length of 0 it writes nothing.
    unsafe { raw::syscall6(nr::GETGROUPS, args) }
}

/// The three sets that `capget(2)` and `capset(2)` exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// What the kernel checks.
    pub effective: CapSet,
    /// What may become effective.
    pub permitted: CapSet,
    /// What an exec may keep.
    pub inheritable: CapSet,
}

/// `struct __user_cap_header_struct`.
#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

const HEADER: Header = Header { version: 0x2008_0522, pid: 0 };

/// `struct __user_cap_data_struct`, twice: the low and the high 32 capabilities.
type Data = [[u32; 3]; 2];

/// `capget` of this process. [capget(2)](https://man7.org/linux/man-pages/man2/capget.2.html)
pub fn capget() -> Result<Caps> {
    let mut header = HEADER;
    let mut data = MaybeUninit::<Data>::uninit();
    let args = [(&raw mut header) as usize, data.as_mut_ptr() as usize, 0, 0, 0, 0];
    // SAFETY: version 3 of capget reads (and may write) one header and writes two data structs: both are live
    // locals of just that layout.
    unsafe { raw::syscall6(nr::CAPGET, args) }?;
    // SAFETY: capget returned without an error, so both data structs are written.
    let [[e0, p0, i0], [e1, p1, i1]] = unsafe { data.assume_init() };
    Ok(Caps {
        effective: CapSet::from_halves(e0, e1),
        permitted: CapSet::from_halves(p0, p1),
        inheritable: CapSet::from_halves(i0, i1),
    })
}

/// `capset` of this process. [capget(2)](https://man7.org/linux/man-pages/man2/capget.2.html)
pub fn capset(caps: Caps) -> Result<()> {
    let mut header = HEADER;
    let (e, p, i) = (caps.effective.halves(), caps.permitted.halves(), caps.inheritable.halves());
    let data: Data = [[e.0, p.0, i.0], [e.1, p.1, i.1]];
    let args = [(&raw mut header) as usize, (&raw const data) as usize, 0, 0, 0, 0];
    // SAFETY: version 3 of capset reads (and may write) one header and reads two data structs: live locals of
    // just that layout.
    unsafe { raw::syscall6(nr::CAPSET, args) }.map(drop)
}

/// Gives up what is effective, permitted and inheritable, read back: a call that did nothing would leave all of it.
/// Who has none, as an ordinary user, has nothing to give up.
pub fn capset_none() -> Result<()> {
    let none = Caps { effective: CapSet::EMPTY, permitted: CapSet::EMPTY, inheritable: CapSet::EMPTY };
    if capget()? == none {
        return Ok(());
    }
    capset(none)?;
    if capget()? == none { Ok(()) } else { Err(Errno::PERM) }
}

const PR_CAPBSET_READ: usize = 23;
const PR_CAPBSET_DROP: usize = 24;
const PR_SET_KEEPCAPS: usize = 8;
const PR_GET_SECUREBITS: usize = 27;
const PR_SET_SECUREBITS: usize = 28;
const PR_CAP_AMBIENT: usize = 47;
const PR_CAP_AMBIENT_IS_SET: usize = 1;
const PR_CAP_AMBIENT_RAISE: usize = 2;
const PR_CAP_AMBIENT_LOWER: usize = 3;
const PR_CAP_AMBIENT_CLEAR_ALL: usize = 4;

/// Whether `cap` is in the bounding set; `EINVAL` for one that the kernel does not know.
/// [PR_CAPBSET_READ(2const)](https://man7.org/linux/man-pages/man2/PR_CAPBSET_READ.2const.html)
pub fn bounding_has(cap: u8) -> Result<bool> {
    raw::plain(nr::PRCTL, [PR_CAPBSET_READ, usize::from(cap), 0, 0, 0, 0]).map(|is| is == 1)
}

/// Takes `cap` out of the bounding set; `EINVAL` for one that the kernel does not know.
/// [PR_CAPBSET_DROP(2const)](https://man7.org/linux/man-pages/man2/PR_CAPBSET_DROP.2const.html)
pub fn bounding_drop(cap: u8) -> Result<()> {
    raw::plain(nr::PRCTL, [PR_CAPBSET_DROP, usize::from(cap), 0, 0, 0, 0]).map(drop)
}

/// Raises `cap`, permitted and inheritable already, in the ambient set: an exec keeps it.
/// [PR_CAP_AMBIENT(2const)](https://man7.org/linux/man-pages/man2/PR_CAP_AMBIENT.2const.html)
pub fn ambient_raise(cap: u8) -> Result<()> {
    raw::plain(nr::PRCTL, [PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, usize::from(cap), 0, 0, 0]).map(drop)
}

/// Takes `cap` out of the ambient set.
pub fn ambient_lower(cap: u8) -> Result<()> {
    raw::plain(nr::PRCTL, [PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, usize::from(cap), 0, 0, 0]).map(drop)
}

/// Whether `cap` is in the ambient set.
pub fn ambient_has(cap: u8) -> Result<bool> {
    raw::plain(nr::PRCTL, [PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, usize::from(cap), 0, 0, 0])
        .map(|is| is == 1)
}

/// Empties the ambient set.
pub fn ambient_clear() -> Result<()> {
    raw::plain(nr::PRCTL, [PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0, 0]).map(drop)
}

/// The securebits flags ([capabilities(7)](https://man7.org/linux/man-pages/man7/capabilities.7.html)).
pub fn securebits() -> Result<u32> {
    raw::plain(nr::PRCTL, [PR_GET_SECUREBITS, 0, 0, 0, 0, 0]).map(|bits| bits as u32)
}

/// `prctl(PR_SET_SECUREBITS, bits)`.
/// [PR_SET_SECUREBITS(2const)](https://man7.org/linux/man-pages/man2/PR_SET_SECUREBITS.2const.html)
pub fn set_securebits(bits: u32) -> Result<()> {
    raw::plain(nr::PRCTL, [PR_SET_SECUREBITS, bits as usize, 0, 0, 0, 0]).map(drop)
}

/// `prctl(PR_SET_KEEPCAPS, on)`: whether the permitted set outlasts a change from root to another user; an exec
/// clears it. [PR_SET_KEEPCAPS(2const)](https://man7.org/linux/man-pages/man2/PR_SET_KEEPCAPS.2const.html)
pub fn set_keepcaps(on: bool) -> Result<()> {
    raw::plain(nr::PRCTL, [PR_SET_KEEPCAPS, usize::from(on), 0, 0, 0, 0]).map(drop)
}
