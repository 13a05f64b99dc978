//! ns-enter, the parent's half: the monitor outside, which tells who the sandbox is and how it ended.

use common::plan::{FdNumber, Namespaces, NsEnter, Stage, UserNs};
use common::sys::clone_flags as flags;
use stage::*;
use std::fs;
use std::io::PipeWriter;
use std::os::fd::AsRawFd;
use support::{End, Fd, Job, Live, Stdin};

/// A plan with this frame, and a successor in fs-build's place; `reaper` adds init-reaper's frame, so that there is
/// a status pipe.
fn job(bench: &Bench, frame: NsEnter<'static>, reaper: bool, who: Who, steps: &str) -> Job {
    let stages = if reaper { &[Stage::FsBuild, Stage::InitReaper][..] } else { &[Stage::FsBuild] };
    let plan = Records { ns_enter: Some(frame), ..Records::with(stages) };
    script(bench.stage(Stage::NsEnter, &plan, who), steps)
}

fn sandbox() -> NsEnter<'static> {
    NsEnter { namespaces: Namespaces(flags::NEWPID | flags::NEWNS), user: UserNs::UnlessRoot, ..NS_ENTER }
}

fn without_pids() -> NsEnter<'static> {
    NsEnter { namespaces: Namespaces(flags::NEWNS), ..sandbox() }
}

#[test]
fn every_exit_status_is_passed_on() {
    let bench = Bench::set_up();
    for who in everyone() {
        for status in 0..=255 {
            ended(&job(&bench, sandbox(), false, who, &format!("exit {status}")).run().unwrap(), status);
        }
    }
}

/// Pid 1 of a PID namespace takes no signal from inside, so here there is none.
#[test]
fn every_deadly_signal_is_passed_on_as_128_and_its_number() {
    let bench = Bench::set_up();
    for who in everyone() {
        for signal in deadly_signals() {
            // The C library keeps signals 32 to 34 for itself, the kernel does not; the successor asks the kernel.
            ended(
                &job(&bench, without_pids(), false, who, &format!("kill {signal}")).run().unwrap(),
                128 + signal,
            );
        }
    }
}

#[test]
fn the_status_that_init_reaper_reports_is_the_commands() {
    let bench = Bench::set_up();
    for who in everyone() {
        for status in 0..=255 {
            let steps = format!("status {status};exit 99");
            let view = ended(&job(&bench, sandbox(), true, who, &steps).run().unwrap(), status);
            assert_eq!(view.value("told"), "true");
        }
    }
}

/// Others may be left in the sandbox when the command has ended: bwrap does not wait for those.
#[test]
fn the_monitor_ends_at_the_report_though_the_sandbox_goes_on() {
    let bench = Bench::set_up();
    for who in everyone() {
        let (mut live, stdin) = waiting(job(&bench, sandbox(), true, who, "wait;status 5;forever"));
        drop(stdin);
        assert!(live.wait_end(), "{who:?}: the monitor waits for more than the report");
        let seen = live.finish().unwrap();
        assert_eq!((seen.status, seen.leftovers.len()), (End::Exit(5), 1), "{}", explain(&seen));
    }
}

#[test]
fn a_sandbox_that_ends_without_a_report_is_asked_itself() {
    let bench = Bench::set_up();
    for who in everyone() {
        ended(&job(&bench, sandbox(), true, who, "exit 3").run().unwrap(), 3);
        ended(&job(&bench, without_pids(), true, who, "kill 9").run().unwrap(), 137);
    }
}

/// Starts a job whose successor waits, and waits until it does: it goes on when the writer is dropped.
fn waiting(mut job: Job) -> (Live, PipeWriter) {
    let (reader, writer) = std::io::pipe().unwrap();
    job.stdin = Stdin::Closed;
    job.fds.insert(0, Fd::Raw(reader.as_raw_fd()));
    let mut live = job.start().unwrap();
    assert!(live.wait_for(1, "ready\n"), "{}", explain(&live.finish().unwrap()));
    (live, writer)
}

fn status_of(pid: i32, field: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {field}")).trim().to_owned()
}

fn children_of(pid: i32) -> Vec<i32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    list.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

fn fds_of(pid: i32) -> Vec<i32> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let mut fds: Vec<i32> =
        entries.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect();
    fds.sort_unstable();
    fds
}

