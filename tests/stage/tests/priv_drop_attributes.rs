//! priv-drop: the attributes of the process that it changes as a command of its own.

use common::caps::{CapSet, cap};
use common::plan::{Attributes, CapChange, Mode, PrivDrop, Rlimit, Stage};
use stage::*;
use support::{Fd, Job, Stdin};

/// priv-drop with `frame`, and a successor in init-reaper's place.
fn job(bench: &Bench, frame: PrivDrop<'static>, who: Who, steps: &str) -> Job {
    let plan = Records { priv_drop: Some(frame), ..Records::with(&[Stage::InitReaper]) };
    script(bench.stage(Stage::PrivDrop, &plan, who), steps)
}

fn with(attributes: Attributes<'static>) -> PrivDrop<'static> {
    PrivDrop { attributes: Some(attributes), ..PRIV_DROP }
}

fn add(caps: &[u8]) -> CapChange {
    CapChange { add: CapSet::of(caps), ..CapChange::NONE }
}

fn drop(caps: CapSet) -> CapChange {
    CapChange { drop: caps, ..CapChange::NONE }
}

/// A user and a group that are nobody's here.
const USER: u32 = 4321;
const GROUP: u32 = 8765;

/// Everybody else's, and no group beside.
const SOMEBODY: Attributes<'static> = Attributes {
    rgid: Some(GROUP),
    egid: Some(GROUP),
    ruid: Some(USER),
    euid: Some(USER),
    groups: Some(common::plan::List::EMPTY),
    ..ATTRIBUTES
};

#[test]
fn root_becomes_somebody_else_for_good_and_without_a_capability() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("only root can become somebody else");
    }
    let before = ended(&script(bench.job(bench.path("successor"), Who::Root), "caps").run().unwrap(), 0);
    let view = ended(&job(&bench, with(SOMEBODY), Who::Root, "ids;caps;flags").run().unwrap(), 0);
    assert_eq!(view.value("uid real,effective,saved"), "[4321, 4321, 4321]");
    assert_eq!(view.value("gid real,effective,saved"), "[8765, 8765, 8765]");
    assert_eq!(view.value("groups"), "[]");
    // As setresuid(2) leaves them: inheritable and bounding set are not its business.
    let [_, _, inheritable, bounding, _] = before.five_sets();
    assert_eq!(view.five_sets(), [0, 0, inheritable, bounding, 0]);
    assert_eq!((view.value("no_new_privs"), view.value("keepcaps")), ("1", "0"));
}

#[test]
fn real_and_effective_ids_are_set_each_and_the_saved_one_goes_with_the_effective() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("only root can become somebody else");
    }
    let groups = Some(list(&[30_u32, 20, 10]));
    let attributes =
        Attributes { ruid: Some(1), euid: Some(2), rgid: Some(3), egid: Some(4), groups, ..ATTRIBUTES };
    let view = ended(&job(&bench, with(attributes), Who::Root, "ids").run().unwrap(), 0);
    assert_eq!(view.value("uid real,effective,saved"), "[1, 2, 2]");
    assert_eq!(view.value("gid real,effective,saved"), "[3, 4, 4]");
    assert_eq!(view.value("groups"), "[10, 20, 30]");
    // The effective id alone: root stays root's real id.
    let attributes = Attributes { euid: Some(2), ..ATTRIBUTES };
    let view = ended(&job(&bench, with(attributes), Who::Root, "ids").run().unwrap(), 0);
    assert_eq!(view.value("uid real,effective,saved"), "[0, 2, 2]");
}

#[test]
fn an_ordinary_user_can_become_nobody_else() {
    let bench = Bench::set_up();
    for (attributes, message) in [
        (Attributes { euid: Some(0), ..ATTRIBUTES }, "setresuid"),
        (Attributes { egid: Some(0), ..ATTRIBUTES }, "setresgid"),
        (Attributes { groups: Some(list(&[0_u32])), ..ATTRIBUTES }, "setgroups"),
        (Attributes { groups: Some(common::plan::List::EMPTY), ..ATTRIBUTES }, "setgroups"),
    ] {
        let seen = job(&bench, with(attributes), Who::User, "ids").run().unwrap();
        assert_eq!(refused(&seen), format!("priv-drop: {message}: Operation not permitted"));
    }
    // His own ids he may have.
    let own = Who::User.uid();
    let attributes = Attributes { ruid: Some(own), euid: Some(own), ..ATTRIBUTES };
    ended(&job(&bench, with(attributes), Who::User, "ids").run().unwrap(), 0);
}

