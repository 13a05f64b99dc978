//! `sallyport compile` and `sallyport run`: what is compiled now is launched later, as bwrap would have done it.

#![allow(clippy::unwrap_used)] // Tests: what fails to unwrap fails the test.

mod common;

use common::{compiled, sallyport};
use stage::{Bench, Who, ended, everyone, explain, refused};
use std::fs;
use std::path::Path;
use support::{End, Fd, Job, Stdin};

fn run(bench: &Bench, who: Who, file: &Path, words: &[&str]) -> Job {
    let mut job = sallyport(bench, who, &["run"]);
    job.arg(file).args(words);
    job
}

const SANDBOX: [&str; 9] =
    ["--ro-bind", "/", "/", "--unshare-all", "--proc", "/proc", "--setenv", "SEEN", "by the plan"];

#[test]
fn a_compiled_plan_is_launched_as_often_as_one_likes() {
    let bench = Bench::set_up();
    for who in everyone() {
        let command = ["sh", "-c", "echo $SEEN $$; id -u; exit 7"];
        let file = compiled(&bench, who, &[&SANDBOX[..], &command].concat());
        for _ in 0..2 {
            let seen = run(&bench, who, &file, &[]).run().unwrap();
            assert_eq!(seen.status, End::Exit(7), "{}", explain(&seen));
            assert_eq!(String::from_utf8_lossy(&seen.stdout), format!("by the plan 2\n{}\n", who.uid()));
        }
    }
}

#[test]
fn a_plan_that_is_held_is_launched_again_and_again_by_ns_enter_alone() {
    let bench = Bench::set_up();
    for who in everyone() {
        let command = ["sh", "-c", "echo $SEEN $$ $SALLYPORT_PLAN_FD; ls /proc/self/fd | wc -l; exit 7"];
        let file = compiled(&bench, who, &[&SANDBOX[..], &command].concat());
        let mut job = sallyport(&bench, who, &["hold"]);
        let launch = format!("{} --plan=$SALLYPORT_PLAN_FD; echo $?", bench.bin("ns-enter").display());
        job.arg(&file).args(["sh", "-c", &format!("{launch}; {launch}; exit 3")]);
        let seen = job.run().unwrap();
        assert_eq!(seen.status, End::Exit(3), "{}", explain(&seen));
        // Standard input, output and error, and what ls opens: nobody inside has the plan, or is told of it.
        assert_eq!(String::from_utf8_lossy(&seen.stdout), "by the plan 2\n4\n7\n".repeat(2));
    }
}

/// A number that is free when ns-enter starts would be one of its own soon: a status would give the sandbox its go.
#[test]
fn a_plan_that_is_held_needs_its_descriptors_at_each_launch() {
    let bench = Bench::set_up();
    for who in everyone() {
        for option in ["--json-status-fd", "--info-fd"] {
            let mut job = sallyport(&bench, who, &["compile", "-o"]);
            let file = bench.dir(&format!("{who:?}{option}"), who).join("one.plan");
            job.arg(&file).args(SANDBOX).args([option, "7", "echo", "run"]);
            assert_eq!(job.run().unwrap().status, End::Exit(0));
            let mut job = sallyport(&bench, who, &["hold"]);
            let launch = format!("exec {} --plan=$SALLYPORT_PLAN_FD 7>&-", bench.bin("ns-enter").display());
            job.arg(&file).args(["sh", "-c", &launch]);
            job.fds.insert(7, Fd::Data(vec![b'x']));
            let said = refused(&job.run().unwrap());
            assert_eq!(said, "bwrap: The plan needs descriptor 7, which is not open", "{who:?} {option}");
        }
    }
}

#[test]
fn what_cannot_be_held_is_refused_before_the_command_runs() {
    let bench = Bench::set_up();
    for who in everyone() {
        let hold = |file: &Path, words: &[&str]| {
            let mut job = sallyport(&bench, who, &["hold"]);
            job.arg(file).args(words);
            let seen = job.run().unwrap();
            assert!(seen.stdout.is_empty(), "{}", explain(&seen));
            (seen.status, String::from_utf8_lossy(&seen.stderr).into_owned())
        };
        let good = compiled(&bench, who, &[&SANDBOX[..], &["true"]].concat());
        let (status, said) = hold(&good, &["/no/such/command"]);
        assert_eq!(status, End::Exit(127));
        assert!(said.starts_with("sallyport: /no/such/command: No such file or directory"), "{said}");
        assert_eq!(hold(&good, &["/"]).0, End::Exit(126));
        let bad = bench.path("bad.plan");
        fs::write(&bad, b"no plan").unwrap();
        let (status, said) = hold(&bad, &["echo", "run"]);
        assert_eq!((status, &said[..]), (End::Exit(1), "sallyport: Invalid plan: plan: magic: cut short\n"));
        let needs = compiled(&bench, who, &[&SANDBOX[..], &["--sync-fd", "44", "true"]].concat());
        let (status, said) = hold(&needs, &["echo", "run"]);
        assert_eq!(status, End::Exit(1));
        assert!(said.ends_with("needs descriptor 44, which is not open\n"), "{said}");
    }
}

