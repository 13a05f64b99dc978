//! The null-terminated pointer arrays of exec: argument vectors and environments.

use super::{Mapping, Result};
use crate::errno::Errno;
use core::ffi::{CStr, c_char};
use core::marker::PhantomData;

/// An array of pointers to NUL-terminated strings, ended by a null pointer, all alive and constant for `'a`. Both
/// constructors make sure of just that.
#[derive(Clone, Copy, Debug)]
pub struct Strings<'a> {
    base: *const *const c_char,
    len: usize,
    of: PhantomData<&'a CStr>,
}

impl<'a> Strings<'a> {
    /// The array that starts at `base`.
    ///
    /// # Safety
    ///
    /// `base` must point to `len` pointers and one null pointer after them; each must point to a NUL-terminated
    /// string; array and strings must stay unchanged and mapped for `'a`.
    #[cfg(feature = "start")]
    pub(crate) unsafe fn from_raw(base: *const *const c_char, len: usize) -> Strings<'a> {
        Strings { base, len, of: PhantomData }
    }

    /// How many strings there are.
    pub fn len(self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// String number `index`.
    pub fn get(self, index: usize) -> Option<&'a CStr> {
        if index >= self.len {
            return None;
        }
        // SAFETY: `index` is below `len`, so by the type's promise this pointer lies inside the array.
        let entry = unsafe { self.base.add(index) };
        // SAFETY: `entry` points into the array, which is readable for `'a`.
        let string = unsafe { entry.read() };
        // SAFETY: by the type's promise it points to a NUL-terminated string that lives and stays as it is.
        Some(unsafe { CStr::from_ptr(string) })
    }

    /// All strings, in order.
    pub fn iter(self) -> impl Iterator<Item = &'a CStr> {
        (0..self.len).filter_map(move |index| self.get(index))
    }

    /// The place of the first `name=value`, when this array is an environment.
    pub fn position_of_variable(self, name: &[u8]) -> Option<usize> {
        (0..self.len).find(|index| self.names(*index, name))
    }

    /// Whether string number `index`, below `len`, is `name=…`. Looks at no more bytes than it takes to tell:
    /// an environment is long, and most of it is about something else.
    fn names(self, index: usize, name: &[u8]) -> bool {
        // SAFETY: `index` is below `len` (the only caller counts up to it), so this pointer lies inside the array.
        let entry = unsafe { self.base.add(index) };
        // SAFETY: `entry` points into the array, which is readable for `'a`.
        let string = unsafe { entry.read() }.cast::<u8>();
        for (at, byte) in name.iter().chain(b"=").enumerate() {
            // SAFETY: the string ends in a NUL, and no byte before `at` was one: each was equal to a byte of
            // `name` that is none, checked below. So `at` is inside the string or its NUL.
            let there = unsafe { string.wrapping_add(at).read() };
            if there != *byte || there == 0 {
                return false;
            }
        }
        true
    }

    /// The value of variable `name`, when this array is an environment: of the first `name=value`.
    pub fn variable(self, name: &[u8]) -> Option<&'a CStr> {
        let entry = self.get(self.position_of_variable(name)?)?.to_bytes_with_nul();
        CStr::from_bytes_with_nul(entry.get(name.len() + 1..)?).ok()
    }

    /// Where the array starts, for exec.
    pub(super) fn address(self) -> usize {
        self.base as usize
    }
}

/// A [`Strings`] being made, in words that somebody lends.
#[derive(Debug)]
pub struct Vector<'a> {
    words: &'a mut [usize],
    len: usize,
}

impl<'a> Vector<'a> {
    /// An empty array in `words`: room for one string fewer than there are words.
    pub fn over(words: &'a mut [usize]) -> Vector<'a> {
        super::zero(words);
        Vector { words, len: 0 }
    }

    /// An empty array with room for `capacity` strings, on pages of its own.
    pub fn new(capacity: usize) -> Result<Vector<'a>> {
        let words = capacity.checked_add(1).ok_or(Errno::NOMEM)?;
        Ok(Vector { words: Mapping::words(words)?, len: 0 })
    }

    /// Appends `string`; `E2BIG` beyond the capacity.
    pub fn push(&mut self, string: &'a CStr) -> Result<()> {
        // The last word stays null: it ends the array.
        if self.len + 1 >= self.words.len() {
            return Err(Errno::TOOBIG);
        }
        let slot = self.words.get_mut(self.len).ok_or(Errno::TOOBIG)?;
        *slot = string.as_ptr() as usize;
        self.len += 1;
        Ok(())
    }

    /// Appends all of `strings`.
    pub fn extend(&mut self, strings: impl Iterator<Item = &'a CStr>) -> Result<()> {
        for string in strings {
            self.push(string)?;
        }
        Ok(())
    }

    /// Puts `string` at `index`, which is taken already.
    pub fn replace(&mut self, index: usize, string: &'a CStr) {
        if let Some(slot) = self.words.get_mut(..self.len).and_then(|taken| taken.get_mut(index)) {
            *slot = string.as_ptr() as usize;
        }
    }

    /// Takes out all strings for which `gone` is true, keeping the order of the others.
    pub fn remove(&mut self, gone: impl Fn(&CStr) -> bool) {
        let mut kept = 0;
        for index in 0..self.len {
            let Some(string) = self.get(index) else { continue };
            if gone(string) {
                continue;
            }
            if let Some(slot) = self.words.get_mut(kept) {
                *slot = string.as_ptr() as usize;
            }
            kept += 1;
        }
        super::zero(self.words.get_mut(kept..self.len).unwrap_or_default());
        self.len = kept;
    }

    /// String number `index`.
    pub fn get(&self, index: usize) -> Option<&'a CStr> {
        self.view().get(index)
    }

    /// The place of the first `name=value`.
    pub fn position_of_variable(&self, name: &[u8]) -> Option<usize> {
        self.view().position_of_variable(name)
    }

    /// The strings so far; only within this type, since the array may change after.
    fn view(&self) -> Strings<'a> {
        Strings { base: self.words.as_ptr().cast(), len: self.len, of: PhantomData }
    }

    /// The finished array.
    pub fn finish(self) -> Strings<'a> {
        self.view()
    }
}
