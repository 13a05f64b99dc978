//! `--cgroup` and `--limit`: a cgroup of the sandbox's own, its limits, and that nothing is left of it.

use boot::{Cgroup, Host};
use common::plan::{Limit, List, NsEnter, NsExtra};
use stage::skip;
use std::fs;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::process::Command;
use support::{End, Fd, Job, Live, Seen};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Starts a sandbox whose command has said `says` by now, and goes on when its input ends or has a line.
#[track_caller]
fn started(mut job: Job, says: &str) -> Live {
    job.fds.insert(0, Fd::In);
    job.stdin = support::Stdin::Closed;
    let mut live = job.start().expect("a process");
    assert!(live.wait_for(1, says), "{}", text(live.output(2)));
    live
}

/// Runs a shell command in a sandbox of these options, in `cgroup`, and checks that nothing of the sandbox is left.
#[track_caller]
fn run(host: &Host, cgroup: &Cgroup, options: &str, command: &str) -> Seen {
    let mut words: Vec<&str> = options.split_whitespace().collect();
    words.extend(["sh", "-c", command]);
    let seen = host.bwrap(cgroup, &words).run().expect("a process");
    assert_eq!(seen.leftovers, Vec::<String>::new(), "{}", text(&seen.stderr));
    assert_eq!(cgroup.children(), Vec::<String>::new(), "{}", text(&seen.stderr));
    assert_eq!(cgroup.subtree_control(), "");
    seen
}

#[test]
fn the_sandbox_is_the_root_of_its_own_hierarchy() {
    let Some(host) = Host::set_up() else { return };
    let cgroup = host.delegated();
    let see = "grep ^0: /proc/self/cgroup; cat /sys/fs/cgroup/cgroup.procs; mkdir /sys/fs/cgroup/below && echo made; \
               grep cgroup2 /proc/self/mountinfo";
    let all = "--unshare-all --ro-bind / / --proc /proc --cgroup /sys/fs/cgroup";
    let seen = run(&host, &cgroup, all, see);
    assert_eq!(seen.status, End::Exit(0), "{}", text(&seen.stderr));
    let out = text(&seen.stdout);
    // Pid 1, the shell and cat: nobody who is outside.
    assert!(out.starts_with("0::/\n1\n2\n"), "{out}");
    assert!(out.contains("\nmade\n"), "{out}");
    assert!(out.contains(" /sys/fs/cgroup rw,nosuid,nodev,noexec"), "{out}");
}

const SHARED_PIDS: &str = "--unshare-user --ro-bind / / --dev /dev --cgroup /sys/fs/cgroup";

#[test]
fn every_end_leaves_nothing() {
    let Some(host) = Host::set_up() else { return };
    let cgroup = host.delegated();
    let own_pids = "--unshare-all --ro-bind / / --proc /proc --dev /dev --cgroup /sys/fs/cgroup";
    for options in [own_pids, SHARED_PIDS] {
        assert_eq!(run(&host, &cgroup, options, "exit 7").status, End::Exit(7), "{options}");
        assert_eq!(run(&host, &cgroup, options, "kill -9 $$").status, End::Exit(137), "{options}");
        // Processes and cgroups that the command leaves behind; bubblewrap, without a cgroup, would let them run.
        let left = "mkdir -p /sys/fs/cgroup/a/b /sys/fs/cgroup/c; sleep 1000 & echo $! > /sys/fs/cgroup/a/b/cgroup.procs";
        assert_eq!(run(&host, &cgroup, options, left).status, End::Exit(0), "{options}");
    }
    // The command cannot be run.
    let words = ["--ro-bind", "/", "/", "--cgroup", "/sys/fs/cgroup", "/nonexistent"];
    let seen = host.bwrap(&cgroup, &words).run().expect("a process");
    assert_eq!(text(&seen.stderr), "bwrap: execvp /nonexistent: No such file or directory\n");
    assert_eq!((seen.status, cgroup.children().len()), (End::Exit(1), 0));
}

