//! Hostile entry states: descriptors, limits, signals, arguments, environments and places that a caller may start
//! bwrap in. Each ends in a refusal or in exactly the sandbox of an undisturbed launch.

use attack::hostile::{
    Came, FULL, Host, Judge, OWN_TREE, REPORT_FD, bwrap, check, filter, limit, reporting, tree,
};
use stage::filters::deny;
use stage::{Bench, NS_ENTER, Records, Who, ended, everyone, explain, refused, skip, through, with_env};
use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use support::{End, Fd, Job, Stdin};

/// Every combination of the standard three, closed.
fn closings() -> Vec<Vec<i32>> {
    (1..8).map(|bits| (0..3).filter(|fd| bits >> fd & 1 == 1).collect()).collect()
}

fn close(job: &mut Job, closed: &[i32]) {
    if closed.contains(&0) {
        job.stdin = Stdin::Closed;
    }
    job.close = closed.to_vec();
}

#[test]
fn with_standard_descriptors_closed_the_sandbox_is_the_same_and_none_of_ours_takes_their_place() {
    let bench = Bench::set_up();
    let mut judge = Judge::new(&bench);
    for who in everyone() {
        for args in [&FULL[..], &OWN_TREE] {
            for closed in closings() {
                let mut job = reporting(&bench, who, args);
                close(&mut job, &closed);
                let seen = job.run().unwrap();
                let report = String::from_utf8_lossy(&seen.outs[&REPORT_FD]).into_owned();
                let taken = |fd: &i32| report.lines().any(|line| line.starts_with(&format!("fd {fd} ")));
                assert!(!closed.iter().any(taken), "{closed:?}: {report}");
                let standard = ["fd 0 ", "fd 1 ", "fd 2 "];
                assert_eq!(judge.judge(who, args, Ok(seen), &standard), Came::Ran, "{who:?} {closed:?}");
            }
        }
    }
}

/// What pid 1 holds the command can reach through /proc/1/fd: with all closed it was an executable of the host's.
#[test]
fn with_standard_descriptors_closed_pid_1_and_the_monitor_hold_nothing_in_their_place() {
    let bench = Bench::set_up();
    for who in everyone() {
        for closed in closings() {
            let mut job = bwrap(&bench, who, &FULL);
            job.arg(bench.path("probe")).args(["-o", "50", "pid1", "fds"]);
            job.fds.insert(REPORT_FD, Fd::Out);
            close(&mut job, &closed);
            let seen = job.run().unwrap();
            let report = String::from_utf8_lossy(&seen.outs[&REPORT_FD]).into_owned();
            let held: Vec<i32> = report
                .lines()
                .filter_map(|line| line.strip_prefix("pid1 fd ")?.split(' ').next()?.parse().ok())
                .collect();
            assert!(
                !held.is_empty() && !held.iter().any(|fd| closed.contains(fd)),
                "{who:?} {closed:?}: {report}"
            );
            for line in report.lines().filter(|line| line.starts_with("pid1 fd ")) {
                assert!(
                    line.ends_with(" pipe") || line.ends_with(" /dev/null"),
                    "{who:?} {closed:?}: {report}"
                );
            }
        }
    }
}

