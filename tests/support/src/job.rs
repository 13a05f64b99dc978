//! A program to run, described down to its descriptors, ids and signals.
use crate::live::{Live, Seen};
use crate::patience;
use crate::pty;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// The ordinary user of the tests: this uid and gid, no groups, no capabilities, an empty bounding set.
pub const USER: u32 = 1000;

/// What a job has as standard input.
#[derive(Clone, Debug, Default)]
pub enum Stdin {
    /// /dev/null.
    #[default]
    Null,
    /// Nothing at all.
    Closed,
    /// A pipe with these bytes, then its end.
    Data(Vec<u8>),
    /// A terminal, but output goes to pipes.
    Tty,
    /// A terminal for all three; what is written to it is the job's `stdout`.
    TtyAll,
}

/// What a further descriptor of a job is.
#[derive(Clone, Debug)]
pub enum Fd {
    /// A pipe with these bytes, then its end.
    Data(Vec<u8>),
    /// An unnamed regular file with these bytes, offset 0.
    File(Vec<u8>),
    /// A pipe that the job writes and the test collects.
    Out,
    /// A pipe that the test writes through [`Live::write`].
    In,
    /// A file or directory, opened with these open(2) flags.
    Path(PathBuf, i32),
    /// A copy of a descriptor the test holds.
    Raw(RawFd),
}

/// What else a job's process does, as whoever runs it, last before its exec.
pub type Enter = Arc<dyn Fn() -> io::Result<()> + Send + Sync>;
/// What a job's process does before it becomes an ordinary user.
pub type Prepare = Arc<dyn Fn() -> io::Result<()> + Send + Sync>;

/// A program to run.
#[derive(Default)]
pub struct Job {
    /// Program and arguments.
    pub argv: Vec<OsString>,
    /// The whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// Working directory.
    pub cwd: Option<PathBuf>,
    /// Run as this uid and gid, without groups and capabilities; needs root.
    pub user: Option<u32>,
    /// With the bounding set of the tests, so that set-user-ID executables work.
    pub keeps_bounding: bool,
    /// File mode mask.
    pub umask: Option<u32>,
    /// Standard input.
    pub stdin: Stdin,
    /// Standard descriptors to close: of 1 and 2.
    pub close: Vec<RawFd>,
    /// Further descriptors by number.
    pub fds: BTreeMap<RawFd, Fd>,
    /// Signals ignored at the start.
    pub ignore: Vec<i32>,
    /// Signals blocked at the start.
    pub block: Vec<i32>,
    /// What is done last before the exec: limits, filters, whatever is not above.
    pub enter: Option<Enter>,
    /// Done by its process first, with the rights of the tests.
    pub prepare: Option<Prepare>,
    /// How long it may run.
    pub timeout: Option<Duration>,
}

