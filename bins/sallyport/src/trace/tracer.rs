//! The watching: ptrace over all processes of a launch, until each becomes the command or ends.

use super::calls::{Entered, entered};
use super::record::{Call, Record, Stretch};
use crate::failure::{Failure, Res};
use crate::words::escaped;
use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;
use std::time::{Duration, Instant};

/// What is ours: watched, where anything else is the command.
const OURS: [&str; 8] =
    ["bwrap", "ns-enter", "fs-build", "priv-drop", "init-reaper", "seccomp-load", "compose", "sallyport"];

/// A process that is watched.
struct Process {
    /// Its present stretch.
    stretch: usize,
    /// The call it is in, and since when.
    in_call: Option<(Entered, Instant)>,
}

struct Tracer {
    start: Instant,
    all: bool,
    record: Record,
    processes: HashMap<Pid, Process>,
    /// The process that was started here; its end is everybody's.
    main: Pid,
}

/// Starts `child`, which stops itself, and watches what becomes of it.
pub fn watch(mut child: Command, words: &[OsString], all: bool) -> Res<Record> {
    let fault =
        |what: &'static str| move |error: Errno| Failure::new(format_args!("{what}: {}", error.desc()));
    let child = child.spawn().map_err(|e| Failure::new(format_args!("/proc/self/exe: {e}")))?;
    let main = Pid::from_raw(i32::try_from(child.id()).map_err(Failure::new)?);
    // The terminal's signals are for the command; it decides what becomes of it, and the report is written then.
    let mut terminal = SigSet::empty();
    [Signal::SIGINT, Signal::SIGQUIT].into_iter().for_each(|signal| terminal.add(signal));
    terminal.thread_block().map_err(fault("sigprocmask"))?;
    match waitpid(main, Some(WaitPidFlag::WUNTRACED)) {
        Ok(WaitStatus::Stopped(..)) => {}
        other => return Err(Failure::new(format_args!("the child did not wait: {other:?}"))),
    }
    let options = Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_EXITKILL;
    if let Err(errno) = ptrace::seize(main, options) {
        let _ = kill(main, Signal::SIGKILL);
        let hint = "; kernel.yama.ptrace_scope, or a filter or sandbox around this, may forbid it";
        return Err(Failure::new(format_args!("ptrace: {}{hint}", errno.desc())));
    }
    kill(main, Signal::SIGCONT).map_err(fault("kill"))?;
    let words = words.iter().map(|word| escaped(word.as_bytes())).collect();
    let record = Record { words, ..Record::default() };
    let mut tracer = Tracer { start: Instant::now(), all, record, processes: HashMap::new(), main };
    tracer.appear(main, "sallyport (starting)".to_owned());
    tracer.run()?;
    tracer.record.took = tracer.start.elapsed();
    Ok(tracer.record)
}

impl Tracer {
    fn run(&mut self) -> Res<()> {
        loop {
            let status = match waitpid(None, Some(WaitPidFlag::__WALL)) {
                Ok(status) => status,
                Err(Errno::EINTR) => continue,
                Err(Errno::ECHILD) => return Ok(()),
                Err(errno) => return Err(Failure::new(format_args!("waitpid: {}", errno.desc()))),
            };
            let since = Instant::now();
            self.record.stops += 1;
            self.stopped(status, since);
            self.record.watching += since.elapsed();
        }
    }

    fn stopped(&mut self, status: WaitStatus, now: Instant) {
        match status {
            WaitStatus::Exited(pid, status) => self.ended(pid, format!("exit {status}"), status, now),
            WaitStatus::Signaled(pid, signal, _) => {
                self.ended(pid, signal.to_string(), 128 + signal as i32, now);
            }
            WaitStatus::PtraceSyscall(pid) => {
                self.call(pid, now);
                self.go_on(pid, None);
            }
            WaitStatus::PtraceEvent(pid, signal, event) => self.event(pid, signal, event, now),
            WaitStatus::Stopped(pid, signal) => self.go_on(pid, Some(signal)),
            _ => {}
        }
    }

    fn event(&mut self, pid: Pid, signal: Signal, event: i32, now: Instant) {
        match event {
            // The command is on its own now.
            libc::PTRACE_EVENT_EXEC if self.became(pid, now) => return,
            libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE => {
                let child = ptrace::getevent(pid).ok().and_then(|child| i32::try_from(child).ok());
                let name = self.name(pid);
                if let Some(child) =
                    child.map(Pid::from_raw).filter(|child| !self.processes.contains_key(child))
                {
                    self.appear(child, format!("{name} (forked)"));
                }
            }
            libc::PTRACE_EVENT_STOP => {
                // A child that is new, of which the parent's event may come later; or a stop that somebody asked for,
                // which is over as soon as it is seen here.
                if !self.processes.contains_key(&pid) {
                    self.appear(pid, "forked".to_owned());
                }
                let _ = signal;
            }
            _ => {}
        }
        self.go_on(pid, None);
    }

