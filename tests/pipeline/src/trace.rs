//! Which programs a launch execs, one after the other, as strace(1) sees it.

use stage::{Bench, Who, explain, through};
use std::fs;
use support::Job;

/// Whether strace is installed.
pub fn has_strace() -> bool {
    std::process::Command::new("strace").arg("-V").output().is_ok_and(|output| output.status.success())
}

/// Runs `job` under strace and gives `argv[0]` of each exec that succeeded, without folders, in order; with the run.
#[track_caller]
pub fn exec_chain(bench: &Bench, job: Job, who: Who) -> (Vec<String>, support::Seen) {
    let log = bench.dir(&format!("log-{}", who.uid()), who).join("execs");
    let strace = ["strace", "-f", "-qq", "-s", "4096", "-e", "trace=execve,execveat", "-o"];
    let words: Vec<&str> = strace.into_iter().chain([log.to_str().expect("UTF-8"), "--"]).collect();
    let seen = through(job, &words).run().expect("a process");
    let text =
        fs::read_to_string(&log).unwrap_or_else(|e| panic!("{}: {e}\n{}", log.display(), explain(&seen)));
    let chain = text
        .lines()
        .filter(|line| line.trim_end().ends_with(" = 0"))
        .filter_map(|line| line.split_once('[')?.1.split('"').nth(1))
        .map(|argv0| argv0.rsplit('/').next().unwrap_or(argv0).to_owned())
        .collect();
    (chain, seen)
}