const SUBORDINATE_IDS: &str =
    "--uid-map auto --gid-map auto --uid 0 --gid 0 --cap-add ALL --ro-bind / / --cgroup /sys/fs/cgroup";

/// Whether subordinate ids can be mapped.
fn has_uidmap() -> bool {
    let there = std::path::Path::new("/usr/bin/newuidmap").exists();
    if !there {
        skip("newuidmap is not installed (package uidmap)");
    }
    there
}

#[test]
fn what_subordinate_ids_have_made_is_removed_too() {
    let Some(host) = Host::set_up() else { return };
    if !has_uidmap() {
        return;
    }
    let cgroup = host.delegated();
    // In a directory of another id nothing can be removed from outside.
    let make = "cd /sys/fs/cgroup && mkdir a && chown 5:5 a && setpriv --reuid 5 --regid 5 --clear-groups mkdir a/b a/c";
    let seen = run(&host, &cgroup, SUBORDINATE_IDS, make);
    assert_eq!((seen.status, text(&seen.stderr).as_str()), (End::Exit(0), ""));
}

#[test]
fn a_killed_launcher_leaves_nothing_either() {
    let Some(host) = Host::set_up() else { return };
    let cgroup = host.delegated();
    for die in [true, false] {
        let mut words = vec!["--unshare-all", "--ro-bind", "/", "/", "--cgroup", "/sys/fs/cgroup"];
        words.extend(die.then_some("--die-with-parent"));
        words.extend(["sh", "-c", "mkdir /sys/fs/cgroup/a; echo started; read line; exit 3"]);
        let mut live = started(host.bwrap(&cgroup, &words), "started\n");
        assert_eq!(cgroup.children().len(), 1);
        live.kill(libc::SIGKILL);
        live.wait_end();
        // Without --die-with-parent the sandbox goes on, and ends when its input does.
        live.close(0);
        assert_eq!(live.settle(), 0, "a process is left");
        assert_eq!(cgroup.children(), Vec::<String>::new(), "die with parent: {die}");
    }
}

#[test]
fn root_in_a_users_cgroup_leaves_nothing_in_it() {
    let Some(host) = Host::set_up() else { return };
    let cgroup = host.delegated();
    // Root of the new user namespace has no power over what is the user's.
    let words = ["--unshare-all", "--ro-bind", "/", "/", "--cgroup", "/sys/fs/cgroup", "true"];
    let mut job = host.bwrap(&cgroup, &words);
    job.user = None;
    let seen = job.run().expect("a process");
    assert_eq!((seen.status, text(&seen.stderr)), (End::Exit(0), String::new()));
    assert_eq!(cgroup.children(), Vec::<String>::new());
}

#[test]
fn a_cgroup_that_is_not_delegated_is_refused_with_the_way_to_get_one() {
    let Some(host) = Host::set_up() else { return };
    let cgroup = host.delegated();
    for name in ["", "cgroup.procs"] {
        std::os::unix::fs::chown(cgroup.path().join(name), Some(0), Some(0)).expect("root may");
    }
    let words = ["--ro-bind", "/", "/", "--cgroup", "/sys/fs/cgroup", "true"];
    let seen = host.bwrap(&cgroup, &words).run().expect("a process");
    assert_eq!(seen.status, End::Exit(1));
    let message = text(&seen.stderr);
    let start = format!("bwrap: --cgroup: Can't make a cgroup below {}", cgroup.path().display());
    assert!(message.starts_with(&start), "{message}");
    assert!(
        message.ends_with("(try: systemd-run --user --scope -p Delegate=yes COMMAND): Permission denied\n")
    );
    assert_eq!(message.lines().count(), 1, "{message}");
}