#[test]
fn an_ambient_capability_outlasts_the_change_of_user_and_no_other_does() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("only root can become somebody else");
    }
    let bind = [cap::NET_ADMIN];
    let attributes =
        Attributes { inheritable: add(&bind), ambient: add(&bind), bounding: drop(CapSet::ALL), ..SOMEBODY };
    let view = ended(&job(&bench, with(attributes), Who::Root, "caps").run().unwrap(), 0);
    let only = 1 << cap::NET_ADMIN;
    assert_eq!(view.five_sets(), [only, only, only, 0, only]);
    // The same by --cap-add: what root had beside it is not his any more.
    let frame = PrivDrop { cap_add: CapSet::of(&bind), ..with(SOMEBODY) };
    let view = ended(&job(&bench, frame, Who::Root, "caps").run().unwrap(), 0);
    let [effective, permitted, inheritable, _, ambient] = view.five_sets();
    assert_eq!([effective, permitted, inheritable, ambient], [only; 4]);
}

#[test]
fn a_capability_that_cannot_be_added_is_refused_and_not_left_out() {
    let bench = Bench::set_up();
    let attributes = Attributes { ambient: add(&[cap::CHOWN]), ..ATTRIBUTES };
    let message = refused(&job(&bench, with(attributes), Who::User, "caps").run().unwrap());
    assert_eq!(message, "priv-drop: Adding ambient capability 0: Operation not permitted");
    for attributes in [
        Attributes { permitted: add(&[13]), ..ATTRIBUTES },
        Attributes { effective: add(&[13]), ..ATTRIBUTES },
    ] {
        let message = refused(&job(&bench, with(attributes), Who::User, "caps").run().unwrap());
        assert_eq!(message, "priv-drop: Can't add capability 13, which is not permitted");
    }
    let attributes = Attributes { bounding: drop(CapSet::ALL), ..ATTRIBUTES };
    let not_held = ["setpriv", "--bounding-set=-net_raw"];
    if support::is_root() {
        let attributes = Attributes { bounding: add(&[13]), ..ATTRIBUTES };
        let job = through(job(&bench, with(attributes), Who::Root, "caps"), &not_held);
        let message = "priv-drop: Capability 13 is not in the bounding set, to which nothing can be added";
        assert_eq!(refused(&job.run().unwrap()), message);
        // "+all" is all there is.
        let all = CapChange { add: CapSet::ALL, ..CapChange::NONE };
        let attributes = Attributes { bounding: all, inheritable: all, ambient: all, ..ATTRIBUTES };
        let job = through(self::job(&bench, with(attributes), Who::Root, "caps"), &not_held);
        let all = callers_capabilities() & !(1 << 13);
        assert_eq!(ended(&job.run().unwrap(), 0).five_sets(), [all; 5]);
    }
    let _ = attributes;
}

#[test]
fn root_loses_what_the_permitted_set_loses_and_no_exec_gives_it_back() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("only root has a permitted set");
    }
    let kept = CapSet::of(&[cap::CHOWN]);
    let permitted = CapChange { drop: CapSet::ALL, add: kept };
    let view = ended(
        &job(&bench, with(Attributes { permitted, ..ATTRIBUTES }), Who::Root, "caps").run().unwrap(),
        0,
    );
    let [effective, permitted, _, bounding, ambient] = view.five_sets();
    assert_eq!([effective, permitted, bounding, ambient], [kept.0, kept.0, callers_capabilities(), 0]);
}

