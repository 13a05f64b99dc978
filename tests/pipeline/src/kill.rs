//! Ends a launch at a chosen system call: of bwrap itself, or of any process below it.
//!
//! ptrace(2) stops every process of the launch at the entry and at the exit of each system call. At the stop asked
//! for the first process, bwrap, gets SIGKILL while the one that stopped is still held: so each state that a
//! launch goes through is met, however short. Then all are let go, and whoever is left is named.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use support::Job;

/// Where a launch is ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Point {
    /// At the stop asked for. What is named outlived bwrap, by ten seconds or the job's own timeout.
    Killed {
        /// Who stopped there, and at which call.
        at: String,
        /// Names of processes.
        left: Vec<String>,
    },
    /// The command was reached before that stop: it waits in pause(2), as the launch's last state. Ended there.
    Waiting {
        /// Names of processes.
        left: Vec<String>,
    },
    /// It ended by itself, with this wait status: the launch failed.
    Ended(i32),
}

/// Who goes first where bwrap and what it has started could both go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As it comes.
    Both,
    /// bwrap: nothing that it starts takes a step until it is killed, or has come to wait for that.
    BwrapAlone,
}

const OPTIONS: i32 = libc::PTRACE_O_TRACESYSGOOD
    | libc::PTRACE_O_TRACEFORK
    | libc::PTRACE_O_TRACEVFORK
    | libc::PTRACE_O_TRACECLONE
    // Without it an exec raises a SIGTRAP, which would end who is let go then.
    | libc::PTRACE_O_TRACEEXEC
    | libc::PTRACE_O_EXITKILL;

/// Starts `job` (its program, arguments, environment and user; standard streams are /dev/null) and ends it at stop
/// number `stop`. The command has to wait in pause(2).
///
/// Both orders are needed: a step that bwrap takes before its child has begun is one that hardly ever happens.
pub fn killed_at(job: &Job, stop: usize, order: Order) -> io::Result<Point> {
    let mut tracer = Tracer::start(job, order)?;
    Ok(match tracer.run(stop)? {
        Reached::Stop { at, .. } => Point::Killed { at, left: tracer.finish()? },
        Reached::Waiting => Point::Waiting { left: tracer.finish()? },
        Reached::Ended(status) => Point::Ended(status),
    })
}

/// What a launch has come to.
#[derive(Clone, Debug)]
pub(crate) enum Reached {
    /// The stop asked for: who stopped there, and at which call; all others that are traced go on.
    Stop {
        at: String,
        /// Whether bwrap was on its way out already.
        leaves: bool,
    },
    /// The command waits in pause(2).
    Waiting,
    /// It has ended, with this wait status.
    Ended(i32),
}

impl Tracer {
    /// Starts `job`, traced, in a process group of its own.
    pub(crate) fn start(job: &Job, order: Order) -> io::Result<Tracer> {
        let mut command = Command::new(&job.argv[0]);
        command.args(&job.argv[1..]).env_clear().envs(job.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
        let user = job.user;
        let enter = move || {
            // SAFETY: a child that has not exec'd yet becomes the leader of a process group of its own.
            check(unsafe { libc::setpgid(0, 0) }.into())?;
            if let Some(id) = user {
                support::become_user(id)?;
            }
            // SAFETY: PTRACE_TRACEME takes no other argument; it changes an attribute of the child alone.
            check(unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) })
        };
        // SAFETY: the closure makes system calls and allocates nothing.
        unsafe { command.pre_exec(enter) };
        let child = command.spawn()?;
        let first = child.id() as i32;
        let patience = job.timeout.unwrap_or(Duration::from_secs(10));
        let mut tracer = Tracer {
            first,
            order,
            patience,
            stops: 0,
            entered: BTreeSet::new(),
            known: BTreeSet::new(),
            held: Vec::new(),
            stopped: None,
            free: BTreeSet::new(),
            leaves: false,
            gone: BTreeSet::new(),
        };
        wait_for(first)?;
        ptrace(libc::PTRACE_SETOPTIONS, first, OPTIONS as libc::c_long)?;
        ptrace(libc::PTRACE_SYSCALL, first, 0)?;
        tracer.known.insert(first);
        Ok(tracer)
    }
}

