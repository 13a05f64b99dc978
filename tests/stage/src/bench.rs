//! The bench a test works at: the executables in a directory all users can enter, and the machine to itself.

use crate::records::Records;
use common::plan::Stage;
use std::cell::RefCell;
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, Once};
use std::time::{Duration, Instant};
use support::{Fd, Job, Scratch, USER};

/// Left-over processes come to the test program as a whole, so only one test at a time can tell whose they are.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
static INIT: Once = Once::new();

/// Who runs a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Root with all capabilities.
    Root,
    /// An ordinary user (uid and gid 1000 when root runs these tests), without a capability even in the bounding set.
    User,
}

impl Who {
    /// The user id, and the group id: without root's help the ordinary user is whoever runs these tests.
    pub fn uid(self) -> u32 {
        match self {
            Who::Root => 0,
            Who::User if support::is_root() => USER,
            // SAFETY: no arguments, cannot fail.
            Who::User => unsafe { libc::geteuid() },
        }
    }
}

/// Both, or the ordinary user alone when these tests do not run as root; the other half is then skipped.
pub fn everyone() -> Vec<Who> {
    if support::is_root() {
        vec![Who::Root, Who::User]
    } else {
        println!("not run as root: root's half is left out");
        vec![Who::User]
    }
}

/// The effective capabilities of this test, and so of a job as root; they need not be all there are.
pub fn callers_capabilities() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap_or_default();
    u64::from_str_radix(line.trim(), 16).unwrap_or_default()
}

/// Says that a test cannot run here; in CI that is a failure.
pub fn skip(reason: &str) {
    assert!(std::env::var_os("REQUIRE_ALL").is_none_or(|value| value != "1"), "cannot be skipped: {reason}");
    println!("SKIP: {reason}");
}

/// The number that the plan has in every job here.
pub const PLAN_FD: i32 = 10;
/// The first of the executables of later stages.
pub const NEXT_FD: i32 = 11;

/// The executables of a sandbox, those beside it included.
pub const EXECUTABLES: [&str; 9] = [
    "bwrap",
    "ns-enter",
    "fs-build",
    "priv-drop",
    "init-reaper",
    "seccomp-load",
    "cgroup-keeper",
    "pty-relay",
    "compose",
];

/// See the module.
pub struct Bench {
    scratch: Scratch,
    plans: RefCell<Vec<OwnedFd>>,
    _turn: MutexGuard<'static, ()>,
}

impl Bench {
    /// Waits for the machine and copies the executables under test (`SALLYPORT_BIN_DIR`, else the workspace's
    /// release build) to `bin`, and the successor, under the names of the stages, to `fake`.
    #[track_caller]
    pub fn set_up() -> Bench {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        INIT.call_once(support::init);
        let scratch = Scratch::new().expect("a directory in /tmp");
        let bench = Bench { scratch, plans: RefCell::default(), _turn: turn };
        for name in EXECUTABLES {
            bench.install(&under_test(name), &format!("bin/{name}"), 0o755);
            bench.install(Path::new(env!("STAGE_SUCCESSOR")), &format!("fake/{name}"), 0o755);
        }
        bench.install(Path::new(env!("STAGE_SUCCESSOR")), "successor", 0o755);
        bench.install(support::probe(), "probe", 0o755);
        bench
    }

    /// Copies a file to `name` below the scratch directory.
    #[track_caller]
    pub fn install(&self, from: &Path, name: &str, mode: u32) -> PathBuf {
        let to = self.path(name);
        fs::create_dir_all(to.parent().unwrap_or(Path::new("/"))).expect("room in /tmp");
        fs::copy(from, &to)
            .unwrap_or_else(|e| panic!("{}: {e} (cargo build --release makes it)", from.display()));
        fs::set_permissions(&to, fs::Permissions::from_mode(mode)).expect("a file of ours");
        to
    }

    /// A path below the scratch directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// The executable of a stage, or the front.
    pub fn bin(&self, name: &str) -> PathBuf {
        self.path("bin").join(name)
    }

