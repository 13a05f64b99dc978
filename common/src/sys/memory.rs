//! Memory: read-only views of files and growing private regions, the only two kinds a stage uses.

use super::{Fd, Result, raw, raw::nr};
use core::arch::asm;
use core::sync::atomic::AtomicU32;

/// Pages that may be read.
pub const PROT_READ: usize = 1;
const PROT_WRITE: usize = 2;
const MAP_SHARED: usize = 1;
const MAP_PRIVATE: usize = 2;
const MAP_ANONYMOUS: usize = 0x20;
const MREMAP_MAYMOVE: usize = 1;

/// `to.copy_from_slice(from)`; panics unless both are of one length.
///
/// That one, from the standard library, calls `memcpy` through a table of addresses, which makes an image a writable
/// page that has to be relocated (`cargo xtask harden`).
pub fn copy(to: &mut [u8], from: &[u8]) {
    assert!(to.len() == from.len());
    // SAFETY: both slices are `from.len()` bytes, one readable, the other exclusively borrowed, so they do not overlap;
    // the direction flag is clear by the ABI; the registers that the instruction changes are declared.
    unsafe {
        asm!("rep movsb", inout("rcx") from.len() => _, inout("rdi") to.as_mut_ptr() => _,
             inout("rsi") from.as_ptr() => _, options(nostack, preserves_flags));
    }
}

/// `words.fill(0)`, for the reason that [`copy`] gives.
pub fn zero(words: &mut [usize]) {
    // SAFETY: the slice is that many words, exclusively borrowed, for which all bits 0 are a value; the direction flag is
    // clear by the ABI; the registers that the instruction changes are declared.
    unsafe {
        asm!("rep stosq", inout("rcx") words.len() => _, inout("rdi") words.as_mut_ptr() => _, in("rax") 0,
             options(nostack, preserves_flags));
    }
}

/// Maps the first `len` bytes of the sealed memfd `fd`, readable only, until the process ends or execs.
///
/// The caller has checked the seals ([`super::SEALED`]): only they make it true that nobody changes or cuts off
/// the bytes while they are borrowed. [mmap(2)](https://man7.org/linux/man-pages/man2/mmap.2.html)
pub fn map_sealed(fd: Fd, len: usize) -> Result<&'static [u8]> {
    if super::get_seals(fd)? & super::SEALED != super::SEALED {
        return Err(crate::errno::Errno::PERM);
    }
    // SAFETY: no address is asked for, so the kernel picks one that no Rust object lives at.
    let at = unsafe { raw::syscall6(nr::MMAP, [0, len, PROT_READ, MAP_PRIVATE, fd.arg(), 0]) }?;
    // SAFETY: the mapping is `len` bytes, readable, never unmapped by us (no other code of this module can name
    // it) and constant: the seals checked above forbid writing and shrinking for ever. Page-aligned, not null.
    Ok(unsafe { core::slice::from_raw_parts(at as *const u8, len) })
}

/// A number that this process shares with those that it forks from here on, up to their exec; 0 at first.
/// `mmap(MAP_SHARED | MAP_ANONYMOUS)`, [mmap(2)](https://man7.org/linux/man-pages/man2/mmap.2.html)
pub fn shared_number() -> Result<&'static AtomicU32> {
    let args = [0, size_of::<AtomicU32>(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, usize::MAX, 0];
    // SAFETY: no address is asked for, so the kernel picks one that no Rust object lives at.
    let at = unsafe { raw::syscall6(nr::MMAP, args) }?;
    // SAFETY: a page of zeroed memory, never unmapped by us and known by no other reference; what other processes do to it
    // goes through this same type, atomically.
    Ok(unsafe { &*(at as *const AtomicU32) })
}

