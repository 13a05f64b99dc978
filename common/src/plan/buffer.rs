//! A growing byte buffer, for encoding.

use crate::errno::Errno;
use crate::sys::{self, Fd, Mapping, Result};

/// How much a buffer holds before it needs pages of its own.
const SHORT: usize = 256;

/// Bytes appended one after another. A region costs two trips into the kernel (the call, the first touch), more
/// than all else that a short list takes; so what is short stays inside.
#[derive(Debug)]
pub struct Buffer {
    short: [u8; SHORT],
    region: Option<Mapping>,
    capacity: usize,
    len: usize,
}

impl Buffer {
    /// An empty buffer that, when it becomes long, has room for `capacity` bytes before it has to grow again.
    pub fn new(capacity: usize) -> Result<Buffer> {
        Ok(Buffer { short: [0; SHORT], region: None, capacity: capacity.max(SHORT), len: 0 })
    }

    /// All room there is, with place for `more` bytes behind what has been appended.
    fn reserve(&mut self, more: usize) -> Result<&mut [u8]> {
        let end = self.len.checked_add(more).ok_or(Errno::NOMEM)?;
        if self.region.is_none() && end > SHORT {
            self.move_out(end)?;
        }
        match &mut self.region {
            None => Ok(&mut self.short),
            Some(region) => {
                if end > self.capacity {
                    let capacity = end.max(self.capacity.checked_mul(2).ok_or(Errno::NOMEM)?);
                    region.grow(capacity)?;
                    self.capacity = capacity;
                }
                Ok(region.bytes_mut())
            }
        }
    }

    /// Moves the bytes to a region with place for `end` of them.
    fn move_out(&mut self, end: usize) -> Result<()> {
        self.capacity = self.capacity.max(end);
        let mut region = Mapping::new(self.capacity)?;
        sys::copy(region.bytes_mut().get_mut(..self.len).ok_or(Errno::NOMEM)?, self.bytes());
        self.region = Some(region);
        Ok(())
    }

    /// Appends `bytes`.
    pub fn extend(&mut self, bytes: &[u8]) -> Result<()> {
        let (start, end) = (self.len, self.len.checked_add(bytes.len()).ok_or(Errno::NOMEM)?);
        sys::copy(self.reserve(bytes.len())?.get_mut(start..end).ok_or(Errno::NOMEM)?, bytes);
        self.len = end;
        Ok(())
    }

    /// Appends all that can be read from `fd`, up to `most` bytes; `E2BIG` beyond that.
    pub fn extend_from(&mut self, fd: Fd, most: usize) -> Result<()> {
        loop {
            let start = self.len;
            // Half of what there is at least, so that large data needs few calls.
            let room = self.reserve((self.capacity / 2).max(1))?.get_mut(start..).unwrap_or_default();
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
        sys::copy(self.reserve(0)?.get_mut(at..end).ok_or(Errno::INVAL)?, bytes);
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
        let all = self.region.as_ref().map_or(&self.short[..], Mapping::bytes);
        all.get(..self.len).unwrap_or_default()
    }

    /// The bytes for the rest of the process's life; nothing can be appended any more.
    pub fn leak(mut self) -> Result<&'static [u8]> {
        if self.region.is_none() {
            self.move_out(self.len)?;
        }
        let len = self.len;
        Ok(self.region.and_then(|region| region.leak().get(..len)).unwrap_or_default())
    }
}
