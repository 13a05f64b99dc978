//! A system call as the list names it: those that do many things with what they are asked to do.

use syscalls::Sysno;

/// A call at its entry.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Its number.
    pub nr: u64,
    /// Its arguments.
    pub args: [u64; 6],
}

const PRCTL: [(u64, &str); 13] = [
    (1, "PR_SET_PDEATHSIG"),
    (3, "PR_GET_DUMPABLE"),
    (4, "PR_SET_DUMPABLE"),
    (8, "PR_SET_KEEPCAPS"),
    (15, "PR_SET_NAME"),
    (22, "PR_SET_SECCOMP"),
    (23, "PR_CAPBSET_READ"),
    (24, "PR_CAPBSET_DROP"),
    (27, "PR_GET_SECUREBITS"),
    (28, "PR_SET_SECUREBITS"),
    (36, "PR_SET_CHILD_SUBREAPER"),
    (38, "PR_SET_NO_NEW_PRIVS"),
    (39, "PR_GET_NO_NEW_PRIVS"),
];

const AMBIENT: [(u64, &str); 4] = [
    (1, "PR_CAP_AMBIENT_IS_SET"),
    (2, "PR_CAP_AMBIENT_RAISE"),
    (3, "PR_CAP_AMBIENT_LOWER"),
    (4, "PR_CAP_AMBIENT_CLEAR_ALL"),
];

const FCNTL: [(u64, &str); 9] = [
    (0, "F_DUPFD"),
    (1, "F_GETFD"),
    (2, "F_SETFD"),
    (3, "F_GETFL"),
    (4, "F_SETFL"),
    (6, "F_SETLK"),
    (1030, "F_DUPFD_CLOEXEC"),
    (1033, "F_ADD_SEALS"),
    (1034, "F_GET_SEALS"),
];

const IOCTL: [(u64, &str); 12] = [
    (0xb701, "NS_GET_USERNS"),
    (0x894c, "SIOCGSKNS"),
    (0x5401, "TCGETS"),
    (0x5402, "TCSETS"),
    (0x5403, "TCSETSW"),
    (0x540e, "TIOCSCTTY"),
    (0x540f, "TIOCGPGRP"),
    (0x5410, "TIOCSPGRP"),
    (0x5413, "TIOCGWINSZ"),
    (0x5414, "TIOCSWINSZ"),
    (0x5441, "TIOCGPTPEER"),
    (0x4004_5431, "TIOCSPTLCK"),
];

const SOCKET: [(u64, &str); 3] = [(1, "AF_UNIX"), (2, "AF_INET"), (16, "AF_NETLINK")];

impl Call {
    /// The kernel's name for it.
    pub fn plain_name(&self) -> &'static str {
        Sysno::new(self.nr as usize).map_or("", |call| call.name())
    }

    /// `openat`, `prctl(PR_SET_DUMPABLE)`.
    pub fn name(&self) -> String {
        let [first, second, ..] = self.args;
        let name = self.plain_name();
        let (table, number): (&[(u64, &str)], u64) = match name {
            "" => return format!("call {}", self.nr),
            "prctl" if first == 47 => (&AMBIENT, second),
            "prctl" => (&PRCTL, first),
            "fcntl" => (&FCNTL, second),
            "ioctl" => (&IOCTL, second),
            "socket" | "socketpair" => (&SOCKET, first),
            _ => return name.to_owned(),
        };
        match table.iter().find(|(known, _)| *known == number) {
            Some((_, what)) => format!("{name}({what})"),
            None => format!("{name}({number})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Call;

    #[test]
    fn calls_with_many_uses_are_named_by_their_use() {
        let name =
            |nr: i64, args: [u64; 2]| Call { nr: nr as u64, args: [args[0], args[1], 0, 0, 0, 0] }.name();
        assert_eq!(name(libc::SYS_prctl, [38, 1]), "prctl(PR_SET_NO_NEW_PRIVS)");
        assert_eq!(name(libc::SYS_prctl, [47, 2]), "prctl(PR_CAP_AMBIENT_RAISE)");
        assert_eq!(name(libc::SYS_fcntl, [3, 1034]), "fcntl(F_GET_SEALS)");
        assert_eq!(name(libc::SYS_fcntl, [3, 77]), "fcntl(77)");
        assert_eq!(name(libc::SYS_mount_setattr, [0, 0]), "mount_setattr");
        assert_eq!(name(99_999, [0, 0]), "call 99999");
    }
}
