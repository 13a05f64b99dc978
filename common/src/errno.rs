//! Error numbers and their texts, which are glibc's so that messages read as those of any other program.

/// An error number of Linux, 1 to 4095 (`errno(3)`, `include/uapi/asm-generic/errno.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub u16);

impl Errno {
    /// `EPERM`.
    pub const PERM: Errno = Errno(1);
    /// `ECONNRESET`.
    pub const CONNRESET: Errno = Errno(104);
    /// `ENOENT`.
    pub const NOENT: Errno = Errno(2);
    /// `ESRCH`.
    pub const SRCH: Errno = Errno(3);
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
    /// `EFBIG`.
    pub const FBIG: Errno = Errno(27);
    /// `ENOSPC`.
    pub const NOSPC: Errno = Errno(28);
    /// `ESPIPE`.
    pub const SPIPE: Errno = Errno(29);
    /// `EPIPE`.
    pub const PIPE: Errno = Errno(32);
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
    /// `ENOTCONN`.
    pub const NOTCONN: Errno = Errno(107);
    /// `ETIMEDOUT`.
    pub const TIMEDOUT: Errno = Errno(110);
    /// `ESTALE`.
    pub const STALE: Errno = Errno(116);
    /// `EUSERS`.
    pub const USERS: Errno = Errno(87);

    /// What `strerror(3)` of glibc says in the C locale, or `None` for a number it has no text for.
    pub fn text(self) -> Option<&'static str> {
        let text = TEXTS.split('\0').nth(usize::from(self.0).checked_sub(1)?)?;
        if text.is_empty() { None } else { Some(text) }
    }
}

/// Texts for 1 to 133, in order, each ended by a NUL; the two numbers Linux leaves free (41 and 58) are empty. One
/// string, since a table of pointers would have to be relocated at every start.
static TEXTS: &str = "\
    Operation not permitted\0\
    No such file or directory\0\
    No such process\0\
    Interrupted system call\0\
    Input/output error\0\
    No such device or address\0\
    Argument list too long\0\
    Exec format error\0\
    Bad file descriptor\0\
    No child processes\0\
    Resource temporarily unavailable\0\
    Cannot allocate memory\0\
    Permission denied\0\
    Bad address\0\
    Block device required\0\
    Device or resource busy\0\
    File exists\0\
    Invalid cross-device link\0\
    No such device\0\
    Not a directory\0\
    Is a directory\0\
    Invalid argument\0\
    Too many open files in system\0\
    Too many open files\0\
    Inappropriate ioctl for device\0\
    Text file busy\0\
    File too large\0\
    No space left on device\0\
    Illegal seek\0\
    Read-only file system\0\
    Too many links\0\
    Broken pipe\0\
    Numerical argument out of domain\0\
    Numerical result out of range\0\
    Resource deadlock avoided\0\
    File name too long\0\
    No locks available\0\
    Function not implemented\0\
    Directory not empty\0\
    Too many levels of symbolic links\0\
    \0\
    No message of desired type\0\
    Identifier removed\0\
    Channel number out of range\0\
    Level 2 not synchronized\0\
    Level 3 halted\0\
    Level 3 reset\0\
    Link number out of range\0\
    Protocol driver not attached\0\
    No CSI structure available\0\
    Level 2 halted\0\
    Invalid exchange\0\
    Invalid request descriptor\0\
    Exchange full\0\
    No anode\0\
    Invalid request code\0\
    Invalid slot\0\
    \0\
    Bad font file format\0\
    Device not a stream\0\
    No data available\0\
    Timer expired\0\
    Out of streams resources\0\
    Machine is not on the network\0\
    Package not installed\0\
    Object is remote\0\
    Link has been severed\0\
    Advertise error\0\
    Srmount error\0\
    Communication error on send\0\
    Protocol error\0\
    Multihop attempted\0\
    RFS specific error\0\
    Bad message\0\
    Value too large for defined data type\0\
    Name not unique on network\0\
    File descriptor in bad state\0\
    Remote address changed\0\
    Can not access a needed shared library\0\
    Accessing a corrupted shared library\0\
    .lib section in a.out corrupted\0\
    Attempting to link in too many shared libraries\0\
    Cannot exec a shared library directly\0\
    Invalid or incomplete multibyte or wide character\0\
    Interrupted system call should be restarted\0\
    Streams pipe error\0\
    Too many users\0\
    Socket operation on non-socket\0\
    Destination address required\0\
    Message too long\0\
    Protocol wrong type for socket\0\
    Protocol not available\0\
    Protocol not supported\0\
    Socket type not supported\0\
    Operation not supported\0\
    Protocol family not supported\0\
    Address family not supported by protocol\0\
    Address already in use\0\
    Cannot assign requested address\0\
    Network is down\0\
    Network is unreachable\0\
    Network dropped connection on reset\0\
    Software caused connection abort\0\
    Connection reset by peer\0\
    No buffer space available\0\
    Transport endpoint is already connected\0\
    Transport endpoint is not connected\0\
    Cannot send after transport endpoint shutdown\0\
    Too many references: cannot splice\0\
    Connection timed out\0\
    Connection refused\0\
    Host is down\0\
    No route to host\0\
    Operation already in progress\0\
    Operation now in progress\0\
    Stale file handle\0\
    Structure needs cleaning\0\
    Not a XENIX named type file\0\
    No XENIX semaphores available\0\
    Is a named type file\0\
    Remote I/O error\0\
    Disk quota exceeded\0\
    No medium found\0\
    Wrong medium type\0\
    Operation canceled\0\
    Required key not available\0\
    Key has expired\0\
    Key has been revoked\0\
    Key was rejected by service\0\
    Owner died\0\
    State not recoverable\0\
    Operation not possible due to RF-kill\0\
    Memory page has hardware error\0\
";

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
