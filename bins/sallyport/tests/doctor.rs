//! `sallyport doctor`: what it says on a host that allows everything, and where something is forbidden.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // Tests: what fails to unwrap fails the test.

mod common;

use common::{said, sallyport};
use serde_json::Value;
use stage::{Bench, Who, everyone};
use support::{End, Fd, Job, Seen, is_root};

fn check(seen: &Seen, name: &str) -> (String, String, String) {
    let all: Value = serde_json::from_slice(&seen.stdout).unwrap();
    let checks = all.as_array().unwrap();
    let found = checks.iter().find(|check| check["check"] == name);
    assert!(found.is_some(), "no check {name} in {all:#}");
    let found = found.unwrap();
    let text = |key: &str| found[key].as_str().unwrap().to_owned();
    (text("state"), text("found"), text("fix"))
}

/// The same job, started through another program.
fn through(job: Job, words: &[&str]) -> Job {
    let mut job = job;
    job.argv.splice(0..0, words.iter().map(Into::into));
    job
}

#[test]
fn where_sandboxes_work_it_says_so_and_exits_0() {
    let bench = Bench::set_up();
    for who in everyone() {
        let seen = sallyport(&bench, who, &["doctor", "--json"]).run().unwrap();
        assert_eq!(seen.status, End::Exit(0), "{:?}", said(&seen));
        for name in ["kernel", "/proc", "user namespaces", "namespaces", "proc mount", "launch", "ns-enter"] {
            assert_eq!(check(&seen, name).0, "ok", "{name}: {:?}", said(&seen));
        }
        let (status, words, _) = said(&sallyport(&bench, who, &["doctor"]).run().unwrap());
        assert_eq!(status, End::Exit(0));
        assert!(words.lines().any(|line| line.starts_with("ok       launch ")), "{words}");
    }
}

#[test]
fn a_user_without_a_line_in_subuid_is_told_the_command_that_adds_one() {
    let bench = Bench::set_up();
    let subuid = std::fs::read_to_string("/etc/subuid").unwrap_or_default();
    if subuid.lines().any(|line| line.starts_with("1000:")) || !is_root() {
        stage::skip("uid 1000 has subordinate ids here, or this is not root");
        return;
    }
    let seen = sallyport(&bench, Who::User, &["doctor", "--json"]).run().unwrap();
    let (state, found, fix) = check(&seen, "subordinate ids");
    assert!(state == "limited" && found.starts_with("no line for "), "{found}");
    assert!(fix.starts_with("usermod --add-subuids "), "{fix}");
}

#[test]
fn a_limit_of_0_user_namespaces_is_named() {
    let bench = Bench::set_up();
    let job = sallyport(&bench, Who::User, &["doctor", "--json"]);
    let limit = "echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all \
                 --no-new-privs \"$@\"";
    let seen = through(job, &["/usr/bin/unshare", "-U", "-r", "/bin/sh", "-c", limit, "sh"]).run().unwrap();
    let (state, found, fix) = check(&seen, "user namespaces");
    assert!(state != "ok" && found.ends_with("user.max_user_namespaces=0"), "{found}");
    assert!(fix.starts_with("sysctl user.max_user_namespaces="), "{fix}");
    assert_eq!(check(&seen, "no_new_privs").0, "limited");
}

#[test]
fn without_user_namespaces_root_is_not_told_that_unshare_all_breaks_and_works() {
    let bench = Bench::set_up();
    let job = sallyport(&bench, Who::User, &["doctor", "--json"]);
    let limit = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"";
    let seen = through(job, &["/usr/bin/unshare", "-U", "-r", "/bin/sh", "-c", limit, "sh"]).run().unwrap();
    assert!(check(&seen, "launch").1.starts_with("works, with --unshare-all too"), "{:?}", said(&seen));
    let all: Value = serde_json::from_slice(&seen.stdout).unwrap();
    let user = all.as_array().unwrap().iter().find(|check| check["check"] == "user namespaces").unwrap();
    assert_eq!(user["breaks"], "--unshare-user, --uid-map");
}

#[test]
fn a_limit_of_0_network_namespaces_is_not_blamed_on_mounts() {
    let bench = Bench::set_up();
    let job = sallyport(&bench, Who::User, &["doctor", "--json"]);
    let limit = "echo 0 > /proc/sys/user/max_net_namespaces && exec \"$@\"";
    let seen = through(job, &["/usr/bin/unshare", "-U", "-r", "/bin/sh", "-c", limit, "sh"]).run().unwrap();
    let (state, _, fix) = check(&seen, "network namespace");
    assert_eq!((state.as_str(), fix.as_str()), ("limited", "sysctl user.max_net_namespaces=10000"));
    for mount in ["tmpfs", "mqueue", "overlay"] {
        assert_eq!(check(&seen, mount).0, "ok", "{mount}: {:?}", said(&seen));
    }
    let (state, found, fix) = check(&seen, "sysfs");
    assert!(state == "limited" && found.ends_with("it takes a network namespace"), "{found}");
    assert_eq!(fix, "that of the namespace, above");
}

