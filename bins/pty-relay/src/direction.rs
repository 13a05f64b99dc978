//! One direction of the relay.

use common::errno::Errno;
use common::sys::{self, Fd};

/// Bytes that were read and not written yet.
#[derive(Debug)]
pub struct Direction {
    from: Fd,
    to: Fd,
    buf: [u8; 4096],
    start: usize,
    end: usize,
    ended: bool,
    paused: bool,
}

impl Direction {
    /// Nothing read yet.
    pub fn new(from: Fd, to: Fd) -> Direction {
        Direction { from, to, buf: [0; 4096], start: 0, end: 0, ended: false, paused: false }
    }

    /// Whether all that was read is written.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// What to wait for before reading: nothing before the last bytes are written, behind the end, or in a pause.
    pub fn reads_from(&self) -> Option<Fd> {
        Some(self.from).filter(|_| self.is_empty() && !self.ended && !self.paused)
    }

    /// What to wait for before writing.
    pub fn writes_to(&self) -> Option<Fd> {
        Some(self.to).filter(|_| !self.is_empty())
    }

    /// Reads what has come.
    pub fn read(&mut self) -> sys::Result<()> {
        match sys::retry(|| sys::read(self.from, &mut self.buf)) {
            // Closed from the start, it has nothing either.
            Ok(0) | Err(Errno::BADF) => self.ended = true,
            Ok(n) => (self.start, self.end) = (0, n),
            // Somebody else was faster.
            Err(Errno::AGAIN) => {}
            Err(errno) => return Err(errno),
        }
        Ok(())
    }

    /// Reads no more until it is to go on.
    pub fn pause(&mut self) {
        self.paused = true;
    }

    /// Reads again.
    pub fn resume(&mut self) {
        self.paused = false;
    }

    /// Whether the last read has met the end.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// What the last read has brought and is not written yet.
    pub fn waiting(&self) -> &[u8] {
        self.buf.get(self.start..self.end).unwrap_or_default()
    }

    /// Puts `byte` in, when there is nothing else.
    pub fn push(&mut self, byte: u8) {
        if let Some(slot) = self.buf.first_mut() {
            *slot = byte;
            (self.start, self.end) = (0, 1);
        }
    }

    /// Writes as much as goes. For a terminal that has gone the bytes are dropped; so they are, with `EPIPE`, where nobody
    /// reads any more.
    pub fn write(&mut self) -> sys::Result<()> {
        match sys::retry(|| sys::write(self.to, self.waiting())) {
            Ok(n) => self.start = self.start.saturating_add(n).min(self.end),
            Err(Errno::AGAIN) => {}
            Err(Errno::IO) => self.start = self.end,
            Err(Errno::PIPE) => {
                self.start = self.end;
                return Err(Errno::PIPE);
            }
            Err(errno) => return Err(errno),
        }
        Ok(())
    }
}