/// A message must not become an exit status, a go, or part of the plan.
#[test]
fn with_standard_descriptors_closed_a_failure_is_still_a_failure() {
    let bench = Bench::set_up();
    let failing: [&[&str]; 4] = [
        &["--ro-bind", "/missing", "/x"],
        &["--chdir", "/missing"],
        &["--unshare-pid", "--lock-file", "/missing"],
        &["--info-fd", "40", "--json-status-fd", "40", "--unshare-pid"],
    ];
    let host = Host::look();
    for who in everyone() {
        for closed in closings() {
            for more in failing {
                let mut job = bwrap(&bench, who, &[&["--ro-bind", "/", "/"], more].concat());
                job.arg(bench.path("probe")).args(["-o", "50", "caps"]);
                job.fds.insert(REPORT_FD, Fd::Out);
                // Nobody can write to it.
                job.fds.insert(40, Fd::Path("/dev/null".into(), libc::O_RDONLY));
                close(&mut job, &closed);
                let seen = job.run().unwrap();
                let report = &seen.outs[&REPORT_FD];
                assert!(
                    report.is_empty() && seen.leftovers.is_empty(),
                    "{closed:?} {more:?}: {}",
                    explain(&seen)
                );
                assert_eq!(seen.status, End::Exit(1), "{who:?} {closed:?} {more:?}: {}", explain(&seen));
                assert_eq!(
                    seen.stderr.is_empty(),
                    closed.contains(&2),
                    "{closed:?} {more:?}: {}",
                    explain(&seen)
                );
            }
        }
    }
    assert_eq!(host, Host::look());
}

#[test]
fn under_tiny_limits_the_sandbox_is_the_same_or_there_is_none() {
    let bench = Bench::set_up();
    let mut judge = Judge::new(&bench);
    let sizes: Vec<u64> = (12..27).map(|shift| 1 << shift).collect();
    let few: Vec<u64> = (0..40).chain([60]).collect();
    // Under RLIMIT_FSIZE the kernel ends whoever writes too much, the plan to its memfd among them; RLIMIT_NPROC
    // counts the processes of the user, whoever else runs some.
    let limits = [
        (libc::RLIMIT_NOFILE, few),
        (libc::RLIMIT_AS, sizes.clone()),
        (libc::RLIMIT_DATA, sizes.clone()),
        (libc::RLIMIT_STACK, sizes.clone()),
        (libc::RLIMIT_FSIZE, vec![0, 1, 100, 4096]),
        (libc::RLIMIT_NPROC, vec![0, 1, 2, 3]),
        (libc::RLIMIT_MEMLOCK, vec![0]),
        (libc::RLIMIT_SIGPENDING, vec![0]),
    ];
    for who in everyone() {
        let mut came = BTreeMap::<_, [usize; 3]>::new();
        for (resource, values) in &limits {
            for value in values {
                // REPORT_FD has to be below the limit for the probe to be heard, or the probe is not.
                let mut job = reporting(&bench, who, &FULL);
                job.enter = Some(limit(*resource, *value));
                let differs = ["rlimit", "(os error", "argv0"];
                let place = match judge.judge(who, &FULL, job.run(), &differs) {
                    Came::Ran => 0,
                    Came::Refused(_) => 1,
                    Came::Died(_) => 2,
                };
                came.entry(resource).or_default()[place] += 1;
            }
        }
        println!("{who:?}: ran, refused, died by limit: {came:?}");
        assert!(came[&libc::RLIMIT_NOFILE][0] > 5 && came[&libc::RLIMIT_NOFILE][1] > 2, "{came:?}");
    }
}

#[test]
fn signals_blocked_ignored_or_pending_change_nothing() {
    let bench = Bench::set_up();
    let mut judge = Judge::new(&bench);
    let all: Vec<i32> =
        (1..=64).filter(|signal| ![libc::SIGKILL, libc::SIGSTOP, 32, 33].contains(signal)).collect();
    for who in everyone() {
        for (ignore, block, pending) in
            [(true, false, false), (false, true, false), (true, true, false), (false, true, true)]
        {
            let hostile = |job: &mut Job| {
                job.ignore = if ignore { all.clone() } else { Vec::new() };
                job.block = if block { all.clone() } else { Vec::new() };
                if pending {
                    let all = all.clone();
                    job.enter = Some(Arc::new(move || {
                        // SAFETY: sends signals to this process, which has all of them blocked.
                        all.iter().try_for_each(|signal| check(unsafe { libc::raise(*signal) }))
                    }));
                }
            };
            let mut job = reporting(&bench, who, &FULL);
            hostile(&mut job);
            let came = judge.judge(who, &FULL, job.run(), &["signals"]);
            assert_eq!(came, Came::Ran, "{who:?} ignored {ignore}, blocked {block}, pending {pending}");
            // Who ignores SIGCHLD is not told of the end of a child, but bwrap has to be.
            let mut job = bwrap(&bench, who, &FULL);
            job.arg(bench.path("probe")).args(["exit", "41"]);
            hostile(&mut job);
            assert_eq!(job.run().unwrap().status, End::Exit(41), "{who:?} {ignore} {block} {pending}");
        }
    }
}

