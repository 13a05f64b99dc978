//! The sandbox of bubblewrap's README built as a command line, as a chain of stages and from a stored plan: a probe inside
//! sees the same.

#![allow(clippy::unwrap_used)] // Tests: what fails to unwrap fails the test.

mod common;

use common::{compiled, sallyport};
use stage::{Bench, Who, ended, everyone, skip};
use std::path::Path;

/// The options, by the stage that they are for; the probe is bound in where the README has a shell.
struct Options {
    ns_enter: Vec<String>,
    fs_build: Vec<String>,
    command: Vec<String>,
}

fn readme(bench: &Bench, who: Who) -> Options {
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<String>>();
    let run = format!("/run/user/{}", who.uid());
    let probe = bench.path("probe");
    Options {
        ns_enter: words("--unshare-pid --unshare-net"),
        fs_build: words(&format!(
            "--ro-bind /usr /usr --dir /tmp --proc /proc --dev /dev --ro-bind /etc/hostname /etc/hostname \
             --symlink usr/lib /lib --symlink usr/lib64 /lib64 --symlink usr/bin /bin --symlink usr/sbin /sbin \
             --dir {run} --ro-bind {} /probe",
            probe.display()
        )),
        command: words(&format!("--chdir / --setenv XDG_RUNTIME_DIR {run}")),
    }
}

/// Everything that the probe can tell of itself, its mounts, process 1, and the processes there are.
const QUESTIONS: [&[&str]; 4] = [&["report"], &["pid1"], &["tree"], &["try-userns"]];

#[test]
fn a_command_line_a_chain_and_a_stored_plan_give_the_same_confinement() {
    let bench = Bench::set_up();
    if !Path::new("/etc/hostname").exists() {
        return skip("this machine has no /etc/hostname");
    }
    for who in everyone() {
        let Options { ns_enter, fs_build, command } = readme(&bench, who);
        for question in QUESTIONS {
            let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
            let inner = [words(&["/probe"]), words(question)].concat();
            let line = [&fs_build[..], &command, &ns_enter, &inner].concat();
            let mut job = bench.job(bench.bin("bwrap"), who);
            let dropped_in = ended(&job.args(&line).run().unwrap(), 0).text().to_owned();
            let file = compiled(&bench, who, &line);
            let mut job = sallyport(&bench, who, &["run"]);
            let stored = ended(&job.arg(&file).run().unwrap(), 0).text().to_owned();
            let chain = [
                ns_enter.clone(),
                words(&["--", "fs-build"]),
                fs_build.clone(),
                // By itself init-reaper would give the command a process group of its own, which bwrap does not.
                words(&["--", "priv-drop", "--", "init-reaper", "--no-foreground"]),
                command.clone(),
                words(&["--"]),
                inner,
            ]
            .concat();
            let mut job = bench.job(bench.bin("ns-enter"), who);
            let chained = ended(&job.args(&chain).run().unwrap(), 0).text().to_owned();
            let chain = [words(&["--chain", "ns-enter"]), chain].concat();
            let file = compiled(&bench, who, &chain);
            let mut job = sallyport(&bench, who, &["run"]);
            let stored_chain = ended(&job.arg(&file).run().unwrap(), 0).text().to_owned();
            assert!(!dropped_in.is_empty());
            assert_eq!(stored, dropped_in, "{who:?} {question:?}: stored plan, command line");
            assert_eq!(chained, dropped_in, "{who:?} {question:?}: chain, command line");
            assert_eq!(stored_chain, dropped_in, "{who:?} {question:?}: stored chain, command line");
        }
    }
}