#[test]
fn limits_are_set_where_their_controller_is_delegated() {
    let Some(host) = Host::set_up() else { return };
    let cgroup = host.delegated();
    if !cgroup.delegate("hugetlb") {
        skip("this host has no controller hugetlb in its cgroup2 hierarchy");
        return;
    }
    let options = "--unshare-user --ro-bind / / --cgroup /sys/fs/cgroup --limit hugetlb.2MB.max=64M";
    // The sandbox's own files are its own; the limit is above, where it sees nothing, and stays whatever it writes.
    for options in [options.to_owned(), format!("{options} --unshare-all")] {
        let mut words: Vec<&str> = options.split_whitespace().collect();
        let line = "cd /sys/fs/cgroup && echo max >hugetlb.2MB.max; mkdir below; cat cgroup.controllers; \
                    echo written; read line";
        words.extend(["sh", "-c", line]);
        let mut live = started(host.bwrap(&cgroup, &words), "hugetlb\nwritten\n");
        let own = cgroup.children().into_iter().find(|name| !name.starts_with("bwrap-launcher-"));
        let own = cgroup.path().join(own.expect("the sandbox's"));
        assert_eq!(fs::read_to_string(own.join("hugetlb.2MB.max")).expect("a limit"), "67108864\n");
        assert_eq!(
            fs::read_to_string(own.join("cgroup.procs")).expect("a cgroup"),
            "",
            "nobody is beside it"
        );
        live.close(0);
        assert_eq!(live.settle(), 0, "a process is left");
        assert_eq!((cgroup.children(), cgroup.subtree_control()), (vec![], String::new()));
        assert_eq!(live.finish().expect("its end").status, End::Exit(1));
    }
    // What the kernel does not take.
    for (limit, why) in [
        ("hugetlb.2MB.max=many", "bwrap: --limit: Can't set hugetlb.2MB.max to many: Invalid argument\n"),
        ("hugetlb.3MB.max=1", "bwrap: --limit: this kernel has no hugetlb.3MB.max\n"),
    ] {
        let options = format!("--unshare-user --ro-bind / / --cgroup /sys/fs/cgroup --limit {limit}");
        let seen = run(&host, &cgroup, &options, "echo ran");
        assert_eq!((text(&seen.stderr), seen.status), (why.to_owned(), End::Exit(1)));
        assert!(seen.stdout.is_empty());
    }
}

#[test]
fn limits_are_refused_where_they_would_not_count() {
    let Some(host) = Host::set_up() else { return };
    let cgroup = host.delegated();
    let options = "--unshare-user --ro-bind / / --cgroup /sys/fs/cgroup --limit nonsense.max=1";
    let seen = run(&host, &cgroup, options, "echo ran");
    let message = text(&seen.stderr);
    assert!(
        message.starts_with("bwrap: --limit: controller nonsense is not delegated to you in "),
        "{message}"
    );
    assert_eq!((seen.status, seen.stdout.len(), message.lines().count()), (End::Exit(1), 0, 1));
    let seen = run(&host, &cgroup, "--ro-bind / / --limit memory=1G", "echo ran");
    assert_eq!(text(&seen.stderr), "bwrap: Specifying --limit requires --cgroup\n");
}

#[test]
fn nobody_elses_processes_are_moved_for_a_limit() {
    let Some(host) = Host::set_up() else { return };
    let cgroup = host.delegated();
    if !cgroup.delegate("hugetlb") {
        skip("this host has no controller hugetlb in its cgroup2 hierarchy");
        return;
    }
    // A shell that stays beside its bwrap.
    let mut job = host.job("/bin/sh", &cgroup);
    let line = format!(
        "{} --ro-bind / / --cgroup /sys/fs/cgroup --limit hugetlb.2MB.max=1M echo ran; echo status $?",
        host.bench.bin("bwrap").display()
    );
    job.args(["-c", &line]);
    let seen = job.run().expect("a process");
    assert_eq!(text(&seen.stdout), "status 1\n");
    let message = text(&seen.stderr);
    assert!(message.contains("--limit needs a cgroup with nothing but this launch in it"), "{message}");
    assert_eq!((cgroup.children().len(), cgroup.subtree_control().as_str()), (0, ""));
}