#[test]
fn attributes_that_change_nothing_leave_the_same_sets_as_none() {
    let bench = Bench::set_up();
    let entries: [&[&str]; 3] = [
        &["env"],
        &["unshare", "--user", "--map-user=1000", "--map-group=1000", "--keep-caps"],
        &["unshare", "--user", "--map-root-user"],
    ];
    let sets = [(CapSet::EMPTY, CapSet::EMPTY), (CapSet::of(&[cap::CHOWN]), CapSet::of(&[cap::NET_ADMIN]))];
    for who in everyone() {
        for entry in entries {
            for (cap_add, cap_drop) in sets {
                let plain = PrivDrop { cap_add, cap_drop, ..PRIV_DROP };
                let with_attributes = PrivDrop { attributes: Some(ATTRIBUTES), ..plain };
                let [one, other] = [plain, with_attributes].map(|frame| {
                    let mut job = job(&bench, frame, who, "caps;flags;ids");
                    if entry.len() > 1 {
                        job.arg("--own-userns=new");
                    }
                    ended(&through(job, entry).run().unwrap(), 0)
                });
                assert_eq!(one.text(), other.text(), "{who:?} {entry:?} {cap_add:?}");
            }
        }
    }
}

#[test]
fn securebits_are_cleared_and_set() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("only root may change securebits");
    }
    // SECBIT_NO_SETUID_FIXUP is 4 and its lock 8, SECBIT_NOROOT is 1.
    for (drop, add, left) in [(0, 0x8, "12"), (0x4, 0, "0"), (0x4, 0x4, "4"), (0x4, 0x1, "1")] {
        let attributes = Attributes { securebits_drop: drop, securebits_add: add, ..ATTRIBUTES };
        let job = job(&bench, with(attributes), Who::Root, "flags;caps");
        let view = ended(&through(job, &["setpriv", "--securebits=+no_setuid_fixup"]).run().unwrap(), 0);
        assert_eq!(view.value("securebits"), left, "{drop:#x} {add:#x}");
        // Root is nobody special then.
        assert_eq!(view.caps("effective") == 0, add == 0x1);
    }
}

#[test]
fn all_sixteen_limits_are_set_soft_and_hard() {
    let bench = Bench::set_up();
    for who in everyone() {
        let view = ended(&script(bench.job(bench.path("successor"), who), "limits").run().unwrap(), 0);
        for resource in 0..common::limits::COUNT {
            let now = view.value(&format!("rlimit {resource}"));
            let (soft, hard) = now.split_once(' ').unwrap();
            let number = |text: &str| text.parse().unwrap_or(u64::MAX);
            let (soft, hard): (u64, u64) = (number(soft), number(hard));
            // What can be lowered without ending the run is; the others stay what they are.
            let lower = |n: u64| if n == u64::MAX { 1 << 40 } else { n - n / 4 };
            let (soft, hard) = (lower(soft.min(hard)), lower(hard));
            let rlimits = list(&[Rlimit { resource, soft: Some(soft), hard: Some(hard) }]);
            let attributes = Attributes { rlimits, ..ATTRIBUTES };
            let view = ended(&job(&bench, with(attributes), who, "limits").run().unwrap(), 0);
            assert_eq!(view.value(&format!("rlimit {resource}")), format!("{soft} {hard}"), "{who:?}");
        }
    }
}

#[test]
fn one_of_the_two_limits_alone_leaves_the_other() {
    let bench = Bench::set_up();
    for who in everyone() {
        let entry = ["prlimit", "--nofile=100:200"];
        for (soft, hard, left) in
            [(Some(50), None, "50 200"), (None, Some(150), "100 150"), (None, None, "100 200")]
        {
            let rlimits = list(&[Rlimit { resource: 7, soft, hard }]);
            let job = job(&bench, with(Attributes { rlimits, ..ATTRIBUTES }), who, "limits");
            assert_eq!(ended(&through(job, &entry).run().unwrap(), 0).value("rlimit 7"), left);
        }
        for (soft, hard) in [(Some(201), None), (None, Some(99))] {
            let rlimits = list(&[Rlimit { resource: 7, soft, hard }]);
            let job = job(&bench, with(Attributes { rlimits, ..ATTRIBUTES }), who, "limits");
            let message = "priv-drop: Can't set limit nofile: the soft limit is above the hard one";
            assert_eq!(refused(&through(job, &entry).run().unwrap()), message);
        }
        let rlimits = list(&[Rlimit { resource: 16, soft: Some(1), hard: None }]);
        let seen = job(&bench, with(Attributes { rlimits, ..ATTRIBUTES }), who, "limits").run().unwrap();
        assert_eq!(refused(&seen), "priv-drop: Can't set limit of an unknown resource: Invalid argument");
    }
}