#[test]
fn no_new_privs_that_is_on_already_changes_nothing() {
    let bench = Bench::set_up();
    let mut judge = Judge::new(&bench);
    for who in everyone() {
        for args in [&FULL[..], &OWN_TREE] {
            let mut job = reporting(&bench, who, args);
            // SAFETY: plain numbers.
            let on = || check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) });
            job.enter = Some(Arc::new(on));
            assert_eq!(judge.judge(who, args, job.run(), &[]), Came::Ran, "{who:?}");
        }
    }
}

/// As in a container whose filter is older than the call (docker's, for the new mount API).
#[test]
fn a_callers_filter_that_knows_no_such_call_means_the_same_sandbox_or_none() {
    let bench = Bench::set_up();
    let mut judge = Judge::new(&bench);
    // The calls of the stages that containers refuse or did not know for years; others the probe itself needs.
    let calls = [
        (libc::SYS_clone, "clone"),
        (libc::SYS_unshare, "unshare"),
        (libc::SYS_setns, "setns"),
        (libc::SYS_mount, "mount"),
        (libc::SYS_umount2, "umount2"),
        (libc::SYS_pivot_root, "pivot_root"),
        (libc::SYS_open_tree, "open_tree"),
        (467, "open_tree_attr"),
        (libc::SYS_move_mount, "move_mount"),
        (libc::SYS_mount_setattr, "mount_setattr"),
        (libc::SYS_fsopen, "fsopen"),
        (libc::SYS_fsconfig, "fsconfig"),
        (libc::SYS_fsmount, "fsmount"),
        (libc::SYS_openat2, "openat2"),
        (libc::SYS_statx, "statx"),
        (libc::SYS_memfd_create, "memfd_create"),
        (libc::SYS_execveat, "execveat"),
        (libc::SYS_close_range, "close_range"),
        (libc::SYS_faccessat2, "faccessat2"),
        (452, "fchmodat2"),
        (libc::SYS_sethostname, "sethostname"),
        (libc::SYS_capset, "capset"),
        (libc::SYS_capget, "capget"),
        (libc::SYS_setsid, "setsid"),
        (libc::SYS_umask, "umask"),
        (libc::SYS_pipe2, "pipe2"),
        (libc::SYS_socketpair, "socketpair"),
        (libc::SYS_prctl, "prctl"),
        (libc::SYS_fchdir, "fchdir"),
        (libc::SYS_mkdirat, "mkdirat"),
    ];
    for who in everyone() {
        let mut refusals = 0;
        for args in [&FULL[..], &OWN_TREE] {
            for (nr, name) in calls {
                for errno in [libc::ENOSYS, libc::EPERM] {
                    let mut job = reporting(&bench, who, args);
                    job.enter = Some(filter(deny(nr, errno)));
                    let came = judge.judge(
                        who,
                        args,
                        job.run(),
                        &["seccomp", "umask", "(os error", "cap ", "no_new_privs"],
                    );
                    println!("{who:?} {name} {errno}: {came:?}");
                    assert!(!matches!(came, Came::Died(_)), "{who:?} {name} {errno}: no message");
                    refusals += usize::from(came != Came::Ran);
                }
            }
        }
        assert!(refusals > 40, "{who:?}: only {refusals} refusals: the filters are not there");
    }
}

