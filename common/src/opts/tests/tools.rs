//! The options that priv-drop, init-reaper and seccomp-load have as commands of their own.

use super::chain::{answer, chained};
use super::*;
use crate::plan::{Attributes, CapChange, Control, Left, List, Rlimit, Signal, SignalSet};

/// The plan of `stage` with these options and a command.
fn compiled(world: &World, stage: Stage, line: &str) -> Plan<'static> {
    chained(world, &format!("{} {}", stage.name(), line.trim_start()))
}

/// Why `stage` refuses these.
fn refused(world: &World, stage: Stage, line: &str) -> String {
    let line = format!("{} {}", stage.name(), line.trim_start());
    answer(world, &line).expect_err(&line).2
}

fn refusal(stage: Stage, line: &str) -> String {
    refused(&World::default(), stage, line)
}

fn attributes(options: &str) -> Attributes<'static> {
    let plan = compiled(&World::default(), Stage::PrivDrop, &format!("{options} -- true"));
    plan.decode(Stage::PrivDrop, PrivDrop::decode).unwrap().attributes.unwrap()
}

fn control(options: &str) -> Control<'static> {
    let plan = compiled(&World::default(), Stage::InitReaper, &format!("{options} -- true"));
    plan.decode(Stage::InitReaper, InitReaper::decode).unwrap().control.unwrap()
}

fn items<T: crate::plan::Field<'static>>(list: List<'static, T>) -> Vec<T> {
    list.iter().collect()
}

#[test]
fn what_the_changes_are_made_with_is_raised_for_them() {
    use cap::*;
    let table: &[(&str, &[u8])] = &[
        ("", &[SYS_ADMIN, SETPCAP]),
        ("--umask 22", &[SYS_ADMIN, SETPCAP]),
        ("--reuid 5", &[SYS_ADMIN, SETPCAP, SETUID]),
        ("--euid 5", &[SYS_ADMIN, SETPCAP, SETUID]),
        ("--rgid 5 --keep-groups", &[SYS_ADMIN, SETPCAP, SETGID]),
        ("--clear-groups", &[SYS_ADMIN, SETPCAP, SETGID]),
        ("--reuid 5 --regid 6 --groups 7", &[SYS_ADMIN, SETPCAP, SETUID, SETGID]),
        ("--inh-caps +net_admin --ambient-caps +net_admin", &[SYS_ADMIN, SETPCAP, NET_ADMIN]),
        // All that is needed is there in the last user namespace.
        ("--disable-userns --reuid 5", &[SYS_ADMIN, SYS_RESOURCE]),
    ];
    for (options, caps) in table {
        let line = format!("ns-enter --unshare-user priv-drop {options} true");
        let plan = chained(&World::user(), &line);
        let raise = plan.decode(Stage::NsEnter, NsEnter::decode).unwrap().raise;
        assert_eq!(raise, CapSet::of(caps), "{line}");
    }
}

#[test]
fn ids_are_numbers_or_names() {
    let ids = |a: Attributes<'static>| [a.ruid, a.euid, a.rgid, a.egid];
    let some = |ids: [u32; 4]| ids.map(Some);
    assert_eq!(ids(attributes("--reuid 5 --regid 6 --keep-groups")), some([5, 5, 6, 6]));
    assert_eq!(ids(attributes("--reuid=mail --regid=users --clear-groups")), some([8, 8, 100, 100]));
    assert_eq!(ids(attributes("--ruid 1 --euid 2 --rgid 3 --egid 4 --keep-groups")), some([1, 2, 3, 4]));
    for (options, message) in [
        ("--reuid nobody", "Unknown user: nobody"),
        ("--reuid 4294967295", "Unknown user: 4294967295"),
        ("--regid -1 --keep-groups", "Unknown group: -1"),
        ("--regid 5", "A change of group needs --groups, --clear-groups, --init-groups or --keep-groups"),
        ("--init-groups", "--init-groups needs --reuid or --ruid"),
        ("--reuid 77 --init-groups", "--init-groups: no user in /etc/passwd is 77"),
        (
            "--clear-groups --keep-groups",
            "--groups, --clear-groups, --init-groups and --keep-groups exclude each other",
        ),
    ] {
        assert_eq!(refusal(Stage::PrivDrop, &format!("{options} -- true")), message);
    }
}

