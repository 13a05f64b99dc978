//! init-reaper: the process beside the command, as pid 1 and elsewhere.

use common::plan::{FdNumber, InitReaper, SeccompLoad, Stage};
use stage::filters::{deny, program};
use stage::*;
use std::os::fd::AsRawFd;
use std::path::Path;
use support::{Fd, Job};

/// A PID namespace with a procfs of its own, whose pid 1 is what follows: as fs-build and priv-drop leave it.
fn new_pids(who: Who) -> Vec<&'static str> {
    let user = ["--user", "--map-user=1000", "--map-group=1000"];
    let user = if who == Who::User { &user[..] } else { &[] };
    [&["unshare"][..], user, &["--pid", "--fork", "--mount-proc"]].concat()
}

const STATUS_FD: i32 = 20;

/// init-reaper with `frame` as pid 1, its status pipe collected by the test, and a successor in seccomp-load's place.
fn job(bench: &Bench, frame: InitReaper<'static>, who: Who, steps: &str) -> Job {
    with_filters(bench, frame, SECCOMP_LOAD, who, steps)
}

fn with_filters(
    bench: &Bench,
    frame: InitReaper<'static>,
    filters: SeccompLoad<'static>,
    who: Who,
    steps: &str,
) -> Job {
    let plan = Records {
        init_reaper: Some(frame),
        seccomp_load: Some(filters),
        ..Records::new(&["no such command"])
    };
    let mut job = script(bench.stage(Stage::InitReaper, &plan, who), steps);
    job.arg(format!("--status={STATUS_FD}"));
    job.fds.insert(STATUS_FD, Fd::Out);
    through(job, &new_pids(who))
}

/// The same with a shell as the command and no stage between.
fn shell(bench: &Bench, who: Who, text: &str) -> Job {
    let plan = Records { init_reaper: Some(INIT_REAPER), ..Records::new(&["/bin/sh", "-c", text]) };
    let mut job = bench.stage(Stage::InitReaper, &plan, who);
    job.arg(format!("--status={STATUS_FD}"));
    job.fds.insert(STATUS_FD, Fd::Out);
    through(job, &new_pids(who))
}

#[test]
fn every_exit_status_is_reported_and_taken_over() {
    let bench = Bench::set_up();
    for who in everyone() {
        for status in 0..=255 {
            let seen = job(&bench, INIT_REAPER, who, &format!("exit {status}")).run().unwrap();
            assert_eq!(seen.outs[&STATUS_FD], [status as u8], "{}", explain(&seen));
            ended(&seen, status);
        }
    }
}

#[test]
fn every_deadly_signal_is_reported_and_taken_over_as_128_and_its_number() {
    let bench = Bench::set_up();
    for who in everyone() {
        for signal in deadly_signals() {
            let seen = job(&bench, INIT_REAPER, who, &format!("kill {signal}")).run().unwrap();
            assert_eq!(seen.outs[&STATUS_FD], [128 + signal as u8], "{}", explain(&seen));
            ended(&seen, 128 + signal);
        }
    }
}

#[test]
fn the_command_is_pid_2_and_its_parent_pid_1() {
    let bench = Bench::set_up();
    for who in everyone() {
        let view = ended(&job(&bench, INIT_REAPER, who, "session").run().unwrap(), 0);
        assert_eq!((view.value("pid"), view.value("ppid")), ("2", "1"));
    }
}

#[test]
fn orphans_are_waited_for_and_the_status_stays_the_commands() {
    let bench = Bench::set_up();
    for who in everyone() {
        // The orphan lives until descriptor 9 ends; sh gives a background process no standard input.
        let mut job = shell(&bench, who, "{ cat <&9 >/dev/null; echo orphan done; exit 9; } & exit 4");
        job.fds.insert(9, Fd::In);
        let mut live = job.start().unwrap();
        assert!(live.wait_for(STATUS_FD, "\x04"), "the command's end is reported at once");
        live.close(9);
        let seen = live.finish().unwrap();
        assert_eq!(ended(&seen, 4).text(), "orphan done\n");
        assert_eq!(seen.outs[&STATUS_FD], [4], "reported once");
    }
}

