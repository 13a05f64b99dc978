//! The cgroups directly below one.

use common::errno::Errno;
use common::sys::{self, Fd, o};
use core::ffi::CStr;

/// How a cgroup is opened to list it.
pub const DIRECTORY: u32 = o::RDONLY | o::DIRECTORY | o::NOFOLLOW | o::CLOEXEC;

/// Room for the name of a cgroup (`NAME_MAX`).
#[derive(Debug)]
pub struct Name([u8; 256]);

impl Name {
    /// Empty.
    pub fn new() -> Name {
        Name([0; 256])
    }

    /// The name.
    pub fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or(c"")
    }

    fn set(&mut self, name: &CStr) -> sys::Result<()> {
        let bytes = name.to_bytes_with_nul();
        sys::copy(self.0.get_mut(..bytes.len()).ok_or(Errno::NAMETOOLONG)?, bytes);
        Ok(())
    }
}

/// Puts the name of the first cgroup below `dir` into `name`; false when there is none.
pub fn first(dir: Fd, name: &mut Name) -> sys::Result<bool> {
    let mut kept = Ok(());
    let found = any(dir, |found| {
        kept = name.set(found);
        true
    })?;
    kept.map(|()| found)
}

/// Whether `wanted` says so of a cgroup below `dir`.
pub fn any(dir: Fd, mut wanted: impl FnMut(&CStr) -> bool) -> sys::Result<bool> {
    // A descriptor's position moves on with each call; one of its own starts at the beginning.
    let fresh = sys::openat(dir, c".", DIRECTORY, 0)?;
    let mut buf = [0u8; 2048];
    loop {
        let mut entries = sys::getdents64(fresh.fd(), &mut buf)?;
        let mut count = 0;
        let mut is_child = |entry: sys::Entry<'_>| {
            count += 1;
            entry.is_dir && entry.name != c"." && entry.name != c".." && wanted(entry.name)
        };
        if entries.any(&mut is_child) {
            return Ok(true);
        }
        if count == 0 {
            return Ok(false);
        }
    }
}
