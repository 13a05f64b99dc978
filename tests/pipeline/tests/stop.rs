//! A key that stops the job (Ctrl-Z) stops it whenever it comes, and it goes on from there as if nothing had been.

use pipeline::{Stopped, bwrap, stopped_at};
use stage::{Bench, everyone, script};
use std::time::Duration;

/// Stops the launch at every stop of its system calls, one after the other.
fn assert_stops_and_goes_on(args: &[&str], at_least: usize) {
    let bench = Bench::set_up();
    let mut wrong = Vec::new();
    for who in everyone() {
        let mut job = script(bwrap(&bench, who, args), "exit 7");
        job.arg(bench.path("successor"));
        job.timeout = Some(Duration::from_secs(5));
        let mut stop = 1;
        while let Some(stopped) = stopped_at(&job, stop).unwrap() {
            let at = stopped.at.clone();
            let good = Stopped { at, has_stopped: true, end: Some(7 << 8), left: vec![] };
            if stopped != good {
                wrong.push(format!("{who:?}, stop {stop}: {stopped:?}"));
                // Each takes as long as patience lasts.
                assert!(wrong.len() < 5, "{wrong:#?} and so on");
            }
            stop += 1;
        }
        println!("{who:?}: stopped at {stop} points");
        assert!(stop > at_least, "only {stop} stops");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_launch_stops_with_all_namespaces() {
    let all = ["--unshare-all", "--dev-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"];
    assert_stops_and_goes_on(&all, 200);
}

#[test]
fn a_launch_stops_with_a_network_namespace_and_no_pid_namespace() {
    assert_stops_and_goes_on(&["--unshare-net", "--dev-bind", "/", "/"], 120);
}

#[test]
fn a_launch_stops_without_a_namespace_but_for_the_mounts() {
    assert_stops_and_goes_on(&["--dev-bind", "/", "/"], 120);
}

#[test]
fn a_launch_stops_where_somebody_wants_to_know_how_it_ends() {
    let args = ["--dev-bind", "/", "/", "--die-with-parent", "--forward-signals"];
    assert_stops_and_goes_on(&args, 120);
}
