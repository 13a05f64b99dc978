//! What the tests of the whole pipeline share: command lines, plans as bwrap compiles them, and the tracer that ends a
//! launch at any of its system calls.

mod kill;
pub mod plans;
mod trace;

pub use kill::{Order, Point, Stopped, count_stops, killed_at, stopped_at};
pub use trace::{exec_chain, has_strace};

use stage::{Bench, View, Who, ended, script};
use std::path::PathBuf;
use support::Job;

/// bwrap with these arguments.
pub fn bwrap<A: AsRef<std::ffi::OsStr>>(bench: &Bench, who: Who, args: &[A]) -> Job {
    let mut job = bench.job(bench.bin("bwrap"), who);
    job.args(args);
    job
}

/// What a sandbox of these arguments shows when the command is `words` of the probe. It is bound where the tree has
/// it: everything below / is visible in most of these.
#[track_caller]
pub fn probe(bench: &Bench, who: Who, args: &[&str], words: &[&str]) -> View {
    let mut job = bwrap(bench, who, args);
    job.arg(bench.path("probe")).args(words);
    ended(&job.run().expect("a process"), 0)
}

/// The plan that bwrap makes of these arguments: another ns-enter, in the place of the real one, says it.
#[track_caller]
pub fn compiled(bench: &Bench, who: Who, args: &[&str]) -> Vec<u8> {
    let front: PathBuf = bench.install(&bench.bin("bwrap"), "fake/bwrap", 0o755);
    let mut job = script(bench.job(front, who), "plan");
    job.args(args);
    let view = ended(&job.run().expect("a process"), 0);
    let hex = view.value("plan bytes");
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("two hexadecimal digits");
    (0..hex.len()).step_by(2).map(byte).collect()
}

/// What nice(1) says after `nice -n MORE` of these tests, which may have been started by one themselves.
pub fn niceness(more: i32) -> i32 {
    // SAFETY: plain numbers; of this process it cannot fail.
    let own = unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
    (own + more).min(19)
}
