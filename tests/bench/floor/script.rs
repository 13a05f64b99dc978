//! The floor's script: NUL-ended words in a file that is mapped, so that each word is a C string as it lies there.

use crate::sys::{self, Start, call};

/// The words not read yet.
pub struct Script {
    rest: &'static [u8],
}

impl Script {
    /// Maps the script named by the first two arguments; a third, the command, must follow.
    pub fn open(start: Start) -> Self {
        if start.count() < 4 {
            crate::fail('?', 22);
        }
        // SAFETY: there are at least four arguments.
        let (fd, length) = unsafe { (*start.argv(1), *start.argv(2)) };
        // SAFETY: arguments are NUL-ended strings.
        let (fd, length) = unsafe { (decimal(fd), decimal(length)) };
        // SAFETY: a private mapping placed by the kernel overlaps nothing of ours.
        let address = unsafe { call(sys::MMAP, [0, length, 1, 2, fd, 0]) };
        if address < 0 || length == 0 {
            crate::fail('?', -address);
        }
        // SAFETY: close(2) takes no address.
        unsafe { call(sys::CLOSE, [fd, 0, 0, 0, 0, 0]) };
        // SAFETY: the mapping has `length` bytes, is never unmapped, and the benchmark does not write to the
        // file while a launch runs.
        let rest = unsafe { core::slice::from_raw_parts(address as *const u8, length) };
        if rest.last() != Some(&0) {
            crate::fail('?', 22);
        }
        Self { rest }
    }

    /// The next word without its NUL.
    pub fn bytes(&mut self) -> &'static [u8] {
        let end = self.rest.iter().position(|&byte| byte == 0).unwrap_or(0);
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.get(1..).unwrap_or(&[]);
        word
    }

    /// The next word as a C string: the byte after it is its NUL.
    pub fn word(&mut self) -> *const u8 {
        self.bytes().as_ptr()
    }

    /// The next word as a number.
    pub fn hex(&mut self) -> usize {
        self.bytes().iter().fold(0, |number, &byte| {
            let digit = if byte >= b'a' { byte - b'a' + 10 } else { byte.wrapping_sub(b'0') };
            (number << 4) | usize::from(digit & 0xf)
        })
    }

    /// The next word's first letter; none at the end.
    pub fn letter(&mut self) -> Option<u8> {
        if self.rest.is_empty() {
            return None;
        }
        self.bytes().first().copied()
    }
}

/// Reads a decimal number.
///
/// # Safety
/// `text` is a NUL-ended string.
unsafe fn decimal(mut text: *const u8) -> usize {
    let mut number = 0_usize;
    // SAFETY: the loop stops at the string's NUL.
    while let digit @ b'0'..=b'9' = unsafe { *text } {
        number = number.wrapping_mul(10).wrapping_add(usize::from(digit - b'0'));
        // SAFETY: this byte was no NUL, so another follows.
        text = unsafe { text.add(1) };
    }
    number
}
