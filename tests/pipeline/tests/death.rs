//! With --die-with-parent nothing outlives bwrap, whenever it is killed.

use pipeline::{Order, Point, bwrap, killed_at};
use stage::{Bench, Who, everyone, script};
use std::time::Duration;
use support::Job;

/// A sandbox whose command waits for good.
fn job(bench: &Bench, who: Who, args: &[&str]) -> Job {
    let mut job = script(bwrap(bench, who, args), "forever");
    job.arg(bench.path("successor"));
    job
}

/// Kills bwrap at every stop of the launch, one after the other, and asserts that each time nobody is left.
fn assert_nothing_outlives_bwrap(args: &[&str], order: Order) {
    let bench = Bench::set_up();
    let mut outlived = Vec::new();
    for who in everyone() {
        let mut job = job(&bench, who, args);
        job.timeout = Some(Duration::from_secs(3));
        for stop in 1.. {
            let point = killed_at(&job, stop, order).unwrap();
            let left = match &point {
                Point::Killed { left, .. } | Point::Waiting { left } => left,
                Point::Ended(status) => panic!("{who:?}: the launch failed by itself: {status:#x}"),
            };
            if !left.is_empty() {
                outlived.push(format!("{who:?}, killed at stop {stop}: {point:?}"));
            }
            if matches!(point, Point::Waiting { .. }) {
                // All stages together make some hundred calls, bwrap alone some dozen.
                assert!(stop > if order == Order::Both { 120 } else { 30 }, "only {stop} stops");
                println!("{who:?}: killed at {stop} points");
                break;
            }
        }
    }
    assert!(outlived.is_empty(), "{}", outlived.join("\n"));
}

const TREE: [&str; 4] = ["--die-with-parent", "--dev-bind", "/", "/"];

const ALL: [&str; 5] = ["--unshare-all", "--proc", "/proc", "--dev", "/dev"];
const AS_PID_1: [&str; 2] = ["--unshare-pid", "--as-pid-1"];
const LOCK: [&str; 2] = ["--lock-file", "/etc/passwd"];

#[test]
fn nothing_outlives_bwrap_with_all_namespaces() {
    assert_nothing_outlives_bwrap(&[&TREE[..], &ALL].concat(), Order::Both);
}

#[test]
fn nothing_outlives_bwrap_without_a_pid_namespace() {
    assert_nothing_outlives_bwrap(&TREE, Order::Both);
}

#[test]
fn nothing_outlives_bwrap_where_the_command_is_pid_1() {
    assert_nothing_outlives_bwrap(&[&TREE[..], &AS_PID_1].concat(), Order::Both);
}

#[test]
fn nothing_outlives_bwrap_where_init_reaper_only_holds_a_lock() {
    assert_nothing_outlives_bwrap(&[&TREE[..], &LOCK].concat(), Order::Both);
}

/// What has not asked for its death signal yet must find out by itself that bwrap is gone.
#[test]
fn nothing_outlives_bwrap_however_late_the_sandbox_begins() {
    for more in [&ALL[..], &[], &AS_PID_1, &LOCK] {
        assert_nothing_outlives_bwrap(&[&TREE[..], more].concat(), Order::BwrapAlone);
    }
}

/// The control: without the option the sandbox goes on, and this is how it would show above.
#[test]
fn without_die_with_parent_the_sandbox_goes_on() {
    let bench = Bench::set_up();
    for who in everyone() {
        let mut job = job(&bench, who, &["--dev-bind", "/", "/", "--unshare-pid"]);
        job.timeout = Some(Duration::from_millis(300));
        let Point::Waiting { left } = killed_at(&job, usize::MAX, Order::Both).unwrap() else {
            panic!("not reached")
        };
        assert!(!left.is_empty(), "{who:?}");
    }
}
