//! The launches that are made to go wrong: a table, one row a group of options.

use stage::Who;

/// What a descriptor of a launch is.
#[derive(Clone, Copy, Debug)]
pub enum Given {
    /// A pipe with these bytes, then its end.
    Pipe(&'static [u8]),
    /// A file with these bytes.
    File(&'static [u8]),
    /// A file that the launch writes.
    Out,
    /// A directory.
    Dir(&'static str),
    /// A seccomp filter that has this call fail with this errno.
    Filter(i64, i32),
    /// A namespace that another process holds: the groups that it unshares, and the name of the one meant.
    Ns(&'static [&'static str], &'static str),
    /// Where the launch says who it is (`--info-fd`): somebody else then writes the id maps, and says so on the descriptor
    /// below this one (`--userns-block-fd`).
    Mapper,
    /// The plan of these arguments, stored.
    Plan,
}

/// A launch.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// Who launches.
    pub who: &'static [Who],
    /// The arguments of bwrap, or a chain that begins with the name of a stage. `@` is a directory of the harness with, in it: `probe`, `rw` and `upper` and `work` (the
    /// caller's own), `lower` and `file` (not to be changed).
    pub args: &'static str,
    /// Descriptors from 20 on, in order.
    pub fds: &'static [Given],
    /// Where the command is in the sandbox: [`PROBE`] where that has all of the host, else `/probe`.
    pub probe: &'static str,
    /// What more the command shows: names of parts of the probe.
    pub shows: &'static str,
    /// Whether processes are killed in it as well.
    pub kills: bool,
    /// Whether a quick run has it.
    pub quick: bool,
}

/// The command where the host's tree is there.
pub const PROBE: &str = "@/probe";

const USER: &[Who] = &[Who::User];
const ROOT: &[Who] = &[Who::Root];
const BOTH: &[Who] = &[Who::User, Who::Root];

const ROW: Scenario =
    Scenario { name: "", who: BOTH, args: "", fds: &[], probe: PROBE, shows: "", kills: false, quick: false };

/// What processes unshare whose namespaces a launch joins.
const HELD: &[&str] = &["user,net,ipc,uts"];
const HELD_BY_ROOT: &[&str] = &["net,ipc,uts,cgroup"];

const GETPGRP: i64 = 111;
const GETPRIORITY: i64 = 140;

/// A tree of a few binds, so that it is built beside the host's.
macro_rules! few {
    ($more:literal) => {
        concat!("--ro-bind /usr /usr --ro-bind @/probe /probe --proc /proc ", $more)
    };
}

/// All of them.
pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "ro-root", args: "--ro-bind / /", kills: true, quick: true, ..ROW },
    Scenario {
        name: "unshare-all",
        args: "--unshare-all --ro-bind / / --proc /proc --dev /dev",
        kills: true,
        quick: true,
        ..ROW
    },
    Scenario { name: "nowhere", args: few!("--tmpfs /tmp --dir /a"), probe: "/probe", quick: true, ..ROW },
    Scenario {
        name: "base",
        args: few!("--tmpfs /tmp --ro-bind-data 20 /data --remount-ro /usr --dev /dev"),
        fds: &[Given::File(b"data")],
        probe: "/probe",
        shows: "ls /data",
        quick: true,
        ..ROW
    },
    Scenario { name: "bind-over-root", args: "--tmpfs /tmp --bind / / --ro-bind /usr /usr", ..ROW },
    Scenario { name: "dev-bind", args: "--dev-bind / / --unshare-pid --proc /proc", who: USER, ..ROW },
    Scenario {
        name: "overlay",
        args: few!(
            "--overlay-src @/lower --overlay @/upper @/work /o --overlay-src @/lower --tmp-overlay /t \
             --overlay-src @/lower --overlay-src @/rw --ro-overlay /r"
        ),
        probe: "/probe",
        shows: "ls /r",
        quick: true,
        ..ROW
    },
    Scenario {
        name: "data",
        args: few!(
            "--perms 0600 --file 20 /f --bind-data 21 /b --perms 0400 --ro-bind-data 22 /r --dir /d/e --chmod 0700 /d/e"
        ),
        fds: &[Given::Pipe(b"one"), Given::Pipe(b"two"), Given::File(b"three")],
        probe: "/probe",
        shows: "ls /f /b /r /d",
        quick: true,
        ..ROW
    },
    Scenario {
        name: "bind-fd",
        args: few!("--ro-bind-fd 20 /l --bind-fd 21 /w"),
        fds: &[Given::Dir("@/lower"), Given::Dir("@/rw")],
        probe: "/probe",
        ..ROW
    },
    Scenario {
        name: "links",
        args: few!(
            "--symlink usr/lib /lib --symlink usr/bin /bin --perms 0750 --dir /d --perms 1777 --tmpfs /s --size 65536 --tmpfs /z --unshare-ipc --mqueue /q"
        ),
        probe: "/probe",
        shows: "ls /bin /d",
        ..ROW
    },
    Scenario {
        name: "locks",
        args: "--ro-bind / / --unshare-pid --proc /proc --lock-file @/lower/lock --lock-file @/file",
        kills: true,
        quick: true,
        ..ROW
    },
    Scenario {
        name: "sync-fd",
        args: "--ro-bind / / --unshare-pid --proc /proc --sync-fd 20 --chdir /usr",
        fds: &[Given::Pipe(b"")],
        ..ROW
    },
    Scenario {
        name: "userns",
        args: few!("--userns 20"),
        fds: &[Given::Ns(&["user"], "user")],
        probe: "/probe",
        who: USER,
        ..ROW
    },
    Scenario {
        name: "userns2",
        args: few!("--userns 20 --userns2 21 --unshare-pid"),
        fds: &[Given::Ns(&["user", "user"], "user^"), Given::Ns(&["user", "user"], "user")],
        probe: "/probe",
        who: USER,
        quick: true,
        ..ROW
    },
    Scenario {
        name: "pidns",
        args: few!("--userns 20 --pidns 21"),
        fds: &[Given::Ns(&["user,pid"], "user"), Given::Ns(&["user,pid"], "pid_for_children")],
        probe: "/probe",
        who: USER,
        kills: true,
        quick: true,
        ..ROW
    },
    Scenario { name: "cap-add-and-net", args: "--unshare-net --ro-bind / / --cap-add ALL", ..ROW },
    Scenario {
        name: "cap-add",
        args: "--unshare-user --uid 0 --gid 0 --ro-bind / / --cap-add CAP_NET_ADMIN --cap-add CAP_SYS_ADMIN",
        quick: true,
        ..ROW
    },
    Scenario {
        name: "cap-add-other-uid",
        args: "--unshare-user --uid 5 --gid 6 --unshare-pid --ro-bind / / --proc /proc --cap-add CAP_CHOWN",
        ..ROW
    },
    Scenario {
        name: "cap-drop-root",
        args: "--ro-bind / / --cap-drop ALL --cap-add CAP_CHOWN",
        who: ROOT,
        quick: true,
        ..ROW
    },
    Scenario {
        name: "cap-drop-root-pid",
        args: "--ro-bind / / --unshare-pid --proc /proc --cap-drop CAP_SYS_ADMIN",
        who: ROOT,
        ..ROW
    },
    Scenario {
        name: "disable-userns",
        args: "--unshare-user --disable-userns --ro-bind / /",
        shows: "try-userns",
        quick: true,
        ..ROW
    },
    Scenario {
        name: "json",
        args: "--ro-bind / / --unshare-pid --proc /proc --unshare-uts --unshare-ipc --json-status-fd 20 --info-fd 21",
        fds: &[Given::Out, Given::Out],
        kills: true,
        quick: true,
        ..ROW
    },
    Scenario { name: "json-alone", args: "--ro-bind / / --json-status-fd 20", fds: &[Given::Out], ..ROW },
    Scenario {
        name: "die-with-parent",
        args: "--die-with-parent --unshare-pid --ro-bind / / --proc /proc",
        kills: true,
        quick: true,
        ..ROW
    },
    Scenario {
        name: "die-with-parent-alone",
        args: "--die-with-parent --ro-bind / / --cap-drop ALL",
        kills: true,
        ..ROW
    },
    Scenario {
        name: "userns-block-fd",
        args: few!("--unshare-user --userns-block-fd 20 --info-fd 21"),
        fds: &[Given::Pipe(b""), Given::Mapper],
        probe: "/probe",
        who: USER,
        quick: true,
        ..ROW
    },
    Scenario { name: "block-fd", args: "--ro-bind / / --block-fd 20", fds: &[Given::Pipe(b"x")], ..ROW },
    Scenario {
        name: "seccomp",
        args: "--ro-bind / / --unshare-pid --proc /proc --add-seccomp-fd 20 --add-seccomp-fd 21",
        fds: &[Given::Filter(GETPGRP, libc::ENOSYS), Given::Filter(GETPRIORITY, libc::ENOSYS)],
        shows: "seccomp-probe",
        kills: true,
        quick: true,
        ..ROW
    },
    Scenario {
        name: "seccomp-alone",
        args: "--ro-bind / / --seccomp 20",
        fds: &[Given::Filter(GETPGRP, libc::ENOSYS)],
        shows: "seccomp-probe",
        ..ROW
    },
    Scenario { name: "new-session", args: "--ro-bind / / --new-session", quick: true, ..ROW },
    Scenario {
        name: "net-and-host",
        args: "--ro-bind / / --proc /proc --unshare-user --unshare-uts --unshare-ipc --unshare-cgroup --unshare-net --hostname sandbox",
        quick: true,
        ..ROW
    },
    Scenario {
        name: "as-pid-1",
        args: "--ro-bind / / --unshare-pid --as-pid-1 --proc /proc",
        kills: true,
        quick: true,
        ..ROW
    },
    Scenario {
        name: "stored",
        args: "--unshare-all --ro-bind / / --proc /proc --dev /dev --new-session",
        fds: &[Given::Plan],
        quick: true,
        ..ROW
    },
    Scenario {
        name: "environment",
        args: "--ro-bind / / --unshare-pid --proc /proc --clearenv --setenv A b --chdir /usr/bin --argv0 other",
        ..ROW
    },
    Scenario {
        name: "args",
        args: "--args 20 --proc /proc",
        fds: &[Given::Pipe(b"--ro-bind\0/\0/\0")],
        ..ROW
    },
    Scenario {
        name: "maps",
        args: few!(
            "--unshare-user --uid-map 0:0:1 --uid-map 1:100000:1000 --gid-map 0:0:1 --gid-map 1:100000:1000"
        ),
        who: ROOT,
        probe: "/probe",
        quick: true,
        ..ROW
    },
    Scenario {
        name: "maps-auto",
        args: "--unshare-user --unshare-pid --uid 0 --gid 0 --uid-map auto --gid-map auto --ro-bind / / --proc /proc",
        who: USER,
        kills: true,
        ..ROW
    },
    Scenario {
        name: "join-ns",
        args: "--userns 20 --join-ns net=/proc/self/fd/21 --join-ns ipc=22 --join-ns uts=23 --ro-bind / /",
        fds: &[
            Given::Ns(HELD, "user"),
            Given::Ns(HELD, "net"),
            Given::Ns(HELD, "ipc"),
            Given::Ns(HELD, "uts"),
        ],
        who: USER,
        quick: true,
        ..ROW
    },
    Scenario {
        name: "join-ns-root",
        args: "--join-ns net=20 --join-ns ipc=21 --join-ns uts=22 --join-ns cgroup=23 --ro-bind / /",
        fds: &[
            Given::Ns(HELD_BY_ROOT, "net"),
            Given::Ns(HELD_BY_ROOT, "ipc"),
            Given::Ns(HELD_BY_ROOT, "uts"),
            Given::Ns(HELD_BY_ROOT, "cgroup"),
        ],
        who: ROOT,
        ..ROW
    },
    Scenario { name: "sys", args: "--unshare-all --ro-bind / / --proc /proc --sys /sys", quick: true, ..ROW },
    Scenario { name: "sys-of-the-host", args: few!("--unshare-user --sys /sys"), probe: "/probe", ..ROW },
    Scenario {
        name: "cgroup",
        args: "--unshare-all --ro-bind / / --proc /proc --cgroup /sys/fs/cgroup --limit hugetlb.2MB.max=64M",
        who: USER,
        kills: true,
        quick: true,
        ..ROW
    },
    Scenario {
        name: "cgroup-and-host",
        args: "--unshare-user --ro-bind / / --cgroup /sys/fs/cgroup --die-with-parent",
        who: USER,
        kills: true,
        ..ROW
    },
    Scenario {
        name: "console",
        args: "--unshare-all --ro-bind / / --proc /proc --dev /dev --console",
        who: USER,
        fds: &[Given::Out],
        kills: true,
        quick: true,
        ..ROW
    },
    Scenario {
        name: "chain",
        args: "ns-enter --unshare-all -- fs-build --ro-bind / / --proc /proc -- priv-drop --cap-drop ALL -- init-reaper --",
        kills: true,
        quick: true,
        ..ROW
    },
    Scenario {
        name: "chain-identity",
        args: "ns-enter --unshare-pid -- fs-build --ro-bind / / --proc /proc -- \
               priv-drop --reuid 5 --regid 6 --groups 7,8 --inh-caps -all --bounding-set -all,+chown -- init-reaper --",
        who: ROOT,
        kills: true,
        quick: true,
        ..ROW
    },
    Scenario {
        name: "chain-sets",
        args: "priv-drop --inh-caps -all,+chown,+kill --ambient-caps -all,+chown --permitted-caps -all,+chown,+kill \
               --effective-caps -all,+kill --securebits +noroot,+noroot_locked --clear-groups --",
        who: ROOT,
        quick: true,
        ..ROW
    },
    Scenario {
        name: "chain-attributes",
        args: "priv-drop --rlimit nofile=64:128 --rlimit core=0 --umask 0077 --new-keyring --pdeathsig TERM \
               --new-session --allow-new-privs --",
        shows: "keyring",
        quick: true,
        ..ROW
    },
    Scenario {
        name: "allow-new-privs",
        args: "--ro-bind / / --allow-new-privs --unshare-pid --proc /proc",
        ..ROW
    },
    Scenario {
        name: "chain-clocks",
        args: "ns-enter --unshare-user --unshare-time --monotonic 7200 -- fs-build --ro-bind / /  --",
        ..ROW
    },
    Scenario {
        name: "best-effort",
        args: "--not-a-security-boundary --bind / / --unshare-user-try --unshare-cgroup-try",
        quick: true,
        ..ROW
    },
];

