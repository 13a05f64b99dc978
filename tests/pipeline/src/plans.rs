//! Hand-made plans of whole launches: each says in records what a bwrap command line says in words, and is stored in
//! tests/golden as it would be stored for use.

use common::caps::{CapSet, cap};
use common::plan::{
    Access, FLAG_BWRAP, FsBuild, MountOp, Namespaces, NsEnter, SeccompLoad, SecondUserNs, UserNs,
};
use common::sys::clone_flags as flags;
use stage::filters::{deny, program};
use stage::tree::{bind, dir, proc};
use stage::{FS_BUILD, INIT_REAPER, NS_ENTER, PRIV_DROP, Records, SECCOMP_LOAD, list, path};
use std::path::PathBuf;

/// A launch in both forms.
pub struct Launch {
    /// The name of its file.
    pub name: &'static str,
    /// The words for bwrap.
    pub args: Vec<&'static str>,
    /// The filter that descriptor 30 gives for `--seccomp 30`.
    pub filter: Option<Vec<u8>>,
    /// The same as a plan.
    pub records: Records,
}

/// Says what the command can see, in words that are the same at each run.
const LOOK: &str = "id -u; id -g; grep -E '^(Cap|NoNewPrivs|Seccomp)' /proc/self/status; pwd; echo /*; \
                    ls /proc/self/fd; cut -d: -f1 /proc/self/net/dev; cat /proc/sys/kernel/hostname";

/// The same, and which processes there are, where they are the sandbox's own.
const LOOK_AT_PIDS: &str =
    "echo $$ $PPID /proc/[0-9]*; id -u; grep -E '^Cap' /proc/1/status; ls /proc/1/fd | wc -l";

/// ns-enter with these namespaces, handing over `raise`: all the privilege that fs-build and priv-drop have where the
/// sandbox is not root's.
fn ns_enter(namespaces: u32, raise: &[u8]) -> NsEnter<'static> {
    let namespaces = Namespaces(flags::NEWNS | namespaces);
    NsEnter { namespaces, user: UserNs::UnlessRoot, raise: CapSet::of(raise), ..NS_ENTER }
}

/// All of them.
pub fn launches() -> Vec<Launch> {
    vec![read_only_root(), own_pids_and_network(), everything()]
}

/// The first example of bubblewrap's README.
fn read_only_root() -> Launch {
    let words = ["sh", "-c", LOOK];
    Launch {
        name: "run-read-only-root",
        args: [&["--ro-bind", "/", "/", "--"], &words[..]].concat(),
        filter: None,
        records: Records {
            flags: FLAG_BWRAP,
            ns_enter: Some(ns_enter(0, &[cap::SYS_ADMIN, cap::SETPCAP])),
            fs_build: Some(FsBuild { ops: list(&[bind("/", "/", Access::ReadOnly)]), ..FS_BUILD }),
            priv_drop: Some(PRIV_DROP),
            ..Records::new(&words)
        },
    }
}

/// Much of its third.
fn own_pids_and_network() -> Launch {
    let words = ["/bin/sh", "-c", LOOK_AT_PIDS];
    let link = |target, dest| MountOp::Symlink { target: path(target), dest: path(dest) };
    let ops = [
        bind("/usr", "/usr", Access::ReadOnly),
        dir("/tmp", 0o755),
        proc(),
        MountOp::Dev { dest: path("/dev") },
        link("usr/lib", "/lib"),
        link("usr/lib64", "/lib64"),
        link("usr/bin", "/bin"),
    ];
    let mut records = Records {
        flags: FLAG_BWRAP,
        ns_enter: Some(NsEnter {
            second: SecondUserNs::UnlessRoot,
            loopback: true,
            ..ns_enter(flags::NEWPID | flags::NEWNET, &[cap::SYS_ADMIN, cap::DAC_OVERRIDE])
        }),
        fs_build: Some(FsBuild { ops: list(&ops), ..FS_BUILD }),
        priv_drop: Some(PRIV_DROP),
        init_reaper: Some(INIT_REAPER),
        ..Records::new(&words)
    };
    records.command.directory = Some(path("/"));
    let options = [
        "--ro-bind",
        "/usr",
        "/usr",
        "--dir",
        "/tmp",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--symlink",
        "usr/lib",
        "/lib",
        "--symlink",
        "usr/lib64",
        "/lib64",
        "--symlink",
        "usr/bin",
        "/bin",
        "--chdir",
        "/",
        "--unshare-pid",
        "--unshare-net",
    ];
    Launch { name: "run-own-pids-and-network", args: [&options, &words[..]].concat(), filter: None, records }
}

/// Every namespace and every stage.
fn everything() -> Launch {
    const GETPGRP: i64 = 111;
    let filter = deny(GETPGRP, libc::ENOSYS);
    let words = ["sh", "-c", LOOK];
    let namespaces = flags::NEWPID | flags::NEWNET | flags::NEWIPC | flags::NEWUTS;
    let ops = [bind("/", "/", Access::ReadOnly), proc()];
    let records = Records {
        flags: FLAG_BWRAP,
        ns_enter: Some(NsEnter {
            cgroup_try: true,
            user: UserNs::Try,
            loopback: true,
            hostname: Some(stage::text("sandbox")),
            die_with_parent: true,
            ..ns_enter(namespaces, &[cap::SYS_ADMIN, cap::DAC_OVERRIDE, cap::SETPCAP])
        }),
        fs_build: Some(FsBuild { ops: list(&ops), ..FS_BUILD }),
        priv_drop: Some(common::plan::PrivDrop { new_session: true, die_with_parent: true, ..PRIV_DROP }),
        init_reaper: Some(common::plan::InitReaper { die_with_parent: true, ..INIT_REAPER }),
        seccomp_load: Some(SeccompLoad { programs: list(&[program(filter.clone())]), ..SECCOMP_LOAD }),
        ..Records::new(&words)
    };
    let options = [
        "--ro-bind",
        "/",
        "/",
        "--proc",
        "/proc",
        "--unshare-all",
        "--hostname",
        "sandbox",
        "--die-with-parent",
        "--new-session",
        "--seccomp",
        "30",
        "--",
    ];
    Launch { name: "run-everything", args: [&options, &words[..]].concat(), filter: Some(filter), records }
}

impl Launch {
    /// Its file.
    pub fn file(&self) -> PathBuf {
        support::workspace_root().join(format!("tests/golden/{}.plan", self.name))
    }
}
