//! ns-enter, the child's half: namespaces, ids, capabilities, and what the next stage is handed.

use common::caps::{CapSet, cap};
use common::plan::{
    FdNumber, IdRange, JoinNs, List, Namespaces, NsEnter, NsExtra, NsKind, SecondUserNs, Stage, UserNs,
};
use common::sys::clone_flags as flags;
use stage::*;
use std::collections::BTreeSet;
use support::{Fd, Job, NsHolder};

const KINDS: [(&str, u32); 7] = [
    ("cgroup", flags::NEWCGROUP),
    ("ipc", flags::NEWIPC),
    ("mnt", flags::NEWNS),
    ("net", flags::NEWNET),
    ("pid", flags::NEWPID),
    ("uts", flags::NEWUTS),
    ("time", flags::NEWTIME),
];

/// A plan with this frame for ns-enter, and one for fs-build, in whose place the successor runs.
fn plan(ns_enter: NsEnter<'static>) -> Records {
    Records { ns_enter: Some(ns_enter), ..Records::with(&[Stage::FsBuild]) }
}

/// What the successor shows after ns-enter has run `frame`.
#[track_caller]
fn view(bench: &Bench, frame: NsEnter<'static>, who: Who, steps: &str) -> View {
    ended(&script(bench.stage(Stage::NsEnter, &plan(frame), who), steps).run().unwrap(), 0)
}

/// As bwrap compiles an ordinary user's call: a new user namespace, and what each of these needs.
fn for_everyone(namespaces: u32) -> NsEnter<'static> {
    NsEnter { namespaces: Namespaces(namespaces), user: UserNs::UnlessRoot, ..NS_ENTER }
}

/// The namespaces of this test, for the successor to compare its own with.
fn outside() -> String {
    let inode = |name: &str| {
        let link = std::fs::read_link(format!("/proc/self/ns/{name}")).unwrap();
        let text = link.to_string_lossy().into_owned();
        text.split(['[', ']']).nth(1).unwrap().to_owned()
    };
    let all = KINDS.iter().map(|(name, _)| *name).chain(["user"]);
    let pairs: Vec<String> = all.map(|name| format!("{name}:{}", inode(name))).collect();
    format!("ns ns={}", pairs.join(","))
}

#[test]
fn each_namespace_is_new_exactly_when_the_plan_says_so() {
    let bench = Bench::set_up();
    let all = Namespaces::ALL.0;
    for who in everyone() {
        for asked in KINDS.iter().map(|(_, flag)| *flag).chain([0, all]).chain(KINDS.map(|(_, f)| all & !f)) {
            let view = view(&bench, for_everyone(asked), who, &outside());
            for (name, flag) in KINDS {
                let expected = if asked & flag != 0 { "different" } else { "same" };
                assert_eq!(view.value(&format!("ns {name}")), expected, "{who:?} asked for {asked:#x}");
            }
            let user = if who == Who::Root { "same" } else { "different" };
            assert_eq!(view.value("ns user"), user, "{who:?}");
        }
    }
}

#[test]
fn a_user_namespace_is_new_as_the_plan_says() {
    let bench = Bench::set_up();
    for who in everyone() {
        for (user, new) in [
            (UserNs::Keep, false),
            (UserNs::UnlessRoot, who == Who::User),
            (UserNs::New, true),
            (UserNs::Try, true),
        ] {
            let view = view(&bench, NsEnter { user, ..NS_ENTER }, who, &outside());
            let expected = if new { "different" } else { "same" };
            assert_eq!(view.value("ns user"), expected, "{who:?} {user:?}");
        }
    }
}

#[test]
fn a_cgroup_namespace_that_is_tried_is_made_where_there_are_any() {
    let bench = Bench::set_up();
    for who in everyone() {
        let frame = NsEnter { cgroup_try: true, ..for_everyone(0) };
        assert_eq!(view(&bench, frame, who, &outside()).value("ns cgroup"), "different");
    }
}

#[test]
fn the_callers_ids_are_mapped_to_those_asked_for_or_to_themselves() {
    let bench = Bench::set_up();
    for who in everyone() {
        let own = who.uid();
        for (uid, gid) in
            [(None, None), (Some(0), Some(0)), (Some(4242), Some(17)), (None, Some(u32::MAX - 1))]
        {
            let frame = NsEnter { user: UserNs::New, uid, gid, ..NS_ENTER };
            let view = view(&bench, frame, who, "ids");
            let (inside_uid, inside_gid) = (uid.unwrap_or(own), gid.unwrap_or(own));
            assert_eq!(view.value("uid_map"), format!("{inside_uid} {own} 1"));
            assert_eq!(view.value("gid_map"), format!("{inside_gid} {own} 1"));
            assert_eq!(view.value("setgroups"), "deny");
            assert_eq!(view.value("uid real,effective,saved"), format!("{:?}", [inside_uid; 3]));
            assert_eq!(view.value("gid real,effective,saved"), format!("{:?}", [inside_gid; 3]));
        }
    }
}