#[test]
fn an_executable_with_privileges_to_lend_refuses_to_run() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("only root can lend privileges");
    }
    let ordinary = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"];
    for mode in [0o4755, 0o6755, 0o2755] {
        let program = bench.install(&bench.bin("bwrap"), "lent/bwrap", mode);
        let mut job = bench.job(program, Who::Root);
        job.args(["--ro-bind", "/", "/", "id"]);
        let message = refused(&through(job, &ordinary).run().unwrap());
        assert_eq!(message, "bwrap: setuid use of bubblewrap is not supported", "mode {mode:o}");
    }
    // A stage that is a command of its own hands its line to another executable, on which no such bit is.
    bench.install(&bench.bin("compose"), "lent/compose", 0o755);
    for mode in [0o4755, 0o2755] {
        let program = bench.install(&bench.bin("ns-enter"), "lent/ns-enter", mode);
        let mut job = bench.job(program, Who::Root);
        job.args(["--unshare-user", "--", "id"]);
        let seen = through(job, &ordinary).run().unwrap();
        let message = "ns-enter: setuid use of bubblewrap is not supported\n";
        assert_eq!(String::from_utf8_lossy(&seen.stderr), message, "mode {mode:o}");
        assert_eq!((seen.status, seen.stdout.len()), (End::Exit(125), 0), "mode {mode:o}");
    }
    // That one, found under the stage's name: the first stage after it has no bit and would not look.
    bench.install(&bench.bin("ns-enter"), "lent/ns-enter", 0o755);
    bench.install(&bench.bin("compose"), "lent/compose", 0o2755);
    let linked = bench.dir("linked", Who::Root);
    std::os::unix::fs::symlink("../lent/compose", linked.join("ns-enter")).unwrap();
    let plan = Records { ns_enter: Some(NS_ENTER), ..Records::new(&["/usr/bin/id"]) }.encode();
    for (line, message, status) in [
        ("ns-enter --unshare-user -- id", "compose: setuid use of bubblewrap is not supported\n", 125),
        ("ns-enter --stored=30", "ns-enter: setuid use of bubblewrap is not supported\n", 1),
    ] {
        let mut job = bench.job("/bin/sh", Who::Root);
        job.args(["-c", line]);
        job.fds.insert(30, Fd::File(plan.clone()));
        let job = with_env(job, "PATH", &format!("{}:/usr/bin:/bin", linked.display()));
        let seen = through(job, &["/usr/bin/setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"]);
        let seen = seen.run().unwrap();
        assert_eq!(String::from_utf8_lossy(&seen.stderr), message, "{line}: {}", explain(&seen));
        assert_eq!((seen.status, seen.stdout.len()), (End::Exit(status), 0), "{line}");
    }
    // Whose groups differ for another reason is no concern of bwrap's.
    let mut job = bwrap(&bench, Who::Root, &["--ro-bind", "/", "/", "true"]);
    // SAFETY: changes the group of a process that is about to exec.
    job.enter = Some(Arc::new(|| check(unsafe { libc::setresgid(1000, 0, 1000) })));
    ended(&job.run().unwrap(), 0);
}

