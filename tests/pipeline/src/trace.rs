//! Which programs a launch execs, one after the other, as strace(1) sees it.

use stage::{Bench, Who, explain, through};
use std::collections::BTreeMap;
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
    (execs(&text), seen)
}

/// `argv[0]` of each exec that succeeded, without folders, in the order in which they ended, from strace's log.
///
/// A call that another process's line interrupts is written in two parts, both with its process's number: it begins
/// with `<unfinished ...>` at its end and ends with `<... execve resumed>` at its beginning.
fn execs(log: &str) -> Vec<String> {
    let mut begun: BTreeMap<&str, &str> = BTreeMap::new();
    let mut chain = Vec::new();
    for line in log.lines() {
        let (pid, call) = line.split_once(' ').unwrap_or(("", line));
        let argv0 = call.split_once('[').and_then(|(_, argv)| argv.split('"').nth(1));
        let ended = call.trim_end().ends_with(" = 0");
        if call.trim_end().ends_with("<unfinished ...>") {
            begun.extend(argv0.map(|argv0| (pid, argv0)));
        } else if call.trim_start().starts_with("<... exec") {
            chain.extend(begun.remove(pid).filter(|_| ended));
        } else {
            chain.extend(argv0.filter(|_| ended));
        }
    }
    chain.into_iter().map(|argv0| argv0.rsplit('/').next().unwrap_or(argv0).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::execs;

    #[test]
    fn an_exec_that_is_written_in_two_parts_is_one() {
        let log = "7     execve(\"/x/bwrap\", [\"/x/bwrap\", \"--\"], 0x1 /* 2 vars */) = 0\n\
                   7     execveat(4, \"\", [\"ns-enter\", \"--plan=3\"], 0x1, AT_EMPTY_PATH <unfinished ...>\n\
                   8     --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED} ---\n\
                   7     <... execveat resumed>)         = 0\n\
                   7     execve(\"/a/no\", [\"no\"], 0x1 <unfinished ...>\n\
                   8     execve(\"/b/sh\", [\"sh\"], 0x1) = 0\n\
                   7     <... execve resumed>) = -1 ENOENT (No such file or directory)\n\
                   7     execve(\"/b/no\", [\"no\"], 0x1) = -1 ENOENT (No such file or directory)\n\
                   7     +++ exited with 0 +++\n";
        assert_eq!(execs(log), ["bwrap", "ns-enter", "sh"]);
    }
}