/// devpts has to be mounted by root of the user namespace, so the first one maps root, and priv-drop makes another.
#[test]
fn a_second_user_namespace_is_announced_with_its_ids_and_a_way_to_write_them() {
    let bench = Bench::set_up();
    for who in everyone() {
        for (second, uid, announced, mapped) in [
            (SecondUserNs::No, 77, None, 77),
            (SecondUserNs::UnlessRoot, 77, Some("77:0"), 0),
            (SecondUserNs::UnlessRoot, 0, None, 0),
            (SecondUserNs::Always, 77, Some("77:0"), 77),
            (SecondUserNs::Always, 0, Some("0:0"), 0),
            (SecondUserNs::AlwaysFromRoot, 77, Some("77:0"), 0),
            (SecondUserNs::AlwaysFromRoot, 0, Some("0:0"), 0),
        ] {
            let frame = NsEnter { user: UserNs::New, uid: Some(uid), gid: Some(0), second, ..NS_ENTER };
            let plan = Records { ns_enter: Some(frame), ..Records::with(&[Stage::FsBuild, Stage::PrivDrop]) };
            let job = bench.stage(Stage::NsEnter, &plan, who);
            let view = ended(&script(job, "argv;ids;fds").run().unwrap(), 0);
            assert_eq!(view.argument("--ids="), announced, "{who:?} {second:?} {uid}");
            assert_eq!(view.value("uid_map"), format!("{mapped} {} 1", who.uid()));
            match announced {
                Some(_) => {
                    let proc = view.numbers("--proc=")[0];
                    assert_eq!(view.fds()[&proc], "dir path /proc");
                }
                None => assert_eq!(view.argument("--proc="), None),
            }
        }
    }
}

/// This is the handover of the pipeline: nothing but what the plan names is carried over an exec.
#[test]
fn who_is_not_root_inside_keeps_exactly_the_capabilities_that_the_plan_raises() {
    let bench = Bench::set_up();
    for who in everyone() {
        for raise in
            [CapSet::EMPTY, CapSet::of(&[cap::SYS_ADMIN]), CapSet::of(&[cap::SYS_ADMIN, cap::SETFCAP])]
        {
            let frame = NsEnter { user: UserNs::New, uid: Some(1000), raise, ..NS_ENTER };
            let [effective, permitted, inheritable, _, ambient] =
                view(&bench, frame, who, "caps").five_sets();
            assert_eq!([effective, permitted, inheritable, ambient], [raise.0; 4], "{who:?} {raise:?}");
        }
    }
}

/// The kernel gives root of a user namespace everything at each exec; ambient capabilities would only add to that.
#[test]
fn root_inside_gets_everything_from_the_kernel_and_nothing_ambient() {
    let bench = Bench::set_up();
    for who in everyone() {
        let raise = CapSet::of(&[cap::SYS_ADMIN]);
        let frame = NsEnter { user: UserNs::New, uid: Some(0), raise, ..NS_ENTER };
        let [effective, permitted, inheritable, bounding, ambient] =
            view(&bench, frame, who, "caps").five_sets();
        assert_eq!((inheritable, ambient), (0, 0));
        assert!(effective == permitted && permitted == bounding && bounding.count_ones() > 35, "{who:?}");
    }
}

#[test]
fn without_a_user_namespace_capabilities_stay_as_they_are() {
    let bench = Bench::set_up();
    for who in everyone() {
        let raise = CapSet::of(&[cap::SYS_ADMIN]);
        let before = ended(&script(bench.job(bench.path("successor"), who), "caps").run().unwrap(), 0);
        let after = view(&bench, NsEnter { raise, ..NS_ENTER }, who, "caps");
        assert_eq!(after.five_sets(), before.five_sets(), "{who:?}");
    }
}

