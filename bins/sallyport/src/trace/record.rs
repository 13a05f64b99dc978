//! What has been seen.

use std::time::Duration;

/// Everything that was seen of a launch.
#[derive(Debug, Default)]
pub struct Record {
    /// The command line.
    pub words: Vec<String>,
    /// Each stretch of a process in one program.
    pub stages: Vec<Stretch>,
    /// The system calls that are reported, in the order in which they returned.
    pub calls: Vec<Call>,
    /// How long all took.
    pub took: Duration,
    /// How often a process was stopped to be looked at.
    pub stops: u64,
    /// How long the watching took of that.
    pub watching: Duration,
    /// The exit status to pass on.
    pub status: u8,
}

/// A process while it runs one program.
#[derive(Debug)]
pub struct Stretch {
    /// The process, as this namespace numbers it.
    pub pid: i32,
    /// The program's name; `(forked)` behind it for a process that was forked by it; `command` for what is not ours.
    pub name: String,
    /// The words of the command.
    pub argv: Vec<String>,
    /// Since the beginning of all.
    pub from: Duration,
    /// How long; `None` while it runs, and of the command, which is not watched to its end.
    pub took: Option<Duration>,
    /// How many system calls.
    pub calls: u64,
    /// How many of them failed.
    pub errors: u64,
    /// How it ended: `exec`, `exit 0`, `SIGKILL`, `let go`.
    pub end: String,
}

/// A system call.
#[derive(Debug)]
pub struct Call {
    /// Index of the stretch it belongs to.
    pub stretch: usize,
    /// Since the beginning of all.
    pub at: Duration,
    /// How long it took, with the watching.
    pub took: Duration,
    /// Name and arguments.
    pub text: String,
    /// What it returned.
    pub result: i64,
}

impl Call {
    /// The error it failed with.
    pub fn error(&self) -> Option<String> {
        let errno =
            u16::try_from(self.result.checked_neg()?).ok().filter(|errno| (1..=4095).contains(errno))?;
        Some(sallyport::seccomp::action::errno_name(errno))
    }
}
