//! The few C functions the probe needs, and their constants (x86_64 Linux).
use std::ffi::{CString, c_char, c_int, c_long, c_uint, c_ulong, c_void};

unsafe extern "C" {
    pub fn syscall(number: c_long, ...) -> c_long;
    fn __errno_location() -> *mut c_int;
    fn strerror(number: c_int) -> *const c_char;
}

/// System call numbers.
pub mod nr {
    pub const WRITE: i64 = 1;
    pub const CLOSE: i64 = 3;
    pub const FSTAT: i64 = 5;
    pub const RT_SIGACTION: i64 = 13;
    pub const RT_SIGPROCMASK: i64 = 14;
    pub const PAUSE: i64 = 34;
    pub const KEYCTL: i64 = 250;
    pub const GETPID: i64 = 39;
    pub const FORK: i64 = 57;
    pub const KILL: i64 = 62;
    pub const FCNTL: i64 = 72;
    pub const UMASK: i64 = 95;
    pub const GETPPID: i64 = 110;
    pub const GETPGRP: i64 = 111;
    pub const GETGROUPS: i64 = 115;
    pub const GETRESUID: i64 = 118;
    pub const GETRESGID: i64 = 120;
    pub const GETSID: i64 = 124;
    pub const CAPGET: i64 = 125;
    pub const PERSONALITY: i64 = 135;
    pub const GETPRIORITY: i64 = 140;
    pub const PRCTL: i64 = 157;
    pub const ACCESS: i64 = 21;
    pub const UNSHARE: i64 = 272;
    pub const PRLIMIT64: i64 = 302;
    pub const STATX: i64 = 332;
    pub const IOCTL: i64 = 16;
    pub const EXIT_GROUP: i64 = 231;
    pub const STATFS: i64 = 137;
}

/// The result of a call: its value, or the errno.
pub fn check(value: c_long) -> Result<c_long, i32> {
    // SAFETY: errno of this thread.
    if value == -1 { Err(unsafe { *__errno_location() }) } else { Ok(value) }
}

/// A call with up to five plain integer arguments.
pub fn call(number: i64, a: c_ulong, b: c_ulong, c: c_ulong, d: c_ulong, e: c_ulong) -> Result<c_long, i32> {
    // SAFETY: callers pass integers, or addresses of buffers that outlive the call.
    check(unsafe { syscall(number, a, b, c, d, e) })
}

pub fn prctl(option: c_uint, a: c_ulong, b: c_ulong) -> Result<c_long, i32> {
    call(nr::PRCTL, option as c_ulong, a, b, 0, 0)
}

pub fn errno_text(number: i32) -> String {
    // SAFETY: strerror returns a NUL-ended static or per-thread string.
    unsafe { std::ffi::CStr::from_ptr(strerror(number)) }.to_string_lossy().into_owned()
}

pub fn cstring(text: &str) -> CString {
    CString::new(text).unwrap_or_default()
}

pub fn address<T>(value: &mut T) -> c_ulong {
    (value as *mut T).cast::<c_void>() as c_ulong
}

/// Writes all bytes; false if the descriptor refuses.
pub fn write_all(fd: i32, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        match call(nr::WRITE, fd as c_ulong, bytes.as_ptr() as c_ulong, bytes.len() as c_ulong, 0, 0) {
            Ok(n) if n > 0 => bytes = &bytes[n as usize..],
            _ => return false,
        }
    }
    true
}

/// "ok VALUE" or the errno text, for lines of the report.
pub fn shown(result: Result<c_long, i32>) -> String {
    match result {
        Ok(value) => value.to_string(),
        Err(number) => errno_text(number),
    }
}