#[test]
fn the_next_stage_is_told_the_plan_the_rest_of_the_stages_and_the_facts() {
    let bench = Bench::set_up();
    for who in everyone() {
        for user in [UserNs::Keep, UserNs::New] {
            let after = [Stage::FsBuild, Stage::PrivDrop, Stage::InitReaper, Stage::SeccompLoad];
            let plan = Records { ns_enter: Some(NsEnter { user, ..NS_ENTER }), ..Records::with(&after) };
            let view = ended(&bench.stage(Stage::NsEnter, &plan, who).run().unwrap(), 0);
            let words = view.values("argv");
            let mut expected =
                vec!["fs-build".to_owned(), "--plan=10".to_owned(), "--next=12,13,14".to_owned()];
            expected.push(format!("--status={}", view.numbers("--status=")[0]));
            if who == Who::User && user == UserNs::New {
                // It works in the monitor's memory, and no key may stop it there: SIGTSTP, SIGTTIN, SIGTTOU.
                expected.push("--unblock=380000".to_owned());
            }
            if who == Who::Root {
                expected.push(format!("--caps={:x}", callers_capabilities()));
            }
            if user == UserNs::New {
                expected.push("--own-userns=new".to_owned());
            }
            assert_eq!(words, expected);
            let hex: String = plan.encode().iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(view.value("plan bytes"), hex);
        }
    }
}

#[test]
fn the_next_stage_has_the_plan_the_stages_the_status_pipe_and_the_callers_own_descriptors() {
    let bench = Bench::set_up();
    for who in everyone() {
        for reaper in [false, true] {
            let mut after = vec![Stage::FsBuild, Stage::PrivDrop];
            after.extend(reaper.then_some(Stage::InitReaper));
            let plan = Records { ns_enter: Some(for_everyone(Namespaces::ALL.0)), ..Records::with(&after) };
            let mut job = bench.stage(Stage::NsEnter, &plan, who);
            job.fds.insert(50, Fd::Data(b"the caller's".to_vec()));
            let view = ended(&script(job, "argv;fds").run().unwrap(), 0);
            let mut expected = BTreeSet::from([0, 1, 2, PLAN_FD, NEXT_FD + 1, 50]);
            if reaper {
                expected.insert(NEXT_FD + 2);
                expected.insert(view.numbers("--status=")[0]);
            } else {
                assert_eq!(view.argument("--status="), None);
            }
            let fds = view.fds();
            assert_eq!(fds.keys().copied().collect::<BTreeSet<i32>>(), expected, "{who:?}\n{}", view.text());
            assert!(fds.values().all(|what| !what.contains("cloexec")), "{fds:?}");
            assert_eq!(fds[&50], "fifo r pipe");
            if reaper {
                assert_eq!(fds[&view.numbers("--status=")[0]], "fifo w pipe");
            }
        }
    }
}

/// The first stage of a launch is not handed any executable: it opens those beside its own.
#[test]
fn the_first_stage_opens_those_after_it_that_have_work() {
    let bench = Bench::set_up();
    bench.install(&bench.bin("ns-enter"), "fake/ns-enter", 0o755);
    for who in everyone() {
        let stages = [Stage::FsBuild, Stage::InitReaper, Stage::SeccompLoad];
        let plan = Records { ns_enter: Some(for_everyone(flags::NEWNS)), ..Records::with(&stages) };
        let mut job = bench.stage(Stage::NsEnter, &plan, who);
        job.argv.pop();
        job.argv[0] = bench.path("fake/ns-enter").into();
        job.fds.retain(|number, _| *number == PLAN_FD);
        let view = ended(&script(job, "argv;fds").run().unwrap(), 0);
        let opened: Vec<&str> = view.numbers("--next=").iter().map(|fd| view.fds()[fd]).collect();
        let path = |name: &str| format!("file path {}", bench.path("fake").join(name).display());
        assert_eq!(opened, [path("init-reaper"), path("seccomp-load")]);
    }
}

#[test]
fn a_stage_that_is_not_installed_is_named_and_nothing_is_run() {
    let bench = Bench::set_up();
    bench.install(&bench.bin("ns-enter"), "fake/ns-enter", 0o755);
    std::fs::remove_file(bench.path("fake/init-reaper")).unwrap();
    for who in everyone() {
        let plan = Records::with(&[Stage::NsEnter, Stage::FsBuild, Stage::InitReaper]);
        let mut job = bench.stage(Stage::NsEnter, &plan, who);
        job.argv.pop();
        job.argv[0] = bench.path("fake/ns-enter").into();
        let message = refused(&job.run().unwrap());
        assert_eq!(message, "ns-enter: Can't open stage init-reaper: No such file or directory");
    }
}

