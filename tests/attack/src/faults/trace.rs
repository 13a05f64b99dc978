//! The injector: runs a launch under ptrace(2), writes down its system calls, and makes one of them go wrong.
//!
//! Every process of the launch is followed through forks and execs until it has exec'd the command, which runs
//! untraced. At the entry of the call that is to fail its number is replaced by -1, so that the kernel makes no call,
//! and at its exit the errno is put in place of the result. From there on nobody is stopped any more: what follows runs
//! as it would.

use super::calls;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::OnceLock;

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not made and fails with this.
    Errno(i32),
    /// It is not made and says that it was.
    NoEffect,
    /// It moves one byte.
    Short,
    /// Its process is killed before it is made.
    KillBefore,
    /// Its process is killed after it was made.
    KillAfter,
}

/// A system call of a launch, and the only one with these four.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Which process makes it: "0" is the first, "0.1" its second child.
    pub process: String,
    /// What that has exec'd last.
    pub image: String,
    /// The system call's number.
    pub nr: u64,
    /// How many of this number that image of the process has made before.
    pub nth: u32,
    /// Its arguments, as numbers.
    pub args: [u64; 6],
}

impl Call {
    /// Whether this is the same call of another launch.
    fn is(&self, other: &Call) -> bool {
        (self.nr, self.nth) == (other.nr, other.nth)
            && self.process == other.process
            && self.image == other.image
    }
}

/// What came of a launch.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// All calls, when none was to go wrong; else those before it.
    pub calls: Vec<Call>,
    /// The wait status of the first process.
    pub end: Option<i32>,
    /// Whether the call that was to go wrong was made.
    pub reached: bool,
    /// Whether it went wrong.
    pub done: bool,
    /// Whether the command was exec'd.
    pub ran: bool,
    /// Who was blocked when nobody moved any more: name and where. They were killed then.
    pub stuck: Vec<String>,
    /// Whether the first process was among them.
    pub hung: bool,
}

/// A launch, started by [`spawn`].
#[derive(Debug)]
pub struct Started {
    /// Its first process.
    pub first: i32,
    /// The name that the command has in `/proc/PID/comm`.
    pub command: &'static str,
    /// Children of this process that belong to the launch but are not of it (see [`super::launch`]).
    pub helpers: Vec<i32>,
}

/// Who is traced.
struct Task {
    pid: i32,
    process: String,
    image: String,
    children: u32,
    /// Calls so far by image and number.
    made: Vec<(String, u64, u32)>,
    /// What to put in place of the result at the exit of the call that it is in.
    result: Option<Wrong>,
    /// Whether the last call was interrupted by a signal that nobody handles, and will be entered once more: a stop of
    /// its own makes of it, under ptrace, two entries of one call.
    restarts: bool,
}

enum Wrong {
    Result(i64),
    Kill,
}

/// How often it is looked whether anybody moves.
const TICK_MS: i64 = 100;
/// How many looks a launch has, busy or not.
const PATIENCE: u32 = 300;

/// Makes waits return now and then ([`TICK_MS`]), so that a launch that hangs is noticed.
pub fn start_ticking() -> io::Result<()> {
    extern "C" fn tick(_: libc::c_int) {}
    let interval = libc::timeval { tv_sec: 0, tv_usec: TICK_MS * 1000 };
    let timer = libc::itimerval { it_interval: interval, it_value: interval };
    // SAFETY: an all-zero sigaction is a valid one.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = tick as *const () as usize;
    // SAFETY: sigaction reads one struct, live here; the handler does nothing.
    check(unsafe { libc::sigaction(libc::SIGALRM, &action, std::ptr::null_mut()) }.into())?;
    // SAFETY: setitimer reads one struct, live here.
    check(unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut()) }.into())
}

/// Attaches to a process that is about to exec the first executable of a launch; it may go on when this returns.
pub fn seize(pid: i32) -> io::Result<()> {
    const OPTIONS: i32 = libc::PTRACE_O_TRACESYSGOOD
        | libc::PTRACE_O_TRACEFORK
        | libc::PTRACE_O_TRACEVFORK
        | libc::PTRACE_O_TRACECLONE
        | libc::PTRACE_O_TRACEEXEC
        | libc::PTRACE_O_EXITKILL;
    ptrace(libc::PTRACE_SEIZE, pid, OPTIONS as u64)
}