    /// A process that has not been seen before.
    fn appear(&mut self, pid: Pid, name: String) {
        let from = self.start.elapsed();
        let stretch = self.begin(pid, name, Vec::new(), from);
        self.processes.insert(pid, Process { stretch, in_call: None });
    }

    fn begin(&mut self, pid: Pid, name: String, argv: Vec<String>, from: Duration) -> usize {
        let pid = pid.as_raw();
        let end = "running".to_owned();
        self.record.stages.push(Stretch { pid, name, argv, from, took: None, calls: 0, errors: 0, end });
        self.record.stages.len() - 1
    }

    fn name(&self, pid: Pid) -> String {
        let stretch = self.processes.get(&pid).and_then(|process| self.record.stages.get(process.stretch));
        stretch.map_or_else(|| "?".to_owned(), |stretch| stretch.name.clone())
    }

    fn finish(&mut self, pid: Pid, end: String, now: Instant) {
        let Some(process) = self.processes.get(&pid) else { return };
        if let Some(stretch) = self.record.stages.get_mut(process.stretch) {
            stretch.took = Some(now.saturating_duration_since(self.start).saturating_sub(stretch.from));
            stretch.end = end;
        }
    }

    /// A new program runs. Whether it was let go.
    fn became(&mut self, pid: Pid, now: Instant) -> bool {
        let argv: Vec<String> = fs::read(format!("/proc/{pid}/cmdline"))
            .unwrap_or_default()
            .split(|byte| *byte == 0)
            .map(escaped)
            .collect();
        let argv = argv.strip_suffix(&[String::new()]).map(<[String]>::to_vec).unwrap_or(argv);
        // Stages are started by their descriptors; their names are those of their files all the same.
        let exe = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        let mut base = exe.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        // A file that is a mount of its own, as fs-build makes of stages that others could reach, has no name there.
        if exe == std::path::Path::new("/")
            && argv.get(1).is_some_and(|word| word.starts_with("--plan="))
            && let Some(own) = argv.first()
        {
            base.clone_from(own);
        }
        let ours = OURS.contains(&base.as_str());
        // A chain goes on behind nice, env and their like.
        let leads_on = argv.iter().skip(1).any(|word| {
            let last = word.rsplit('/').next().unwrap_or(word);
            OURS.contains(&last)
        });
        self.finish(pid, "exec".to_owned(), now);
        let name = if ours || leads_on { base } else { "command".to_owned() };
        let let_go = !ours && !leads_on;
        let from = now.saturating_duration_since(self.start);
        let stretch = self.begin(pid, name, if ours { Vec::new() } else { argv }, from);
        if let Some(process) = self.processes.get_mut(&pid) {
            process.stretch = stretch;
        }
        if let_go && ptrace::detach(pid, None).is_ok() {
            if let Some(stretch) = self.record.stages.get_mut(stretch) {
                stretch.end = "let go".to_owned();
            }
            self.processes.remove(&pid);
        }
        let_go
    }

    fn ended(&mut self, pid: Pid, end: String, status: i32, now: Instant) {
        if pid == self.main {
            self.record.status = u8::try_from(status).unwrap_or(u8::MAX);
        }
        self.finish(pid, end, now);
        self.processes.remove(&pid);
    }

    /// A system call begins or returns.
    fn call(&mut self, pid: Pid, now: Instant) {
        let (Ok(info), Ok(regs)) = (ptrace::syscall_info(pid), ptrace::getregs(pid)) else { return };
        let Some(process) = self.processes.get_mut(&pid) else { return };
        if info.op == libc::PTRACE_SYSCALL_INFO_ENTRY {
            let args = [regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9];
            process.in_call = Some((entered(pid, regs.orig_rax, args), now));
            return;
        }
        let Some((entered, since)) = process.in_call.take() else { return };
        let stretch = process.stretch;
        let at = since.saturating_duration_since(self.start);
        let result = regs.rax.cast_signed();
        let call =
            Call { stretch, at, took: now.saturating_duration_since(since), text: entered.text, result };
        let failed = call.error().is_some();
        if let Some(stretch) = self.record.stages.get_mut(stretch) {
            stretch.calls += 1;
            stretch.errors += u64::from(failed);
        }
        if self.all || failed || entered.is_operation {
            self.record.calls.push(call);
        }
    }

    /// Lets it run to its next call. One that is dead meanwhile says so itself.
    fn go_on(&mut self, pid: Pid, signal: Option<Signal>) {
        let _ = ptrace::syscall(pid, signal);
    }
}