#[test]
fn a_hard_limit_is_raised_by_root_before_he_becomes_somebody_else_and_by_nobody_else() {
    let bench = Bench::set_up();
    let rlimits = list(&[Rlimit { resource: 7, soft: Some(150), hard: Some(300) }]);
    let entry = ["prlimit", "--nofile=100:200"];
    for who in everyone() {
        let attributes = if who == Who::Root { SOMEBODY } else { ATTRIBUTES };
        let job = job(&bench, with(Attributes { rlimits, ..attributes }), who, "limits;ids");
        let seen = through(job, &entry).run().unwrap();
        if who == Who::Root && callers_capabilities() >> cap::SYS_RESOURCE & 1 == 1 {
            assert_eq!(ended(&seen, 0).value("rlimit 7"), "150 300");
        } else {
            assert_eq!(refused(&seen), "priv-drop: Can't set limit nofile: Operation not permitted");
        }
    }
}

#[test]
fn the_mask_of_file_modes_is_set() {
    let bench = Bench::set_up();
    for who in everyone() {
        for bits in [0, 0o22, 0o77, 0o777] {
            let attributes = Attributes { umask: Mode::new(bits), ..ATTRIBUTES };
            let view = ended(&job(&bench, with(attributes), who, "flags").run().unwrap(), 0);
            assert_eq!(view.value("umask"), format!("{bits:04o}"));
        }
    }
}

#[test]
fn a_new_session_keyring_is_nobody_elses() {
    let bench = Bench::set_up();
    for who in everyone() {
        let keyring =
            |frame| ended(&job(&bench, frame, who, "keyring").run().unwrap(), 0).value("keyring").to_owned();
        let own = with(Attributes { keyring: true, ..ATTRIBUTES });
        let (one, other) = (keyring(own), keyring(own));
        assert!(one.parse::<u32>().is_ok(), "{one}");
        assert_ne!(one, other);
        assert_eq!(keyring(PRIV_DROP), keyring(PRIV_DROP));
        // Of whom the process has become.
        if who == Who::Root {
            let view = ended(
                &job(&bench, with(Attributes { keyring: true, ..SOMEBODY }), who, "keyring").run().unwrap(),
                0,
            );
            assert!(view.value("keyring").parse::<u32>().is_ok(), "{}", view.text());
        }
    }
}

#[test]
fn the_signal_of_the_parents_death_outlasts_the_change_of_user() {
    let bench = Bench::set_up();
    for who in everyone() {
        let attributes = if who == Who::Root { SOMEBODY } else { ATTRIBUTES };
        for signal in [0, 1, 15, 64] {
            let frame = with(Attributes { pdeathsig: Some(signal), ..attributes });
            let view = ended(&job(&bench, frame, who, "flags").run().unwrap(), 0);
            assert_eq!(view.value("pdeathsig"), signal.to_string());
        }
        for signal in [65, u32::MAX] {
            let frame = with(Attributes { pdeathsig: Some(signal), ..attributes });
            let message = refused(&job(&bench, frame, who, "flags").run().unwrap());
            assert_eq!(message, "priv-drop: prctl(PR_SET_PDEATHSIG): Invalid argument");
        }
    }
}

#[test]
fn a_job_of_a_shell_gets_a_session_by_a_child_and_its_status_stays() {
    let bench = Bench::set_up();
    for who in everyone() {
        let frame = PrivDrop { new_session: true, ..with(ATTRIBUTES) };
        // The terminal makes the job's first process a leader already.
        let mut job = job(&bench, frame, who, "session;exit 23");
        job.stdin = Stdin::TtyAll;
        let view = ended(&job.run().unwrap(), 23);
        assert_eq!(view.value("controlling tty"), "No such device or address");
        assert_eq!((view.value("sid"), view.value("pgid")), ("self", "self"));
    }
}