/// Follows a launch to its end, with `order` carried out on the way.
pub fn follow(started: Started, order: Option<(&Call, Fault)>) -> io::Result<Trace> {
    let mut tracer = Tracer {
        first: started.first,
        command: started.command,
        order,
        tasks: Vec::new(),
        early: Vec::new(),
        untraced: started.helpers,
        trace: Trace::default(),
        before: Vec::new(),
        ticks: 0,
    };
    tracer.tasks.push(Task::new(started.first, "0".to_owned(), String::new()));
    tracer.run()?;
    Ok(tracer.trace)
}

impl Task {
    fn new(pid: i32, process: String, image: String) -> Task {
        Task { pid, process, image, children: 0, made: Vec::new(), result: None, restarts: false }
    }

    /// Counts a call.
    fn count(&mut self, nr: u64) -> u32 {
        match self.made.iter_mut().find(|(image, number, _)| *number == nr && *image == self.image) {
            Some((.., count)) => {
                *count += 1;
                *count - 1
            }
            None => {
                self.made.push((self.image.clone(), nr, 1));
                0
            }
        }
    }
}

struct Tracer<'o> {
    first: i32,
    command: &'static str,
    order: Option<(&'o Call, Fault)>,
    tasks: Vec<Task>,
    /// New processes that stopped before their parents told of them.
    early: Vec<i32>,
    /// Who is waited for but not traced.
    untraced: Vec<i32>,
    trace: Trace,
    /// What everybody did at the last look.
    before: Vec<String>,
    ticks: u32,
}

