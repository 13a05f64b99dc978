//! priv-drop: the privilege boundary. What the stage after it no longer has, and what it was to keep.

use common::caps::{CapSet, cap};
use common::plan::{FdNumber, PrivDrop, Stage};
use stage::*;
use support::{Fd, Job, NsHolder, Stdin};

/// A user namespace in which the caller is 1000 and has all capabilities over every exec (they are ambient), as
/// ns-enter leaves it to a sandbox whose user is not root.
const AS_1000: [&str; 5] = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--keep-caps"];
/// One in which the caller is root.
const AS_ROOT: [&str; 3] = ["unshare", "--user", "--map-root-user"];

/// priv-drop with `frame`, and a successor in init-reaper's place.
fn job(bench: &Bench, frame: PrivDrop<'static>, who: Who, steps: &str) -> Job {
    let plan = Records { priv_drop: Some(frame), ..Records::with(&[Stage::InitReaper]) };
    script(bench.stage(Stage::PrivDrop, &plan, who), steps)
}

/// The same in the entry state that ns-enter leaves: in a namespace of our own, so `--own-userns=new`; root's
/// capabilities are told, as ns-enter tells them.
fn in_userns(bench: &Bench, entry: &[&str], frame: PrivDrop<'static>, who: Who, steps: &str) -> Job {
    let mut job = job(bench, frame, who, steps);
    if who == Who::Root {
        job.arg(format!("--caps={:x}", callers_capabilities()));
    }
    job.arg("--own-userns=new");
    through(job, entry)
}

#[test]
fn an_ordinary_users_command_gets_no_capability_in_any_of_the_five_sets() {
    let bench = Bench::set_up();
    for entry in [&AS_1000[..], &AS_ROOT] {
        let view = ended(&in_userns(&bench, entry, PRIV_DROP, Who::User, "report").run().unwrap(), 0);
        assert_eq!(view.five_sets(), [0; 5], "{entry:?}");
        assert_eq!(view.value("no_new_privs"), "1");
    }
}

/// Outside a user namespace of its own an ordinary user has nothing, and may not empty the bounding set.
#[test]
fn without_a_user_namespace_an_ordinary_user_still_has_nothing() {
    let bench = Bench::set_up();
    let view = ended(&job(&bench, PRIV_DROP, Who::User, "report").run().unwrap(), 0);
    let [effective, permitted, inheritable, _, ambient] = view.five_sets();
    assert_eq!([effective, permitted, inheritable, ambient], [0; 4]);
    assert_eq!(view.value("no_new_privs"), "1");
}

#[test]
fn cap_add_leaves_just_these_in_all_five_sets() {
    let bench = Bench::set_up();
    for cap_add in [CapSet::of(&[cap::CHOWN]), CapSet::of(&[cap::NET_ADMIN, cap::SYS_ADMIN, 40])] {
        for entry in [&AS_1000[..], &AS_ROOT] {
            let frame = PrivDrop { cap_add, ..PRIV_DROP };
            let view = ended(&in_userns(&bench, entry, frame, Who::User, "caps").run().unwrap(), 0);
            assert_eq!(view.five_sets(), [cap_add.0; 5], "{entry:?}");
        }
    }
}

#[test]
fn cap_add_of_what_is_not_held_adds_nothing() {
    let bench = Bench::set_up();
    let only = ["setpriv", "--inh-caps=-all,+setpcap,+chown", "--ambient-caps=-all,+setpcap,+chown"];
    let entry: Vec<&str> = AS_1000.into_iter().chain(only).collect();
    let frame = PrivDrop { cap_add: CapSet::of(&[cap::CHOWN, cap::SYS_ADMIN]), ..PRIV_DROP };
    let seen = in_userns(&bench, &entry, frame, Who::User, "caps").run().unwrap();
    let [effective, permitted, inheritable, _, ambient] = ended(&seen, 0).five_sets();
    assert_eq!([effective, permitted, inheritable, ambient], [1; 4]);
}