#[test]
fn the_monitor_keeps_no_capability_and_no_descriptor_but_what_it_waits_on() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("another user's /proc/PID/fd is root's to read");
    }
    for who in everyone() {
        for reaper in [false, true] {
            let mut job = job(&bench, sandbox(), reaper, who, "argv;wait");
            job.fds.insert(50, Fd::Data(b"the caller's".to_vec()));
            let (live, stdin) = waiting(job);
            // The monitor closes what it has while the sandbox starts: it is done when it waits in wait4 or read.
            assert!(settled(live.pid()), "{who:?}: the monitor does not come to rest");
            for set in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
                assert_eq!(status_of(live.pid(), set), "0000000000000000", "{who:?} {set}");
            }
            // Root without capabilities has them back at an exec.
            assert_eq!(status_of(live.pid(), "NoNewPrivs"), "1", "{who:?}");
            let fds = fds_of(live.pid());
            // The status pipe; and the go pipe where the sandbox waits for it: root's, until nobody can trace this process.
            let pipes = usize::from(reaper) + usize::from(who == Who::Root);
            assert_eq!(fds.len(), 3 + pipes, "{who:?}: {fds:?}");
            assert_eq!(fds[..3], [0, 1, 2]);
            drop(stdin);
            ended(&live.finish().unwrap(), 0);
        }
    }
}

/// Waits until a process sleeps in a system call that waits; false after ten seconds.
fn settled(pid: i32) -> bool {
    let deadline = std::time::Instant::now() + support::patience(std::time::Duration::from_secs(10));
    while std::time::Instant::now() < deadline {
        let call = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
        // 61 is wait4, 0 is read.
        if ["61 ", "0 "].iter().any(|number| call.starts_with(number)) {
            return true;
        }
        std::thread::yield_now();
    }
    false
}