#[test]
fn a_host_name_is_set_in_the_new_uts_namespace_alone() {
    let bench = Bench::set_up();
    let before = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    for who in everyone() {
        let frame = NsEnter { hostname: Some(text("inside")), ..for_everyone(flags::NEWUTS) };
        assert_eq!(view(&bench, frame, who, "hostname").value("hostname"), "inside");
    }
    assert_eq!(std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap(), before);
}

/// A plan that was edited can ask for it.
#[test]
fn a_host_name_without_a_uts_namespace_is_refused_and_the_callers_stays() {
    let bench = Bench::set_up();
    for who in everyone() {
        let frame = NsEnter { hostname: Some(text("inside")), ..for_everyone(flags::NEWIPC) };
        let mut job = bench.stage(Stage::NsEnter, &plan(frame), who);
        if who == Who::Root {
            // What a failure of this test changes is not this machine's.
            job = through(job, &["unshare", "--uts"]);
        }
        let message = refused(&job.run().unwrap());
        assert_eq!(message, "ns-enter: Specifying --hostname requires --unshare-uts");
    }
}

#[test]
fn loopback_is_the_only_interface_and_is_up_if_the_plan_says_so() {
    let bench = Bench::set_up();
    for who in everyone() {
        for (loopback, state) in [(true, "up"), (false, "Network is unreachable (os error 101)")] {
            let view = view(&bench, NsEnter { loopback, ..for_everyone(flags::NEWNET) }, who, "net");
            assert_eq!(view.values("interface"), ["lo"]);
            assert_eq!(view.value("loopback"), state, "{who:?}");
        }
    }
}

#[test]
fn environment_and_working_directory_are_handed_on_as_they_are() {
    let bench = Bench::set_up();
    let dir = bench.dir("somewhere", Who::User);
    for who in everyone() {
        let mut job = bench.stage(Stage::NsEnter, &plan(for_everyone(Namespaces::ALL.0)), who);
        job.env = [("SUCCESSOR", "env;cwd"), ("PWD", "not true"), ("B", ""), ("A", "ä")]
            .map(|(name, value)| (name.into(), value.into()))
            .into();
        job.cwd = Some(dir.clone());
        let view = ended(&job.run().unwrap(), 0);
        let mut lines = view.values("env");
        lines.sort_unstable();
        assert_eq!(lines, ["A=ä", "B=", "PWD=not true", "SUCCESSOR=env;cwd"]);
        assert_eq!(view.value("cwd"), format!("{0} link {0}", dir.display()));
    }
}

/// A caller who ignores SIGCHLD would have the kernel reap the sandbox before it can be asked how it ended.
#[test]
fn a_caller_who_ignores_or_blocks_sigchld_still_gets_the_status() {
    let bench = Bench::set_up();
    for who in everyone() {
        let mut job: Job =
            script(bench.stage(Stage::NsEnter, &plan(for_everyone(0)), who), "argv;signals;exit 9");
        job.ignore = vec![libc::SIGCHLD, libc::SIGUSR1];
        job.block = vec![libc::SIGCHLD, libc::SIGUSR2, libc::SIGTSTP];
        let view = ended(&job.run().unwrap(), 9);
        let words: Vec<&str> = view.value("signals").split_whitespace().collect();
        let mask = |name: &str| {
            let at = words.iter().position(|word| *word == name).unwrap();
            u64::from_str_radix(words[at + 1], 16).unwrap()
        };
        let bit = |signal: i32| 1 << (signal - 1);
        // What was blocked here is let through by fs-build, and nothing else.
        let ours = u64::from_str_radix(view.argument("--unblock=").unwrap_or("0"), 16).unwrap();
        assert_eq!(ours & !(bit(libc::SIGTTIN) | bit(libc::SIGTTOU)), 0);
        assert_eq!(mask("blocked") & !ours, bit(libc::SIGUSR2) | bit(libc::SIGTSTP));
        assert_eq!(mask("ignored") & (bit(libc::SIGCHLD) | bit(libc::SIGUSR1)), bit(libc::SIGUSR1));
    }
}

