//! A new instance of a file system, mounted but attached nowhere.

use common::sys::{self, OwnedFd, Result};
use common::text::Text;
use core::ffi::CStr;

/// An option of a file system: a key, and a value unless it is a flag.
pub type Setting<'a> = (&'a CStr, Option<&'a CStr>);

/// Mounts a new instance of file system `name`, which is the name of its source too, as `mount(2)` is called for it.
pub fn mount(name: &CStr, settings: &[Setting<'_>], attributes: u64) -> Result<OwnedFd> {
    let context = sys::fsopen(name)?;
    let fd = context.fd();
    sys::fsconfig_string(fd, c"source", name)?;
    for (key, value) in settings {
        match value {
            Some(value) => sys::fsconfig_string(fd, key, value)?,
            None => sys::fsconfig_flag(fd, key)?,
        }
    }
    sys::fsconfig_create(fd)?;
    sys::fsmount(fd, attributes)
}

/// The setting that labels all files of an instance (SELinux), as the last of `settings`.
pub fn with_label<'a>(settings: &mut [Setting<'a>; 4], count: usize, label: Option<Text<'a>>) -> usize {
    match (label, settings.get_mut(count)) {
        (Some(label), Some(slot)) => {
            *slot = (c"context", Some(label.0));
            count.saturating_add(1)
        }
        _ => count,
    }
}