#[test]
fn groups_are_a_list_or_those_of_the_user() {
    let groups = |options| attributes(options).groups.map(items);
    assert_eq!(groups("--groups 4,users,0"), Some(vec![4, 100, 0]));
    assert_eq!(groups("--clear-groups"), Some(vec![]));
    assert_eq!(groups("--keep-groups"), None);
    assert_eq!(groups("--reuid mail --init-groups"), Some(vec![9, 100, 102]));
    assert_eq!(groups("--reuid 0 --init-groups"), Some(vec![0, 100, 101]));
    assert_eq!(refusal(Stage::PrivDrop, "--groups 4, -- true"), "Unknown group: ");
}

#[test]
fn sets_are_changed_from_left_to_right() {
    let change = |drop, add| CapChange { drop: CapSet(drop), add: CapSet(add) };
    let found = attributes(
        "--inh-caps +chown,-CAP_KILL --ambient-caps=-all,+cap_net_admin --bounding-set -all --permitted-caps=-3 --effective-caps +all,-chown",
    );
    assert_eq!(found.inheritable, change(1 << 5, 1));
    assert_eq!(found.ambient, change(!(1 << 12), 1 << 12));
    assert_eq!(found.bounding, change(u64::MAX, 0));
    assert_eq!(found.permitted, change(8, 0));
    assert_eq!(found.effective, change(1, !1));
    for wrong in ["chown", "+", "", "+chown,", "+nonsense", "+64", "all"] {
        let wrong = if wrong.is_empty() { "''" } else { wrong };
        let message = refusal(Stage::PrivDrop, &format!("--inh-caps {wrong} -- true"));
        assert!(message.starts_with("Invalid capabilities: "), "{message}");
    }
}

#[test]
fn securebits_limits_and_the_rest_are_read() {
    let found = attributes("--securebits +noroot,-noroot_locked,+no_cap_ambient_raise");
    assert_eq!((found.securebits_add, found.securebits_drop), (0x41, 0x2));
    let limit = |resource, soft, hard| Rlimit { resource, soft, hard };
    let found = attributes("--rlimit nofile=64:128 --rlimit=CORE=0 --rlimit as=unlimited: --rlimit nproc=:7");
    assert_eq!(
        items(found.rlimits),
        [
            limit(7, Some(64), Some(128)),
            limit(4, Some(0), Some(0)),
            limit(9, Some(u64::MAX), None),
            limit(6, None, Some(7)),
        ]
    );
    let found = attributes("--umask 027 --new-keyring --pdeathsig SIGTERM");
    assert_eq!(
        (found.umask.map(|mask| mask.bits()), found.keyring, found.pdeathsig),
        (Some(0o27), true, Some(15))
    );
    assert_eq!(attributes("--pdeathsig clear").pdeathsig, Some(0));
    for (options, message) in [
        ("--securebits noroot", "Invalid securebits: noroot"),
        ("--securebits +keep_caps", "Invalid securebits: +keep_caps"),
        ("--rlimit nofile", "Invalid resource limit: nofile"),
        ("--rlimit nofile=", "Invalid resource limit: nofile="),
        ("--rlimit files=1", "Invalid resource limit: files=1"),
        ("--rlimit nofile=2:1", "Invalid resource limit: nofile=2:1"),
        ("--umask 1000", "--umask takes an octal argument <= 0777"),
        ("--pdeathsig 65", "Invalid signal: 65"),
    ] {
        assert_eq!(refusal(Stage::PrivDrop, &format!("{options} -- true")), message);
    }
}

#[test]
fn an_init_reaper_of_a_chain_does_what_the_small_inits_do() {
    let found = control("");
    let plain = Control {
        subreaper: true,
        forward: SignalSet::FORWARDABLE,
        stop_signal: None,
        group: false,
        foreground: true,
        left: Left::Leave,
        remap_exit: List::EMPTY,
        parent_death_signal: None,
    };
    assert_eq!(found, plain);
    let found = control(
        "--forward-only TERM,USR1 --stop-signal SIGRTMIN+3 --group --no-foreground --no-subreaper --kill-after 2.5 \
         --remap-exit 143 --remap-exit=7 --parent-death-signal TERM",
    );
    assert_eq!((found.forward, found.stop_signal), (SignalSet::of(&[15, 10]), Signal::new(37)));
    assert_eq!((found.group, found.foreground, found.subreaper), (true, false, false));
    assert_eq!((found.left, items(found.remap_exit)), (Left::Kill { grace: 2500 }, vec![143, 7]));
    assert_eq!(found.parent_death_signal, Signal::new(15));
    for (seconds, grace) in [("0", 0), ("1.5", 1500), ("0.05", 50), ("10", 10_000), ("0.125", 125)] {
        assert_eq!(control(&format!("--kill-after {seconds}")).left, Left::Kill { grace });
    }
    for (options, message) in [
        ("--stop-signal TERMINATE", "Invalid signal: TERMINATE"),
        ("--forward-only TERM,X", "Invalid list of signals: TERM,X"),
        ("--kill-after 1.2345", "Invalid number of seconds: 1.2345"),
        ("--kill-after 4294968", "Invalid number of seconds: 4294968"),
        ("--remap-exit 256", "Invalid exit status: 256"),
        ("--group=yes", "--group is not written with ="),
        ("--no-reaper", "--no-reaper is what a chain without init-reaper does: leave it out"),
    ] {
        assert_eq!(refusal(Stage::InitReaper, &format!("{options} -- true")), message);
    }
}

