//! The frame of ns-enter: namespaces, ids, and what the monitor outside reports to whom.

use super::{BadPlan, Buffer, FdNumber, Field, List, Reader, Signal, SignalSet, record, variants};
use crate::caps::CapSet;
use crate::sys::Result as SysResult;
use crate::sys::clone_flags as flags;
use crate::text::{Path, Text};
use serde::{Deserialize, Serialize};

/// New namespaces, as the `CLONE_NEW*` bits of `clone(2)`; the user namespace has a field of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Namespaces(pub u32);

impl Namespaces {
    /// All that may be asked for.
    pub const ALL: Namespaces = Namespaces(
        flags::NEWNS
            | flags::NEWCGROUP
            | flags::NEWUTS
            | flags::NEWIPC
            | flags::NEWPID
            | flags::NEWNET
            | flags::NEWTIME,
    );

    /// Whether the namespace with this bit is new.
    pub fn has(self, flag: u32) -> bool {
        self.0 & flag != 0
    }
}

impl<'a> Field<'a> for Namespaces {
    fn decode(reader: &mut Reader<'a>, name: &'static str) -> Result<Self, BadPlan> {
        let bits = u32::decode(reader, name)?;
        if bits & !Namespaces::ALL.0 != 0 {
            return Err(reader.bad(name, "unknown namespace"));
        }
        Ok(Namespaces(bits))
    }

    fn encode(&self, out: &mut Buffer) -> SysResult<()> {
        self.0.encode(out)
    }
}

variants! {
    /// Whether there is a new user namespace.
    pub enum UserNs {
        /// None.
        0 = Keep,
        /// A new one unless the caller is root, who needs none (bwrap's default).
        1 = UnlessRoot,
        /// A new one (`--unshare-user`).
        2 = New,
        /// A new one if this host has them, else as `UnlessRoot` (`--unshare-user-try`).
        3 = Try,
    }
}

variants! {
    /// Whether priv-drop makes a second user namespace inside the first.
    pub enum SecondUserNs {
        /// No.
        0 = No,
        /// When the ids asked for are not root's: devpts has to be mounted by one who is root in the first.
        1 = UnlessRoot,
        /// Always (`--disable-userns`).
        2 = Always,
        /// Always, and the first maps root all the same (`--disable-userns` with `--dev`).
        3 = AlwaysFromRoot,
    }
}

variants! {
    /// A limit of the sandbox's own cgroup (`--limit`).
    pub enum Limit<'a> {
        /// What is written to which of its files.
        0 = File {
            /// Name of the file, its controller first: `memory.max`.
            name: Path<'a>,
            /// What is written.
            value: Text<'a>,
        },
    }
}

impl Limit<'_> {
    /// The controller whose file `name` is; `None` unless it is the name of such a file. `cgroup` is no controller: its
    /// files move, freeze and kill.
    pub fn controller(name: &[u8]) -> Option<&[u8]> {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte == b'.';
        let dot = name.iter().position(|byte| *byte == b'.')?;
        let controller = name.get(..dot)?;
        let is_file = name.iter().all(plain) && name.len() > dot + 1 && name.len() < 64;
        if is_file && !controller.is_empty() && controller != b"cgroup" { Some(controller) } else { None }
    }
}

record! {
    /// What ns-enter does.
    pub struct NsEnter<'a> {
        /// New namespaces beside the user namespace.
        pub namespaces: Namespaces,
        /// Also a new cgroup namespace if this kernel has them (`--unshare-cgroup-try`).
        pub cgroup_try: bool,
        /// A new user namespace or none.
        pub user: UserNs,
        /// Join this user namespace (`--userns`).
        pub userns_fd: Option<FdNumber>,
        /// Join this PID namespace (`--pidns`).
        pub pidns_fd: Option<FdNumber>,
        /// User id inside; the caller's without one.
        pub uid: Option<u32>,
        /// Group id inside; the caller's without one.
        pub gid: Option<u32>,
        /// Whether a second user namespace follows, so that the first maps root.
        pub second: SecondUserNs,
        /// Bring up `lo` in the new network namespace.
        pub loopback: bool,
        /// Host name in the new UTS namespace.
        pub hostname: Option<Text<'a>>,
        /// The sandbox dies with the process that started it (`--die-with-parent`).
        pub die_with_parent: bool,
        /// Where the sandbox's process id goes as JSON (`--info-fd`).
        pub info_fd: Option<FdNumber>,
        /// Where process id and exit status go as lines of JSON (`--json-status-fd`).
        pub json_status_fd: Option<FdNumber>,
        /// Wait until this one can be read for somebody else to write the id maps (`--userns-block-fd`).
        pub userns_block_fd: Option<FdNumber>,
        /// Capabilities in the new user namespace that the later stages need, over their execs.
        pub raise: CapSet,
        /// The signals that the monitor passes on into the sandbox (`--forward-signals`).
        pub forward: SignalSet,
        /// What the command gets for SIGTERM, SIGINT and SIGHUP where there is no init-reaper (`--stop-signal`).
        pub stop_signal: Option<Signal>,
        /// A pid 1 that powers off or reboots ends the launch with a status of its own (`--handle-reboot`).
        pub handle_reboot: bool,
        /// What bubblewrap has no option for.
        pub extra: Option<NsExtra<'a>>,
    }
}

