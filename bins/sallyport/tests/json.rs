//! `sallyport show --json` and `from-json`: a plan that jq has edited is launched as edited.

#![allow(clippy::unwrap_used)] // Tests: what fails to unwrap fails the test.

mod common;

use common::{compiled, said, sallyport};
use stage::{Bench, Who, ended, everyone, skip};
use std::fs;
use std::process::{Command, Stdio};
use support::{End, Stdin};

/// Bytes of a path that are no UTF-8, for the command to print.
const ODD: &[u8] = b"odd \xff\\";

#[test]
fn a_plan_goes_through_json_and_back_unchanged() {
    let bench = Bench::set_up();
    for who in everyone() {
        let odd = std::os::unix::ffi::OsStrExt::from_bytes(ODD);
        let words: Vec<&std::ffi::OsStr> =
            ["--ro-bind", "/", "/", "printf", "%s"].iter().map(std::ffi::OsStr::new).chain([odd]).collect();
        let file = compiled(&bench, who, &words);
        let mut show = sallyport(&bench, who, &["show", "--json"]);
        let json = show.arg(&file).run().unwrap();
        let mut back = sallyport(&bench, who, &["from-json", "-"]);
        back.stdin = Stdin::Data(json.stdout.clone());
        let seen = back.run().unwrap();
        assert_eq!(seen.status, End::Exit(0));
        assert_eq!(seen.stdout, fs::read(&file).unwrap());
        let mut run = sallyport(&bench, who, &["run"]);
        assert_eq!(run.arg(&file).run().unwrap().stdout, ODD);
    }
}

#[test]
fn a_plan_edited_with_jq_is_launched_as_edited() {
    let bench = Bench::set_up();
    if Command::new("jq").arg("--version").stdout(Stdio::null()).status().is_err() {
        return skip("jq is not installed");
    }
    let script = r#"set -e
        sallyport show --json "$1" |
            jq '.command.args[-1] = "edited" | .["ns-enter"].namespaces += ["uts"] | .["ns-enter"].hostname = "box"' |
            sallyport from-json -o "$1" -
        sallyport show --json "$1" | jq -r '.["ns-enter"].hostname'
        exec sallyport run "$1""#;
    for who in everyone() {
        let words =
            ["--ro-bind", "/", "/", "sh", "-c", "echo $0 $(cat /proc/sys/kernel/hostname)", "original"];
        let file = compiled(&bench, who, &words);
        let mut job = sallyport(&bench, who, &[""; 0]);
        let path = job.argv[0].clone();
        job.argv = ["sh", "-c", script, "sh"].map(Into::into).into();
        job.arg(&file);
        let bin = std::path::Path::new(&path).parent().unwrap();
        let job = stage::with_env(job, "PATH", &format!("{}:/usr/bin:/bin", bin.display()));
        assert_eq!(ended(&job.run().unwrap(), 0).text(), "box\nedited box\n");
    }
}

#[test]
fn json_that_is_wrong_is_refused_with_its_place_and_nothing_is_written() {
    let bench = Bench::set_up();
    let file = bench.path("never");
    for (text, wrong) in [
        ("{\n", "EOF while parsing an object at line 2 column 0"),
        ("{}", ".format: this member is missing"),
        ("[]", ".: [] is not an object, a plan"),
    ] {
        let mut job = sallyport(&bench, Who::User, &["from-json", "-", "-o"]);
        job.arg(&file);
        job.stdin = Stdin::Data(text.into());
        let (status, stdout, stderr) = said(&job.run().unwrap());
        assert_eq!((status, stdout.as_str()), (End::Exit(1), ""));
        assert_eq!(stderr, format!("sallyport: -: {wrong}\n"));
        assert!(!file.exists());
    }
}

#[test]
fn the_schema_is_shown() {
    let bench = Bench::set_up();
    let seen = sallyport(&bench, Who::User, &["show", "--schema"]).run().unwrap();
    let stored = support::workspace_root().join("tests/golden/plan.schema.json");
    assert_eq!(seen.stdout, fs::read(stored).unwrap());
}
