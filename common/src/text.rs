//! Strings of a plan: bytes with one NUL, at the end, checked once when they are decoded.

use core::ffi::CStr;
use core::fmt;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

/// The longest string a plan may hold, NUL included, in bytes. The kernel takes 128 KiB in an argument
/// (`MAX_ARG_STRLEN`) and 4 KiB in a path; what is longer than that fails there, with the kernel's own word.
pub const MAX_TEXT: usize = 1 << 20;

/// Any string without NUL inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a>(pub &'a CStr);

/// A path: a string without NUL inside that is not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path<'a>(pub &'a CStr);

impl<'a> Text<'a> {
    /// The bytes without the NUL.
    pub fn bytes(self) -> &'a [u8] {
        self.0.to_bytes()
    }
}

impl<'a> Path<'a> {
    /// The bytes without the NUL.
    pub fn bytes(self) -> &'a [u8] {
        self.0.to_bytes()
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0.to_bytes_with_nul())
    }
}

impl Serialize for Path<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0.to_bytes_with_nul())
    }
}

/// Strings of our own, each ended by its NUL, one behind the other.
///
/// A table without addresses: one with addresses has to be relocated when the program starts, on a page that is writable
/// for it (`cargo xtask harden`).
#[derive(Clone, Copy, Debug)]
pub struct Names(pub &'static [u8]);

impl Iterator for Names {
    type Item = &'static CStr;

    fn next(&mut self) -> Option<&'static CStr> {
        let name = CStr::from_bytes_until_nul(self.0).ok()?;
        self.0 = self.0.get(name.count_bytes().saturating_add(1)..).unwrap_or_default();
        Some(name)
    }
}

struct Bytes;

impl<'de> Visitor<'de> for Bytes {
    type Value = &'de CStr;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string ended by its only NUL")
    }

    fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<&'de CStr, E> {
        if bytes.len() > MAX_TEXT {
            return Err(E::custom(""));
        }
        CStr::from_bytes_with_nul(bytes).map_err(|_| E::custom(""))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(Bytes).map(Text)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Path<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let path = deserializer.deserialize_bytes(Bytes)?;
        if path.is_empty() {
            return Err(D::Error::custom(""));
        }
        Ok(Path(path))
    }
}