/// What `doctor` says where an empty file system is mounted on `dir`.
fn covered(bench: &Bench, dir: &str, path: &str) -> Seen {
    let job = sallyport(bench, Who::Root, &["doctor", "--json"]);
    let script = format!("mount -t tmpfs none {dir} && PATH={path}:$PATH exec \"$@\"");
    through(job, &["/usr/bin/unshare", "-m", "/bin/sh", "-c", &script, "sh"]).run().unwrap()
}

#[test]
fn what_cannot_be_read_is_not_taken_for_absent() {
    let bench = Bench::set_up();
    if !is_root() {
        stage::skip("mounting over /proc is root's");
        return;
    }
    let seen = covered(&bench, "/proc/sys", "/usr/bin");
    let (state, found, _) = check(&seen, "seccomp");
    assert!(state == "ok" && found.contains("not known ("), "{found}");
    let bin = bench.path("bin").display().to_string();
    let seen = covered(&bench, "/proc", &bin);
    assert_ne!(check(&seen, "bwrap").1, "not found beside this program nor in PATH");
}

#[test]
fn every_program_of_a_launch_is_looked_for() {
    let bench = Bench::set_up();
    let seen = sallyport(&bench, Who::User, &["doctor", "--json"]).run().unwrap();
    for name in ["compose", "cgroup-keeper", "pty-relay"] {
        let (state, found, _) = check(&seen, name);
        assert!(state == "ok" || found == "not found", "{name}: {state} {found}");
    }
    assert!(check(&seen, "namespaces").1.contains("time") || check(&seen, "time namespace").0 == "limited");
}

#[test]
fn under_a_filter_that_forbids_namespaces_every_launch_fails_and_the_filter_is_suspected() {
    let bench = Bench::set_up();
    let filter = sallyport(&bench, Who::User, &["seccomp", "compile", "no-userns"]).run().unwrap().stdout;
    assert!(!filter.is_empty());
    let job = sallyport(&bench, Who::User, &["doctor", "--json"]);
    let bwrap = bench.path("bin/bwrap").display().to_string();
    let mut job = through(job, &[&bwrap, "--seccomp", "9", "--dev-bind", "/", "/", "--"]);
    job.fds.insert(9, Fd::Data(filter));
    let seen = job.run().unwrap();
    assert_eq!(seen.status, End::Exit(1), "{:?}", said(&seen));
    let (state, found, _) = check(&seen, "user namespaces");
    assert!(state == "fails" && found.contains("seccomp filter"), "{found}");
    assert_eq!(check(&seen, "launch").0, "fails");
    assert_eq!(check(&seen, "seccomp").0, "limited");
}

#[test]
fn in_a_chroot_it_says_that_a_chroot_may_be_the_reason() {
    let bench = Bench::set_up();
    if !is_root() {
        stage::skip("chroot is root's");
        return;
    }
    let root = bench.dir("root", Who::Root).display().to_string();
    let job = sallyport(&bench, Who::Root, &["doctor", "--json"]);
    let script = "mount --rbind / \"$0\" && exec chroot \"$0\" \"$@\"";
    let seen = through(job, &["/usr/bin/unshare", "-m", "/bin/sh", "-c", script, &root]).run().unwrap();
    let (state, found, fix) = check(&seen, "user namespaces");
    assert!(state == "limited" && found.contains("a chroot does"), "{found}");
    assert!(fix.starts_with("start outside the chroot"), "{fix}");
}

#[test]
fn executables_that_others_can_change_or_that_are_set_user_id_are_named() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::set_up();
    let bwrap = bench.path("bin/bwrap");
    for (mode, state) in [(0o777, "limited"), (0o4755, "fails"), (0o755, "ok")] {
        std::fs::set_permissions(&bwrap, std::fs::Permissions::from_mode(mode)).unwrap();
        let seen = sallyport(&bench, Who::User, &["doctor", "--json"]).run().unwrap();
        assert_eq!(check(&seen, "bwrap").0, state, "{:?}", said(&seen));
        assert_eq!(seen.status, End::Exit(i32::from(state == "fails")), "{:?}", said(&seen));
    }
}
