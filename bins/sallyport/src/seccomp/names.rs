//! Names for the values of arguments, as people write them and as a listing shows them.

use super::action::errno_number;
use nix::libc;

/// Names for one argument of some calls.
struct Group {
    /// The calls.
    calls: &'static [&'static str],
    /// Which argument.
    arg: u32,
    /// Whether values are combinations of the names.
    flags: bool,
    /// Name and value.
    names: &'static [(&'static str, u64)],
}

/// `NAME` for each, with the value that libc has for it.
macro_rules! names {
    ($($name:ident)*) => { &[$((stringify!($name), libc::$name as u64)),*] };
}

const GROUPS: [Group; 9] = [
    Group {
        calls: &["ioctl"],
        arg: 1,
        flags: false,
        names: names!(TIOCSTI TIOCLINUX TIOCSCTTY TIOCNOTTY TIOCGWINSZ TIOCSWINSZ TIOCGPGRP TIOCSPGRP TCGETS TCSETS
            TCSETSW TCSETSF TIOCGPTN TIOCSPTLCK TIOCSETD TIOCCONS FIONREAD FIONBIO FIOCLEX FIONCLEX FS_IOC_GETFLAGS
            FS_IOC_SETFLAGS),
    },
    // Of its own, and before the next: in clone(2) the bits of CLONE_NEWTIME belong to a signal's number.
    Group {
        calls: &["unshare"],
        arg: 0,
        flags: true,
        names: names!(CLONE_NEWUSER CLONE_NEWNS CLONE_NEWPID CLONE_NEWNET CLONE_NEWIPC CLONE_NEWUTS CLONE_NEWCGROUP
            CLONE_NEWTIME CLONE_FS CLONE_FILES CLONE_SIGHAND CLONE_SYSVSEM CLONE_THREAD CLONE_VM),
    },
    Group {
        calls: &["clone"],
        arg: 0,
        flags: true,
        names: names!(CLONE_NEWUSER CLONE_NEWNS CLONE_NEWPID CLONE_NEWNET CLONE_NEWIPC CLONE_NEWUTS CLONE_NEWCGROUP
            CLONE_VM CLONE_FS CLONE_FILES CLONE_SIGHAND CLONE_PIDFD CLONE_PTRACE CLONE_VFORK CLONE_PARENT CLONE_THREAD
            CLONE_SYSVSEM CLONE_SETTLS CLONE_PARENT_SETTID CLONE_CHILD_CLEARTID CLONE_DETACHED CLONE_UNTRACED
            CLONE_CHILD_SETTID CLONE_IO),
    },
    Group {
        calls: &["setns"],
        arg: 1,
        flags: true,
        names: names!(CLONE_NEWUSER CLONE_NEWNS CLONE_NEWPID CLONE_NEWNET CLONE_NEWIPC CLONE_NEWUTS CLONE_NEWCGROUP
            CLONE_NEWTIME),
    },
    Group {
        calls: &["socket", "socketpair"],
        arg: 0,
        flags: false,
        names: names!(AF_UNSPEC AF_UNIX AF_INET AF_AX25 AF_IPX AF_APPLETALK AF_NETROM AF_BRIDGE AF_X25 AF_INET6 AF_ROSE
            AF_DECnet AF_NETBEUI AF_SECURITY AF_KEY AF_NETLINK AF_PACKET AF_ASH AF_ECONET AF_ATMSVC AF_RDS AF_SNA
            AF_IRDA AF_PPPOX AF_WANPIPE AF_LLC AF_IB AF_MPLS AF_CAN AF_TIPC AF_BLUETOOTH AF_IUCV AF_RXRPC AF_ISDN
            AF_PHONET AF_IEEE802154 AF_CAIF AF_ALG AF_NFC AF_VSOCK AF_XDP),
    },
    Group {
        calls: &["prctl"],
        arg: 0,
        flags: false,
        names: names!(PR_SET_PDEATHSIG PR_SET_DUMPABLE PR_SET_NAME PR_SET_SECCOMP PR_GET_SECCOMP PR_CAPBSET_DROP
            PR_SET_SECUREBITS PR_SET_NO_NEW_PRIVS PR_SET_MM PR_SET_PTRACER PR_SET_CHILD_SUBREAPER PR_CAP_AMBIENT
            PR_SET_KEEPCAPS),
    },
    Group {
        calls: &["ptrace"],
        arg: 0,
        flags: false,
        names: names!(PTRACE_TRACEME PTRACE_PEEKTEXT PTRACE_PEEKDATA PTRACE_PEEKUSER PTRACE_POKETEXT PTRACE_POKEDATA
            PTRACE_POKEUSER PTRACE_CONT PTRACE_KILL PTRACE_SINGLESTEP PTRACE_ATTACH PTRACE_DETACH PTRACE_SYSCALL
            PTRACE_SETOPTIONS PTRACE_SEIZE PTRACE_INTERRUPT),
    },
    Group {
        calls: &["personality"],
        arg: 0,
        flags: false,
        names: &[
            ("PER_LINUX", 0),
            ("PER_LINUX32", 8),
            ("UNAME26", 0x20000),
            ("ADDR_NO_RANDOMIZE", 0x40000),
            ("READ_IMPLIES_EXEC", 0x400000),
        ],
    },
    Group {
        calls: &["mmap", "mprotect"],
        arg: 2,
        flags: true,
        names: names!(PROT_READ PROT_WRITE PROT_EXEC),
    },
];

