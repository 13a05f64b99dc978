//! `sallyport enter`: what is run there is in the sandbox, and no more than that.

#![allow(clippy::expect_used)] // Tests: what is not as expected fails the test.

use stage::{Bench, Who, everyone};
use std::path::Path;
use support::{End, Fd, Job, Live, Seen};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A sandbox that runs until its input ends; and its first process, as it says itself on descriptor 9.
struct Sandbox {
    live: Live,
    inside: i32,
}

impl Sandbox {
    #[track_caller]
    fn start(bench: &Bench, who: Who, options: &str) -> Sandbox {
        let mut job = bench.job(bench.bin("bwrap"), who);
        job.args(options.split_whitespace()).args([
            "--info-fd",
            "9",
            "sh",
            "-c",
            "echo started; read line; exit 0",
        ]);
        job.fds.insert(9, Fd::Out);
        job.fds.insert(0, Fd::In);
        job.stdin = support::Stdin::Closed;
        let mut live = job.start().expect("a process");
        assert!(live.wait_for(1, "started\n"), "{}", text(live.output(2)));
        let info = text(live.output(9));
        let pid = info.split_once("\"child-pid\": ").and_then(|(_, rest)| rest.split([',', '\n']).next());
        let inside = pid.and_then(|pid| pid.parse().ok()).expect("a process id");
        Sandbox { live, inside }
    }

    #[track_caller]
    fn end(mut self) {
        self.live.close(0);
        assert_eq!(self.live.settle(), 0);
        assert_eq!(self.live.finish().expect("its end").status, End::Exit(0));
    }
}

#[track_caller]
fn enter(bench: &Bench, who: Who, options: &[&str], pid: i32, command: &[&str]) -> Seen {
    let tool = bench.install(Path::new(env!("CARGO_BIN_EXE_sallyport")), "bin/sallyport", 0o755);
    let mut job: Job = bench.job(tool, who);
    job.arg("enter").args(options).arg(pid.to_string()).args(command);
    let seen = job.run().expect("a process");
    assert_eq!(seen.leftovers, Vec::<String>::new());
    seen
}

/// What makes a sandbox, from the probe's report: all but which process it is.
fn confinement(report: &[u8]) -> Vec<String> {
    let alike = |line: &&str| {
        [
            "uid ",
            "gid ",
            "uid_map",
            "gid_map",
            "cap ",
            "no_new_privs",
            "seccomp",
            "hostname",
            "mount ",
            "env ",
        ]
        .iter()
        .any(|start| line.starts_with(start))
    };
    let report = String::from_utf8_lossy(report);
    report.lines().filter(alike).map(str::to_owned).collect()
}

#[test]
fn a_command_that_enters_is_as_confined_as_what_is_there() {
    let bench = Bench::set_up();
    let probe = bench.path("probe").to_string_lossy().into_owned();
    for who in everyone() {
        for options in [
            "--unshare-all --ro-bind / / --proc /proc --dev /dev --hostname inside --clearenv --setenv A b --chdir /usr",
            "--unshare-all --unshare-user --uid 5 --gid 6 --ro-bind / / --proc /proc --dev /dev",
            "--unshare-user --disable-userns --ro-bind / / --proc /proc",
            "--unshare-user --ro-bind / / --cap-add CAP_NET_ADMIN --unshare-net",
        ] {
            // The same sandbox with the probe as its command.
            let mut job = bench.job(bench.bin("bwrap"), who);
            job.args(options.split_whitespace()).arg(&probe);
            let direct = job.run().expect("a process");
            assert_eq!(direct.status, End::Exit(0), "{options}: {}", text(&direct.stderr));
            let sandbox = Sandbox::start(&bench, who, options);
            for pid in [sandbox.inside, sandbox.live.pid()] {
                let entered = enter(&bench, who, &[], pid, &[&probe]);
                assert_eq!(entered.status, End::Exit(0), "{options}: {}", text(&entered.stderr));
                assert_eq!(confinement(&entered.stdout), confinement(&direct.stdout), "{options}");
            }
            sandbox.end();
        }
    }
}

#[test]
fn exit_statuses_are_the_commands_or_say_why_there_was_none() {
    let bench = Bench::set_up();
    let who = Who::User;
    let sandbox = Sandbox::start(&bench, who, "--unshare-all --ro-bind / / --proc /proc");
    let status = |command: &[&str]| enter(&bench, who, &[], sandbox.inside, command).status;
    assert_eq!(status(&["sh", "-c", "exit 9"]), End::Exit(9));
    assert_eq!(status(&["sh", "-c", "kill -TERM $$"]), End::Exit(128 + 15));
    assert_eq!(status(&["/nonexistent"]), End::Exit(127));
    assert_eq!(status(&["/etc/passwd"]), End::Exit(126));
    sandbox.end();
    let seen = enter(&bench, who, &[], std::process::id() as i32, &["true"]);
    assert_eq!(seen.status, End::Exit(125));
    assert!(text(&seen.stderr).starts_with("sallyport: process "), "{}", text(&seen.stderr));
}

#[test]
fn filters_that_cannot_be_had_are_given_again_or_given_up() {
    let bench = Bench::set_up();
    let who = Who::User;
    // Everything but uname(2), which fails with ENOSYS.
    let filter: Vec<u8> =
        [(0x20, 0, 0, 0), (0x15, 0, 1, 63), (0x06, 0, 0, 0x0005_0026), (0x06, 0, 0, 0x7fff_0000u32)]
            .iter()
            .flat_map(|(code, jt, jf, k)| {
                let [c0, c1] = u16::to_ne_bytes(*code);
                let k = k.to_ne_bytes();
                [c0, c1, *jt, *jf, k[0], k[1], k[2], k[3]]
            })
            .collect();
    let path = bench.path("filter");
    std::fs::write(&path, &filter).expect("room in /tmp");
    let mut job = bench.job(bench.bin("bwrap"), who);
    let line = "--unshare-all --ro-bind / / --proc /proc --seccomp 8 --info-fd 9 sh -c";
    job.args(line.split(' ')).arg("echo started; read line; exit 0");
    job.fds.insert(8, Fd::File(filter));
    job.fds.insert(9, Fd::Out);
    job.fds.insert(0, Fd::In);
    job.stdin = support::Stdin::Closed;
    let mut live = job.start().expect("a process");
    assert!(live.wait_for(1, "started\n"), "{}", text(live.output(2)));
    let pid = live.pid();
    let refused = enter(&bench, who, &[], pid, &["uname"]);
    assert_eq!((refused.status, refused.stdout.len()), (End::Exit(125), 0));
    assert!(text(&refused.stderr).contains("--seccomp FILE"), "{}", text(&refused.stderr));
    let path = path.to_string_lossy().into_owned();
    assert_eq!(enter(&bench, who, &["--seccomp", &path], pid, &["uname"]).status, End::Exit(1));
    assert_eq!(enter(&bench, who, &["--no-filter"], pid, &["uname"]).status, End::Exit(0));
    live.close(0);
    assert_eq!(live.settle(), 0);
}