/// Keeps `value` on a page of its own until the process ends or execs; `None` when there is no memory.
pub fn leak<T: Copy>(value: T) -> Option<&'static T> {
    const { assert!(size_of::<T>() <= 4096 && align_of::<T>() <= 4096) };
    let region = Mapping::new(4096).ok()?;
    let at = region.at as *mut T;
    core::mem::forget(region);
    // SAFETY: a page of zeroed memory that nothing else refers to, large and aligned enough (asserted above).
    unsafe { at.write(value) };
    // SAFETY: just written, never unmapped or written again: this function alone knew the address.
    Some(unsafe { &*at })
}

/// A growing private region of zeroed memory; what it has handed out lives until the process ends or execs.
///
/// The front needs room for what it compiles, in sizes that only the argument vector knows; pages that are never
/// touched cost nothing. Growing moves the region, so only indices into it outlive a call.
#[derive(Debug)]
pub struct Mapping {
    at: usize,
    len: usize,
}

impl Mapping {
    /// `mmap(len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS)`.
    pub fn new(len: usize) -> Result<Mapping> {
        let args = [0, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, usize::MAX, 0];
        // SAFETY: no address is asked for, so the kernel picks one that no Rust object lives at.
        let at = unsafe { raw::syscall6(nr::MMAP, args) }?;
        Ok(Mapping { at, len })
    }

    /// `mremap` to `len` bytes, which is at least the present length.
    pub fn grow(&mut self, len: usize) -> Result<()> {
        let args = [self.at, self.len, len, MREMAP_MAYMOVE, 0, 0];
        // SAFETY: the old range is this region, which nobody borrows (`&mut self`); its content moves along.
        self.at = unsafe { raw::syscall6(nr::MREMAP, args) }?;
        self.len = len;
        Ok(())
    }

    /// All bytes of the region.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the region is `len` readable bytes that only this value owns, initialised (the kernel gives
        // zeroed pages), borrowed no longer than `self`.
        unsafe { core::slice::from_raw_parts(self.at as *const u8, self.len) }
    }

    /// All bytes of the region, to be written.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, and `&mut self` makes the borrow exclusive.
        unsafe { core::slice::from_raw_parts_mut(self.at as *mut u8, self.len) }
    }

    /// The bytes for as long as the process keeps this image; the region can grow no more.
    pub fn leak(self) -> &'static mut [u8] {
        let (at, len) = (self.at, self.len);
        core::mem::forget(self);
        // SAFETY: as in `bytes_mut`; the value is forgotten, so nobody unmaps or borrows the region again.
        unsafe { core::slice::from_raw_parts_mut(at as *mut u8, len) }
    }

    /// A region of `len` words, all zero, to be kept: for the pointer arrays of exec.
    pub fn words(len: usize) -> Result<&'static mut [usize]> {
        let bytes = len.checked_mul(size_of::<usize>()).ok_or(crate::errno::Errno::NOMEM)?;
        let region = Mapping::new(bytes.max(1))?;
        let at = region.at;
        core::mem::forget(region);
        // SAFETY: mmap gave `len` zeroed words, page-aligned, that nothing else refers to and nobody unmaps.
        Ok(unsafe { core::slice::from_raw_parts_mut(at as *mut usize, len) })
    }

    /// A region of `len` numbers of 32 bits, all zero, to be kept.
    pub fn numbers(len: usize) -> Result<&'static mut [u32]> {
        let bytes = len.checked_mul(size_of::<u32>()).ok_or(crate::errno::Errno::NOMEM)?;
        let region = Mapping::new(bytes.max(1))?;
        let at = region.at;
        core::mem::forget(region);
        // SAFETY: mmap gave `len` zeroed numbers, page-aligned, that nothing else refers to and nobody unmaps.
        Ok(unsafe { core::slice::from_raw_parts_mut(at as *mut u32, len) })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the region is this value's own and no borrow of it can outlive the value.
        let _ = unsafe { raw::syscall6(nr::MUNMAP, [self.at, self.len, 0, 0, 0, 0]) };
    }
}