/// Who runs the stage himself is told; behind bwrap it adds nothing, as above.
#[test]
fn cap_add_of_what_is_not_held_is_refused_in_a_chain() {
    let bench = Bench::set_up();
    for (cap_add, status) in [(CapSet::of(&[13]), 125), (CapSet::ALL, 0), (CapSet::ALL.without(CapSet(1)), 0)]
    {
        let frame = PrivDrop { cap_add, ..PRIV_DROP };
        let flags = common::plan::FLAG_ENV_STATUS;
        let plan = Records { flags, priv_drop: Some(frame), ..Records::with(&[Stage::InitReaper]) };
        let seen = script(bench.stage(Stage::PrivDrop, &plan, Who::User), "caps").run().unwrap();
        if status == 0 {
            assert_eq!(ended(&seen, 0).five_sets()[..3], [0; 3]);
            continue;
        }
        assert_eq!(seen.status, support::End::Exit(status));
        let said = String::from_utf8_lossy(&seen.stderr);
        assert_eq!(said, "priv-drop: Can't add capability 13, which is not permitted\n");
    }
}

#[test]
fn root_who_asks_for_nothing_keeps_what_he_has() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("only root is root");
    }
    let before = ended(&script(bench.job(bench.path("successor"), Who::Root), "caps").run().unwrap(), 0);
    let mut job = job(&bench, PRIV_DROP, Who::Root, "report");
    job.arg(format!("--caps={:x}", callers_capabilities()));
    let view = ended(&job.run().unwrap(), 0);
    assert_eq!(view.five_sets(), before.five_sets());
    assert_eq!(view.value("no_new_privs"), "1");
}

#[test]
fn root_loses_what_cap_drop_names_and_no_exec_gives_it_back() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("only root is root");
    }
    for drop in [CapSet::of(&[cap::SYS_ADMIN, cap::NET_ADMIN]), CapSet::ALL] {
        let frame = PrivDrop { cap_drop: drop, ..PRIV_DROP };
        let mut job = job(&bench, frame, Who::Root, "caps");
        job.arg(format!("--caps={:x}", callers_capabilities()));
        let [effective, permitted, inheritable, _, ambient] = ended(&job.run().unwrap(), 0).five_sets();
        assert_eq!([effective, permitted, inheritable, ambient], [callers_capabilities() & !drop.0; 4]);
    }
}

#[test]
fn cap_add_comes_after_cap_drop() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("only root is root");
    }
    let frame = PrivDrop { cap_drop: CapSet::ALL, cap_add: CapSet::of(&[cap::SETUID]), ..PRIV_DROP };
    let seen = in_userns(&bench, &AS_ROOT, frame, Who::Root, "caps").run().unwrap();
    assert_eq!(ended(&seen, 0).five_sets(), [1 << cap::SETUID; 5]);
}

#[test]
fn a_second_user_namespace_maps_the_ids_asked_for_and_ends_all_power_over_the_first() {
    let bench = Bench::set_up();
    for who in everyone() {
        let mut job =
            in_userns(&bench, &AS_ROOT, PRIV_DROP, who, "argv;ids;caps;fds;write /proc/sys/kernel/hostname");
        job.args(["--ids=1000:100", "--proc=30"]);
        job.fds.insert(30, Fd::Path("/proc".into(), libc::O_PATH | libc::O_DIRECTORY));
        let view = ended(&job.run().unwrap(), 0);
        assert_eq!(view.value("uid_map"), "1000 0 1");
        assert_eq!(view.value("gid_map"), "100 0 1");
        assert_eq!(view.value("uid real,effective,saved"), "[1000, 1000, 1000]");
        let [effective, permitted, inheritable, _, ambient] = view.five_sets();
        assert_eq!([effective, permitted, inheritable, ambient], [0; 4], "{who:?}");
        assert_eq!((view.argument("--ids="), view.argument("--proc=")), (None, None));
        assert!(!view.fds().contains_key(&30), "/proc of the host is still open");
    }
}

