//! A growing byte buffer, for encoding.

use crate::errno::Errno;
use crate::sys::{self, Fd, Mapping, Result};

/// Bytes appended one after another, on pages of their own. One that stays empty costs no page.
#[derive(Debug)]
pub struct Buffer {
    region: Option<Mapping>,
    capacity: usize,
    len: usize,
}

impl Buffer {
    /// An empty buffer with room for `capacity` bytes before it has to grow.
    pub fn new(capacity: usize) -> Result<Buffer> {
        Ok(Buffer { region: None, capacity: capacity.max(1), len: 0 })
    }

    /// The region, with room for `more` bytes behind what has been appended.
    fn reserve(&mut self, more: usize) -> Result<&mut Mapping> {
        let end = self.len.checked_add(more).ok_or(Errno::NOMEM)?;
        if self.region.is_none() {
            self.capacity = self.capacity.max(end);
            self.region = Some(Mapping::new(self.capacity)?);
        }
        let region = self.region.as_mut().ok_or(Errno::NOMEM)?;
        if end > self.capacity {
            let capacity = end.max(self.capacity.checked_mul(2).ok_or(Errno::NOMEM)?);
            region.grow(capacity)?;
            self.capacity = capacity;
        }
        Ok(region)
    }

    /// Appends `bytes`.
    pub fn extend(&mut self, bytes: &[u8]) -> Result<()> {
        let start = self.len;
        let end = start.checked_add(bytes.len()).ok_or(Errno::NOMEM)?;
        let region = self.reserve(bytes.len())?;
        region.bytes_mut().get_mut(start..end).ok_or(Errno::NOMEM)?.copy_from_slice(bytes);
        self.len = end;
        Ok(())
    }

    /// Appends all that can be read from `fd`, up to `most` bytes; `E2BIG` beyond that.
    pub fn extend_from(&mut self, fd: Fd, most: usize) -> Result<()> {
        loop {
            let start = self.len;
            // Half of what there is at least, so that large data needs few calls.
            let room = self.reserve((self.capacity / 2).max(1))?.bytes_mut().get_mut(start..).unwrap_or_default();
            let n = sys::retry(|| sys::read(fd, room))?;
            if n == 0 {
                return Ok(());
            }
            self.len += n;
            if self.len > most {
                return Err(Errno::TOOBIG);
            }
        }
    }

    /// Writes `bytes` over what stands at `at`; `EINVAL` where nothing has been appended yet.
    pub fn overwrite(&mut self, at: usize, bytes: &[u8]) -> Result<()> {
        let end = at.checked_add(bytes.len()).filter(|end| *end <= self.len).ok_or(Errno::INVAL)?;
        let region = self.region.as_mut().ok_or(Errno::INVAL)?;
        region.bytes_mut().get_mut(at..end).ok_or(Errno::INVAL)?.copy_from_slice(bytes);
        Ok(())
    }

    /// How many bytes have been appended.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing has been appended.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What has been appended.
    pub fn bytes(&self) -> &[u8] {
        self.region.as_ref().and_then(|region| region.bytes().get(..self.len)).unwrap_or_default()
    }

    /// The bytes for the rest of the process's life; nothing can be appended any more.
    pub fn leak(self) -> &'static [u8] {
        let len = self.len;
        self.region.and_then(|region| region.leak().get(..len)).unwrap_or_default()
    }
}