#[test]
fn a_keeper_that_was_killed_is_told_of_at_the_end() {
    let Some(host) = Host::set_up() else { return };
    let options = "--unshare-all --ro-bind / / --proc /proc --cgroup /sys/fs/cgroup";
    kill_keeper(&host, options, host.delegated());
    let cgroup = host.delegated();
    if cgroup.delegate("hugetlb") {
        kill_keeper(&host, &format!("{options} --limit hugetlb.2MB.max=64M"), cgroup);
    }
}

/// It outlives who has called, and has to be there when the sandbox ends.
#[test]
fn a_keeper_holds_nothing_of_its_callers_and_heeds_no_signal() {
    let Some(host) = Host::set_up() else { return };
    let cgroup = host.delegated();
    let words = ["--unshare-all", "--ro-bind", "/", "/", "--cgroup", "/sys/fs/cgroup"];
    let mut job = host.bwrap(&cgroup, &words);
    job.args(["sh", "-c", "echo started; read line; exit 5"]);
    job.fds.insert(50, Fd::Data(b"the caller's".to_vec()));
    let mut live = started(job, "started\n");
    let keeper = keeper_of(&live);
    for entry in fs::read_dir(format!("/proc/{keeper}/fd")).expect("a process").flatten() {
        let (number, what) = (entry.file_name(), fs::read_link(entry.path()).expect("a link"));
        let what = what.to_string_lossy();
        let own = ["socket:", "user:", "/sys/fs/cgroup"].iter().any(|kind| what.starts_with(kind));
        assert!(number == "2" || own, "{number:?}: {what}");
    }
    assert_eq!(text(&fs::read(format!("/proc/{keeper}/environ")).expect("a process")), "");
    // Nor is it in the job that a shell or a terminal ends. SAFETY: a plain call.
    assert_eq!(unsafe { libc::getsid(keeper) }, keeper);
    for signal in [libc::SIGTERM, libc::SIGHUP, libc::SIGINT, libc::SIGUSR1] {
        // SAFETY: a plain call; the keeper is a child that the launcher has not waited for.
        unsafe { libc::kill(keeper, signal) };
    }
    live.write(0, b"on\n");
    let seen = live.finish().expect("its end");
    assert_eq!((seen.status, text(&seen.stderr), cgroup.children()), (End::Exit(5), String::new(), vec![]));
}

/// The launcher's keeper.
fn keeper_of(live: &Live) -> i32 {
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", live.pid())).expect("a process");
    let is_keeper = |pid: &&str| {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim_end() == "cgroup-keeper")
    };
    children.split_whitespace().find(is_keeper).expect("a keeper").parse().expect("a process id")
}

#[track_caller]
fn kill_keeper(host: &Host, options: &str, cgroup: Cgroup) {
    let mut words: Vec<&str> = options.split(' ').collect();
    words.extend(["sh", "-c", "echo started; read line"]);
    let mut live = started(host.bwrap(&cgroup, &words), "started\n");
    // SAFETY: a plain call; the keeper is a child that the launcher has not waited for.
    unsafe { libc::kill(keeper_of(&live), libc::SIGKILL) };
    let pid = live.pid();
    live.write(0, b"on\n");
    let seen = live.finish().expect("its end");
    let message =
        format!("bwrap: cgroup-keeper was killed: what is left of the sandbox is in cgroup bwrap-{pid}\n");
    assert_eq!((seen.status, text(&seen.stderr)), (End::Exit(1), message));
    let left = cgroup.children();
    assert!(left.contains(&format!("bwrap-{pid}")), "{left:?}");
    // The tests' own are removed with what was left in them.
    let path = cgroup.path().to_owned();
    drop(cgroup);
    assert!(!path.exists());
}

