//! `sallyport seccomp`: what it compiles is what bwrap loads.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // Tests: what fails to unwrap fails the test.

mod common;

use common::{said, sallyport};
use stage::{Bench, Who, everyone};
use std::path::{Path, PathBuf};
use support::{End, Fd, Seen};

fn run(bench: &Bench, words: &[&str]) -> Seen {
    sallyport(bench, Who::User, words).run().unwrap()
}

/// Standard error of something that is refused with exit status 1 and no output.
fn refused(bench: &Bench, policy: &str, words: &[&str]) -> String {
    let mut job = sallyport(bench, Who::User, &[&["seccomp", "compile"], words, &["-"]].concat());
    job.stdin = support::Stdin::Data(policy.into());
    let (status, out, err) = said(&job.run().unwrap());
    assert_eq!((status, out.as_str()), (End::Exit(1), ""), "{policy}: {err}");
    err.trim().strip_prefix("sallyport: -: ").unwrap_or(err.trim()).to_owned()
}

/// A profile of others, where the ordinary user can read it.
fn profile(bench: &Bench, name: &str) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles").join(name);
    bench.install(&from, name, 0o644)
}

#[test]
fn a_line_that_is_not_understood_is_not_taken_for_a_refusal() {
    let bench = Bench::set_up();
    let status = |words: &[&str]| run(&bench, &[&["seccomp", "test"], words].concat()).status;
    assert_eq!(status(&["no-userns", "unshare", "CLONE_NEWUSER"]), End::Exit(2));
    assert_eq!(status(&["no-userns", "getpid"]), End::Exit(0));
    assert_eq!(status(&["--no-such-option", "no-userns", "getpid"]), End::Exit(1));
    assert_eq!(status(&[]), End::Exit(1));
    assert_eq!(run(&bench, &["seccomp", "test", "--help"]).status, End::Exit(0));
}

#[test]
fn a_compiled_policy_confines_what_bwrap_runs() {
    let bench = Bench::set_up();
    for who in everyone() {
        let filter = sallyport(&bench, who, &["seccomp", "compile", "no-userns", "no-mount"]).run().unwrap();
        let mut job = bench.job(bench.path("bin/bwrap"), who);
        job.args(["--seccomp", "9", "--ro-bind", "/", "/", "--", "sh", "-c", "unshare -U true; echo $?"]);
        job.fds.insert(9, Fd::Data(ended_bytes(&filter)));
        let seen = job.run().unwrap();
        let (status, out, err) = said(&seen);
        assert_eq!((status, out.as_str()), (End::Exit(0), "1\n"), "{err}");
        assert!(err.contains("Operation not permitted"), "{err}");
    }
}

fn ended_bytes(seen: &Seen) -> Vec<u8> {
    assert_eq!(seen.status, End::Exit(0), "{}", String::from_utf8_lossy(&seen.stderr));
    seen.stdout.clone()
}

#[test]
fn dockers_and_podmans_profiles_compile_as_they_are_and_run_a_shell() {
    let bench = Bench::set_up();
    for name in ["docker.json", "podman.json"] {
        let file = profile(&bench, name);
        let file = file.to_str().unwrap();
        for words in [&["--arch", "x86_64"][..], &["--cap", "CAP_SYS_ADMIN,net_admin"], &["--kernel", "4.4"]]
        {
            let filter = ended_bytes(&run(&bench, &[&["seccomp", "compile", file], words].concat()));
            let mut job = bench.job(bench.path("bin/bwrap"), Who::User);
            job.args([
                "--seccomp",
                "9",
                "--ro-bind",
                "/",
                "/",
                "sh",
                "-c",
                "ls / >/dev/null; (echo forked) | cat",
            ]);
            job.fds.insert(9, Fd::Data(filter));
            assert_eq!(said(&job.run().unwrap()).1, "forked\n", "{name} {words:?}");
        }
    }
}