#[test]
fn huge_and_odd_arguments_and_environments_are_passed_on_or_refused() {
    let bench = Bench::set_up();
    for who in everyone() {
        // The longest string that execve(2) takes, many words, and both empty.
        let long = "x".repeat(128 * 1024 - 1);
        let value = &long[..long.len() - "LONG=".len()];
        for (words, variables) in [
            (vec![long.clone()], vec![]),
            (vec!["y".to_owned(); 20_000], vec![]),
            (vec![String::new(); 3], vec![("LONG", value), ("EMPTY", "")]),
        ] {
            let mut job = bwrap(&bench, who, &FULL);
            job.args(["--", "sh", "-c", "printf '%s\\n' $# ${#1} ${#LONG} \"${EMPTY-unset}\"", "sh"])
                .args(&words);
            for (name, value) in &variables {
                job.env.push((name.into(), value.into()));
            }
            let length =
                |name| variables.iter().find(|(other, _)| *other == name).map_or(0, |(_, value)| value.len());
            let empty = if variables.is_empty() { "unset" } else { "" };
            let expected = format!("{}\n{}\n{}\n{empty}\n", words.len(), words[0].len(), length("LONG"));
            assert_eq!(ended(&job.run().unwrap(), 0).text(), expected, "{who:?}");
        }
        // As an option: longer than any path, any name.
        for option in ["--hostname", "--chdir", "--tmpfs", "--argv0", "--bogus"] {
            let mut job = bwrap(&bench, who, &["--ro-bind", "/", "/", "--unshare-uts", option, &long]);
            job.arg(bench.path("probe")).args(["exit", "0"]);
            let seen = job.run().unwrap();
            assert!(seen.stderr.len() < 140_000 && seen.leftovers.is_empty(), "{option}");
            assert_eq!(seen.status, End::Exit(if option == "--argv0" { 0 } else { 1 }), "{who:?} {option}");
        }
        // Entries without "=", duplicates, an empty one: the command gets them as they are.
        let mut job = bench.job(bench.path("probe"), who);
        job.args(["exec-env", "NO_EQUALS", "A=1", "A=2", "", "=", "PWD=/", "--"])
            .arg(bench.bin("bwrap"))
            .args(FULL);
        job.arg(bench.path("probe")).arg("env");
        let view = ended(&job.run().unwrap(), 0);
        assert_eq!(view.text(), "env NO_EQUALS\nenv A=1\nenv A=2\nenv \nenv =\nenv PWD=/\n", "{who:?}");
    }
}

/// Since Linux 5.18 an empty argument vector has one empty word; either way there is nothing to do.
#[test]
fn an_empty_argument_vector_runs_nothing() {
    let bench = Bench::set_up();
    let names = ["bwrap", "ns-enter", "fs-build", "priv-drop", "init-reaper", "seccomp-load"];
    for who in everyone() {
        for name in names {
            let program = CString::new(bench.bin(name).as_os_str().as_bytes()).unwrap();
            let mut job = bench.job("true", who);
            job.enter = Some(Arc::new(move || {
                let (none, environment) = ([std::ptr::null()], [std::ptr::null()]);
                // SAFETY: a NUL-ended path and two arrays that end with NULL, all live.
                unsafe { libc::execve(program.as_ptr(), none.as_ptr(), environment.as_ptr()) };
                Err(std::io::Error::last_os_error())
            }));
            let seen = job.run().unwrap();
            assert!(
                matches!(seen.status, End::Exit(1 | 125)) && seen.stdout.is_empty(),
                "{name}: {}",
                explain(&seen)
            );
            assert!(!seen.stderr.is_empty() && seen.leftovers.is_empty(), "{name}: {}", explain(&seen));
        }
    }
}

