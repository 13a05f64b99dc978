//! What the parser asks of the world, answered by the kernel.

use super::Host;
use crate::plan::{Buffer, MAX_PLAN};
use crate::report::{Fault, Voice};
use crate::sys::{self, Fd, Result, o};
use core::ffi::CStr;

/// This process and its caller.
#[derive(Clone, Copy, Debug)]
pub struct Live;

impl Host for Live {
    fn warn(&self, voice: Voice, fault: Fault) {
        voice.warn(fault);
    }

    fn read(&self, fd: Fd) -> Result<Buffer> {
        let mut data = Buffer::new(1 << 16)?;
        data.extend_from(fd, MAX_PLAN)?;
        Ok(data)
    }

    fn file(&self, path: &CStr) -> Result<Buffer> {
        let file = sys::openat(sys::CWD, path, o::RDONLY | o::CLOEXEC, 0)?;
        self.read(file.fd())
    }

    fn close(&self, fd: Fd) -> Result<()> {
        sys::close_named(fd)
    }

    fn is_open(&self, fd: Fd) -> Result<bool> {
        sys::is_open(fd)
    }

    fn has_selinux(&self) -> bool {
        sys::statfs_type(c"/sys/fs/selinux") == Ok(sys::SELINUX_MAGIC)
    }

    fn ids(&self) -> (u32, u32) {
        (sys::getuid(), sys::getgid())
    }
}
