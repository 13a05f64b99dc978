//! A copy of this program that nobody can write to, run in its place.

use common::errno::Errno;
use common::sys::{SEALED, add_seals, get_seals, memfd_create_executable};
use nix::fcntl::AtFlags;
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;

/// Has this program run from a sealed copy in memory, unless it does.
///
/// A command of the sandbox may be named /proc/self/exe, by a symbolic link or as an interpreter: then what runs in there
/// is this very file, and whoever is in the sandbox may open it for writing when that has ended (CVE-2019-5736 of runc).
pub fn run_from_copy() -> io::Result<()> {
    let mut own = File::open("/proc/self/exe")?;
    if get_seals(super::fd(&own)).is_ok_and(|seals| seals & SEALED == SEALED) {
        return Ok(());
    }
    let error = |errno: Errno| io::Error::from_raw_os_error(i32::from(errno.0));
    let copy = memfd_create_executable(c"sallyport").map_err(error)?;
    let path = format!("/proc/self/fd/{}", copy.fd().0);
    // Closed before the exec, which takes a file that nobody has open for writing.
    io::copy(&mut own, &mut File::options().write(true).open(&path)?)?;
    add_seals(copy.fd(), SEALED).map_err(error)?;
    let copy = File::open(&path)?;
    let nul = |_| io::Error::from(io::ErrorKind::InvalidInput);
    let words =
        |all: Vec<Vec<u8>>| all.into_iter().map(CString::new).collect::<Result<Vec<_>, _>>().map_err(nul);
    let args = words(std::env::args_os().map(OsStringExt::into_vec).collect())?;
    let env = std::env::vars_os().map(|(name, value)| [name.into_vec(), value.into_vec()].join(&b'='));
    let env = words(env.collect())?;
    match nix::unistd::execveat(copy.as_fd(), c"", &args, &env, AtFlags::AT_EMPTY_PATH)? {}
}