pub(crate) struct Tracer {
    first: i32,
    order: Order,
    patience: Duration,
    stops: usize,
    /// Who is inside a system call: the next stop is its exit.
    entered: BTreeSet<i32>,
    known: BTreeSet<i32>,
    /// Who is not let go on yet.
    held: Vec<i32>,
    /// Who is at the stop asked for.
    stopped: Option<i32>,
    /// Who is not traced any more.
    free: BTreeSet<i32>,
    /// Whether bwrap has come to its exit.
    leaves: bool,
    /// Who had ended, or come to his exit, when the key came.
    gone: BTreeSet<i32>,
}

/// What became of a job that was stopped as by a key on its terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// Where that was.
    pub at: String,
    /// Whether bwrap stopped, as the shell expects whose job it is.
    pub has_stopped: bool,
    /// Names of processes below bwrap that did not stop with it. Pid 1 of a PID namespace cannot be stopped so.
    pub went_on: Vec<String>,
    /// The wait status with which it ended after it was told to go on.
    pub end: Option<i32>,
    /// Names of processes that were there when patience ended.
    pub left: Vec<String>,
}

/// How many stops a launch of `job` has that nobody disturbs.
pub fn count_stops(job: &Job) -> io::Result<usize> {
    let mut tracer = Tracer::start(job, Order::Both)?;
    tracer.run(usize::MAX)?;
    Ok(tracer.stops)
}

/// Starts `job`, as [`killed_at`] does, and stops it at stop number `stop`, as a key on its terminal would; then tells it to
/// go on. `None` when it ended, with status 7, before that stop, or is about to. Whether the processes below bwrap stop
/// as well is looked at only if they can (`whole`).
pub fn stopped_at(job: &Job, stop: usize, whole: bool) -> io::Result<Option<Stopped>> {
    let mut tracer = Tracer::start(job, Order::Both)?;
    match tracer.run(stop)? {
        Reached::Stop { at, leaves: false } => tracer.stop(at, whole),
        Reached::Ended(status) if status != 7 << 8 => {
            Err(io::Error::other(format!("it ended with {status:#x}")))
        }
        _ => tracer.finish().map(|_| None),
    }
}

impl Tracer {
    /// Goes on to the stop asked for. A launch that hangs before it is ended by the watch, and so comes back as one
    /// that ended by itself.
    pub(crate) fn run(&mut self, stop: usize) -> io::Result<Reached> {
        let watch = Watch::new(Duration::from_secs(30));
        let reached = self.run_to(stop);
        let stuck = watch.end();
        if stuck.is_empty() { reached } else { Err(io::Error::other(format!("{stuck:?} hang"))) }
    }

    fn run_to(&mut self, stop: usize) -> io::Result<Reached> {
        loop {
            let (pid, status) = wait_for(-1)?;
            if !libc::WIFSTOPPED(status) {
                self.known.remove(&pid);
                self.entered.remove(&pid);
                if pid == self.first {
                    self.let_all_go()?;
                    return Ok(Reached::Ended(status));
                }
                continue;
            }
            if libc::WSTOPSIG(status) == libc::SIGTRAP | 0x80 {
                self.stops += 1;
                let entry = self.entered.insert(pid);
                if !entry {
                    self.entered.remove(&pid);
                }
                let call = call_number(pid)?;
                let waiting = entry && self.is_last(pid, call);
                self.leaves |= pid == self.first && call == libc::SYS_exit_group as u64;
                if self.stops == stop || waiting {
                    let side = if entry { "entry" } else { "exit" };
                    let at = format!("{} at the {side} of system call {call}", self.name(pid));
                    self.stopped = Some(pid);
                    return Ok(if waiting {
                        Reached::Waiting
                    } else {
                        Reached::Stop { at, leaves: self.leaves }
                    });
                }
            }
            if self.order == Order::BwrapAlone && pid != self.first {
                self.held.push(pid);
            } else {
                self.go_on(pid, status, libc::PTRACE_SYSCALL);
            }
        }
    }

    /// Whether `pid`, which enters `call`, will go no further by itself: the command in pause(2), or bwrap waiting
    /// for what it has started.
    fn is_last(&self, pid: i32, call: u64) -> bool {
        let waits = [libc::SYS_read, libc::SYS_wait4].map(|call| call as u64);
        let alone = self.order == Order::BwrapAlone && pid == self.first && waits.contains(&call);
        // Asked of the kernel: what it has started may not have shown itself here yet.
        call == libc::SYS_pause as u64 || (alone && !children(pid, pid).is_empty())
    }