/// The stages are those beside the executable that runs, whatever the caller's PATH, directory or link says; and no
/// loader is there to be led astray.
#[test]
fn stages_are_never_looked_for_where_the_caller_says() {
    let bench = Bench::set_up();
    let mut judge = Judge::new(&bench);
    let evil = bench.dir("evil", Who::Root);
    for name in stage::EXECUTABLES.into_iter().chain(["libc.so.6"]) {
        fs::write(evil.join(name), "#!/bin/sh\necho stolen\n").unwrap();
        fs::set_permissions(evil.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::remove_file(evil.join("bwrap")).unwrap();
    std::os::unix::fs::symlink(bench.bin("bwrap"), evil.join("bwrap")).unwrap();
    let path = evil.to_str().unwrap();
    for who in everyone() {
        let mut job = reporting(&bench, who, &FULL);
        job.argv[0] = evil.join("bwrap").into();
        job.cwd = Some(evil.clone());
        for (name, value) in [
            ("PATH", format!("{path}:.")),
            ("LD_PRELOAD", format!("{path}/libc.so.6")),
            ("LD_LIBRARY_PATH", path.to_owned()),
            ("LD_AUDIT", format!("{path}/libc.so.6")),
            ("GLIBC_TUNABLES", "glibc.malloc.check=3".to_owned()),
            ("BASH_ENV", format!("{path}/ns-enter")),
            ("ENV", format!("{path}/ns-enter")),
            ("IFS", "/".to_owned()),
        ] {
            job = with_env(job, name, &value);
        }
        let came = judge.judge(who, &FULL, job.run(), &["env ", "cwd "]);
        assert_eq!(came, Came::Ran, "{who:?}");
    }
}

#[test]
fn a_directory_that_is_gone_or_out_of_reach_is_left_for_the_root() {
    let bench = Bench::set_up();
    let mut judge = Judge::new(&bench);
    for who in everyone() {
        for kind in ["deleted", "unreachable"] {
            let dir = bench.dir(&format!("{kind}-{}/inner", who.uid()), who);
            let outer = dir.parent().unwrap().to_owned();
            let mut job = reporting(&bench, who, &FULL);
            job = with_env(job, "PWD", dir.to_str().unwrap());
            let (inside, names) = (
                dir.clone(),
                [
                    CString::new(dir.as_os_str().as_bytes()).unwrap(),
                    CString::new(outer.as_os_str().as_bytes()).unwrap(),
                ],
            );
            let deleted = kind == "deleted";
            job.enter = Some(Arc::new(move || {
                std::env::set_current_dir(&inside)?;
                // SAFETY: NUL-ended paths of directories of this test.
                check(unsafe {
                    if deleted { libc::rmdir(names[0].as_ptr()) } else { libc::chmod(names[1].as_ptr(), 0) }
                })
            }));
            if support::is_root() {
                std::os::unix::fs::chown(&outer, Some(who.uid()), Some(who.uid())).unwrap();
            }
            let came = judge.judge(who, &FULL, job.run(), &["cwd ", "env PWD"]);
            let _ = fs::set_permissions(&outer, fs::Permissions::from_mode(0o755));
            assert_eq!(came, Came::Ran, "{who:?} {kind}");
        }
    }
}

#[test]
fn modes_are_the_plans_whatever_the_callers_mask() {
    let bench = Bench::set_up();
    let mut judge = Judge::new(&bench);
    for who in everyone() {
        for mask in [0, 0o777, 0o7777] {
            let mut job = reporting(&bench, who, &OWN_TREE);
            job.umask = Some(mask);
            assert_eq!(judge.judge(who, &OWN_TREE, job.run(), &["umask"]), Came::Ran, "{who:?} {mask:o}");
            let args =
                [&OWN_TREE[..], &["--perms", "0640", "--file", "30", "/d/file", "--symlink", "a", "/d/l"]]
                    .concat();
            let mut job = bwrap(&bench, who, &args);
            job.args(["--ro-bind"]).arg(bench.path("probe")).args(["/probe", "--", "/probe", "ls", "/d"]);
            job.fds.insert(30, Fd::Data(b"data".to_vec()));
            job.umask = Some(mask);
            let (view, own) = (ended(&job.run().unwrap(), 0), who.uid());
            let expected = format!(
                "ls d 0755 {own}:{own} /d \nls f 0640 {own}:{own} /d/file \"data\"\nls l 0777 {own}:{own} /d/l -> a\n"
            );
            assert_eq!(view.text(), expected, "{who:?} {mask:o}");
        }
    }
}

#[test]
fn under_a_tracer_of_the_same_user_the_sandbox_is_the_same() {
    let bench = Bench::set_up();
    let mut judge = Judge::new(&bench);
    for who in everyone() {
        let log = bench.dir(&format!("trace-{}", who.uid()), who).join("log");
        let strace = ["strace", "-f", "-qq", "-e", "trace=none", "-o", log.to_str().unwrap(), "--"];
        if std::process::Command::new("strace").arg("-V").output().is_err() {
            return skip("strace is not installed");
        }
        let came = judge.judge(who, &FULL, through(reporting(&bench, who, &FULL), &strace).run(), &[]);
        assert_eq!(came, Came::Ran, "{who:?}");
    }
}

/// A host that root has made different: in mount and PID namespaces of its own, never on this one.
fn elsewhere(script: &str) -> [&str; 9] {
    ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--propagation=private", "sh", "-c", script]
}

/// What `elsewhere` runs last, as an ordinary user.
const AS_USER: &str = "exec setpriv --reuid=1000 --regid=1000 --clear-groups --bounding-set=-all \
                       --inh-caps=-all --ambient-caps=-all \"$@\"";

#[test]
fn without_proc_or_with_one_that_hides_processes_the_sandbox_is_the_same_or_there_is_none() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("only root can mount another /proc");
    }
    let mut judge = Judge::new(&bench);
    for (change, must_run) in [
        ("mount -o remount,hidepid=2 /proc", true),
        ("mount -t tmpfs none /proc", false),
        ("umount -l /proc", false),
        ("mount --bind /etc /proc/self/ns 2>/dev/null; mount -o remount,ro,bind /proc", false),
    ] {
        for (who, last) in [(Who::Root, "exec \"$@\""), (Who::User, AS_USER)] {
            let script = format!("{change}; shift; {last}");
            let mut job = reporting(&bench, who, &FULL);
            job.user = None;
            let job = through(job, &[&elsewhere(&script)[..], &["sh", "sh"]].concat());
            let came = judge.judge(who, &FULL, job.run(), &["mount", "uid_map", "gid_map", "env "]);
            println!("{who:?} {change}: {came:?}");
            assert!(!must_run || came == Came::Ran, "{who:?} {change}: {came:?}");
            assert!(!matches!(came, Came::Died(_)), "{who:?} {change}: {came:?}");
        }
    }
}

