//! Writing a plan: frames put behind a header, in a sealed memfd.

use super::{Buffer, HEADER_LEN, MAGIC, MAX_PLAN, Stage, VERSION};
use crate::errno::Errno;
use crate::sys::{self, Limits, OwnedFd, Result};

/// Puts the encoded `frames` together, in the order of [`Stage::ALL`]; `None` is a stage without work.
pub fn assemble(flags: u16, frames: &[(Stage, &[u8])]) -> Result<Buffer> {
    let payload: usize = frames.iter().map(|(_, bytes)| bytes.len() + super::FRAME_HEADER_LEN).sum();
    let total = payload + HEADER_LEN;
    let length = u32::try_from(total).ok().filter(|_| total <= MAX_PLAN).ok_or(Errno::TOOBIG)?;
    let mut out = Buffer::new(total)?;
    out.extend(&MAGIC)?;
    out.extend(&VERSION.to_le_bytes())?;
    out.extend(&flags.to_le_bytes())?;
    out.extend(&length.to_le_bytes())?;
    for (stage, bytes) in frames {
        out.extend(&(*stage as u32).to_le_bytes())?;
        // Not longer than the total, which fits.
        out.extend(&(bytes.len() as u32).to_le_bytes())?;
        out.extend(bytes)?;
    }
    Ok(out)
}

/// A plan being written in one piece: header, then one frame behind the other, each encoded where it will stay.
#[derive(Debug)]
pub struct Assembly {
    out: Buffer,
}

impl Assembly {
    /// A plan without frames, with room for about `capacity` bytes.
    pub fn new(flags: u16, capacity: usize) -> Result<Assembly> {
        let mut out = Buffer::new(capacity)?;
        out.extend(&MAGIC)?;
        out.extend(&VERSION.to_le_bytes())?;
        out.extend(&flags.to_le_bytes())?;
        out.extend(&[0; 4])?;
        Ok(Assembly { out })
    }

    /// Appends the frame of `stage`, which `encode` writes. Frames are appended in the order of [`Stage::ALL`].
    pub fn frame(&mut self, stage: Stage, encode: impl FnOnce(&mut Buffer) -> Result<()>) -> Result<()> {
        let start = self.begin(stage)?;
        encode(&mut self.out)?;
        self.end(start)
    }

    /// Writes a frame header whose length is not known yet; where the payload starts.
    #[inline(never)]
    fn begin(&mut self, stage: Stage) -> Result<usize> {
        self.out.extend(&(stage as u32).to_le_bytes())?;
        self.out.extend(&[0; 4])?;
        Ok(self.out.len())
    }

    /// Puts its length in front of the payload that starts at `start`.
    #[inline(never)]
    fn end(&mut self, start: usize) -> Result<()> {
        let length = self.out.len().saturating_sub(start);
        let length = u32::try_from(length).map_err(|_| Errno::TOOBIG)?;
        self.out.overwrite(start.saturating_sub(4), &length.to_le_bytes())
    }

    /// The finished plan.
    pub fn finish(mut self) -> Result<&'static [u8]> {
        let total = self.out.len();
        let length = u32::try_from(total).ok().filter(|_| total <= MAX_PLAN).ok_or(Errno::TOOBIG)?;
        self.out.overwrite(HEADER_LEN - 4, &length.to_le_bytes())?;
        self.out.leak()
    }
}

/// Puts the finished `plan` into a new memfd that nobody can change any more, close-on-exec.
///
/// Where the caller limits the size of files (`RLIMIT_FSIZE`), the soft limit is put aside for that, and root's hard one;
/// `EFBIG` if somebody else's hard limit is too small. To write beyond it would be the end of the process (`SIGXFSZ`).
pub fn seal(plan: &[u8]) -> Result<OwnedFd> {
    const FSIZE: u32 = 1;
    let fd = sys::memfd_create(c"plan")?;
    let limits = sys::getrlimit(FSIZE)?;
    let size = plan.len() as u64;
    if limits.soft < size {
        let room = Limits { soft: size, hard: limits.hard.max(size) };
        sys::setrlimit(FSIZE, room)
            .map_err(|errno| if errno == Errno::PERM { Errno::FBIG } else { errno })?;
    }
    sys::write_all(fd.fd(), plan)?;
    if limits.soft < size {
        sys::setrlimit(FSIZE, limits)?;
    }
    sys::add_seals(fd.fd(), sys::SEALED)?;
    Ok(fd)
}

/// [`assemble`], then into a new memfd that nobody can change any more, close-on-exec.
pub fn write(flags: u16, frames: &[(Stage, &[u8])]) -> Result<OwnedFd> {
    seal(assemble(flags, frames)?.bytes())
}