#[test]
fn namespaces_of_others_are_joined_through_the_descriptors_named() {
    let bench = Bench::set_up();
    for who in everyone() {
        let user = if who == Who::User && support::is_root() { Some(who.uid()) } else { None };
        let holder = NsHolder::new(support::probe(), &["user,pid"], user, 0).unwrap();
        let (userns, pidns) = (holder.open("user").unwrap(), holder.open("pid_for_children").unwrap());
        let frame = NsEnter {
            userns_fd: FdNumber::new(60),
            pidns_fd: FdNumber::new(61),
            uid: Some(0),
            gid: Some(0),
            raise: CapSet::of(&[cap::SYS_ADMIN]),
            ..NS_ENTER
        };
        let mut job = bench.stage(Stage::NsEnter, &plan(frame), who);
        job.fds.insert(60, bench.keep(userns));
        job.fds.insert(61, bench.keep(pidns));
        let view = ended(&script(job, "argv;ids;fds;session").run().unwrap(), 0);
        assert_eq!(view.value("uid_map"), format!("0 {} 1", who.uid()));
        assert_eq!(view.value("pid"), "2", "{who:?}: the second process of the holder's namespace");
        assert_eq!(view.argument("--own-userns="), Some("joined"));
        assert!(!view.fds().keys().any(|fd| [60, 61].contains(fd)), "{}", view.text());
    }
}

/// As the first stage, on a plan that is sealed already: a number that is free now would soon be one of ours.
#[test]
fn descriptors_that_are_not_there_or_the_plans_are_refused_before_anything_is_done() {
    let bench = Bench::set_up();
    for who in everyone() {
        for number in [PLAN_FD, 99] {
            let fd = FdNumber::new(number);
            for frame in [
                NsEnter { info_fd: fd, ..NS_ENTER },
                NsEnter { json_status_fd: fd, ..NS_ENTER },
                NsEnter { userns_block_fd: fd, ..NS_ENTER },
                NsEnter { userns_fd: fd, ..NS_ENTER },
                NsEnter { pidns_fd: fd, ..NS_ENTER },
            ] {
                let mut job = bench.job(bench.bin("ns-enter"), who);
                job.arg(format!("--plan={PLAN_FD}"));
                job.fds.insert(PLAN_FD, bench.keep(plan(frame).sealed()));
                let line = refused(&job.run().unwrap());
                assert_eq!(line, format!("ns-enter: The plan needs descriptor {number}, which is not open"));
            }
        }
    }
}

const NS_EXTRA: NsExtra<'static> = NsExtra {
    uid_map: List::EMPTY,
    gid_map: List::EMPTY,
    setgroups: None,
    join: List::EMPTY,
    monotonic: None,
    boottime: None,
    own_cgroup: false,
    limits: List::EMPTY,
    console: false,
};

#[test]
fn descriptors_of_namespaces_that_are_joined_are_closed() {
    let bench = Bench::set_up();
    for who in everyone() {
        let user = if who == Who::User && support::is_root() { Some(who.uid()) } else { None };
        let holder = NsHolder::new(support::probe(), &["user,ipc,uts"], user, 0).unwrap();
        let join = |kind, fd| JoinNs::Fd { kind, fd: FdNumber::new(fd).unwrap() };
        let join = list(&[join(NsKind::User, 60), join(NsKind::Ipc, 61), join(NsKind::Uts, 62)]);
        let frame = NsEnter { extra: Some(NsExtra { join, ..NS_EXTRA }), ..NS_ENTER };
        let mut job = bench.stage(Stage::NsEnter, &plan(frame), who);
        for (fd, name) in [(60, "user"), (61, "ipc"), (62, "uts")] {
            job.fds.insert(fd, bench.keep(holder.open(name).unwrap()));
        }
        let view = ended(&script(job, &format!("fds;{}", outside())).run().unwrap(), 0);
        assert_eq!((view.value("ns ipc"), view.value("ns uts")), ("different", "different"), "{who:?}");
        assert!(!view.fds().keys().any(|fd| (60..63).contains(fd)), "{}", view.text());
    }
}

/// Several users and the caller's group alone: who could leave a group that is denied something would gain by that
/// (CVE-2014-8989). And the signal of the monitor's death outlasts the change of user.
#[test]
fn one_of_several_users_cannot_leave_the_callers_group_and_ends_with_the_monitor() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("only root may map other ids without newuidmap");
    }
    for (setgroups, policy) in [(None, "deny"), (Some(false), "deny"), (Some(true), "allow")] {
        let uid_map = list(&[IdRange::Range { inner: 0, outer: 0, count: 2 }]);
        let extra = Some(NsExtra { uid_map, setgroups, ..NS_EXTRA });
        let (user, uid) = (UserNs::New, Some(1));
        let frame = NsEnter { user, uid, die_with_parent: true, extra, ..NS_ENTER };
        let view = view(&bench, frame, Who::Root, "ids;flags");
        assert_eq!(view.value("uid real,effective,saved"), "[1, 1, 1]");
        assert_eq!((view.value("setgroups"), view.value("pdeathsig")), (policy, "9"));
    }
}
