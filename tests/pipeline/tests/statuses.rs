//! How it ends: every exit status, every signal, and what is refused before anything runs.

use pipeline::bwrap;
use stage::{Bench, Who, deadly_signals, ended, everyone, explain, refused};
use support::{End, Fd};

/// With a process between bwrap and the command, and without.
const SANDBOXES: [&[&str]; 3] = [
    &["--ro-bind", "/", "/", "--unshare-all", "--proc", "/proc", "--dev", "/dev"],
    &["--ro-bind", "/", "/", "--unshare-pid"],
    &["--dev-bind", "/", "/"],
];

#[test]
fn every_exit_status_of_the_command_is_bwraps() {
    let bench = Bench::set_up();
    for who in everyone() {
        for (index, args) in SANDBOXES.iter().enumerate() {
            // All of them once through every stage; elsewhere those at which encodings differ.
            let statuses =
                if index == 0 { (0..=255).collect() } else { vec![0, 1, 7, 127, 128, 129, 143, 255] };
            for status in statuses {
                let mut job = bwrap(&bench, who, args);
                job.arg(bench.path("probe")).args(["exit", &status.to_string()]);
                ended(&job.run().unwrap(), status);
            }
        }
    }
}

#[test]
fn every_signal_that_ends_the_command_is_128_and_its_number() {
    let bench = Bench::set_up();
    for who in everyone() {
        for args in SANDBOXES {
            for signal in deadly_signals() {
                let mut job = bwrap(&bench, who, args);
                job.arg(bench.path("probe")).args(["kill", &signal.to_string()]);
                ended(&job.run().unwrap(), 128 + signal);
            }
        }
    }
}

/// An allow-list that forgets the exec and the exit: nothing can be run, nothing can be said, and nothing goes on.
#[test]
fn a_filter_that_refuses_even_the_end_is_the_end() {
    let bench = Bench::set_up();
    for who in everyone() {
        for args in SANDBOXES {
            let mut job = bwrap(&bench, who, args);
            job.args(["--seccomp", "8"]).arg(bench.path("probe")).args(["exit", "0"]);
            job.fds.insert(8, Fd::File(stage::filters::deny_all(libc::EPERM)));
            let seen = job.run().unwrap();
            assert!(
                matches!(seen.status, End::Exit(139) | End::Signal(libc::SIGSEGV)),
                "{args:?}: {}",
                explain(&seen)
            );
            assert!(seen.leftovers.is_empty(), "{args:?}: {}", explain(&seen));
        }
    }
}

/// The plan is a file, though nobody sees it: it is none of those that the caller limits the size of.
#[test]
fn a_limit_on_the_size_of_files_is_for_the_command() {
    let bench = Bench::set_up();
    for who in everyone() {
        let resource = 1u64 << common::caps::cap::SYS_RESOURCE;
        let may_raise = who == Who::Root && stage::callers_capabilities() & resource != 0;
        for (limits, status, out) in [("0:unlimited", 0, "0\n"), ("0:0", i32::from(!may_raise), "0\n")] {
            let mut job = bench.job("/usr/bin/prlimit", who);
            job.arg(format!("--fsize={limits}")).arg(bench.bin("bwrap")).args(SANDBOXES[1]);
            job.args(["sh", "-c", "ulimit -Sf"]);
            let seen = job.run().unwrap();
            if status == 0 {
                assert_eq!(ended(&seen, 0).text(), out, "{who:?}: {}", explain(&seen));
            } else {
                assert_eq!(refused(&seen), "bwrap: Can't write plan: File too large");
            }
        }
    }
}

/// The words of the issue: 0, 7, and a shell that TERM ends.
#[test]
fn a_shell_that_term_ends_is_143() {
    let bench = Bench::set_up();
    for who in everyone() {
        for (script, status) in [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143)] {
            let mut job = bwrap(&bench, who, SANDBOXES[1]);
            job.args(["--", "sh", "-c", script]);
            ended(&job.run().unwrap(), status);
        }
    }
}

#[test]
fn a_command_that_is_missing_is_1_with_bubblewraps_words() {
    let bench = Bench::set_up();
    for who in everyone() {
        for args in SANDBOXES {
            for (command, errno) in [
                ("no-such-command", "No such file or directory"),
                ("/no/such/command", "No such file or directory"),
                ("/etc/passwd", "Permission denied"),
                ("/usr", "Permission denied"),
            ] {
                let mut job = bwrap(&bench, who, args);
                job.arg(command);
                assert_eq!(
                    refused(&job.run().unwrap()),
                    format!("bwrap: execvp {command}: {errno}"),
                    "{args:?}"
                );
            }
        }
    }
}