#[test]
fn bwrap_passes_signals_on_when_asked_and_leaves_the_terminal_alone() {
    let world = World::user();
    let frames = |line: &str| {
        let plan = super::plan(&world, line);
        let reaper = plan.decode(Stage::InitReaper, InitReaper::decode).unwrap();
        (plan.decode(Stage::NsEnter, NsEnter::decode).unwrap(), reaper.control)
    };
    let (ns_enter, control) = frames("--unshare-pid true");
    assert_eq!((ns_enter.forward, ns_enter.stop_signal, control), (SignalSet::EMPTY, None, None));
    let (ns_enter, control) = frames("--unshare-pid --forward-signals --stop-signal RTMIN+3 true");
    let control = control.unwrap();
    assert_eq!((ns_enter.forward, control.forward), (SignalSet::FORWARDABLE, SignalSet::FORWARDABLE));
    assert_eq!((control.stop_signal, control.foreground, control.left), (Signal::new(37), false, Left::Wait));
    // A stop signal without signals to turn into it would do nothing.
    let (ns_enter, _) = frames("--unshare-pid --stop-signal 37 true");
    assert_eq!(ns_enter.forward, SignalSet::FORWARDABLE);
    let plan = super::plan(&world, "--unshare-pid --no-reaper --stop-signal 37 --handle-reboot true");
    let ns_enter = plan.decode(Stage::NsEnter, NsEnter::decode).unwrap();
    assert!(!plan.has(Stage::InitReaper) && ns_enter.handle_reboot);
    assert_eq!(ns_enter.stop_signal, Signal::new(37));
}

#[test]
fn new_privileges_are_allowed_with_a_warning() {
    let world = World::user();
    let plan = super::plan(&world, "--allow-new-privs true");
    assert!(plan.decode(Stage::PrivDrop, PrivDrop::decode).unwrap().allow_new_privs);
    assert_eq!(world.warnings.borrow().len(), 1);
    assert!(!priv_drop("true").allow_new_privs);
}

const ALLOW: [u8; 8] = [6, 0, 0, 0, 0, 0, 0xff, 0x7f];
const KILL_THREAD: [u8; 8] = [6, 0, 0, 0, 1, 0, 0, 0];

#[test]
fn filters_are_looked_at_before_they_are_loaded() {
    let world = || World::default().with(5, &ALLOW).with(6, &KILL_THREAD).with(7, b"\xff\0\0\0\0\0\0\0");
    let frame = |line: &str| {
        let plan = compiled(&world(), Stage::SeccompLoad, line);
        plan.decode(Stage::SeccompLoad, SeccompLoad::decode).unwrap()
    };
    let bytes =
        |line: &str| frame(line).programs.iter().map(|program| program.bytes().to_vec()).collect::<Vec<_>>();
    assert_eq!(bytes("--add-seccomp-fd 5 --add-seccomp-fd 6 -- true"), [ALLOW, KILL_THREAD]);
    let kills_process = [6, 0, 0, 0, 1, 0, 0, 0x80];
    assert_eq!(bytes("--add-seccomp-fd 5 --kill-process --add-seccomp-fd 6 -- true"), [ALLOW, kills_process]);
    assert_eq!(bytes("--seccomp 6 --kill-process -- true"), [kills_process]);
    let flags = frame("--seccomp 5 --log --spec-allow -- true");
    assert!(flags.log && flags.spec_allow);
    let line = "--add-seccomp-fd 5 --add-seccomp-fd 7 -- true";
    let message = "Seccomp filter 2: instruction 0: no instruction that a seccomp filter may have";
    assert_eq!(refused(&world(), Stage::SeccompLoad, line), message);
    let message = "Can't read seccomp filter /none: No such file or directory";
    assert_eq!(refusal(Stage::SeccompLoad, "--filter /none -- true"), message);
}