/// The number behind `"name": ` in a document.
fn member(document: &str, name: &str) -> Option<u64> {
    let (_, rest) = document.split_once(&format!("\"{name}\": "))?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

const NAMES: [(&str, &str, u32); 6] = [
    ("cgroup-namespace", "cgroup", flags::NEWCGROUP),
    ("ipc-namespace", "ipc", flags::NEWIPC),
    ("mnt-namespace", "mnt", flags::NEWNS),
    ("net-namespace", "net", flags::NEWNET),
    ("pid-namespace", "pid", flags::NEWPID),
    ("uts-namespace", "uts", flags::NEWUTS),
];

#[track_caller]
fn assert_describes(document: &str, pid: i32, namespaces: u32) {
    assert_eq!(member(document, "child-pid"), Some(pid as u64), "{document}");
    for (name, link, flag) in NAMES {
        let inode = fs::read_link(format!("/proc/{pid}/ns/{link}")).unwrap();
        let inode = inode.to_str().unwrap().split(['[', ']']).nth(1).unwrap().parse().ok();
        let expected = if namespaces & flag != 0 { inode } else { None };
        assert_eq!(member(document, name), expected, "{name} in {document}");
    }
}

#[test]
fn info_fd_gets_the_childs_pid_and_new_namespaces_and_then_its_end() {
    let bench = Bench::set_up();
    for who in everyone() {
        for namespaces in [flags::NEWNS, Namespaces::ALL.0] {
            let frame = NsEnter {
                namespaces: Namespaces(namespaces),
                info_fd: FdNumber::new(40),
                user: UserNs::UnlessRoot,
                ..NS_ENTER
            };
            let mut job = job(&bench, frame, false, who, "fds;wait");
            job.fds.insert(40, Fd::Out);
            let (mut live, stdin) = waiting(job);
            let child = children_of(live.pid())[0];
            assert!(live.wait_for(40, "}\n"));
            let document = String::from_utf8(live.output(40).to_vec()).unwrap();
            assert!(
                document.starts_with("{\n    \"child-pid\": ") && document.ends_with("\n}\n"),
                "{document}"
            );
            assert_describes(&document, child, namespaces);
            drop(stdin);
            let seen = live.finish().unwrap();
            assert_eq!(seen.outs[&40], document.as_bytes(), "written once");
            assert!(!ended(&seen, 0).fds().contains_key(&40), "the sandbox still has it");
        }
    }
}

#[test]
fn json_status_fd_gets_a_line_at_the_start_and_one_at_the_end() {
    let bench = Bench::set_up();
    for who in everyone() {
        for (reaper, steps) in [(false, "fds;wait;ready 1;exit 42"), (true, "fds;wait;ready 1;status 42")] {
            let frame = NsEnter { json_status_fd: FdNumber::new(41), ..sandbox() };
            let mut job = job(&bench, frame, reaper, who, steps);
            job.fds.insert(41, Fd::Out);
            let (mut live, stdin) = waiting(job);
            let child = children_of(live.pid())[0];
            assert!(live.wait_for(41, "\n"));
            let first = String::from_utf8(live.output(41).to_vec()).unwrap();
            assert!(first.starts_with("{ \"child-pid\": ") && first.ends_with(" }\n"), "{first}");
            assert_describes(&first, child, sandbox().namespaces.0);
            drop(stdin);
            let seen = live.finish().unwrap();
            let lines = String::from_utf8(seen.outs[&41].clone()).unwrap();
            assert_eq!(lines, format!("{first}{{ \"exit-code\": 42 }}\n"));
            assert!(!ended(&seen, 42).fds().contains_key(&41), "the sandbox still has it");
        }
    }
}

/// The last stage says on the pipe that the command is about to run, and once more when it could not.
#[test]
fn json_status_fd_gets_no_exit_code_of_a_command_that_was_not_run() {
    let bench = Bench::set_up();
    for who in everyone() {
        for said in [0, 2, 3] {
            let frame = NsEnter { json_status_fd: FdNumber::new(41), ..sandbox() };
            let mut job = job(&bench, frame, false, who, &format!("argv;ready {said};exit 1"));
            job.fds.insert(41, Fd::Out);
            let seen = job.run().unwrap();
            assert!(ended(&seen, 1).argument("--ready=").is_some());
            let lines = String::from_utf8_lossy(&seen.outs[&41]);
            assert!(lines.lines().count() == 1 && !lines.contains("exit-code"), "said {said}: {lines}");
        }
        // Nobody asks, so there is no such pipe.
        let seen = job(&bench, sandbox(), true, who, "argv").run().unwrap();
        assert_eq!(ended(&seen, 0).argument("--ready="), None);
    }
}

#[test]
fn with_userns_block_fd_somebody_else_writes_the_maps_before_anything_goes_on() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("only root may map other ids");
    }
    for who in everyone() {
        let frame = NsEnter {
            user: UserNs::New,
            userns_block_fd: FdNumber::new(42),
            info_fd: FdNumber::new(40),
            uid: Some(0),
            gid: Some(0),
            ..NS_ENTER
        };
        let mut job = job(&bench, frame, false, who, "argv;ids;fds");
        job.fds.insert(40, Fd::Out);
        job.fds.insert(42, Fd::In);
        let mut live = job.start().unwrap();
        assert!(live.wait_for(40, "}\n"));
        let pid = member(std::str::from_utf8(live.output(40)).unwrap(), "child-pid").unwrap();
        let own = who.uid();
        fs::write(format!("/proc/{pid}/uid_map"), format!("0 {own} 1\n1 100000 10\n")).unwrap();
        fs::write(format!("/proc/{pid}/gid_map"), format!("0 {own} 1\n1 100000 10\n")).unwrap();
        live.write(42, b"1");
        let view = ended(&live.finish().unwrap(), 0);
        assert_eq!(view.value("uid_map"), format!("0 {own} 1 1 100000 10"));
        assert!(!view.fds().contains_key(&42));
        // Not one of the launch's own: others may have been let in.
        assert_eq!(view.argument("--own-userns="), Some("joined"));
    }
}

/// Kills the monitor, and the process that started it, each at the point where the sandbox waits.
#[test]
fn with_die_with_parent_the_sandbox_ends_with_the_monitor_and_the_monitor_with_its_parent() {
    let bench = Bench::set_up();
    for who in everyone() {
        let frame = NsEnter { die_with_parent: true, ..sandbox() };
        let (live, _stdin) = waiting(job(&bench, frame, false, who, "flags;wait"));
        live.kill(libc::SIGKILL);
        let seen = live.finish().unwrap();
        assert_eq!((seen.status, seen.leftovers.len()), (End::Signal(9), 0), "{}", explain(&seen));
        assert_eq!(View::new(&seen.stdout).value("pdeathsig"), "9");
        // A shell in between, which does not exec its last command because another follows.
        let between = ["sh", "-c", "\"$@\"; exit 3", "sh"];
        let (live, _stdin) = waiting(through(job(&bench, frame, false, who, "wait"), &between));
        live.kill(libc::SIGKILL);
        let seen = live.finish().unwrap();
        assert_eq!((seen.status, seen.leftovers.len()), (End::Signal(9), 0), "{}", explain(&seen));
        // Without it, they go on: it is the option that ends them.
        let (live, _stdin) = waiting(job(&bench, sandbox(), false, who, "wait"));
        live.kill(libc::SIGKILL);
        let seen = live.finish().unwrap();
        assert_eq!((seen.status, seen.leftovers.len()), (End::Signal(9), 1), "{}", explain(&seen));
    }
}