    /// A directory below the scratch directory that `who` owns.
    pub fn dir(&self, name: &str, who: Who) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(&path).expect("room in /tmp");
        if support::is_root() {
            std::os::unix::fs::chown(&path, Some(who.uid()), Some(who.uid())).expect("root may");
        }
        path
    }

    /// Keeps a descriptor open as long as the bench stands, and names it.
    pub fn keep(&self, fd: OwnedFd) -> Fd {
        let number = fd.as_raw_fd();
        self.plans.borrow_mut().push(fd);
        Fd::Raw(number)
    }

    /// `stage` on `plan`, the stages after it being the successor: `STAGE --plan=10 --next=11,…`.
    pub fn stage(&self, stage: Stage, plan: &Records, who: Who) -> Job {
        let next = plan.stages_after(Some(stage)).len();
        self.stage_on(stage, self.keep(plan.sealed()), next, who)
    }

    /// The same on any descriptor for a plan and with any number of successors.
    pub fn stage_on(&self, stage: Stage, plan: Fd, next: usize, who: Who) -> Job {
        let mut job = self.job(self.bin(stage.name()), who);
        job.arg(format!("--plan={PLAN_FD}"));
        job.fds.insert(PLAN_FD, plan);
        let numbers: Vec<String> = (0..next).map(|n| (NEXT_FD + n as i32).to_string()).collect();
        for number in 0..next {
            job.fds.insert(NEXT_FD + number as i32, Fd::Path(self.path("successor"), libc::O_PATH));
        }
        job.arg(format!("--next={}", numbers.join(",")));
        job
    }

    /// A program as `who`, in the root directory, with a small environment.
    pub fn job(&self, program: impl AsRef<std::ffi::OsStr>, who: Who) -> Job {
        let mut job = Job::new(program);
        job.env = [("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), ("LC_ALL", "C")]
            .map(|(name, value)| (name.into(), value.into()))
            .into();
        job.cwd = Some("/".into());
        if who == Who::User && support::is_root() {
            job.user = Some(USER);
        }
        job
    }
}

/// Runs `job` through another program first, which execs what follows its own arguments: `unshare`, `setpriv`.
pub fn through<W: AsRef<std::ffi::OsStr>>(mut job: Job, words: &[W]) -> Job {
    job.argv.splice(0..0, words.iter().map(|word| word.as_ref().to_owned()));
    job
}

/// Sets a variable of the job's environment.
pub fn with_env(mut job: Job, name: &str, value: &str) -> Job {
    job.env.retain(|(old, _)| old != name);
    job.env.push((name.into(), value.into()));
    job
}

/// Tells the successor what to do.
pub fn script(job: Job, steps: &str) -> Job {
    with_env(job, "SUCCESSOR", steps)
}

/// Waits until process `pid` sleeps in system call `nr` on `fd`; false if it has not come to that in ten seconds.
pub fn waits_in(pid: i32, nr: i64, fd: i32) -> bool {
    let wanted = format!("{nr} {fd:#x} ");
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until {
        if fs::read_to_string(format!("/proc/{pid}/syscall")).is_ok_and(|call| call.starts_with(&wanted)) {
            return true;
        }
        std::thread::yield_now();
    }
    false
}

/// Signals that end a process which does nothing about them.
pub fn deadly_signals() -> Vec<i32> {
    let harmless = [
        libc::SIGCHLD,
        libc::SIGURG,
        libc::SIGWINCH,
        libc::SIGCONT,
        libc::SIGSTOP,
        libc::SIGTSTP,
        libc::SIGTTIN,
        libc::SIGTTOU,
    ];
    (1..=64).filter(|signal| !harmless.contains(signal)).collect()
}

fn under_test(name: &str) -> PathBuf {
    match std::env::var_os("SALLYPORT_BIN_DIR") {
        Some(dir) => PathBuf::from(dir).join(name),
        None => support::release_bin(name),
    }
}