impl Job {
    /// A job without arguments and environment.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self { argv: vec![program.as_ref().to_owned()], ..Self::default() }
    }

    /// Adds an argument.
    pub fn arg(&mut self, arg: impl AsRef<OsStr>) -> &mut Self {
        self.argv.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(&mut self, args: impl IntoIterator<Item = A>) -> &mut Self {
        self.argv.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Runs it to its end.
    pub fn run(&self) -> io::Result<Seen> {
        self.start()?.finish()
    }

    /// Starts it; the test can then talk to it.
    pub fn start(&self) -> io::Result<Live> {
        let mut live = Live::new(patience(self.timeout.unwrap_or(Duration::from_secs(20))));
        // Everything the child gets is first moved above 200, so that no dup2 below meets one of these.
        let mut plan: Vec<(OwnedFd, RawFd)> = Vec::new();
        let mut terminal = false;
        match &self.stdin {
            Stdin::Null => plan.push((high(&File::open("/dev/null")?)?, 0)),
            Stdin::Closed => {}
            Stdin::Data(bytes) => plan.push((live.feed(0, bytes)?, 0)),
            Stdin::Tty | Stdin::TtyAll => {
                let (master, slave) = pty::open()?;
                plan.push((high(&slave)?, 0));
                if matches!(self.stdin, Stdin::TtyAll) {
                    plan.push((high(&slave)?, 1));
                    plan.push((high(&slave)?, 2));
                }
                live.terminal(master)?;
                terminal = true;
            }
        }
        for fd in [1, 2] {
            if !self.close.contains(&fd) && !matches!(self.stdin, Stdin::TtyAll) {
                plan.push((live.collect(fd)?, fd));
            }
        }
        for (number, fd) in &self.fds {
            let source = match fd {
                Fd::Data(bytes) => live.feed(*number, bytes)?,
                Fd::File(bytes) => {
                    let mut file = tempfile::tempfile()?;
                    file.write_all(bytes)?;
                    file.rewind()?;
                    high(&file)?
                }
                Fd::Out => live.collect(*number)?,
                Fd::In => live.hold_open(*number)?,
                Fd::Path(path, flags) => high(&open(path, *flags)?)?,
                Fd::Raw(raw) => high(raw)?,
            };
            plan.push((source, *number));
        }
        let mut words = self.argv.iter();
        let mut command = Command::new(words.next().map_or(OsStr::new("true"), OsString::as_os_str));
        command.args(words).env_clear().envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let moves: Vec<(RawFd, RawFd)> = plan.iter().map(|(from, to)| (from.as_raw_fd(), *to)).collect();
        let closed: Vec<RawFd> = (0..3).filter(|fd| !moves.iter().any(|(_, to)| to == fd)).collect();
        let (user, umask, cwd) = (self.user, self.umask, self.cwd.clone());
        let keeps_bounding = self.keeps_bounding;
        let (ignore, block) = (self.ignore.clone(), self.block.clone());
        let (prepare, last) = (self.prepare.clone(), self.enter.clone());
        let enter = move || -> io::Result<()> {
            for (from, to) in &moves {
                check(unsafe { libc::dup2(*from, *to) })?;
            }
            for fd in &closed {
                unsafe { libc::close(*fd) };
            }
            if terminal {
                check(unsafe { libc::setsid() })?;
                check(unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) })?;
            }
            if let Some(prepare) = &prepare {
                prepare()?;
            }
            if let Some(id) = user {
                if keeps_bounding {
                    switch_to(id)?
                } else {
                    become_user(id)?
                };
            }
            if let Some(dir) = &cwd {
                std::env::set_current_dir(dir)?;
            }
            unsafe { libc::umask(umask.unwrap_or(0o022)) };
            // Whoever runs the tests may ignore some: a shell has its background jobs ignore SIGINT, nohup SIGHUP.
            // The two that cannot be set refuse.
            for signal in 1..=libc::SIGRTMAX() {
                unsafe { libc::signal(signal, libc::SIG_DFL) };
            }
            for signal in &ignore {
                unsafe { libc::signal(*signal, libc::SIG_IGN) };
            }
            unsafe {
                let mut set: libc::sigset_t = std::mem::zeroed();
                libc::sigemptyset(&mut set);
                block.iter().for_each(|signal| {
                    libc::sigaddset(&mut set, *signal);
                });
                check(libc::sigprocmask(libc::SIG_SETMASK, &set, std::ptr::null_mut()))?;
            }
            last.as_ref().map_or(Ok(()), |last| last())
        };
        // SAFETY: the tests run jobs from one thread, so the child may use more than async-signal-safe functions.
        unsafe { command.pre_exec(enter) };
        let child = command.spawn()?;
        drop(plan);
        live.started(child)?;
        Ok(live)
    }
}

fn open(path: &std::path::Path, flags: i32) -> io::Result<OwnedFd> {
    use std::os::unix::ffi::OsStrExt;
    let name = std::ffi::CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: a NUL-ended path; the descriptor is new.
    unsafe { Ok(OwnedFd::from_raw_fd(check(libc::open(name.as_ptr(), flags | libc::O_CLOEXEC, 0o600))?)) }
}

/// A close-on-exec copy numbered 200 or more.
pub(crate) fn high(fd: &impl AsRawFd) -> io::Result<OwnedFd> {
    // SAFETY: the copy is new and ours.
    unsafe { Ok(OwnedFd::from_raw_fd(check(libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 200))?)) }
}

pub(crate) fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Makes this process (between fork and exec) an ordinary user: this uid and gid, no groups, an empty bounding set.
pub fn become_user(id: u32) -> io::Result<()> {
    for cap in 0..64 {
        // SAFETY: a plain call; an error is that there is no such capability.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, cap, 0, 0, 0) };
    }
    switch_to(id)
}

/// The ids and the groups alone: what is set-user-ID, as newuidmap, still works for him.
pub fn switch_to(id: u32) -> io::Result<()> {
    // SAFETY: plain calls that change the ids of the process about to exec.
    unsafe {
        check(libc::setgroups(0, std::ptr::null()))?;
        check(libc::setresgid(id, id, id))?;
        check(libc::setresuid(id, id, id))?;
    }
    Ok(())
}