/// The command looks until no zombie is left: without a reaper it would look for ever, and the job time out.
#[test]
fn orphans_that_end_are_reaped_while_the_command_runs() {
    let bench = Bench::set_up();
    let text = "for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do (/bin/true &) ; done; \
                while grep -qs '^State:.*zombie' /proc/[0-9]*/status; do :; done; echo none";
    for who in everyone() {
        assert_eq!(ended(&shell(&bench, who, text).run().unwrap(), 0).text(), "none\n");
    }
}

#[test]
fn pid_1_holds_only_the_standard_three_and_the_status_pipe_and_no_capability() {
    let bench = Bench::set_up();
    for who in everyone() {
        let mut job = job(&bench, INIT_REAPER, who, "argv;pid1 fds;tree;fds");
        job.fds.insert(50, Fd::Data(b"the caller's".to_vec()));
        let view = ended(&job.run().unwrap(), 0);
        let held = view.values("pid1 fd");
        assert_eq!(held, ["0 /dev/null", "1 pipe", "2 pipe", &format!("{STATUS_FD} pipe")], "{who:?}");
        let first = view.values("process 1")[0];
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert!(first.contains(&format!("{set}=0000000000000000")), "{who:?} {set}: {first}");
        }
        // The command's process: the caller's descriptor is there, the status pipe is not.
        assert_eq!(view.argument("--status="), None);
        assert_eq!(view.fds().keys().copied().collect::<Vec<_>>(), [0, 1, 2, PLAN_FD, 50]);
    }
}

/// Where a lock's number lies behind one of the caller's, what is between is not pid 1's.
#[test]
fn locks_and_sync_fds_are_kept_and_nothing_between_them() {
    let bench = Bench::set_up();
    let lock = bench.path("lock");
    std::fs::write(&lock, "").unwrap();
    let frame = InitReaper {
        locks: list(&[path(&lock), path(&lock)]),
        sync_fds: list(&[FdNumber::new(30).unwrap(), FdNumber::new(33).unwrap()]),
        ..INIT_REAPER
    };
    for who in everyone() {
        let mut job = job(&bench, frame, who, "pid1 fds;fds");
        // The locks get the lowest numbers that are free: 3 and 5.
        job.fds.insert(4, Fd::Data(b"the caller's".to_vec()));
        job.fds.extend([30, 31, 33].map(|number| (number, Fd::Data(vec![]))));
        let view = ended(&job.run().unwrap(), 0);
        let held: Vec<&str> =
            view.values("pid1 fd").iter().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(held, ["0", "1", "2", "3", "5", "20", "30", "33"], "{who:?}");
        assert_eq!(view.fds().keys().copied().collect::<Vec<_>>(), [0, 1, 2, 4, PLAN_FD, 31]);
    }
}

#[test]
fn a_lock_is_held_as_long_as_the_sandbox_lives_and_no_longer() {
    let bench = Bench::set_up();
    let lock = bench.path("lock");
    std::fs::write(&lock, "").unwrap();
    let steps = format!("lock {}", lock.display());
    let frame = InitReaper { locks: list(&[path(&lock)]), ..INIT_REAPER };
    for who in everyone() {
        let held = format!("{}: read lock held", lock.display());
        assert_eq!(ended(&job(&bench, frame, who, &steps).run().unwrap(), 0).value("lock"), held);
        let after = script(bench.job(bench.path("successor"), who), &steps).run().unwrap();
        assert_eq!(ended(&after, 0).value("lock"), format!("{}: not locked", lock.display()));
    }
}

#[test]
fn a_lock_may_be_named_relative_to_the_commands_directory() {
    let bench = Bench::set_up();
    let dir = bench.dir("there", Who::Root);
    std::fs::write(dir.join("lock"), "").unwrap();
    for who in everyone() {
        let frame = InitReaper { locks: list(&[path("lock")]), ..INIT_REAPER };
        let mut records = Records { init_reaper: Some(frame), ..Records::with(&[Stage::SeccompLoad]) };
        records.command.directory = Some(path(&dir));
        let steps = format!("cwd;env;lock {}", dir.join("lock").display());
        let job = script(bench.stage(Stage::InitReaper, &records, who), &steps);
        let view = ended(&through(job, &new_pids(who)).run().unwrap(), 0);
        assert!(view.value("lock").ends_with("read lock held"), "{}", view.text());
        assert_eq!(view.value("cwd"), format!("{0} link {0}", dir.display()));
        assert!(view.values("env").contains(&&*format!("PWD={}", dir.display())), "{}", view.text());
    }
}

