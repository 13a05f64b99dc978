//! Error numbers and their texts, which are glibc's so that messages read as those of any other program.

/// An error number of Linux, 1 to 4095 (`errno(3)`, `include/uapi/asm-generic/errno.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub u16);

impl Errno {
    /// `EPERM`.
    pub const PERM: Errno = Errno(1);
    /// `ENOENT`.
    pub const NOENT: Errno = Errno(2);
    /// `EINTR`.
    pub const INTR: Errno = Errno(4);
    /// `EIO`.
    pub const IO: Errno = Errno(5);
    /// `E2BIG`.
    pub const TOOBIG: Errno = Errno(7);
    /// `ENOEXEC`.
    pub const NOEXEC: Errno = Errno(8);
    /// `EBADF`.
    pub const BADF: Errno = Errno(9);
    /// `ECHILD`.
    pub const CHILD: Errno = Errno(10);
    /// `EAGAIN`.
    pub const AGAIN: Errno = Errno(11);
    /// `ENOMEM`.
    pub const NOMEM: Errno = Errno(12);
    /// `EACCES`.
    pub const ACCES: Errno = Errno(13);
    /// `EFAULT`.
    pub const FAULT: Errno = Errno(14);
    /// `EBUSY`.
    pub const BUSY: Errno = Errno(16);
    /// `EEXIST`.
    pub const EXIST: Errno = Errno(17);
    /// `ENODEV`.
    pub const NODEV: Errno = Errno(19);
    /// `ENOTDIR`.
    pub const NOTDIR: Errno = Errno(20);
    /// `EISDIR`.
    pub const ISDIR: Errno = Errno(21);
    /// `EINVAL`.
    pub const INVAL: Errno = Errno(22);
    /// `ENFILE`.
    pub const NFILE: Errno = Errno(23);
    /// `EMFILE`.
    pub const MFILE: Errno = Errno(24);
    /// `ENOTTY`.
    pub const NOTTY: Errno = Errno(25);
    /// `ETXTBSY`.
    pub const TXTBSY: Errno = Errno(26);
    /// `ENOSPC`.
    pub const NOSPC: Errno = Errno(28);
    /// `ESPIPE`.
    pub const SPIPE: Errno = Errno(29);
    /// `EROFS`.
    pub const ROFS: Errno = Errno(30);
    /// `ERANGE`.
    pub const RANGE: Errno = Errno(34);
    /// `ENAMETOOLONG`.
    pub const NAMETOOLONG: Errno = Errno(36);
    /// `ENOSYS`.
    pub const NOSYS: Errno = Errno(38);
    /// `ENOTEMPTY`.
    pub const NOTEMPTY: Errno = Errno(39);
    /// `ELOOP`.
    pub const LOOP: Errno = Errno(40);
    /// `EPROTO`.
    pub const PROTO: Errno = Errno(71);
    /// `EOVERFLOW`.
    pub const OVERFLOW: Errno = Errno(75);
    /// `EOPNOTSUPP`.
    pub const OPNOTSUPP: Errno = Errno(95);
    /// `ETIMEDOUT`.
    pub const TIMEDOUT: Errno = Errno(110);
    /// `ESTALE`.
    pub const STALE: Errno = Errno(116);
    /// `EUSERS`.
    pub const USERS: Errno = Errno(87);

    /// What `strerror(3)` of glibc says in the C locale, or `None` for a number it has no text for.
    pub fn text(self) -> Option<&'static str> {
        let text = TEXTS.get(usize::from(self.0).checked_sub(1)?)?;
        if text.is_empty() { None } else { Some(text) }
    }
}