impl Scenario {
    /// Whether the sandbox shares a PID namespace that others are in, so that numbers of processes differ from one
    /// launch to the next.
    pub fn joins_pids(&self) -> bool {
        self.args.contains("--pidns")
    }

    /// Whether it has a PID namespace of its own.
    pub fn owns_pids(&self) -> bool {
        !self.joins_pids() && (self.args.contains("--unshare-pid") || self.args.contains("--unshare-all"))
    }

    /// The stage that a chain begins with.
    pub fn chain(&self) -> Option<&'static str> {
        self.args.split(' ').next().filter(|word| stage::EXECUTABLES.contains(word))
    }

    /// Whether set-user-ID executables do what they are for.
    pub fn needs_set_user_id(&self) -> bool {
        self.args.contains("auto") || self.args.contains("--allow-new-privs")
    }

    /// Whether it needs a cgroup that is the caller's.
    pub fn needs_cgroup(&self) -> bool {
        self.args.contains("--cgroup")
    }

    /// Whether the command has a terminal of its own: then it says what it sees on descriptor 20.
    pub fn has_console(&self) -> bool {
        self.args.contains("--console")
    }

    /// Whether nothing may outlive the first process.
    pub fn dies_with_parent(&self) -> bool {
        self.args.contains("--die-with-parent")
    }
}
