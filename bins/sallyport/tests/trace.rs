//! `sallyport trace`: the command notices nothing, the report says what the stages did.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // Tests: what fails to unwrap fails the test.

mod common;

use common::{compiled_as, said, sallyport};
use serde_json::Value;
use stage::{Bench, Who, everyone};
use std::fs;
use std::path::PathBuf;
use support::{End, Seen};

/// What was seen of `words`, traced, and the report.
fn trace(bench: &Bench, who: Who, options: &[&str], words: &[&str]) -> (Seen, String) {
    let report: PathBuf = bench.dir(&format!("reports-{}", who.uid()), who).join("report");
    let mut job = sallyport(bench, who, &["trace", "-o"]);
    job.arg(&report).args(options);
    job.args(words);
    let seen = job.run().unwrap();
    (seen, fs::read_to_string(&report).unwrap_or_default())
}

fn bwrap(bench: &Bench) -> String {
    bench.path("bin/bwrap").display().to_string()
}

/// The lines of a report, of one type.
fn lines(report: &str, kind: &str) -> Vec<Value> {
    let all = report.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.filter(|line| line["type"] == kind).collect()
}

#[test]
fn the_command_has_its_streams_and_its_status_and_is_not_watched() {
    let bench = Bench::set_up();
    let bwrap = bwrap(&bench);
    for who in everyone() {
        let script = "grep TracerPid /proc/self/status; echo oops >&2; exit 42";
        let words =
            ["--", &bwrap, "--ro-bind", "/", "/", "--unshare-pid", "--proc", "/proc", "sh", "-c", script];
        let (seen, report) = trace(&bench, who, &[], &words);
        assert_eq!(
            said(&seen),
            (End::Exit(42), "TracerPid:\t0\n".to_owned(), "oops\n".to_owned()),
            "{report}"
        );
        assert!(report.contains("exit status   42"), "{report}");
        let killed = ["--", &bwrap, "--ro-bind", "/", "/", "sh", "-c", "kill -KILL $$"];
        assert_eq!(trace(&bench, who, &[], &killed).0.status, End::Exit(137));
    }
}

#[test]
fn every_stage_is_in_the_report_with_what_it_did() {
    let bench = Bench::set_up();
    let bwrap = bwrap(&bench);
    for who in everyone() {
        let words = ["--", &bwrap, "--ro-bind", "/", "/", "--unshare-all", "--tmpfs", "/mnt", "true"];
        let (seen, report) = trace(&bench, who, &["--json"], &words);
        assert_eq!(seen.status, End::Exit(0), "{:?}", said(&seen));
        let stages = lines(&report, "stage");
        let names: Vec<&str> = stages.iter().filter_map(|stage| stage["stage"].as_str()).collect();
        for name in
            ["bwrap", "ns-enter", "ns-enter (forked)", "fs-build", "priv-drop", "init-reaper", "command"]
        {
            assert!(names.contains(&name), "{name}: {names:?}");
        }
        for stage in stages.iter().filter(|stage| stage["stage"] == "fs-build" || stage["stage"] == "bwrap") {
            assert!(stage["calls"].as_u64() > Some(5) && stage["took_us"].is_u64(), "{stage}");
        }
        let command = stages.iter().find(|stage| stage["stage"] == "command").unwrap();
        assert_eq!((&command["argv"][0], &command["end"]), (&"true".into(), &"let go".into()));
        let calls = lines(&report, "call");
        let did = |stage: &str, what: &str| {
            calls
                .iter()
                .any(|call| call["stage"] == stage && call["call"].as_str().unwrap().starts_with(what))
        };
        assert!(did("ns-enter", "clone("), "{report}");
        assert!(did("fs-build", "fsopen(\"tmpfs\""), "{report}");
        assert!(did("priv-drop", "prctl(PR_SET_NO_NEW_PRIVS"), "{report}");
        let end = lines(&report, "end");
        assert_eq!((end.len(), &end[0]["status"]), (1, &0.into()));
        assert!(end[0]["stops"].as_u64() > Some(100));
    }
}

#[test]
fn what_fails_is_among_the_errors() {
    let bench = Bench::set_up();
    let bwrap = bwrap(&bench);
    for who in everyone() {
        let words = ["--", &bwrap, "--ro-bind", "/no/such\tdir", "/", "true"];
        let (seen, report) = trace(&bench, who, &[], &words);
        let (status, _, err) = said(&seen);
        assert_eq!(status, End::Exit(1));
        assert!(err.starts_with("bwrap: Can't find source path /no/such"), "{err}");
        let (_, errors) = report.split_once("\nerrors\n").unwrap();
        let line =
            errors.lines().find(|line| line.contains("/no/such\\x09dir") && line.ends_with("= ENOENT"));
        assert!(line.is_some_and(|line| line.contains("fs-build")), "{report}");
    }
}

#[test]
fn without_a_file_the_report_is_on_standard_error() {
    let bench = Bench::set_up();
    let bwrap = bwrap(&bench);
    let words = ["trace", "--", &bwrap, "--ro-bind", "/", "/", "sh", "-c", "echo out; echo oops >&2; exit 3"];
    let (status, out, err) = said(&sallyport(&bench, Who::User, &words).run().unwrap());
    assert_eq!((status, out.as_str()), (End::Exit(3), "out\n"), "{err}");
    assert!(err.starts_with("oops\n") && err.contains("exit status   3"), "{err}");
}

#[test]
fn a_stored_plan_is_traced_too() {
    let bench = Bench::set_up();
    for who in everyone() {
        let plan = compiled_as(
            &bench,
            who,
            &format!("plan-{}", who.uid()),
            &["--ro-bind", "/", "/", "--", "echo", "planned"],
        );
        let (seen, report) = trace(&bench, who, &["--plan", plan.to_str().unwrap()], &["more"]);
        assert_eq!(said(&seen).1, "planned more\n", "{:?}", said(&seen));
        assert!(report.contains(" fs-build ") && report.contains("echo planned more"), "{report}");
    }
}

#[test]
fn nothing_is_run_that_could_not_be_reported_and_what_does_not_exist_is_said() {
    let bench = Bench::set_up();
    let mut job = sallyport(&bench, Who::User, &["trace", "-o", "/no/such/dir/report", "--", "echo", "run"]);
    job.cwd = Some("/".into());
    let (status, out, err) = said(&job.run().unwrap());
    assert_eq!((status, out.as_str()), (End::Exit(1), ""));
    assert!(err.starts_with("sallyport: /no/such/dir/report: "), "{err}");
    let (seen, _) = trace(&bench, Who::User, &[], &["--", "/no/such/program"]);
    let (status, _, err) = said(&seen);
    assert_eq!(status, End::Exit(1));
    assert!(err.starts_with("sallyport: /no/such/program: "), "{err}");
}