/// Texts for 1 to 133, in order; the two numbers Linux leaves free (41 and 58) are empty.
static TEXTS: [&str; 133] = [
    "Operation not permitted",
    "No such file or directory",
    "No such process",
    "Interrupted system call",
    "Input/output error",
    "No such device or address",
    "Argument list too long",
    "Exec format error",
    "Bad file descriptor",
    "No child processes",
    "Resource temporarily unavailable",
    "Cannot allocate memory",
    "Permission denied",
    "Bad address",
    "Block device required",
    "Device or resource busy",
    "File exists",
    "Invalid cross-device link",
    "No such device",
    "Not a directory",
    "Is a directory",
    "Invalid argument",
    "Too many open files in system",
    "Too many open files",
    "Inappropriate ioctl for device",
    "Text file busy",
    "File too large",
    "No space left on device",
    "Illegal seek",
    "Read-only file system",
    "Too many links",
    "Broken pipe",
    "Numerical argument out of domain",
    "Numerical result out of range",
    "Resource deadlock avoided",
    "File name too long",
    "No locks available",
    "Function not implemented",
    "Directory not empty",
    "Too many levels of symbolic links",
    "",
    "No message of desired type",
    "Identifier removed",
    "Channel number out of range",
    "Level 2 not synchronized",
    "Level 3 halted",
    "Level 3 reset",
    "Link number out of range",
    "Protocol driver not attached",
    "No CSI structure available",
    "Level 2 halted",
    "Invalid exchange",
    "Invalid request descriptor",
    "Exchange full",
    "No anode",
    "Invalid request code",
    "Invalid slot",
    "",
    "Bad font file format",
    "Device not a stream",
    "No data available",
    "Timer expired",
    "Out of streams resources",
    "Machine is not on the network",
    "Package not installed",
    "Object is remote",
    "Link has been severed",
    "Advertise error",
    "Srmount error",
    "Communication error on send",
    "Protocol error",
    "Multihop attempted",
    "RFS specific error",
    "Bad message",
    "Value too large for defined data type",
    "Name not unique on network",
    "File descriptor in bad state",
    "Remote address changed",
    "Can not access a needed shared library",
    "Accessing a corrupted shared library",
    ".lib section in a.out corrupted",
    "Attempting to link in too many shared libraries",
    "Cannot exec a shared library directly",
    "Invalid or incomplete multibyte or wide character",
    "Interrupted system call should be restarted",
    "Streams pipe error",
    "Too many users",
    "Socket operation on non-socket",
    "Destination address required",
    "Message too long",
    "Protocol wrong type for socket",
    "Protocol not available",
    "Protocol not supported",
    "Socket type not supported",
    "Operation not supported",
    "Protocol family not supported",
    "Address family not supported by protocol",
    "Address already in use",
    "Cannot assign requested address",
    "Network is down",
    "Network is unreachable",
    "Network dropped connection on reset",
    "Software caused connection abort",
    "Connection reset by peer",
    "No buffer space available",
    "Transport endpoint is already connected",
    "Transport endpoint is not connected",
    "Cannot send after transport endpoint shutdown",
    "Too many references: cannot splice",
    "Connection timed out",
    "Connection refused",
    "Host is down",
    "No route to host",
    "Operation already in progress",
    "Operation now in progress",
    "Stale file handle",
    "Structure needs cleaning",
    "Not a XENIX named type file",
    "No XENIX semaphores available",
    "Is a named type file",
    "Remote I/O error",
    "Disk quota exceeded",
    "No medium found",
    "Wrong medium type",
    "Operation canceled",
    "Required key not available",
    "Key has expired",
    "Key has been revoked",
    "Key was rejected by service",
    "Owner died",
    "State not recoverable",
    "Operation not possible due to RF-kill",
    "Memory page has hardware error",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_the_c_library() {
        for n in 1..=4095u16 {
            let theirs = std::io::Error::from_raw_os_error(i32::from(n)).to_string();
            let theirs = theirs.rsplit_once(" (os error").map_or("", |(text, _)| text);
            match Errno(n).text() {
                Some(ours) => assert_eq!(ours, theirs, "errno {n}"),
                None => assert!(theirs.starts_with("Unknown error"), "errno {n}: {theirs}"),
            }
        }
    }
}