    fn name(&self, pid: i32) -> String {
        let comm = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        format!(
            "{} ({})",
            if pid == self.first { "bwrap itself" } else { "a process below" },
            comm.trim_end()
        )
    }

    /// Lets a stopped process go on, with the signal that it was stopped for. One that is gone by now does not mind.
    fn go_on(&mut self, pid: i32, status: i32, how: u32) {
        let signal = libc::WSTOPSIG(status);
        // Stops of ptrace's own, and the SIGSTOP with which a new process begins.
        let event = signal & 0x7f == libc::SIGTRAP || self.known.insert(pid);
        if how == libc::PTRACE_DETACH {
            self.note_end(pid);
            self.free.insert(pid);
        }
        let _ = ptrace(how, pid, if event { 0 } else { libc::c_long::from(signal) });
    }

    /// Kills the first process, lets all others go, and waits until nobody is left; names who is when patience ends, and
    /// kills those.
    fn finish(&mut self) -> io::Result<Vec<String>> {
        // SAFETY: our own child, which has not been waited for.
        unsafe { libc::kill(self.first, libc::SIGKILL) };
        let watch = Watch::new(self.patience);
        self.let_all_go()?;
        Ok(watch.end())
    }

    /// Lets those go that are held, and everybody else at his next stop, until nobody is left.
    fn let_all_go(&mut self) -> io::Result<()> {
        self.let_held_go();
        loop {
            match wait_for(-1) {
                Ok((pid, status)) if libc::WIFSTOPPED(status) => self.go_on(pid, status, libc::PTRACE_DETACH),
                Ok(_) => {}
                Err(error) if error.raw_os_error() == Some(libc::ECHILD) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn let_held_go(&mut self) {
        for pid in self.stopped.take().into_iter().chain(std::mem::take(&mut self.held)) {
            self.note_end(pid);
            let _ = ptrace(libc::PTRACE_DETACH, pid, 0);
            self.free.insert(pid);
        }
    }

    /// Notes whether `pid`, which is stopped, is at its exit.
    fn note_end(&mut self, pid: i32) {
        if call_number(pid).is_ok_and(|call| call == libc::SYS_exit_group as u64) {
            self.gone.insert(pid);
        }
    }

    /// Names of the processes below bwrap that are not stopped a second later.
    fn who_goes_on(&mut self) -> io::Result<Vec<String>> {
        let deadline = Instant::now() + Duration::from_secs(1);
        loop {
            // Who is traced still is let go at his next stop.
            let mut status = 0;
            // SAFETY: waitpid writes one int, which is live.
            let pid =
                unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::WUNTRACED | libc::WNOHANG) };
            if pid > 0 && libc::WIFSTOPPED(status) && !self.free.contains(&pid) {
                self.go_on(pid, status, libc::PTRACE_DETACH);
                continue;
            }
            // One that has come to its end has gone on as well, unless it was ending when the key came.
            let goes_on = |(pid, state): &(i32, char)| match state {
                'T' => false,
                'Z' | 'X' => !self.gone.contains(pid),
                _ => true,
            };
            let running: Vec<String> =
                below(self.first).iter().filter(|one| goes_on(one)).map(|(pid, _)| self.name(*pid)).collect();
            if running.is_empty() || Instant::now() > deadline {
                return Ok(running);
            }
            std::thread::yield_now();
        }
    }

    /// Sends the job `SIGTSTP`, as a key on its terminal would, and lets everybody go: nobody is traced after that. Tells
    /// whether bwrap stops, goes on when it is told to, and how it ends; or who is left when patience ends. `None` when it
    /// was on its way out already.
    fn stop(&mut self, at: String, whole: bool) -> io::Result<Option<Stopped>> {
        let first = self.first;
        let signal = |signal| {
            // SAFETY: our own child's process group; the child has not been waited for.
            unsafe { libc::kill(-first, signal) };
        };
        self.gone.extend(below(first).into_iter().filter(|(_, state)| *state == 'Z').map(|(pid, _)| pid));
        signal(libc::SIGTSTP);
        self.let_held_go();
        let watch = Watch::new(self.patience);
        let (mut has_stopped, mut went_on) = (false, Vec::new());
        let end = loop {
            match wait_for(-1) {
                Ok((pid, status)) if libc::WIFSTOPPED(status) && !self.free.contains(&pid) => {
                    let at_call = libc::WSTOPSIG(status) == libc::SIGTRAP | 0x80;
                    self.leaves |=
                        pid == first && at_call && call_number(pid)? == libc::SYS_exit_group as u64;
                    self.go_on(pid, status, libc::PTRACE_DETACH);
                }
                Ok((pid, status)) if libc::WIFSTOPPED(status) => {
                    if pid == self.first && !has_stopped {
                        has_stopped = true;
                        if whole {
                            went_on = self.who_goes_on()?;
                        }
                        signal(libc::SIGCONT);
                    }
                }
                Ok((pid, status)) if pid == self.first => break Some(status),
                Ok(_) => {}
                Err(error) if error.raw_os_error() == Some(libc::ECHILD) => break None,
                Err(error) => return Err(error),
            }
        };
        self.let_all_go()?;
        let stopped = Stopped { at, has_stopped, went_on, end, left: watch.end() };
        Ok(Some(stopped).filter(|_| !self.leaves))
    }
}

/// Ends everything below this process when patience ends first.
struct Watch {
    done: mpsc::Sender<()>,
    thread: std::thread::JoinHandle<Vec<String>>,
}

impl Watch {
    fn new(patience: Duration) -> Watch {
        let (done, is_done) = mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let (mut named, mut patience) = (Vec::new(), patience);
            while is_done.recv_timeout(patience) == Err(mpsc::RecvTimeoutError::Timeout) {
                // Again and again: what those leave behind comes to this process only when they have ended.
                named.extend(end_all());
                patience = Duration::from_millis(50);
            }
            named
        });
        Watch { done, thread }
    }

    /// Whom it had to end.
    fn end(self) -> Vec<String> {
        drop(self.done);
        self.thread.join().unwrap_or_default()
    }
}