#[test]
fn the_next_stage_is_handed_the_plan_the_rest_and_the_status_pipe_and_nothing_of_ours_beside() {
    let bench = Bench::set_up();
    for who in everyone() {
        let plan = Records::with(&[Stage::PrivDrop, Stage::InitReaper, Stage::SeccompLoad]);
        let mut job = script(bench.stage(Stage::PrivDrop, &plan, who), "argv;fds;plan");
        job.args(["--status=20", "--ready=21", "--caps=1", "--own-userns=new"]);
        job.fds.extend([(20, Fd::Out), (21, Fd::Out), (50, Fd::Data(b"the caller's".to_vec()))]);
        let view = ended(&through(job, &AS_1000).run().unwrap(), 0);
        let words = ["init-reaper", "--plan=10", "--next=12", "--status=20", "--ready=21"];
        assert_eq!(view.values("argv"), words);
        assert_eq!(
            view.fds().keys().copied().collect::<Vec<_>>(),
            [0, 1, 2, PLAN_FD, NEXT_FD + 1, 20, 21, 50]
        );
        let hex: String = plan.encode().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(view.value("plan bytes"), hex);
    }
}

#[test]
fn with_disable_userns_no_user_namespace_can_be_made_any_more() {
    let bench = Bench::set_up();
    for who in everyone() {
        for entry in [&AS_ROOT[..], &AS_1000] {
            let frame = PrivDrop { disable_userns: true, ..PRIV_DROP };
            let mut job = in_userns(&bench, entry, frame, who, "ids;try-userns");
            job.args(["--ids=1000:1000", "--proc=30"]);
            job.fds.insert(30, Fd::Path("/proc".into(), libc::O_PATH | libc::O_DIRECTORY));
            let view = ended(&job.run().unwrap(), 0);
            assert_eq!(view.value("try-userns"), "No space left on device", "{who:?} {entry:?}");
            assert_eq!(view.value("uid real,effective,saved"), "[1000, 1000, 1000]");
        }
    }
}

/// A limit that was written and does not hold: to a file that is no limit of the kernel's.
#[test]
fn with_disable_userns_it_is_tried_whether_one_can_be_made() {
    let bench = Bench::set_up();
    let proc = bench.path("proc");
    std::fs::create_dir_all(proc.join("sys/user")).unwrap();
    std::fs::write(proc.join("sys/user/max_user_namespaces"), "").unwrap();
    std::os::unix::fs::symlink("/proc/self", proc.join("self")).unwrap();
    for who in everyone() {
        if support::is_root() {
            let limit = proc.join("sys/user/max_user_namespaces");
            std::os::unix::fs::chown(limit, Some(who.uid()), Some(who.uid())).unwrap();
        }
        let frame = PrivDrop { disable_userns: true, ..PRIV_DROP };
        let mut job = in_userns(&bench, &AS_ROOT, frame, who, "report");
        job.args(["--ids=1000:1000", "--proc=30"]);
        job.fds.insert(30, Fd::Path(proc.clone(), libc::O_PATH | libc::O_DIRECTORY));
        let message = "priv-drop: creation of new user namespaces was not disabled as requested";
        assert_eq!(refused(&job.run().unwrap()), message, "{who:?}");
    }
}

#[test]
fn disable_userns_without_a_second_user_namespace_is_refused() {
    let bench = Bench::set_up();
    for who in everyone() {
        let frame = PrivDrop { disable_userns: true, ..PRIV_DROP };
        let seen = in_userns(&bench, &AS_ROOT, frame, who, "report").run().unwrap();
        assert_eq!(refused(&seen), "priv-drop: --disable-userns requires --unshare-user");
    }
}

