//! Which programs run, one after the other: a stage without work is never exec'd.

use pipeline::{bwrap, exec_chain, has_strace};
use stage::filters::deny;
use stage::{Bench, Who, ended, everyone, skip};
use support::Fd;

const GETPGRP: i64 = 111;

#[track_caller]
fn assert_chain(bench: &Bench, who: Who, args: &[&str], filter: bool, expected: &[&str]) {
    let mut job = bwrap(bench, who, args);
    if filter {
        job.args(["--seccomp", "30"]);
        job.fds.insert(30, Fd::Data(deny(GETPGRP, libc::ENOSYS)));
    }
    job.args(["--", "/bin/true"]);
    let (chain, seen) = exec_chain(bench, job, who);
    ended(&seen, 0);
    assert_eq!(chain, expected, "{who:?} {args:?}");
}

#[test]
fn all_stages_run_in_their_order_and_seccomp_load_only_with_a_filter() {
    let bench = Bench::set_up();
    if !has_strace() {
        return skip("strace is not installed");
    }
    let all = ["--ro-bind", "/", "/", "--unshare-all", "--proc", "/proc", "--dev", "/dev"];
    for who in everyone() {
        let without = ["bwrap", "ns-enter", "fs-build", "priv-drop", "init-reaper", "true"];
        assert_chain(&bench, who, &all, false, &without);
        let with = ["bwrap", "ns-enter", "fs-build", "priv-drop", "init-reaper", "seccomp-load", "true"];
        assert_chain(&bench, who, &all, true, &with);
    }
}

#[test]
fn init_reaper_runs_only_where_it_is_pid_1_or_has_something_to_hold() {
    let bench = Bench::set_up();
    if !has_strace() {
        return skip("strace is not installed");
    }
    let without = ["bwrap", "ns-enter", "fs-build", "priv-drop", "true"];
    let with = ["bwrap", "ns-enter", "fs-build", "priv-drop", "init-reaper", "true"];
    let tree = ["--ro-bind", "/", "/"];
    for who in everyone() {
        for (more, expected) in [
            (&[][..], &without[..]),
            (&["--unshare-net"], &without),
            (&["--unshare-pid", "--as-pid-1"], &without),
            (&["--unshare-pid"], &with),
            (&["--lock-file", "/etc/passwd"], &with),
            (&["--sync-fd", "0"], &with),
        ] {
            assert_chain(&bench, who, &[&tree, more].concat(), false, expected);
        }
    }
}