#[test]
fn a_lock_that_cannot_be_taken_means_that_nothing_is_run() {
    let bench = Bench::set_up();
    let lock = bench.path("lock");
    let file = std::fs::File::create(&lock).unwrap();
    // SAFETY: an all-zero flock is a valid one: from the start of the file to its end.
    let mut whole: libc::flock = unsafe { std::mem::zeroed() };
    whole.l_type = libc::F_WRLCK as libc::c_short;
    // SAFETY: fcntl reads one struct flock, which is live.
    assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &whole) }, 0);
    let refusal = |lock: &Path, who| {
        let frame = InitReaper { locks: list(&[path(lock)]), ..INIT_REAPER };
        let seen = job(&bench, frame, who, "argv").run().unwrap();
        assert_eq!(seen.outs[&STATUS_FD], [0; 0]);
        refused(&seen)
    };
    for who in everyone() {
        let (missing, held) = (bench.path("none"), lock.display());
        let message =
            format!("init-reaper: Unable to open lock file {}: No such file or directory", missing.display());
        assert_eq!(refusal(&missing, who), message);
        let message = format!("init-reaper: Unable to lock file {held}: Resource temporarily unavailable");
        assert_eq!(refusal(&lock, who), message);
    }
}

#[test]
fn a_sync_fd_stays_open_until_all_is_over() {
    let bench = Bench::set_up();
    for who in everyone() {
        let frame = InitReaper { sync_fds: list(&[FdNumber::new(30).unwrap()]), ..INIT_REAPER };
        let (reader, writer) = std::io::pipe().unwrap();
        let mut job = job(&bench, frame, who, "fds;wait");
        job.stdin = support::Stdin::Closed;
        job.fds.insert(0, Fd::In);
        job.fds.insert(30, Fd::Raw(writer.as_raw_fd()));
        let mut live = job.start().unwrap();
        drop(writer);
        assert!(live.wait_for(1, "ready\n"));
        assert!(is_open_at_the_other_end(&reader), "{who:?}");
        live.close(0);
        assert!(!ended(&live.finish().unwrap(), 0).fds().contains_key(&30));
        assert!(!is_open_at_the_other_end(&reader), "{who:?}");
    }
}