#[test]
fn assert_userns_disabled_is_tried_not_believed() {
    let bench = Bench::set_up();
    let limit =
        [&AS_ROOT[..], &["sh", "-c", "echo 0 >/proc/sys/user/max_user_namespaces && exec \"$@\"", "sh"]];
    for who in everyone() {
        let frame = PrivDrop { assert_userns_disabled: true, ..PRIV_DROP };
        let seen = in_userns(&bench, &AS_ROOT, frame, who, "report").run().unwrap();
        let message = "priv-drop: creation of new user namespaces was not disabled as requested";
        assert_eq!(refused(&seen), message, "{who:?}");
        let seen = in_userns(&bench, &limit.concat(), frame, who, "try-userns").run().unwrap();
        assert_eq!(ended(&seen, 0).value("try-userns"), "No space left on device", "{who:?}");
    }
}

#[test]
fn userns2_is_joined_and_its_descriptor_closed() {
    let bench = Bench::set_up();
    for who in everyone() {
        let user = if who == Who::User && support::is_root() { Some(who.uid()) } else { None };
        let holder = NsHolder::new(support::probe(), &["user"], user, 0).unwrap();
        let frame = PrivDrop { userns2_fd: FdNumber::new(31), ..PRIV_DROP };
        let mut job = job(&bench, frame, who, "ids;fds;caps");
        job.fds.insert(31, bench.keep(holder.open("user").unwrap()));
        let view = ended(&job.run().unwrap(), 0);
        assert_eq!(view.value("uid_map"), format!("0 {} 1", who.uid()));
        assert!(!view.fds().contains_key(&31));
    }
}

#[test]
fn userns2_that_is_no_user_namespace_is_refused() {
    let bench = Bench::set_up();
    for who in everyone() {
        for path in ["/dev/null", "/proc/self/ns/mnt"] {
            let frame = PrivDrop { userns2_fd: FdNumber::new(31), ..PRIV_DROP };
            let mut job = job(&bench, frame, who, "report");
            job.fds.insert(31, Fd::Path(path.into(), 0));
            assert_eq!(refused(&job.run().unwrap()), "priv-drop: Setting userns2 failed: Invalid argument");
        }
        for closed in [FdNumber::new(31), Some(FdNumber::CLOSED)] {
            let frame = PrivDrop { userns2_fd: closed, ..PRIV_DROP };
            let seen = job(&bench, frame, who, "report").run().unwrap();
            assert_eq!(refused(&seen), "priv-drop: Setting userns2 failed: Bad file descriptor");
        }
    }
}

/// A number that was free when the launch began, and has become one that priv-drop was passed.
#[test]
fn descriptors_of_ours_are_not_taken_for_the_users() {
    let bench = Bench::set_up();
    for who in everyone() {
        for number in [PLAN_FD, NEXT_FD] {
            let fd = FdNumber::new(number);
            for frame in [PrivDrop { userns2_fd: fd, ..PRIV_DROP }, PrivDrop { block_fd: fd, ..PRIV_DROP }] {
                let line = refused(&job(&bench, frame, who, "report").run().unwrap());
                assert_eq!(line, format!("priv-drop: The plan needs descriptor {number}, which is not open"));
            }
        }
    }
}

/// One that cannot be closed would reach the command.
#[test]
fn a_descriptor_that_stays_open_means_that_nothing_is_run() {
    let bench = Bench::set_up();
    for who in everyone() {
        let frame = PrivDrop { block_fd: FdNumber::new(32), ..PRIV_DROP };
        let mut job = job(&bench, frame, who, "fds");
        job.fds.insert(32, Fd::Data(b"x".to_vec()));
        let message = refused(&filters::under(job, filters::deny_close(32, libc::EIO)).run().unwrap());
        assert_eq!(message, "priv-drop: close: Input/output error", "{who:?}");
    }
}

