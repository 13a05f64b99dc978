//! The maker of a sandbox's network namespace, which has power over the sandbox and the host's files in its root: no
//! command meets it, and what goes wrong with it ends the launch.

use attack::hostile::bwrap;
use stage::{Bench, Who, everyone, explain, skip, through};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::{End, Fd, Job, Seen};

/// A namespace that is made meanwhile, and every power in it over whoever is in its user namespace.
const POWERFUL: [&str; 8] = ["--unshare-net", "--cap-add", "ALL", "--ro-bind", "/", "/", "--tmpfs", "/tmp"];

/// Says of every process that can be seen whether `$0` can be read in its root. Nothing is started for that.
const PEEK: &str = "for root in /proc/[0-9]*/root; do [ -r \"$root$0\" ] && echo found; done; echo looked";

fn has_strace() -> bool {
    let found = Command::new("strace").arg("-V").output().is_ok();
    if !found {
        skip("strace is not installed");
    }
    found
}

/// The job under strace, which writes to `log` and does `what`.
fn traced(job: Job, log: &Path, what: &[&str]) -> Job {
    let words = [&["strace", "-f", "-qq", "-o", log.to_str().unwrap()], what].concat();
    through(job, &words)
}

/// Where `who` may write.
fn log(bench: &Bench, who: Who) -> PathBuf {
    bench.dir(&format!("log-{who:?}"), who).join("strace")
}

fn said(seen: &Seen) -> String {
    String::from_utf8_lossy(&seen.stderr).into_owned()
}

/// CAP_SYS_PTRACE is enough to go where the maker is: it has to be gone, and not only done. (An end of its socket that came
/// from a close let the command write to the host: up to one launch in eight.)
#[test]
fn no_command_finds_the_maker() {
    let bench = Bench::set_up();
    if !has_strace() {
        return;
    }
    let secret = bench.install(support::probe(), "secret", 0o644);
    let peek = |job: &mut Job| {
        job.args(["sh", "-c", PEEK]).arg(&secret);
    };
    // The control: where its own root has the file, it is found.
    let mut open = bwrap(&bench, Who::User, &["--ro-bind", "/", "/"]);
    peek(&mut open);
    let seen = open.run().unwrap();
    assert!(String::from_utf8_lossy(&seen.stdout).contains("found\n"), "{}", explain(&seen));
    // A maker that takes half a second for its last step.
    let mut job = bwrap(&bench, Who::User, &POWERFUL);
    peek(&mut job);
    let log = log(&bench, Who::User);
    let delay =
        ["-e", "trace=exit_group,unshare,execve", "-e", "inject=exit_group:delay_enter=500000:when=1"];
    let seen = traced(job, &log, &delay).run().unwrap();
    assert_eq!((seen.status, &seen.stdout[..]), (End::Exit(0), &b"looked\n"[..]), "{}", explain(&seen));
    let log = std::fs::read_to_string(&log).unwrap();
    let at = |what: &dyn Fn(&str) -> bool| log.lines().position(what).unwrap_or_else(|| panic!("{log}"));
    let line = log.lines().nth(at(&|line| line.contains("unshare(CLONE_NEWNET)"))).unwrap();
    let maker = line.split_whitespace().next().unwrap();
    // Its half a second has passed before the command begins.
    let is_end = |line: &str| line.starts_with(maker) && line.contains("exit_group") && line.ends_with("= ?");
    assert!(at(&is_end) < at(&|line| line.contains("/sh\", [\"sh\",")), "{log}");
}

/// In a user namespace that allows no network namespace, as an ordinary user of that.
fn without_network_namespaces(job: Job) -> Job {
    let none = "echo 0 >/proc/sys/user/max_net_namespaces && exec setpriv --inh-caps=-all --ambient-caps=-all \"$@\"";
    through(job, &["unshare", "--user", "--map-current-user", "--keep-caps", "sh", "-c", none, "sh"])
}

const REFUSED: &str =
    "Creating new namespace failed: nesting depth or /proc/sys/user/max_*_namespaces exceeded (ENOSPC)\n";

/// fs-build waits for somebody who says nothing; the launch does not.
#[test]
fn a_refused_namespace_ends_the_launch_whatever_the_sandbox_waits_for() {
    let bench = Bench::set_up();
    let waits: [&[&str]; 2] = [&["--file", "9", "/tmp/data"], &["--block-fd", "9"]];
    for wait in waits {
        let args =
            [&["--unshare-net", "--ro-bind", "/", "/", "--tmpfs", "/tmp"], wait, &["echo", "run"]].concat();
        let mut job = without_network_namespaces(bwrap(&bench, Who::User, &args));
        job.fds.insert(9, Fd::In);
        job.timeout = Some(Duration::from_secs(10));
        let mut live = job.start().unwrap();
        assert!(live.wait_end(), "{wait:?}");
        let seen = live.finish().unwrap();
        assert_eq!((seen.status, &seen.stdout[..]), (End::Exit(1), &b""[..]), "{}", explain(&seen));
        assert_eq!(said(&seen), format!("bwrap: {REFUSED}"));
        assert!(seen.leftovers.is_empty(), "{}", explain(&seen));
    }
}