/// Runs `command` in a sandbox of these options, and traces its keeper from before the command's end: what it has done
/// then, a system call a line. `None` where there is no strace.
#[track_caller]
fn trace_keeper(
    host: &Host,
    cgroup: &Cgroup,
    options: &str,
    command: &str,
    how: &[&str],
) -> Option<(Seen, String)> {
    if Command::new("strace").arg("-V").output().is_err() {
        skip("strace is not installed");
        return None;
    }
    let mut words: Vec<&str> = options.split_whitespace().collect();
    let command = format!("{command}; echo ready; read line");
    words.extend(["sh", "-c", &command]);
    let mut live = started(host.bwrap(cgroup, &words), "ready\n");
    let trace = host.bench.path("trace");
    let mut strace = Job::new("/usr/bin/strace");
    let keeper = keeper_of(&live).to_string();
    strace.args(how).arg("-o").arg(&trace).args(["-p", &keeper]);
    let mut strace = strace.start().expect("a process");
    assert!(strace.wait_for(2, "attached"), "{}", text(strace.output(2)));
    live.write(0, b"on\n");
    let seen = live.finish().expect("its end");
    assert_eq!(strace.finish().expect("its end").status, End::Exit(0));
    assert_eq!(seen.leftovers, Vec::<String>::new(), "{}", text(&seen.stderr));
    assert_eq!(cgroup.children(), Vec::<String>::new(), "{}", text(&seen.stderr));
    Some((seen, fs::read_to_string(trace).expect("a trace")))
}

#[test]
fn a_deep_tree_is_removed_in_as_many_steps_as_it_has_cgroups() {
    let Some(host) = Host::set_up() else { return };
    let cgroup = host.delegated();
    let calls = |depth: u32| {
        let make = format!("cd /sys/fs/cgroup; for i in $(seq {depth}); do mkdir d && cd -P d; done");
        let (seen, trace) = trace_keeper(&host, &cgroup, SHARED_PIDS, &make, &[])?;
        assert_eq!(text(&seen.stderr), "");
        Some(trace.lines().count())
    };
    if let (Some(fifty), Some(hundred)) = (calls(50), calls(100)) {
        assert!(
            hundred > 100 && hundred < fifty * 5 / 2,
            "{fifty} system calls for 50 and {hundred} for 100"
        );
    }
}

/// The files of the cgroup that the sandbox is in are its own.
#[test]
fn what_has_closed_its_cgroup_to_the_keeper_is_ended_all_the_same() {
    let Some(host) = Host::set_up() else { return };
    let cgroup = host.delegated();
    let leave =
        "mkdir -p /sys/fs/cgroup/a/b; sleep 4444 & sleep 4445 & echo $! >/sys/fs/cgroup/a/b/cgroup.procs";
    let close = ["chmod 0 /sys/fs/cgroup/cgroup.kill", "chmod 0 /sys/fs/cgroup/cgroup.* /sys/fs/cgroup/a/b"];
    for close in close {
        let seen = run(&host, &cgroup, SHARED_PIDS, &format!("{leave}; {close}; exit 7"));
        assert_eq!((seen.status, text(&seen.stderr).as_str()), (End::Exit(7), ""), "{close}");
    }
}

#[test]
fn what_is_left_is_ended_one_by_one_where_the_kernel_cannot_end_it_at_once() {
    let Some(host) = Host::set_up() else { return };
    let cgroup = host.delegated();
    let leave =
        "mkdir -p /sys/fs/cgroup/a/b; sleep 4444 & sleep 4445 & echo $! >/sys/fs/cgroup/a/b/cgroup.procs";
    // As Linux 5.13 says it.
    let old = ["-P", "cgroup.kill", "-e", "inject=openat:error=ENOENT"];
    let Some((seen, trace)) = trace_keeper(&host, &cgroup, SHARED_PIDS, leave, &old) else { return };
    assert!(trace.contains("(INJECTED)"), "{trace}");
    assert_eq!(text(&seen.stderr), "");
}