/// It is the command's user, and would show it stages on the host's own mounts through its /proc/PID/fd.
#[test]
fn who_waits_for_a_session_by_a_child_holds_nothing_but_the_standard_three() {
    let bench = Bench::set_up();
    for who in everyone() {
        let frame = PrivDrop { new_session: true, ..with(ATTRIBUTES) };
        let mut job = job(&bench, frame, who, "wait");
        job.stdin = Stdin::TtyAll;
        job.fds.insert(50, Fd::Data(b"the caller's".to_vec()));
        let mut live = job.start().unwrap();
        assert!(live.wait_for(-1, "ready"), "{who:?}");
        let children = format!("/proc/{0}/task/{0}/children", live.pid());
        let child = std::fs::read_to_string(children).unwrap().trim().parse().expect("one child");
        assert!(waits_in(live.pid(), libc::SYS_wait4, child), "{who:?}: it does not wait");
        let mut held: Vec<String> = std::fs::read_dir(format!("/proc/{}/fd", live.pid()))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        held.sort();
        assert_eq!(held, ["0", "1", "2"], "{who:?}");
        // The end of its input, as a terminal tells it.
        live.write(-1, b"\x04");
        assert_eq!(live.finish().unwrap().status, support::End::Exit(0), "{who:?}");
    }
}

/// What no_new_privs does not make good is read back.
#[test]
fn a_set_that_is_not_what_it_was_set_to_means_that_nothing_is_run() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("root's capabilities are those that stay");
    }
    let cap_drop = CapSet::of(&[cap::SYS_ADMIN]);
    let kept = PrivDrop { allow_new_privs: true, cap_drop, ..PRIV_DROP };
    let bounding = with(Attributes { bounding: drop(cap_drop), ..ATTRIBUTES });
    let securebits = with(Attributes { securebits_add: 1, ..ATTRIBUTES });
    for (frame, option, errno, message) in [
        (kept, libc::PR_CAPBSET_DROP, 0, "Dropping capability 21 from bounds"),
        (bounding, libc::PR_CAPBSET_DROP, 0, "The capabilities are not what they were set to"),
        (securebits, libc::PR_SET_SECUREBITS, 0, "prctl(PR_SET_SECUREBITS)"),
        // Not that there are no capabilities, and so none to drop.
        (bounding, libc::PR_CAPBSET_READ, libc::EPERM, "prctl(PR_CAPBSET_READ): Operation not permitted"),
    ] {
        let mut job =
            filters::under(job(&bench, frame, Who::Root, "report"), filters::deny_prctl(option, errno));
        job.arg(format!("--caps={:x}", callers_capabilities()));
        assert_eq!(refused(&job.run().unwrap()), format!("priv-drop: {message}"));
    }
}

/// Whoever looks at what waits sees all that the command is to be.
#[test]
fn what_waits_for_block_fd_has_its_keyring_and_its_mask() {
    let bench = Bench::set_up();
    for who in everyone() {
        let attributes = Attributes { keyring: true, umask: Mode::new(0o027), ..ATTRIBUTES };
        let frame = PrivDrop { block_fd: common::plan::FdNumber::new(32), ..with(attributes) };
        let mut blocked = job(&bench, frame, who, "keyring;flags");
        blocked.fds.insert(32, Fd::Data(b"x".to_vec()));
        let view = ended(&blocked.run().unwrap(), 0);
        let own = ended(&script(bench.job(bench.path("successor"), who), "keyring").run().unwrap(), 0);
        assert_eq!(view.value("umask"), "0027", "{who:?}");
        assert_ne!(view.value("keyring"), own.value("keyring"), "{who:?}");
    }
}

#[test]
fn new_privileges_are_allowed_only_where_the_plan_says_so() {
    let bench = Bench::set_up();
    for who in everyone() {
        for allow_new_privs in [false, true] {
            let frame = PrivDrop { allow_new_privs, ..PRIV_DROP };
            let view = ended(&job(&bench, frame, who, "flags").run().unwrap(), 0);
            assert_eq!(view.value("no_new_privs"), if allow_new_privs { "0" } else { "1" }, "{who:?}");
        }
    }
    if !support::is_root() {
        return skip("root's half");
    }
    // Without no_new_privs the bounding set alone keeps root from getting back at his next exec what he has dropped.
    let cap_drop = CapSet::of(&[cap::SYS_ADMIN, cap::NET_ADMIN]);
    let frame = PrivDrop { allow_new_privs: true, cap_drop, ..PRIV_DROP };
    let view = ended(&job(&bench, frame, Who::Root, "caps").run().unwrap(), 0);
    assert_eq!(view.five_sets(), [callers_capabilities() & !cap_drop.0; 5]);
}