impl Tracer<'_> {
    fn run(&mut self) -> io::Result<()> {
        loop {
            match wait() {
                Ok((pid, status)) if libc::WIFSTOPPED(status) => self.stopped(pid, status),
                Ok((pid, status)) => {
                    self.tasks.retain(|task| task.pid != pid);
                    self.untraced.retain(|other| *other != pid);
                    if pid == self.first {
                        self.trace.end = Some(status);
                    }
                }
                Err(error) if error.raw_os_error() == Some(libc::EINTR) => self.look(),
                Err(error) if error.raw_os_error() == Some(libc::ECHILD) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn stopped(&mut self, pid: i32, status: i32) {
        let (signal, event) = (libc::WSTOPSIG(status), status >> 16);
        match event {
            libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE => self.forked(pid),
            libc::PTRACE_EVENT_EXEC => self.execed(pid),
            libc::PTRACE_EVENT_STOP => {
                if self.tasks.iter().any(|task| task.pid == pid) {
                    self.go_on(pid, 0);
                } else {
                    self.early.push(pid);
                }
            }
            _ if signal == libc::SIGTRAP | 0x80 => self.at_call(pid),
            _ => self.go_on(pid, signal),
        }
    }

    fn forked(&mut self, pid: i32) {
        let mut child = 0_u64;
        // SAFETY: PTRACE_GETEVENTMSG writes one long, which is live.
        unsafe { libc::ptrace(libc::PTRACE_GETEVENTMSG, pid, 0, &raw mut child) };
        let child = child as i32;
        if let Some(parent) = self.tasks.iter_mut().find(|task| task.pid == pid) {
            let process = format!("{}.{}", parent.process, parent.children);
            parent.children += 1;
            let image = parent.image.clone();
            self.tasks.push(Task::new(child, process, image));
        }
        if let Some(at) = self.early.iter().position(|early| *early == child) {
            self.early.swap_remove(at);
            self.go_on(child, 0);
        }
        self.go_on(pid, 0);
    }

    fn execed(&mut self, pid: i32) {
        let comm = proc(&format!("{pid}/comm"));
        if comm.trim_end() == self.command {
            self.trace.ran = true;
            self.tasks.retain(|task| task.pid != pid);
            self.untraced.push(pid);
            let _ = ptrace(libc::PTRACE_DETACH, pid, 0);
            return;
        }
        // Not by the arguments: a stage hands its own on to compose, its first word with them.
        let image = executable(pid).rsplit('/').next().unwrap_or_default().to_owned();
        if let Some(task) = self.tasks.iter_mut().find(|task| task.pid == pid) {
            task.image = image;
        }
        self.go_on(pid, 0);
    }

    fn at_call(&mut self, pid: i32) {
        let order = self.order.filter(|_| !self.trace.done);
        let Some(task) = self.tasks.iter_mut().find(|task| task.pid == pid) else {
            return self.go_on(pid, 0);
        };
        let entry = match stop(pid) {
            Some(Stop::Entry(entry)) => Some(entry),
            Some(Stop::Exit(value)) => {
                // ERESTARTSYS and the like, which only a tracer sees.
                task.restarts = (-516..=-512).contains(&value);
                None
            }
            None => None,
        };
        let Some(entry) = entry else {
            match task.result.take() {
                None => {}
                Some(Wrong::Result(value)) => {
                    let _ = change(pid, |registers| registers.rax = value as u64);
                    self.trace.done = true;
                }
                Some(Wrong::Kill) => {
                    kill(pid);
                    self.trace.done = true;
                }
            }
            return self.go_on(pid, 0);
        };
        // Before its exec the process is not a part of the launch yet.
        if task.image.is_empty() || std::mem::take(&mut task.restarts) {
            return self.go_on(pid, 0);
        }
        let nth = task.count(entry.nr);
        let call = Call {
            process: task.process.clone(),
            image: task.image.clone(),
            nr: entry.nr,
            nth,
            args: entry.args,
        };
        if let Some((wanted, fault)) = order
            && wanted.is(&call)
        {
            self.trace.reached = true;
            match fault {
                Fault::Errno(errno) => {
                    let _ = change(pid, |registers| registers.orig_rax = u64::MAX);
                    task.result = Some(Wrong::Result(-i64::from(errno)));
                }
                Fault::NoEffect => {
                    let _ = change(pid, |registers| registers.orig_rax = u64::MAX);
                    task.result = Some(Wrong::Result(calls::success(&call)));
                }
                Fault::Short => {
                    let _ = change(pid, |registers| registers.rdx = 1);
                    self.trace.done = true;
                }
                Fault::KillBefore => {
                    kill(pid);
                    self.trace.done = true;
                }
                Fault::KillAfter => task.result = Some(Wrong::Kill),
            }
        }
        if self.trace.stuck.is_empty() {
            self.trace.calls.push(call);
        }
        self.go_on(pid, 0);
    }

    /// Lets a stopped process go on. One that is gone by now does not mind.
    fn go_on(&mut self, pid: i32, signal: i32) {
        let how = if self.trace.done { libc::PTRACE_CONT } else { libc::PTRACE_SYSCALL };
        let _ = ptrace(how, pid, signal as u64);
    }

    /// Looks at everybody. A launch where all are blocked, and were at the last look with nothing done in between,
    /// will not go on: all that it could wait for from outside was there before it began.
    fn look(&mut self) {
        self.ticks += 1;
        let mut now = Vec::new();
        let mut pids = children(std::process::id() as i32);
        pids.extend(self.tasks.iter().map(|task| task.pid).chain(self.untraced.iter().copied()));
        let mut at = 0;
        while let Some(pid) = pids.get(at).copied() {
            let below = children(pid).into_iter().filter(|child| !pids.contains(child));
            let below: Vec<i32> = below.collect();
            pids.extend(below);
            let line = activity(pid);
            // The command is gone when pid 1 of its sandbox has reaped it, which nobody tells here.
            if !line.starts_with('X') {
                now.push(line);
            }
            at += 1;
        }
        let blocked = !now.is_empty() && now.iter().all(|line| line.starts_with(['S', 'Z']));
        let still = blocked && now == self.before;
        self.before = now;
        if !still && self.ticks < PATIENCE {
            return;
        }
        self.trace.hung = self.trace.end.is_none();
        let traced = self.tasks.iter().map(|task| (task.pid, format!("{} {}", task.process, task.image)));
        let untraced = self.untraced.iter().map(|pid| (*pid, "untraced".to_owned()));
        for (pid, name) in traced.chain(untraced).collect::<Vec<_>>() {
            let call = proc(&format!("{pid}/syscall"));
            let comm = proc(&format!("{pid}/comm"));
            let number = call.split(' ').next().and_then(|number| number.parse().ok());
            let call = number.map_or("running".to_owned(), calls::name);
            let named = format!("{name} ({}) in {call}", comm.trim_end());
            if !self.trace.stuck.contains(&named) {
                self.trace.stuck.push(named);
            }
            kill(pid);
        }
        for pid in pids {
            kill(pid);
        }
        self.before.clear();
    }
}

/// State and counters of a process, which change whenever it does anything.
fn activity(pid: i32) -> String {
    let stat = proc(&format!("{pid}/stat"));
    let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next()).unwrap_or('X');
    let status = proc(&format!("{pid}/status"));
    let switches: Vec<&str> = status.lines().filter(|line| line.contains("ctxt_switches")).collect();
    format!("{state} {pid} {}", switches.join(" "))
}

/// Children of a process, which has one thread.
fn children(pid: i32) -> Vec<i32> {
    let list = proc(&format!("{pid}/task/{pid}/children"));
    list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// /proc, not through the mount, which a launch that fails may have covered.
fn procfs() -> Option<&'static File> {
    static PROC: OnceLock<Option<File>> = OnceLock::new();
    PROC.get_or_init(|| File::open("/proc").ok()).as_ref()
}

/// Where the executable of a process is, in a place that may be gone by now.
fn executable(pid: i32) -> String {
    let (Some(dir), Ok(path)) = (procfs(), CString::new(format!("{pid}/exe"))) else { return String::new() };
    let mut room = [0_u8; libc::PATH_MAX as usize];
    // SAFETY: a NUL-ended path, and as much room as is said.
    let length =
        unsafe { libc::readlinkat(dir.as_raw_fd(), path.as_ptr(), room.as_mut_ptr().cast(), room.len()) };
    let text = room.get(..usize::try_from(length).unwrap_or(0)).unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

/// A file of /proc, by its path there.
pub fn proc(path: &str) -> String {
    let Some(dir) = procfs() else { return String::new() };
    let Ok(path) = CString::new(path) else { return String::new() };
    // SAFETY: a NUL-ended path; the descriptor is new.
    let fd = unsafe { libc::openat(dir.as_raw_fd(), path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    let mut bytes = Vec::new();
    if fd >= 0 {
        // SAFETY: just made, owned by nobody else.
        let _ = unsafe { File::from_raw_fd(fd) }.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

struct Entry {
    nr: u64,
    args: [u64; 6],
}

/// Where a process stopped.
enum Stop {
    Entry(Entry),
    /// With this result.
    Exit(i64),
}

/// The call that `pid` enters or leaves.
fn stop(pid: i32) -> Option<Stop> {
    // SAFETY: an all-zero ptrace_syscall_info is a valid one.
    let mut info: libc::ptrace_syscall_info = unsafe { std::mem::zeroed() };
    let size = size_of_val(&info);
    // SAFETY: PTRACE_GET_SYSCALL_INFO writes at most `size` bytes at the pointer, which is that large.
    let got = unsafe { libc::ptrace(libc::PTRACE_GET_SYSCALL_INFO, pid, size, &raw mut info) };
    if got <= 0 {
        return None;
    }
    match info.op {
        libc::PTRACE_SYSCALL_INFO_ENTRY => {
            // SAFETY: `op` says that this is the member that was written.
            let entry = unsafe { info.u.entry };
            Some(Stop::Entry(Entry { nr: entry.nr, args: entry.args }))
        }
        libc::PTRACE_SYSCALL_INFO_EXIT => {
            // SAFETY: the same.
            let exit = unsafe { info.u.exit };
            Some(Stop::Exit(exit.sval))
        }
        _ => None,
    }
}

/// Changes the registers of a stopped process.
fn change(pid: i32, with: impl FnOnce(&mut libc::user_regs_struct)) -> io::Result<()> {
    // SAFETY: an all-zero user_regs_struct is a valid one.
    let mut registers: libc::user_regs_struct = unsafe { std::mem::zeroed() };
    // SAFETY: PTRACE_GETREGS writes one user_regs_struct, which is live.
    check(unsafe { libc::ptrace(libc::PTRACE_GETREGS, pid, 0, &raw mut registers) })?;
    with(&mut registers);
    // SAFETY: PTRACE_SETREGS reads one user_regs_struct, which is live.
    check(unsafe { libc::ptrace(libc::PTRACE_SETREGS, pid, 0, &raw const registers) })
}

fn kill(pid: i32) {
    // SAFETY: somebody who is traced, or our child; neither has been waited for, so the number is still theirs.
    unsafe { libc::kill(pid, libc::SIGKILL) };
}

fn ptrace(request: u32, pid: i32, data: u64) -> io::Result<()> {
    // SAFETY: these requests (SEIZE, SYSCALL, CONT, DETACH) take a number as data and no address.
    check(unsafe { libc::ptrace(request, pid, 0_u64, data) })
}

/// -1 is errno.
pub fn check(result: libc::c_long) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn wait() -> io::Result<(i32, i32)> {
    let mut status = 0;
    // SAFETY: waitpid writes one int, which is live.
    let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL) };
    check(pid.into())?;
    Ok((pid, status))
}