#[test]
fn the_keeper_is_hidden_before_it_is_where_the_sandbox_could_trace_it() {
    let Some(host) = Host::set_up() else { return };
    if !has_uidmap() {
        return;
    }
    let cgroup = host.delegated();
    let make = "mkdir /sys/fs/cgroup/a && chown 5:5 /sys/fs/cgroup/a && setpriv --reuid 5 --regid 5 --clear-groups \
                mkdir /sys/fs/cgroup/a/b";
    let only = ["-e", "trace=prctl,setns"];
    let Some((_, trace)) = trace_keeper(&host, &cgroup, SUBORDINATE_IDS, make, &only) else { return };
    let calls: Vec<&str> =
        trace.lines().filter_map(|line| line.split_once(',').map(|(call, _)| call)).collect();
    assert!(trace.starts_with("prctl(PR_SET_DUMPABLE, SUID_DUMP_DISABLE) = 0"), "{trace}");
    assert!(calls.last().is_some_and(|call| call.starts_with("setns(")), "{trace}");
}

/// As where the launcher was killed before its keeper could ask who it is: the parent did not make the socket.
#[test]
fn who_has_adopted_the_keeper_is_not_taken_for_the_launcher() {
    let Some(host) = Host::set_up() else { return };
    let cgroup = host.delegated();
    if !cgroup.delegate("hugetlb") {
        skip("this host has no controller hugetlb in its cgroup2 hierarchy");
        return;
    }
    let (mut ours, theirs) = UnixStream::pair().expect("sockets");
    let limit = Limit::File { name: stage::path("hugetlb.2MB.max"), value: stage::text("64M") };
    let extra = NsExtra {
        uid_map: List::EMPTY,
        gid_map: List::EMPTY,
        setgroups: None,
        join: List::EMPTY,
        monotonic: None,
        boottime: None,
        own_cgroup: true,
        limits: stage::list(&[limit]),
        console: false,
    };
    let mut records = stage::Records::new(&["true"]);
    records.ns_enter = Some(NsEnter { extra: Some(extra), ..stage::NS_ENTER });
    let keeper = host.bench.bin("cgroup-keeper");
    let mut job = host.job("/bin/sh", &cgroup);
    job.args(["-c", &format!("{} --plan=10 --socket=7; echo ended", keeper.display())]);
    job.fds.insert(7, Fd::Raw(theirs.as_raw_fd()));
    job.fds.insert(10, host.bench.keep(records.sealed()));
    let live = job.start().expect("a process");
    drop(theirs);
    // It tells which cgroup it has made, or ends.
    let told = ours.read(&mut [0; 4]).expect("a socket");
    let place = fs::read_to_string(format!("/proc/{}/cgroup", live.pid())).unwrap_or_default();
    drop(ours);
    let seen = live.finish().expect("its end");
    assert_eq!((told, text(&seen.stdout).as_str()), (0, "ended\n"), "{place}{}", text(&seen.stderr));
    assert_eq!((cgroup.children(), cgroup.subtree_control()), (vec![], String::new()));
}

#[test]
fn a_limit_leaves_no_relay_aside() {
    let Some(host) = Host::set_up() else { return };
    let cgroup = host.delegated();
    if !cgroup.delegate("hugetlb") {
        skip("this host has no controller hugetlb in its cgroup2 hierarchy");
        return;
    }
    let options = "--unshare-all --ro-bind / / --dev /dev --console --cgroup /sys/fs/cgroup --limit hugetlb.2MB.max=64M";
    let seen = run(&host, &cgroup, options, "exit 7");
    assert_eq!((seen.status, text(&seen.stderr).as_str()), (End::Exit(7), ""));
}