#[test]
fn includes_and_excludes_count_for_what_is_asked_for() {
    let bench = Bench::set_up();
    let docker = profile(&bench, "docker.json");
    let docker = docker.to_str().unwrap();
    for (words, call, expected) in [
        (&[][..], "mount", "errno EPERM"),
        (&["--cap", "SYS_ADMIN"], "mount", "allow"),
        (&["--cap", "SYS_ADMIN"], "clone3", "allow"),
        (&[], "clone3", "errno ENOSYS"),
        (&["--kernel", "4.7"], "ptrace", "errno EPERM"),
        (&["--kernel", "4.8.0-13-generic"], "ptrace", "allow"),
        (&[], "sync_file_range2", "errno ENOSYS"),
        (&["--arch", "i386", "--as", "x86_64"], "read", "kill process"),
    ] {
        let call = if call == "sync_file_range2" { "9999" } else { call };
        let seen = run(&bench, &[&["seccomp", "test"], words, &[docker, call]].concat());
        let (_, out, err) = said(&seen);
        assert!(out.starts_with(expected), "{words:?} {call}: {out}{err}");
    }
}

#[test]
fn what_a_policy_gets_wrong_is_said() {
    let bench = Bench::set_up();
    let oci = |rest: &str| format!("{{\"defaultAction\": \"SCMP_ACT_ALLOW\", {rest}}}");
    let rule = |rest: &str| oci(&format!("\"syscalls\": [{{\"names\": [\"mount\"], {rest}}}]"));
    for (policy, expected) in [
        ("", "not JSON:"),
        ("[]", "neither an OCI or docker profile"),
        ("{\"defaultAction\": \"SCMP_ACT_MAYBE\"}", "unknown action \"SCMP_ACT_MAYBE\""),
        (&oci("\"sycalls\": []"), "unknown field `sycalls`"),
        (&oci("\"flags\": [\"SECCOMP_FILTER_FLAG_X\"]"), "unknown flag"),
        (&oci("\"listenerPath\": \"/x\""), "\"listenerPath\" is for SCMP_ACT_NOTIFY"),
        (&rule("\"action\": \"SCMP_ACT_NOTIFY\""), "SCMP_ACT_NOTIFY cannot be compiled"),
        (
            &rule("\"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 4096"),
            "\"errnoRet\" 4096 is larger than 4095",
        ),
        (&rule("\"action\": \"SCMP_ACT_KILL\", \"errnoRet\": 1"), "SCMP_ACT_KILL takes no \"errnoRet\""),
        (
            &rule(
                "\"action\": \"SCMP_ACT_KILL\", \"args\": [{\"index\": 6, \"value\": 1, \"op\": \"SCMP_CMP_EQ\"}]",
            ),
            "there is no argument 6",
        ),
        (
            &rule("\"action\": \"SCMP_ACT_KILL\", \"args\": [{\"index\": 0, \"value\": 1, \"op\": \"EQ\"}]"),
            "unknown comparison \"EQ\"",
        ),
        (
            &rule("\"action\": \"SCMP_ACT_KILL\", \"includes\": {\"caps\": [\"CAP_X\"]}"),
            "no capability is called",
        ),
        (
            &oci("\"syscalls\": [{\"names\": [\"muont\"], \"action\": \"SCMP_ACT_KILL\"}]"),
            "no system call is called \"muont\"",
        ),
        (
            "{\"a\": {\"mismatch_action\": \"allow\", \"match_action\": \"allow\", \"filter\": []}}",
            "are the same",
        ),
        (
            "{\"a\": {\"mismatch_action\": \"allow\", \"match_action\": \"trap\", \"filter\": [{\"syscall\": \"mount\"}, \
             {\"syscall\": \"mount\", \"args\": [{\"index\": 0, \"type\": \"dword\", \"op\": \"eq\", \"val\": 1}]}]}}",
            "exclude each other",
        ),
    ] {
        let err = refused(&bench, policy, &[]);
        assert!(err.contains(expected), "{policy}: {err}");
    }
}

#[test]
fn unknown_names_are_refused_left_out_or_listed() {
    let bench = Bench::set_up();
    let policy = "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"frobnicate\", \"mount\"], \
                  \"action\": \"SCMP_ACT_ERRNO\"}]}";
    assert!(refused(&bench, policy, &[]).contains("\"frobnicate\""));
    for (choice, listed) in [("ignore", false), ("list", true)] {
        let choice = format!("--unknown={choice}");
        let mut job = sallyport(&bench, Who::User, &["seccomp", "test", &choice, "-", "mount"]);
        job.stdin = support::Stdin::Data(policy.into());
        let (status, out, err) = said(&job.run().unwrap());
        assert_eq!(status, End::Exit(2));
        assert!(out.starts_with("errno EPERM"), "{out}");
        assert_eq!(err.contains("left out: \"frobnicate\""), listed, "{err}");
    }
}

