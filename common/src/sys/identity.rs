//! Who a process is: ids and the five capability sets.

use super::{Result, raw, raw::nr};
use crate::caps::CapSet;
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

const PR_CAPBSET_READ: usize = 23;
const PR_CAPBSET_DROP: usize = 24;
const PR_GET_SECUREBITS: usize = 27;
const PR_CAP_AMBIENT: usize = 47;
const PR_CAP_AMBIENT_IS_SET: usize = 1;
const PR_CAP_AMBIENT_RAISE: usize = 2;
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