/// As a command of its own ns-enter has a status for that, and says what is behind it.
#[test]
fn a_refused_namespace_is_explained_in_a_chain() {
    let bench = Bench::set_up();
    let bin = |name: &str| bench.bin(name).to_string_lossy().into_owned();
    let mut job = bench.job(bench.bin("ns-enter"), Who::User);
    job.args(["--unshare-net", "--", &bin("fs-build"), "--ro-bind", "/", "/", "--"]);
    job.args([&bin("priv-drop"), "--cap-drop", "ALL", "--", "echo", "run"]);
    let seen = without_network_namespaces(job).run().unwrap();
    assert_eq!((seen.status, &seen.stdout[..]), (End::Exit(125), &b""[..]), "{}", explain(&seen));
    let said = said(&seen);
    let rest = said.strip_prefix(&format!("ns-enter: {REFUSED}")).unwrap_or_else(|| panic!("{said}"));
    assert!(rest.contains("max_net_namespaces"), "{said}");
}

#[test]
fn nothing_is_run_when_the_maker_is_killed() {
    let bench = Bench::set_up();
    if !has_strace() {
        return;
    }
    // At its first step, and at what it does when the sandbox's first process has come this far already.
    for call in ["socketpair", "getsockopt", "unshare", "sendmsg", "sendto"] {
        let job = bwrap(&bench, Who::User, &[&POWERFUL[..], &["echo", "run"]].concat());
        let log = log(&bench, Who::User);
        let kill = format!("inject={call}:signal=KILL");
        let seen = traced(job, &log, &["-e", &format!("trace={call}"), "-e", &kill]).run().unwrap();
        let log = std::fs::read_to_string(&log).unwrap();
        assert!(log.contains("+++ killed by SIGKILL +++"), "{call}: {log}");
        assert!(matches!(seen.status, End::Exit(status) if status != 0), "{call}: {}", explain(&seen));
        assert!(seen.stdout.is_empty(), "{call}: {}", explain(&seen));
        assert!(seen.leftovers.is_empty(), "{call}: {}", explain(&seen));
    }
}

/// Before Linux 5.14, where nobody can tell which namespace was joined, or with one process less than it takes.
#[test]
fn where_it_cannot_be_made_meanwhile_it_is_made_first() {
    let bench = Bench::set_up();
    if !has_strace() {
        return;
    }
    for call in ["getsockopt:error=ENOPROTOOPT", "socketpair:error=EMFILE"] {
        let mut job = bwrap(&bench, Who::User, &POWERFUL);
        job.args(["sh", "-c", "readlink /proc/self/ns/net; grep -c . /proc/net/dev"]);
        let log = log(&bench, Who::User);
        let seen = traced(job, &log, &["-e", &format!("inject={call}")]).run().unwrap();
        assert_eq!(seen.status, End::Exit(0), "{call}: {}", explain(&seen));
        let stdout = String::from_utf8_lossy(&seen.stdout).into_owned();
        let (namespace, interfaces) = stdout.trim().split_once('\n').unwrap();
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        assert_ne!(Path::new(namespace), own);
        // Two lines of heading, and lo.
        assert_eq!(interfaces, "3", "{call}");
        let log = std::fs::read_to_string(&log).unwrap();
        assert!(log.contains("(INJECTED)") && !log.contains("unshare(CLONE_NEWNET)"), "{log}");
    }
}

/// Whoever is asked for a namespace that it makes in another way has no maker.
#[test]
fn root_has_no_maker() {
    let bench = Bench::set_up();
    if !has_strace() {
        return;
    }
    for who in everyone() {
        let job = bwrap(&bench, who, &["--unshare-net", "--ro-bind", "/", "/", "true"]);
        let log = log(&bench, who);
        let seen = traced(job, &log, &["-e", "trace=unshare"]).run().unwrap();
        assert_eq!(seen.status, End::Exit(0), "{}", explain(&seen));
        let has_one = std::fs::read_to_string(&log).unwrap().contains("unshare(CLONE_NEWNET)");
        assert_eq!(has_one, who == Who::User, "{who:?}");
    }
}