/// All processes below `first`, with their states as in `/proc/PID/stat`.
fn below(first: i32) -> Vec<(i32, char)> {
    let (mut parents, mut found) = (vec![first], Vec::new());
    while let Some(parent) = parents.pop() {
        for pid in children(parent, parent) {
            parents.push(pid);
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
            found.push((pid, state.unwrap_or('X')));
        }
    }
    found
}

/// Children of one thread of a process.
fn children(pid: i32, thread: i32) -> Vec<i32> {
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{thread}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// Names and kills every process below this one.
fn end_all() -> Vec<String> {
    let mut named = Vec::new();
    let own = std::process::id() as i32;
    for entry in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let thread = entry.file_name().to_string_lossy().parse().unwrap_or(own);
        for pid in children(own, thread) {
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            named.push(name.trim_end().to_owned());
            // SAFETY: a child of ours, not yet waited for, so the number cannot have been reused.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
    }
    named
}

/// The number of the call that a process stopped at.
fn call_number(pid: i32) -> io::Result<u64> {
    // SAFETY: an all-zero user_regs_struct is a valid one.
    let mut registers: libc::user_regs_struct = unsafe { std::mem::zeroed() };
    // SAFETY: PTRACE_GETREGS writes one user_regs_struct, which is live.
    check(unsafe { libc::ptrace(libc::PTRACE_GETREGS, pid, 0, &raw mut registers) })?;
    Ok(registers.orig_rax)
}

fn ptrace(request: u32, pid: i32, data: libc::c_long) -> io::Result<()> {
    // SAFETY: these requests (SETOPTIONS, SYSCALL, DETACH) take a number as data and no address.
    check(unsafe { libc::ptrace(request, pid, 0, data) })
}

fn check(result: libc::c_long) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn wait_for(pid: i32) -> io::Result<(i32, i32)> {
    let mut status = 0;
    // SAFETY: waitpid writes one int, which is live.
    let pid = unsafe { libc::waitpid(pid, &raw mut status, libc::__WALL | libc::WUNTRACED) };
    check(libc::c_long::from(pid))?;
    Ok((pid, status))
}