record! {
    /// Id maps of several ids, namespaces to join, clocks.
    pub struct NsExtra<'a> {
        /// The user ids of the new user namespace (`--uid-map`); without any, the caller's alone.
        pub uid_map: List<'a, IdRange>,
        /// The group ids (`--gid-map`).
        pub gid_map: List<'a, IdRange>,
        /// Whether setgroups(2) may be called in the new user namespace (`--setgroups`).
        pub setgroups: Option<bool>,
        /// Namespaces to join (`--join-ns`), each kind at most once.
        pub join: List<'a, JoinNs<'a>>,
        /// What the monotonic clock of the new time namespace is ahead by (`--monotonic`).
        pub monotonic: Option<Seconds>,
        /// What the boot-time clock of the new time namespace is ahead by (`--boottime`).
        pub boottime: Option<Seconds>,
        /// A cgroup of the sandbox's own, kept by cgroup-keeper (`--cgroup`).
        pub own_cgroup: bool,
        /// Limits of that (`--limit`).
        pub limits: List<'a, Limit<'a>>,
        /// A terminal of the sandbox's own, relayed by pty-relay (`--console`).
        pub console: bool,
    }
}

variants! {
    /// A line of an id map, or several.
    pub enum IdRange {
        /// The caller's own id and all of his subordinate ones, as /etc/subuid and /etc/subgid have them at the launch.
        0 = Auto,
        /// `COUNT` ids from `INNER` on are those from `OUTER` on.
        1 = Range {
            /// The first inside.
            inner: u32,
            /// The first outside.
            outer: u32,
            /// How many.
            count: u32,
        },
    }
}

variants! {
    /// A namespace that exists.
    pub enum JoinNs<'a> {
        /// By a descriptor, which is closed then.
        0 = Fd {
            /// Of this kind.
            kind: NsKind,
            /// Open on it.
            fd: FdNumber,
        },
        /// By a path such as /proc/PID/ns/net.
        1 = Path {
            /// Of this kind.
            kind: NsKind,
            /// On the host.
            path: Path<'a>,
        },
    }
}

variants! {
    /// The kinds of namespace, by their names in /proc/PID/ns.
    pub enum NsKind {
        /// `CLONE_NEWCGROUP`.
        0 = Cgroup,
        /// `CLONE_NEWIPC`.
        1 = Ipc,
        /// `CLONE_NEWNS`.
        2 = Mnt,
        /// `CLONE_NEWNET`.
        3 = Net,
        /// `CLONE_NEWPID`.
        4 = Pid,
        /// `CLONE_NEWTIME`.
        5 = Time,
        /// `CLONE_NEWUSER`.
        6 = User,
        /// `CLONE_NEWUTS`.
        7 = Uts,
    }
}

record! {
    /// A number of seconds that may be negative.
    pub struct Seconds {
        /// Whether it is.
        pub negative: bool,
        /// How many.
        pub count: u64,
    }
}

impl NsKind {
    /// All of them. The mount namespace last: after it the paths of the host are gone.
    pub const ALL: [NsKind; 8] = [
        NsKind::User,
        NsKind::Cgroup,
        NsKind::Ipc,
        NsKind::Net,
        NsKind::Pid,
        NsKind::Time,
        NsKind::Uts,
        NsKind::Mnt,
    ];

    /// Its name in /proc/PID/ns.
    pub const fn name(self) -> &'static str {
        match self {
            NsKind::Cgroup => "cgroup",
            NsKind::Ipc => "ipc",
            NsKind::Mnt => "mnt",
            NsKind::Net => "net",
            NsKind::Pid => "pid",
            NsKind::Time => "time",
            NsKind::User => "user",
            NsKind::Uts => "uts",
        }
    }

    /// Its `CLONE_NEW*` bit.
    pub const fn flag(self) -> u32 {
        match self {
            NsKind::Cgroup => flags::NEWCGROUP,
            NsKind::Ipc => flags::NEWIPC,
            NsKind::Mnt => flags::NEWNS,
            NsKind::Net => flags::NEWNET,
            NsKind::Pid => flags::NEWPID,
            NsKind::Time => flags::NEWTIME,
            NsKind::User => flags::NEWUSER,
            NsKind::Uts => flags::NEWUTS,
        }
    }
}

impl JoinNs<'_> {
    /// Of which kind it is.
    pub fn kind(self) -> NsKind {
        match self {
            JoinNs::Fd { kind, .. } | JoinNs::Path { kind, .. } => kind,
        }
    }
}

impl<'a> NsEnter<'a> {
    /// Whether there is a cgroup of the sandbox's own.
    pub fn own_cgroup(&self) -> bool {
        self.extra.is_some_and(|extra| extra.own_cgroup)
    }

    /// The descriptors that the frame names.
    pub fn descriptors(&self) -> impl Iterator<Item = FdNumber> + use<'a> {
        let fds = [self.userns_fd, self.pidns_fd, self.info_fd, self.json_status_fd, self.userns_block_fd];
        let joins = self.extra.map_or(List::EMPTY, |extra| extra.join);
        let joined = joins.iter().filter_map(|join| match join {
            JoinNs::Fd { fd, .. } => Some(fd),
            JoinNs::Path { .. } => None,
        });
        fds.into_iter().flatten().chain(joined)
    }

    /// The limits of that.
    pub fn limits(&self) -> List<'a, Limit<'a>> {
        self.extra.map_or(List::EMPTY, |extra| extra.limits)
    }

    /// Whether the sandbox goes when the monitor does: asked for, or for want of a terminal.
    pub fn ends_with_monitor(&self) -> bool {
        self.die_with_parent || self.console()
    }

    /// Whether there is a terminal of the sandbox's own.
    pub fn console(&self) -> bool {
        self.extra.is_some_and(|extra| extra.console)
    }

    /// What bubblewrap has no option for: whether the id maps are more than the caller's own ids, and so are not written by
    /// the process that is in the namespace.
    pub fn has_maps(&self) -> bool {
        let maps = |extra: &NsExtra<'a>| {
            !extra.uid_map.is_empty() || !extra.gid_map.is_empty() || extra.setgroups.is_some()
        };
        self.extra.as_ref().is_some_and(maps)
    }
}