/// The kernel makes no user namespace for a chrooted caller; root needs none, and must not get out of his chroot.
#[test]
fn a_chrooted_caller_gets_no_sandbox_or_one_inside_his_root() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("only root can chroot");
    }
    let root = bench.dir("chroot", Who::Root);
    for name in stage::EXECUTABLES {
        bench.install(&bench.bin(name), &format!("chroot/bin/{name}"), 0o755);
    }
    bench.install(support::probe(), "chroot/probe", 0o755);
    for name in ["proc", "dev", "tmp"] {
        bench.dir(&format!("chroot/{name}"), Who::Root);
    }
    let before = tree(&root);
    let host = Host::look();
    let top = root.to_str().unwrap();
    for (who, ids) in [(Who::Root, &[][..]), (Who::User, &["--userspec=1000:1000"][..])] {
        // A root that is no mount has no /proc in it unless somebody mounts one.
        let script = "mount -t proc none \"$1/proc\"; shift; exec \"$@\"";
        let mut job = bench.job("/bin/bwrap", Who::Root);
        job.args(["--ro-bind", "/", "/", "--proc", "/proc", "--unshare-pid", "/probe", "ls", "/", "/.."]);
        let chroot = [&["chroot"][..], ids, &[top]].concat();
        let job = through(job, &[&elsewhere(script)[..], &["sh", top], &chroot].concat());
        let seen = job.run().unwrap();
        let text = String::from_utf8_lossy(&seen.stdout).into_owned();
        if seen.status == End::Exit(0) {
            assert_eq!(who, Who::Root, "{}", explain(&seen));
            assert!(text.contains("/probe") && !text.contains("/etc") && !text.contains("/usr"), "{text}");
        } else {
            assert!(refused(&seen).starts_with("bwrap: "), "{who:?}: {}", explain(&seen));
        }
    }
    assert_eq!((before, host), (tree(&root), Host::look()));
}
