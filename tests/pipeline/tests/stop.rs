//! A key that stops the job (Ctrl-Z) stops it whenever it comes, and it goes on from there as if nothing had been.

use pipeline::{Stopped, bwrap, count_stops, stopped_at};
use stage::{Bench, everyone, script};
use std::time::Duration;

/// Stops the launch at every stop of its system calls, one after the other.
///
/// With a PID namespace only bwrap is looked at: nobody stops the first process of that with a key.
fn assert_stops_and_goes_on(args: &[&str]) {
    let bench = Bench::set_up();
    let own_pids = args.contains(&"--unshare-all");
    for who in everyone() {
        let mut wrong = Vec::new();
        // Who lags behind has some time to stop: bwrap tells the sandbox of a key that came before that was there.
        let mut job = script(bwrap(&bench, who, args), "sleep 20;exit 7");
        job.arg(bench.path("successor"));
        job.timeout = Some(Duration::from_secs(5));
        let all = count_stops(&job).unwrap();
        let mut stop = 1;
        while let Some(stopped) = stopped_at(&job, stop, !own_pids).unwrap() {
            let at = stopped.at.clone();
            let good = Stopped { at, has_stopped: true, went_on: vec![], end: Some(7 << 8), left: vec![] };
            if stopped != good {
                wrong.push(format!("{who:?}, stop {stop}: {stopped:?}"));
                // Each takes as long as patience lasts.
                assert!(wrong.len() < 5, "{wrong:#?} and so on");
            }
            stop += 1;
        }
        println!("{who:?}: stopped at {stop} of {all} points");
        // But for the last few, at which bwrap may be on its way out already.
        assert!(stop + 25 > all, "only {stop} of {all}");
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

#[test]
fn a_launch_stops_with_all_namespaces() {
    assert_stops_and_goes_on(&["--unshare-all", "--dev-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]);
}

#[test]
fn a_launch_stops_with_a_network_namespace_and_no_pid_namespace() {
    assert_stops_and_goes_on(&["--unshare-net", "--dev-bind", "/", "/"]);
}

#[test]
fn a_launch_stops_without_a_namespace_but_for_the_mounts() {
    assert_stops_and_goes_on(&["--dev-bind", "/", "/"]);
}

#[test]
fn a_launch_stops_where_somebody_wants_to_know_how_it_ends() {
    assert_stops_and_goes_on(&["--dev-bind", "/", "/", "--die-with-parent", "--forward-signals"]);
}