/// Whoever holds the other end looks at a sandbox that is set up and has given up all: then it lets it go.
#[test]
fn block_fd_holds_the_command_up_when_everything_is_given_up() {
    let bench = Bench::set_up();
    for who in everyone() {
        for byte in [&b"x"[..], b""] {
            let frame = PrivDrop { block_fd: FdNumber::new(32), ..PRIV_DROP };
            // Not root's own capabilities, of which he keeps some.
            let mut job = job(&bench, frame, who, "fds;caps");
            job.arg("--own-userns=new");
            let mut job = through(job, &AS_1000);
            job.fds.insert(32, Fd::In);
            // unshare execs the stage, so this is its process.
            let mut live = job.start().unwrap();
            assert!(waits_in(live.pid(), libc::SYS_read, 32), "{who:?}: it has not waited");
            let status = std::fs::read_to_string(format!("/proc/{}/status", live.pid())).unwrap();
            for line in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
                assert!(status.contains(&format!("{line}:\t{}\n", "0".repeat(16))), "{who:?}\n{status}");
            }
            assert!(status.contains("NoNewPrivs:\t1\n"), "{who:?}\n{status}");
            live.write(32, byte);
            live.close(32);
            let view = ended(&live.finish().unwrap(), 0);
            assert!(!view.fds().contains_key(&32));
        }
    }
}

#[test]
fn new_session_takes_the_terminal_away() {
    let bench = Bench::set_up();
    for who in everyone() {
        for (new_session, tty, leads) in [(false, "yes", false), (true, "No such device or address", true)] {
            let frame = PrivDrop { new_session, ..PRIV_DROP };
            // Who leads a process group cannot make a session: the shell forks.
            let between = ["sh", "-c", "\"$@\"; exit $?", "sh"];
            let mut job = through(job(&bench, frame, who, "session"), &between);
            job.stdin = Stdin::TtyAll;
            let view = ended(&job.run().unwrap(), 0);
            assert!(view.value("controlling tty").starts_with(tty), "{who:?}\n{}", view.text());
            assert_eq!(view.value("sid") == "self", leads);
        }
    }
}

#[test]
fn die_with_parent_is_set_again_behind_the_changes_that_clear_it() {
    let bench = Bench::set_up();
    for who in everyone() {
        for (die_with_parent, signal) in [(false, "0"), (true, "9")] {
            let frame = PrivDrop { die_with_parent, ..PRIV_DROP };
            let seen = in_userns(&bench, &AS_1000, frame, who, "flags").run().unwrap();
            assert_eq!(ended(&seen, 0).value("pdeathsig"), signal);
        }
    }
}

/// The bounding set is emptied by one who has CAP_SETPCAP: without it, nothing is run that could get more.
#[test]
fn a_namespace_of_its_own_without_the_capability_to_bound_it_is_refused() {
    let bench = Bench::set_up();
    let without = ["setpriv", "--inh-caps=-setpcap", "--ambient-caps=-setpcap"];
    let entry: Vec<&str> = AS_1000.into_iter().chain(without).collect();
    for who in everyone() {
        let mut job = job(&bench, PRIV_DROP, who, "report");
        job.arg("--own-userns=new");
        let message = refused(&through(job, &entry).run().unwrap());
        assert_eq!(message, "priv-drop: Dropping capability 0 from bounds: Operation not permitted");
    }
}

#[test]
fn a_second_user_namespace_that_cannot_be_made_is_refused() {
    let bench = Bench::set_up();
    let limit =
        [&AS_ROOT[..], &["sh", "-c", "echo 0 >/proc/sys/user/max_user_namespaces && exec \"$@\"", "sh"]];
    for who in everyone() {
        let mut job = in_userns(&bench, &limit.concat(), PRIV_DROP, who, "report");
        job.args(["--ids=1000:1000", "--proc=30"]);
        job.fds.insert(30, Fd::Path("/proc".into(), libc::O_PATH | libc::O_DIRECTORY));
        assert_eq!(refused(&job.run().unwrap()), "priv-drop: unshare user ns: No space left on device");
        // Without a way to write the maps it is not even tried.
        let mut job = in_userns(&bench, &AS_ROOT, PRIV_DROP, who, "report");
        job.arg("--ids=1000:1000");
        assert_eq!(refused(&job.run().unwrap()), "priv-drop: Can't open /proc");
    }
}