#[test]
fn further_arguments_go_behind_those_of_the_plan_or_in_their_place() {
    let bench = Bench::set_up();
    for who in everyone() {
        let file = compiled(&bench, who, &[&SANDBOX[..], &["--", "echo", "one", "--"]].concat());
        let said =
            |words: &[&str]| ended(&run(&bench, who, &file, words).run().unwrap(), 0).text().to_owned();
        assert_eq!(said(&[]), "one --\n");
        assert_eq!(said(&["two", "--help", "-r"]), "one -- two --help -r\n");
        let mut replaced = sallyport(&bench, who, &["run", "--replace"]);
        replaced.arg(&file).arg("three");
        assert_eq!(ended(&replaced.run().unwrap(), 0).text(), "three\n");
    }
}

#[test]
fn a_plan_comes_from_standard_input_too() {
    let bench = Bench::set_up();
    for who in everyone() {
        let file = compiled(&bench, who, &[&SANDBOX[..], &["echo", "piped"]].concat());
        let mut job = sallyport(&bench, who, &["run", "-"]);
        job.stdin = Stdin::Data(fs::read(&file).unwrap());
        assert_eq!(ended(&job.run().unwrap(), 0).text(), "piped\n");
    }
}

#[test]
fn the_plan_is_the_one_that_bwrap_would_have_launched() {
    let bench = Bench::set_up();
    for who in everyone() {
        let words = [&SANDBOX[..], &["true"]].concat();
        let stored = fs::read(compiled(&bench, who, &words)).unwrap();
        // Another ns-enter, in the place of the real one, says what bwrap has sealed.
        let front = bench.install(&bench.bin("bwrap"), "fake/bwrap", 0o755);
        let mut job = stage::script(bench.job(front, who), "plan");
        job.args(&words);
        let view = ended(&job.run().unwrap(), 0);
        let hex: String = stored.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(view.value("plan bytes"), hex);
    }
}

#[test]
fn descriptors_are_named_when_a_plan_is_compiled_and_needed_when_it_is_launched() {
    let bench = Bench::set_up();
    for who in everyone() {
        let words =
            ["--ro-bind", "/usr", "/usr", "--ro-bind", "/lib", "/lib", "--ro-bind", "/lib64", "/lib64"];
        let file =
            compiled(&bench, who, &[&words[..], &["--file", "30", "/x", "/usr/bin/cat", "/x"]].concat());
        let mut job = run(&bench, who, &file, &[]);
        let seen = job.run().unwrap();
        assert_eq!(seen.status, End::Exit(1));
        let said = String::from_utf8_lossy(&seen.stderr).into_owned();
        assert_eq!(said, "bwrap: The plan needs descriptor 30, which is not open\n");
        job.fds.insert(30, Fd::Data(b"given at the launch".to_vec()));
        assert_eq!(ended(&job.run().unwrap(), 0).text(), "given at the launch");
    }
}

#[test]
fn the_command_finds_its_signals_as_the_launcher_found_them() {
    let bench = Bench::set_up();
    for who in everyone() {
        let file = compiled(&bench, who, &["--ro-bind", "/", "/", "grep", "^SigIgn", "/proc/self/status"]);
        let through_bwrap = {
            let mut job = bench.job(bench.bin("bwrap"), who);
            job.args(["--ro-bind", "/", "/", "grep", "^SigIgn", "/proc/self/status"]);
            ended(&job.run().unwrap(), 0).text().to_owned()
        };
        assert_eq!(ended(&run(&bench, who, &file, &[]).run().unwrap(), 0).text(), through_bwrap);
    }
}

#[test]
fn what_bwrap_refuses_is_not_compiled_and_its_words_are_said() {
    let bench = Bench::set_up();
    for (words, said) in [
        (&["--bogus", "sh"][..], "bwrap: Unknown option --bogus\n"),
        (&["--bind", "/", "", "sh"], "bwrap: --bind does not take an empty path argument\n"),
        (
            &["--perms", "0755", "--bind", "/", "/", "sh"],
            "bwrap: --perms must be followed by an option that creates a file\n",
        ),
        (&["--ro-bind", "/", "/"], "sallyport: no command to run in the sandbox\n"),
        (&["--", "--version"], "sallyport: --version is not a launch\n"),
    ] {
        let file = bench.path("never");
        let mut job = sallyport(&bench, Who::User, &["compile", "-o"]);
        job.arg(&file).args(words);
        let seen = job.run().unwrap();
        assert_eq!((seen.status, String::from_utf8_lossy(&seen.stderr).as_ref()), (End::Exit(1), said));
        assert!(!file.exists());
    }
}

#[test]
fn a_plan_is_not_written_to_a_terminal() {
    let bench = Bench::set_up();
    let mut job = sallyport(&bench, Who::User, &["compile", "true"]);
    job.stdin = Stdin::TtyAll;
    let seen = job.run().unwrap();
    assert_eq!(seen.status, End::Exit(1));
    assert!(String::from_utf8_lossy(&seen.stdout).contains("a plan is not written to a terminal"));
}

#[test]
fn what_is_no_plan_is_not_launched() {
    let bench = Bench::set_up();
    for who in everyone() {
        let file = compiled(&bench, who, &["--ro-bind", "/", "/", "true"]);
        let mut bytes = fs::read(&file).unwrap();
        bytes.pop();
        fs::write(&file, &bytes).unwrap();
        let seen = run(&bench, who, &file, &[]).run().unwrap();
        assert_eq!(seen.status, End::Exit(1));
        let said = String::from_utf8_lossy(&seen.stderr).into_owned();
        assert!(said.contains("Invalid plan: plan: length: not the length of the plan"), "{said}");
        let seen = run(&bench, who, &bench.path("missing"), &[]).run().unwrap();
        assert!(String::from_utf8_lossy(&seen.stderr).contains("missing: No such file or directory"));
    }
}