#[test]
fn namespaces_that_cannot_be_made_are_refused_and_nothing_is_run() {
    let bench = Bench::set_up();
    for (namespaces, user, message) in [
        (flags::NEWNET, UserNs::Keep, "Creating new namespace failed: Operation not permitted"),
        (flags::NEWNS, UserNs::Keep, "Creating new namespace failed: Operation not permitted"),
    ] {
        let frame = NsEnter { namespaces: Namespaces(namespaces), user, ..NS_ENTER };
        let seen = job(&bench, frame, false, Who::User, "report").run().unwrap();
        assert_eq!(refused(&seen), format!("ns-enter: {message}"));
    }
}

/// The limit is one of the user namespace, so it can be tried without touching this machine's.
#[test]
fn where_user_namespaces_are_used_up_the_message_says_so() {
    let bench = Bench::set_up();
    let limit = ["unshare", "--user", "--map-root-user", "sh", "-c", LIMIT, "sh"];
    for who in everyone() {
        let frame = NsEnter { user: UserNs::New, ..NS_ENTER };
        let seen = through(job(&bench, frame, false, who, "report"), &limit).run().unwrap();
        assert_eq!(
            refused(&seen),
            "ns-enter: Creating new namespace failed: nesting depth or /proc/sys/user/max_*_namespaces exceeded \
             (ENOSPC)"
        );
        // Only tried, it is done without: root here needs none.
        let frame = NsEnter { user: UserNs::Try, ..NS_ENTER };
        let seen = through(job(&bench, frame, false, who, "ids"), &limit).run().unwrap();
        assert_eq!(ended(&seen, 0).value("uid_map"), format!("0 {} 1", who.uid()));
    }
}

const LIMIT: &str = "echo 0 >/proc/sys/user/max_user_namespaces && exec \"$@\"";

#[test]
fn what_fails_in_the_sandbox_before_the_next_stage_ends_all_with_one_message() {
    let bench = Bench::set_up();
    let long = text(vec![b'x'; 65]);
    let bad_fd = FdNumber::new(99);
    let user = UserNs::UnlessRoot;
    for who in everyone() {
        let hostname =
            NsEnter { namespaces: Namespaces(flags::NEWUTS), user, hostname: Some(long), ..NS_ENTER };
        let userns = NsEnter { userns_fd: bad_fd, ..NS_ENTER };
        let pidns = NsEnter { pidns_fd: bad_fd, ..NS_ENTER };
        for (frame, message) in [
            (hostname, format!("Can't set hostname to {}: Invalid argument", "x".repeat(65))),
            (userns, "Joining specified user namespace failed: Bad file descriptor".to_owned()),
            (pidns, "Setting pidns failed: Bad file descriptor".to_owned()),
        ] {
            for reaper in [false, true] {
                let seen = job(&bench, frame, reaper, who, "report").run().unwrap();
                assert_eq!(refused(&seen), format!("ns-enter: {message}"), "{who:?}");
            }
        }
    }
}

/// Of the monitor, which stays outside: calls that say they have worked and have not.
#[test]
fn a_monitor_that_is_as_privileged_or_as_traceable_as_before_ends_the_launch() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("only root has capabilities here");
    }
    for (filter, message) in [
        (filters::deny(libc::SYS_capset, 0), "capset failed: Operation not permitted"),
        (filters::deny_prctl(libc::PR_SET_DUMPABLE, 0), "can't set dumpable: Operation not permitted"),
    ] {
        let job = job(&bench, without_pids(), false, Who::Root, "report");
        assert_eq!(refused(&filters::under(job, filter).run().unwrap()), format!("ns-enter: {message}"));
    }
}