#[test]
fn an_option_that_is_not_there_is_named() {
    let bench = Bench::set_up();
    for who in everyone() {
        for option in
            ["--no-such-option", "--bin", "-x", "--ro-bind-data-try", "--unshare", "--", "--help-me"]
        {
            let mut job = bwrap(&bench, who, &["--dev-bind", "/", "/", option, "true"]);
            if option == "--" {
                // The end of the options is one: what follows is the command.
                ended(&job.run().unwrap(), 0);
                continue;
            }
            job.fds.insert(50, Fd::Data(vec![]));
            let seen = job.run().unwrap();
            assert_eq!(seen.status, End::Exit(1), "{}", explain(&seen));
            let message = String::from_utf8_lossy(&seen.stderr).into_owned();
            assert_eq!(message, format!("bwrap: Unknown option {option}\n"));
            assert!(seen.stdout.is_empty());
        }
    }
}

#[test]
fn a_step_that_fails_in_any_stage_means_that_the_command_does_not_run() {
    let bench = Bench::set_up();
    let host = bench.dir("host", stage::Who::Root);
    let tree = ["--ro-bind", "/", "/", "--ro-bind", host.to_str().unwrap(), "/tmp"];
    for who in everyone() {
        for (more, message) in [
            (&["--userns", "99"][..], "Joining specified user namespace failed: Bad file descriptor"),
            (&["--bind", "/no/such", "/tmp"], "Can't find source path /no/such: No such file or directory"),
            (&["--dir", "/tmp/new"], "Can't create file /tmp/new: Read-only file system"),
            (&["--chdir", "/no/such"], "Can't chdir to /no/such: No such file or directory"),
            (&["--unshare-pid", "--chdir", "/no/such"], "Can't chdir to /no/such: No such file or directory"),
            (&["--lock-file", "/no/such"], "Unable to open lock file /no/such: No such file or directory"),
            (&["--assert-userns-disabled"], "creation of new user namespaces was not disabled as requested"),
        ] {
            let mut job = bwrap(&bench, who, &tree);
            job.args(more).args(["--", "sh", "-c", "echo it ran"]);
            let seen = job.run().unwrap();
            assert_eq!(refused(&seen), format!("bwrap: {message}"), "{who:?} {more:?}");
        }
    }
}

/// A command line whose last stage fails must not have anybody told that the command ended.
#[test]
fn json_status_fd_tells_of_an_exit_code_only_if_the_command_ran() {
    let bench = Bench::set_up();
    let nonsense = vec![0xff; 8];
    for who in everyone() {
        for reaper in [&[][..], &["--unshare-pid"]] {
            for (filter, command, ran) in
                [(None, "true", true), (None, "no-such-command", false), (Some(&nonsense), "true", false)]
            {
                let mut job = bwrap(&bench, who, &["--ro-bind", "/", "/", "--json-status-fd", "30"]);
                job.fds.insert(30, Fd::Out);
                job.args(reaper);
                if let Some(filter) = filter {
                    job.args(["--seccomp", "31"]);
                    job.fds.insert(31, Fd::Data(filter.clone()));
                }
                job.args(["--", command]);
                let seen = job.run().unwrap();
                let lines = String::from_utf8_lossy(&seen.outs[&30]).into_owned();
                assert!(lines.starts_with("{ \"child-pid\": "), "{lines}");
                let what = format!("{who:?} {reaper:?} {command} {}: {lines}", filter.is_some());
                assert_eq!(lines.contains("exit-code"), ran, "{what}");
                assert_eq!(seen.status, End::Exit(if ran { 0 } else { 1 }), "{what}");
            }
        }
    }
}

#[test]
fn bwrap_that_is_terminated_ends_by_that_signal() {
    let bench = Bench::set_up();
    for who in everyone() {
        let mut job = bwrap(&bench, who, &["--dev-bind", "/", "/", "--die-with-parent"]);
        job.args(["sh", "-c", "echo ready; read line"]);
        job.stdin = support::Stdin::Closed;
        job.fds.insert(0, Fd::In);
        let mut live = job.start().unwrap();
        assert!(live.wait_for(1, "ready"));
        live.kill(libc::SIGTERM);
        let seen = live.finish().unwrap();
        assert_eq!(
            (seen.status, seen.leftovers.len()),
            (End::Signal(libc::SIGTERM), 0),
            "{}",
            explain(&seen)
        );
    }
}
