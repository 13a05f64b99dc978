//! The tracer: follows a command and everything below it with ptrace(2), and looks at the system calls of those
//! processes that run an executable of ours. All others are stopped at forks and execs only.

use crate::call::Call;
use crate::files::{Files, Touch};
use crate::role::{Images, Role};
use crate::seen::Seen;
use std::collections::{HashMap, HashSet};
use std::ffi::{CString, OsString};
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

/// A process that is followed.
#[derive(Clone)]
struct Task {
    /// `None`: it runs something else.
    role: Option<Role>,
    /// The command line of its launch.
    launch: Rc<str>,
    files: Files,
    /// What the call that it is in will have done, if it succeeds.
    doing: Option<Touch>,
    /// The last call before a fork.
    before: &'static str,
}

/// Runs `command` and follows it; gives what was seen and its exit status.
pub fn trace(command: &[OsString], images: Images) -> io::Result<(Seen, u8)> {
    let first = start(command)?;
    let none = Task { role: None, launch: "".into(), files: Files::default(), doing: None, before: "" };
    let tasks = HashMap::from([(first, none.clone())]);
    let mut tracer = Tracer { images, seen: Seen::default(), tasks, early: HashSet::new(), none };
    let code = tracer.run(first)?;
    Ok((tracer.seen, code))
}

struct Tracer {
    images: Images,
    seen: Seen,
    tasks: HashMap<i32, Task>,
    /// New processes that have stopped before their parent's stop has said whose they are.
    early: HashSet<i32>,
    none: Task,
}

impl Tracer {
    fn run(&mut self, first: i32) -> io::Result<u8> {
        let mut code = 0;
        loop {
            let (pid, status) = match self.next() {
                Ok(stop) => stop,
                Err(error) if error.raw_os_error() == Some(libc::ECHILD) => return Ok(code),
                Err(error) => return Err(error),
            };
            if libc::WIFSTOPPED(status) {
                self.stopped(pid, libc::WSTOPSIG(status), status >> 16);
                continue;
            }
            self.tasks.remove(&pid);
            if pid == first {
                let exit = libc::WIFEXITED(status);
                code =
                    if exit { libc::WEXITSTATUS(status) as u8 } else { 128 | libc::WTERMSIG(status) as u8 };
            }
        }
    }

    /// The next stop or end. A parent that is killed right after its fork never says whose child it was that stopped: so
    /// children are not kept waiting when nobody else has had anything to say for a while.
    fn next(&mut self) -> io::Result<(i32, i32)> {
        const PATIENCE: Duration = Duration::from_secs(2);
        let mut silent = Instant::now();
        while !self.early.is_empty() {
            if let Some(stop) = wait(libc::WNOHANG)? {
                return Ok(stop);
            }
            thread::sleep(Duration::from_millis(1));
            if silent.elapsed() > PATIENCE {
                silent = Instant::now();
                for orphan in std::mem::take(&mut self.early) {
                    let task = Task { role: self.images.role(orphan), ..self.none.clone() };
                    self.tasks.insert(orphan, task);
                    self.go_on(orphan, 0);
                }
            }
        }
        loop {
            if let Some(stop) = wait(0)? {
                return Ok(stop);
            }
        }
    }

    /// A process has stopped. One that is killed meanwhile refuses what is asked of it; its end is seen next.
    fn stopped(&mut self, pid: i32, signal: i32, event: i32) {
        match event {
            libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE => self.forked(pid),
            libc::PTRACE_EVENT_EXEC => self.execed(pid),
            libc::PTRACE_EVENT_STOP if signal != libc::SIGTRAP => {
                // Stopped by a signal, as it would be untraced, until one lets it go on.
                let _ = ptrace(libc::PTRACE_LISTEN, pid, 0);
                return;
            }
            libc::PTRACE_EVENT_STOP if !self.tasks.contains_key(&pid) => {
                self.early.insert(pid);
                return;
            }
            0 if signal == libc::SIGTRAP | 0x80 => self.at_call(pid),
            0 => return self.go_on(pid, signal),
            _ => {}
        }
        self.go_on(pid, 0);
    }

    fn go_on(&self, pid: i32, signal: i32) {
        let ours = self.tasks.get(&pid).is_some_and(|task| task.role.is_some());
        let how = if ours { libc::PTRACE_SYSCALL } else { libc::PTRACE_CONT };
        let _ = ptrace(how, pid, signal as usize);
    }

    fn forked(&mut self, pid: i32) {
        let Ok(child) = event_message(pid) else { return };
        let parent = self.tasks.entry(pid).or_insert_with(|| self.none.clone());
        let mut task = parent.clone();
        task.doing = None;
        if let Some(role) = parent.role {
            let (stays, new) = role.fork(parent.before);
            (parent.role, task.role) = (Some(stays), Some(new));
        }
        let child = child as i32;
        self.tasks.insert(child, task);
        if self.early.remove(&child) {
            self.go_on(child, 0);
        }
    }

    fn execed(&mut self, pid: i32) {
        if let Ok(thread) = event_message(pid)
            && thread as i32 != pid
        {
            // A thread has exec'd and goes on under the id of its process.
            self.tasks.remove(&(thread as i32));
        }
        if is_tracer(pid) {
            // It could not trace what is traced from here; what it runs is not counted.
            self.tasks.remove(&pid);
            let _ = ptrace(libc::PTRACE_DETACH, pid, 0);
            return;
        }
        let role = self.images.role(pid);
        let task = self.tasks.entry(pid).or_insert_with(|| self.none.clone());
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        if task.role.is_none() && role.is_some() {
            let line: Vec<_> = words.split(|&byte| byte == 0).map(String::from_utf8_lossy).collect();
            task.launch = line.join(" ").chars().take(400).collect::<String>().into();
        }
        task.role = role;
        task.doing = None;
        if role.is_some() {
            task.files = Files::of(pid, &words);
        }
    }