/// Whether somebody could still write to the pipe.
fn is_open_at_the_other_end(reader: &std::io::PipeReader) -> bool {
    let mut polled = libc::pollfd { fd: reader.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one pollfd, which outlives the call.
    unsafe { libc::poll(&mut polled, 1, 0) };
    polled.revents & libc::POLLHUP == 0
}

const GETPGRP: i64 = 111;

#[test]
fn pid_1_wears_the_filters_of_the_command() {
    let bench = Bench::set_up();
    let programs = [deny(GETPGRP, libc::ENOSYS), deny(GETPGRP, libc::EPERM)].map(program);
    for who in everyone() {
        for count in 0..=programs.len() {
            let filters = SeccompLoad { programs: list(&programs[..count]), ..SECCOMP_LOAD };
            // The successor itself, in seccomp-load's place, loads none: what it sees is pid 1's alone.
            let job = with_filters(&bench, INIT_REAPER, filters, who, "wait;tree;flags");
            let view = ended(&through(job, &["setpriv", "--no-new-privs"]).run().unwrap(), 0);
            assert_eq!(view.value("seccomp"), "0 filters 0");
            let mode = if count == 0 { 0 } else { 2 };
            let first = view.values("process 1")[0];
            assert!(first.contains(&format!("Seccomp={mode} Seccomp_filters={count} ")), "{who:?}: {first}");
        }
    }
}

/// The promise is that the command never sees a pid 1 less confined than itself, however slow pid 1 is.
#[test]
fn pid_1_is_confined_before_the_command_can_look() {
    let bench = Bench::set_up();
    let filters = SeccompLoad { programs: list(&[program(deny(GETPGRP, libc::ENOSYS))]), ..SECCOMP_LOAD };
    for who in everyone() {
        let job = with_filters(&bench, INIT_REAPER, filters, who, "tree");
        // Each of pid 1's own steps is held up for a tenth of a second.
        let delay = "inject=close_range,capset,seccomp,prctl:delay_enter=100000";
        let job = through(job, &["strace", "-f", "-qq", "-o", "/dev/null", "-e", delay]);
        let view = ended(&through(job, &["setpriv", "--no-new-privs"]).run().unwrap(), 0);
        let first = view.values("process 1")[0];
        assert!(first.contains("Seccomp=2 Seccomp_filters=1 "), "{who:?}: {first}");
    }
}

#[test]
fn a_filter_that_pid_1_cannot_load_ends_the_command() {
    let bench = Bench::set_up();
    let nonsense = program(vec![0xff; 8]);
    for who in everyone() {
        let filters = SeccompLoad { programs: list(&[nonsense]), ..SECCOMP_LOAD };
        let job = with_filters(&bench, INIT_REAPER, filters, who, "forever");
        let seen = through(job, &["setpriv", "--no-new-privs"]).run().unwrap();
        let message = refused(&seen);
        assert!(
            message.starts_with("init-reaper: Unable to set up system call filtering as requested"),
            "{message}"
        );
    }
}

/// A number that was free when the launch began, and has become one that init-reaper was passed.
#[test]
fn descriptors_of_ours_are_not_taken_for_the_users() {
    let bench = Bench::set_up();
    for who in everyone() {
        for number in [PLAN_FD, NEXT_FD, STATUS_FD] {
            let frame = InitReaper { sync_fds: list(&[FdNumber::new(number).unwrap()]), ..INIT_REAPER };
            let line = refused(&job(&bench, frame, who, "report").run().unwrap());
            assert_eq!(line, format!("init-reaper: The plan needs descriptor {number}, which is not open"));
        }
    }
}

/// Where no PID namespace ends with it: the end of the pipe that the command waits on comes before that of its parent, so
/// that to look for a parent is not enough.
#[test]
fn a_reaper_that_cannot_load_the_filter_kills_the_command_before_it_lets_go_of_it() {
    let bench = Bench::set_up();
    let filters = SeccompLoad { programs: list(&[program(vec![0xff; 8])]), ..SECCOMP_LOAD };
    let plan = Records {
        init_reaper: Some(INIT_REAPER),
        seccomp_load: Some(filters),
        ..Records::new(&["no such command"])
    };
    for who in everyone() {
        for _ in 0..20 {
            let job = script(bench.stage(Stage::InitReaper, &plan, who), "report");
            let message = refused(&through(job, &["setpriv", "--no-new-privs"]).run().unwrap());
            assert!(message.starts_with("init-reaper: Unable to set up system call filtering"), "{message}");
        }
    }
}

#[test]
fn with_die_with_parent_the_command_ends_with_pid_1() {
    let bench = Bench::set_up();
    for who in everyone() {
        for (die_with_parent, signal) in [(false, "0"), (true, "9")] {
            let frame = InitReaper { die_with_parent, ..INIT_REAPER };
            let seen = job(&bench, frame, who, "flags").run().unwrap();
            assert_eq!(ended(&seen, 0).value("pdeathsig"), signal);
        }
    }
}

#[test]
fn a_directory_that_cannot_be_entered_means_that_nothing_is_run() {
    let bench = Bench::set_up();
    for who in everyone() {
        let mut records = Records::with(&[Stage::InitReaper, Stage::SeccompLoad]);
        records.command.directory = Some(path("/no/such/directory"));
        let job = bench.stage(Stage::InitReaper, &records, who);
        let message = "init-reaper: Can't chdir to /no/such/directory: No such file or directory";
        assert_eq!(refused(&through(job, &new_pids(who)).run().unwrap()), message);
    }
}

/// --lock-file and --sync-fd make it run without a PID namespace too.
#[test]
fn it_works_without_a_pid_namespace_of_its_own() {
    let bench = Bench::set_up();
    for who in everyone() {
        let plan = Records::with(&[Stage::InitReaper, Stage::SeccompLoad]);
        let job = script(bench.stage(Stage::InitReaper, &plan, who), "argv;exit 21");
        assert_eq!(ended(&job.run().unwrap(), 21).values("argv"), ["seccomp-load", "--plan=10", "--next="]);
    }
}