#[test]
fn seccompilers_own_program_is_made_on_request_and_refuses_x32_too() {
    let bench = Bench::set_up();
    let policy = "{\"main\": {\"mismatch_action\": \"allow\", \"match_action\": {\"errno\": 1}, \"filter\": \
                  [{\"syscall\": \"ioctl\", \"args\": [{\"index\": 1, \"type\": \"dword\", \"op\": \"eq\", \"val\": 21522}]}, \
                  {\"syscall\": \"mount\"}]}}";
    let file = bench.dir("policies", Who::User).join("policy.json");
    std::fs::write(&file, policy).unwrap();
    let file = file.to_str().unwrap();
    let tree = ended_bytes(&run(&bench, &["seccomp", "compile", file]));
    let list = ended_bytes(&run(&bench, &["seccomp", "compile", "--backend", "seccompiler", file]));
    assert_ne!(tree, list);
    for program in [tree, list] {
        let made = bench.dir("policies", Who::User).join("made");
        std::fs::write(&made, program).unwrap();
        let made = made.to_str().unwrap();
        for (words, expected) in [
            (&["mount"][..], "errno EPERM"),
            (&["ioctl", "0", "TIOCSTI"], "errno EPERM"),
            (&["ioctl", "0", "0x100005412"], "errno EPERM"),
            (&["ioctl", "0", "TCGETS"], "allow"),
            (&["--as", "x32", "ioctl", "0", "TIOCSTI"], "kill process"),
            (&["--as", "i386", "read"], "kill process"),
            (&["-1"], "allow"),
        ] {
            let before =
                words.iter().take_while(|word| word.starts_with("--") || **word == "x32" || **word == "i386");
            let (options, call) = words.split_at(before.count());
            let call = [&["--"][..], call].concat();
            let (_, out, err) = said(&run(&bench, &[&["seccomp", "test"], options, &[made], &call].concat()));
            assert!(out.starts_with(expected), "{words:?}: {out}{err}");
        }
    }
}

#[test]
fn several_filters_are_asked_together_and_the_deciding_one_is_named() {
    let bench = Bench::set_up();
    let words = ["seccomp", "test", "no-tiocsti", "--and", "docker-default", "mount"];
    let (status, out, _) = said(&run(&bench, &words));
    assert_eq!(status, End::Exit(2));
    assert!(out.starts_with("errno EPERM (docker-default, instruction "), "{out}");
    let json = run(&bench, &["seccomp", "test", "--json", "no-userns", "clone", "CLONE_NEWUSER|SIGCHLD"]);
    let value: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&value["allowed"], &value["call"]), (&false.into(), &"clone".into()));
}

#[test]
fn show_says_what_the_kernel_would_refuse() {
    let bench = Bench::set_up();
    let (status, out, _) = said(&run(&bench, &["seccomp", "show", "no-tiocsti"]));
    assert_eq!(status, End::Exit(0));
    assert!(out.contains("arg1.lo == TIOCSTI (0x5412)") && out.contains("# ioctl"), "{out}");
    let mut job = sallyport(&bench, Who::User, &["seccomp", "show", "-"]);
    job.stdin = support::Stdin::Data(vec![0x28, 0, 0, 0, 0, 0, 0, 0]);
    let (status, out, err) = said(&job.run().unwrap());
    assert_eq!(status, End::Exit(2));
    assert!(
        out.contains("refused by the kernel") && err.contains("is not one that seccomp takes"),
        "{out}{err}"
    );
}

#[test]
fn list_has_a_reason_for_each_policy() {
    let bench = Bench::set_up();
    let (status, out, _) = said(&run(&bench, &["seccomp", "list"]));
    assert_eq!(status, End::Exit(0));
    for name in ["no-tiocsti", "no-userns", "no-mount", "no-io-uring", "flatpak-like", "docker-default"] {
        assert!(out.lines().any(|line| line.starts_with(&format!("{name}: "))), "{out}");
    }
    assert!(out.contains("CVE-2019-10063"));
}