    fn at_call(&mut self, pid: i32) {
        let Some(task) = self.tasks.get_mut(&pid) else { return };
        let Some(role) = task.role else { return };
        match stop(pid) {
            Ok(Stop::Entry(call)) => {
                // After a signal the kernel goes on with a call that it was in already.
                if call.nr != libc::SYS_restart_syscall as u64 {
                    self.seen.call(role, call.name(), &task.launch);
                }
                let name = call.plain_name();
                if !matches!(name, "clone" | "clone3") {
                    task.before = name;
                }
                task.doing = task.files.touched(pid, role, &call);
                if let Some(run) = task.doing.take_if(|touch| touch.done == "run") {
                    // One that works has no exit that could be waited for.
                    self.seen.file(role, &run.name, run.done, &task.launch);
                }
            }
            Ok(Stop::Exit(result)) => {
                if let Some(touch) = task.doing.take() {
                    if touch.counts(result) {
                        self.seen.file(role, &touch.name, touch.done, &task.launch);
                    }
                    task.files.done(touch, result);
                }
            }
            Ok(Stop::Other) | Err(_) => {}
        }
    }
}

/// Whether process `pid` runs a tracer of its own, as some tests do.
fn is_tracer(pid: i32) -> bool {
    fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe.ends_with("strace"))
}

/// Where a process is stopped at a call.
enum Stop {
    Entry(Call),
    Exit(i64),
    Other,
}

fn stop(pid: i32) -> io::Result<Stop> {
    const PTRACE_GET_SYSCALL_INFO: libc::c_uint = 0x420e;
    // SAFETY: ptrace_syscall_info is plain data, for which zeroes are a value.
    let mut info: libc::ptrace_syscall_info = unsafe { std::mem::zeroed() };
    let size = size_of::<libc::ptrace_syscall_info>();
    // SAFETY: the request writes at most `size` bytes at `info`, which is live and of that size.
    check(unsafe { libc::ptrace(PTRACE_GET_SYSCALL_INFO, pid, size, &raw mut info) })?;
    Ok(match info.op {
        libc::PTRACE_SYSCALL_INFO_ENTRY => {
            // SAFETY: `op` says that the kernel has filled in this member.
            let entry = unsafe { info.u.entry };
            Stop::Entry(Call { nr: entry.nr, args: entry.args })
        }
        // SAFETY: `op` says that the kernel has filled in this member.
        libc::PTRACE_SYSCALL_INFO_EXIT => Stop::Exit(unsafe { info.u.exit }.sval),
        _ => Stop::Other,
    })
}

/// Starts `command`, stopped by nobody, followed from its first instruction on.
fn start(command: &[OsString]) -> io::Result<i32> {
    const OPTIONS: i32 = libc::PTRACE_O_TRACESYSGOOD
        | libc::PTRACE_O_TRACEFORK
        | libc::PTRACE_O_TRACEVFORK
        | libc::PTRACE_O_TRACECLONE
        | libc::PTRACE_O_TRACEEXEC
        | libc::PTRACE_O_EXITKILL;
    let words: Vec<CString> =
        command.iter().map(|word| CString::new(word.as_bytes())).collect::<Result<_, _>>()?;
    let mut argv: Vec<*const libc::c_char> = words.iter().map(|word| word.as_ptr()).collect();
    argv.push(std::ptr::null());
    let Some(program) = words.first() else { return Err(io::Error::other("no command")) };
    let (wait, go) = pipe()?;
    // SAFETY: this process has one thread; the child makes three calls that are async-signal-safe.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let mut byte = 0u8;
            // SAFETY: read writes at most one byte, live here; argv is an array of strings that ends with a null
            // pointer, made before the fork.
            unsafe {
                libc::close(go.as_raw_fd());
                libc::read(wait.as_raw_fd(), (&raw mut byte).cast(), 1);
                libc::execvp(program.as_ptr(), argv.as_ptr());
                libc::_exit(127)
            }
        }
        pid => {
            ptrace_options(pid, OPTIONS)?;
            drop(go);
            Ok(pid)
        }
    }
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    // SAFETY: pipe2 writes two ints, live here.
    check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) }.into())?;
    // SAFETY: both are new and nobody else's.
    Ok(unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}

fn ptrace_options(pid: i32, options: i32) -> io::Result<()> {
    ptrace(libc::PTRACE_SEIZE, pid, options as usize)
}

fn ptrace(request: libc::c_uint, pid: i32, data: usize) -> io::Result<()> {
    // SAFETY: these requests (SEIZE, SYSCALL, CONT, LISTEN) take a number as data and no address.
    check(unsafe { libc::ptrace(request, pid, 0usize, data) })
}

fn event_message(pid: i32) -> io::Result<libc::c_ulong> {
    let mut message: libc::c_ulong = 0;
    // SAFETY: the request writes one long, live here.
    check(unsafe { libc::ptrace(libc::PTRACE_GETEVENTMSG, pid, 0usize, &raw mut message) })?;
    Ok(message)
}

fn check(result: libc::c_long) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// A child that has stopped or ended, and how; `None` if there is none yet, with `WNOHANG` in `flags`.
fn wait(flags: i32) -> io::Result<Option<(i32, i32)>> {
    let mut status = 0;
    loop {
        // SAFETY: waitpid writes one int, live here.
        match unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | flags) } {
            -1 if io::Error::last_os_error().raw_os_error() == Some(libc::EINTR) => {}
            -1 => return Err(io::Error::last_os_error()),
            0 => return Ok(None),
            pid => return Ok(Some((pid, status))),
        }
    }
}