/// Flags of `clone3`, in memory that no filter sees; but a command line may have them.
const CLONE3: [(&str, u64); 2] = [("CLONE_CLEAR_SIGHAND", 1 << 32), ("CLONE_INTO_CGROUP", 1 << 33)];

/// Names that stand for no argument in particular: the kinds of socket, protocols, modes and flags of files, signals.
/// Those of errors are in [`errno_number`].
const OTHERS: &[(&str, u64)] = names!(SOCK_STREAM SOCK_DGRAM SOCK_RAW SOCK_SEQPACKET SOCK_CLOEXEC SOCK_NONBLOCK
    NETLINK_AUDIT NETLINK_ROUTE NETLINK_KOBJECT_UEVENT O_RDONLY O_WRONLY O_RDWR O_CREAT O_EXCL O_TRUNC O_APPEND
    O_CLOEXEC O_PATH O_DIRECTORY O_NOFOLLOW AT_FDCWD AT_EMPTY_PATH AT_SYMLINK_NOFOLLOW S_ISUID S_ISGID MAP_SHARED
    MAP_PRIVATE MAP_ANONYMOUS SIGHUP SIGINT SIGKILL SIGTERM SIGSTOP SIGCHLD);

/// What a value of an argument is called: one name, or several where they are flags.
pub fn meaning(call: &str, arg: u32, value: u64) -> Option<String> {
    let group = GROUPS.iter().find(|group| group.arg == arg && group.calls.contains(&call))?;
    if let Some((name, _)) = group.names.iter().find(|(_, known)| *known == value) {
        return Some((*name).to_owned());
    }
    if !group.flags || value == 0 {
        return None;
    }
    let mut rest = value;
    let mut found = Vec::new();
    for (name, bit) in group.names {
        if rest & bit == *bit && *bit != 0 {
            rest &= !bit;
            found.push(*name);
        }
    }
    (rest == 0).then(|| found.join("|"))
}

/// The value that somebody typed: decimal, hexadecimal (`0x`), octal (`0`), negative, a name, or several of them
/// with `|` between.
pub fn value(text: &str) -> Option<u64> {
    text.split('|').map(|word| one(word.trim())).try_fold(0, |sum, word| Some(sum | word?))
}

fn one(word: &str) -> Option<u64> {
    if let Some(number) = number(word) {
        return Some(number);
    }
    let mut named = GROUPS.iter().flat_map(|group| group.names).chain(OTHERS).chain(&CLONE3);
    let value = named.find(|(name, _)| *name == word).map(|(_, value)| *value);
    value.or_else(|| errno_number(word).map(u64::from))
}

/// An integer as C writes it.
pub fn number(word: &str) -> Option<u64> {
    let (negative, digits) = match word.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, word),
    };
    let magnitude = if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        parse(hex, 16)?
    } else if let Some(octal) = digits.strip_prefix('0').filter(|rest| !rest.is_empty()) {
        parse(octal, 8)?
    } else {
        parse(digits, 10)?
    };
    Some(if negative { magnitude.wrapping_neg() } else { magnitude })
}

/// Without the sign that the standard library would take.
fn parse(digits: &str, radix: u32) -> Option<u64> {
    if digits.starts_with(['+', '-']) { None } else { u64::from_str_radix(digits, radix).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_people_write_them() {
        for (text, expected) in [
            ("0", Some(0)),
            ("16", Some(16)),
            ("0x5412", Some(0x5412)),
            ("017", Some(15)),
            ("-1", Some(u64::MAX)),
            ("TIOCSTI", Some(0x5412)),
            ("CLONE_NEWUSER|SIGCHLD", Some(0x1000_0011)),
            ("CLONE_NEWUSER | 0x11", Some(0x1000_0011)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("", None),
            ("+1", None),
            ("--1", None),
            ("TIOCSTI|", None),
            ("TIOCNONE", None),
            ("CLONE_NEWTIME|CLONE_NEWUSER", Some(0x1000_0080)),
            ("CLONE_CLEAR_SIGHAND", Some(0x1_0000_0000)),
            ("CLONE_INTO_CGROUP", Some(0x2_0000_0000)),
            ("EPERM", Some(1)),
            ("EWOULDBLOCK", Some(11)),
            ("EOPNOTSUPP", Some(95)),
            ("ENOTSUP", Some(95)),
            ("EHWPOISON", Some(133)),
            ("UnknownErrno", None),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
    }

    #[test]
    fn values_have_names_by_call_and_argument() {
        assert_eq!(meaning("ioctl", 1, 0x5412).as_deref(), Some("TIOCSTI"));
        assert_eq!(meaning("ioctl", 2, 0x5412), None);
        assert_eq!(meaning("unshare", 0, 0x1002_0000).as_deref(), Some("CLONE_NEWUSER|CLONE_NEWNS"));
        assert_eq!(meaning("unshare", 0, 1), None);
        assert_eq!(meaning("unshare", 0, 0x80).as_deref(), Some("CLONE_NEWTIME"));
        assert_eq!(meaning("setns", 1, 0x80).as_deref(), Some("CLONE_NEWTIME"));
        assert_eq!(meaning("clone", 0, 0x80), None, "part of a signal's number");
    }
}
