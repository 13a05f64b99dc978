//! Privileges of a launch: each plan raises the capabilities that it needs and no others, and whatever stays behind is no
//! way out of the sandbox.

use common::caps::{CapSet, NAMES};
use common::plan::{Command, FLAG_BWRAP, FsBuild, InitReaper, NsEnter, Plan, PrivDrop, Stage};
use pipeline::{bwrap, compiled};
use stage::{Bench, Records, Who, ended, everyone, refused, skip};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use support::{Fd, Job};

/// The plan that bwrap makes of `args`, as records.
fn records(bench: &Bench, args: &[&str]) -> Records {
    let bytes: &'static [u8] = Box::leak(compiled(bench, Who::User, args).into_boxed_slice());
    let plan = Plan::parse(bytes).expect("bwrap's own plan");
    let mut records = Records { flags: FLAG_BWRAP, ..Records::new(&["true"]) };
    records.ns_enter = Some(plan.decode(Stage::NsEnter, NsEnter::decode).unwrap());
    records.fs_build = Some(plan.decode(Stage::FsBuild, FsBuild::decode).unwrap());
    records.priv_drop = Some(plan.decode(Stage::PrivDrop, PrivDrop::decode).unwrap());
    if plan.has(Stage::InitReaper) {
        records.init_reaper = Some(plan.decode(Stage::InitReaper, InitReaper::decode).unwrap());
    }
    records.command = plan.decode(Stage::Command, Command::decode).unwrap();
    records
}

/// A launch of `records` in which ns-enter hands on exactly `raise`.
fn launch(bench: &Bench, mut records: Records, raise: CapSet) -> Job {
    if let Some(frame) = &mut records.ns_enter {
        frame.raise = raise;
    }
    let mut job = bench.job(bench.bin("ns-enter"), Who::User);
    job.arg("--plan=10");
    job.fds.insert(10, bench.keep(records.sealed()));
    job
}

/// The set of these names.
fn set(names: &[&str]) -> CapSet {
    let number = |name: &&str| NAMES.iter().position(|known| known == name).expect("a capability") as u8;
    CapSet::of(&names.iter().map(number).collect::<Vec<_>>())
}

/// Runs the plan of `line` with exactly `raised`, whole or (`only`) with a single stage of it beside ns-enter, and then
/// with one capability less, each in turn.
#[track_caller]
fn assert_exactly(bench: &Bench, line: &[&str], only: Option<Stage>, raised: &[&str]) {
    assert_exactly_each_time(bench, line, only, raised, || {});
}

/// The same with something to be done before each run.
#[track_caller]
fn assert_exactly_each_time(
    bench: &Bench,
    line: &[&str],
    only: Option<Stage>,
    raised: &[&str],
    before: impl Fn(),
) {
    let mut records = records(bench, line);
    let (declared, raise) = (records.ns_enter.unwrap().raise, set(raised));
    match only {
        Some(Stage::FsBuild) => records.priv_drop = None,
        Some(_) => records.fs_build = None,
        None => assert_eq!(declared, raise, "{line:?}: what bwrap raises"),
    }
    assert_eq!(raise.without(declared), CapSet::EMPTY, "{line:?}: more than the whole plan raises");
    before();
    ended(&launch(bench, records, raise).run().unwrap(), 0);
    for cap in raise.iter() {
        before();
        let seen = launch(bench, records, raise.without(CapSet::of(&[cap]))).run().unwrap();
        // Status 1, one line of message, and nothing of the command.
        let message = refused(&seen);
        assert!(message.starts_with("bwrap: "), "{line:?}: without {}: {message}", NAMES[usize::from(cap)]);
    }
}

const ADMIN: &str = "CAP_SYS_ADMIN";
const SETPCAP: &str = "CAP_SETPCAP";
const FS_BUILD: Option<Stage> = Some(Stage::FsBuild);
const PRIV_DROP: Option<Stage> = Some(Stage::PrivDrop);
const SAY: [&str; 3] = ["/bin/sh", "-c", "echo ran"];

#[test]
fn a_root_and_nothing_else_takes_two_capabilities() {
    let bench = Bench::set_up();
    let line = [&["--ro-bind", "/", "/"], &SAY[..]].concat();
    assert_exactly(&bench, &line, None, &[ADMIN, SETPCAP]);
    assert_exactly(&bench, &line, FS_BUILD, &[ADMIN]);
    assert_exactly(&bench, &line, PRIV_DROP, &[SETPCAP]);
}

#[test]
fn every_operation_in_places_that_are_open_takes_one_capability() {
    let bench = Bench::set_up();
    let line = "--unshare-all --bind / / --tmpfs /tmp --proc /proc --mqueue /tmp/mq --dir /tmp/dir --perms 4755 --dir /tmp/set-id \
                --symlink a /tmp/link --ro-bind /usr /tmp/usr --chmod 2700 /tmp/dir \
                --overlay-src /usr --overlay-src /etc --ro-overlay /tmp/ro --remount-ro /tmp true";
    assert_exactly(&bench, &line.split_whitespace().collect::<Vec<_>>(), FS_BUILD, &[ADMIN]);
}

#[test]
fn a_mount_point_in_a_directory_that_may_not_be_written_to_takes_dac_override() {
    let bench = Bench::set_up();
    let dir = bench.dir("read-only", Who::User);
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o555)).unwrap();
    let new = dir.join("new");
    let line = [&["--bind", "/", "/", "--tmpfs", new.to_str().unwrap()], &SAY[..]].concat();
    // What is made in a bound directory is there for the next launch, too.
    let none_yet = || drop(fs::remove_dir(&new));
    let caps = [ADMIN, SETPCAP, "CAP_DAC_OVERRIDE"];
    assert_exactly_each_time(&bench, &line, None, &caps, none_yet);
    assert_exactly_each_time(&bench, &line, FS_BUILD, &[ADMIN, "CAP_DAC_OVERRIDE"], none_yet);
    none_yet();
    let records = records(&bench, &line);
    let message = refused(&launch(&bench, records, set(&[ADMIN, SETPCAP])).run().unwrap());
    assert_eq!(message, format!("bwrap: Can't create file {}: Permission denied", new.display()));
}

/// The kernel makes a directory of mode 0 in the work directory, and works in that.
#[test]
fn an_overlay_that_is_written_to_takes_dac_override() {
    let bench = Bench::set_up();
    let line = "--bind / / --tmpfs /tmp --overlay-src /usr --tmp-overlay /tmp/over true";
    let line: Vec<&str> = line.split_whitespace().collect();
    assert_exactly(&bench, &line, FS_BUILD, &[ADMIN, "CAP_DAC_OVERRIDE"]);
}

#[test]
fn a_source_below_a_directory_that_may_not_be_searched_takes_dac_read_search() {
    let bench = Bench::set_up();
    let root = bench.dir("locked/root", Who::User);
    bench.install(support::probe(), "locked/root/probe", 0o755);
    let locked = bench.dir("locked", Who::User);
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    let line = ["--ro-bind", root.to_str().unwrap(), "/", "/probe", "exit", "0"];
    assert_exactly(&bench, &line, None, &[ADMIN, SETPCAP, "CAP_DAC_READ_SEARCH"]);
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_last_user_namespace_takes_sys_resource() {
    let bench = Bench::set_up();
    let line = [&["--unshare-user", "--disable-userns", "--ro-bind", "/", "/"], &SAY[..]].concat();
    assert_exactly(&bench, &line, None, &[ADMIN, "CAP_SYS_RESOURCE"]);
    assert_exactly(&bench, &line, PRIV_DROP, &["CAP_SYS_RESOURCE"]);
}

/// What keeps the command from being root with root's capabilities, which confine nobody.
fn confined(who: Who) -> &'static [&'static str] {
    if who == Who::Root { &["--cap-drop", "ALL"] } else { &[] }
}

#[test]
fn the_monitor_cannot_be_reached_from_inside() {
    let bench = Bench::set_up();
    for who in everyone() {
        // In the host's PID namespace, where it can be named at all.
        let mut job = bwrap(&bench, who, &["--bind", "/", "/"]);
        job.args(confined(who)).arg(bench.path("probe")).args(["get-at", "parent"]);
        let view = ended(&job.run().unwrap(), 0);
        let ways: Vec<&str> = view.text().lines().collect();
        assert_eq!(ways.len(), 8, "{}", view.text());
        for way in ways {
            assert!(way.contains(" refused: "), "{who:?}: {way}");
        }
    }
}

#[test]
fn pid_1_gives_nothing_that_the_command_does_not_have() {
    const GETPGRP: i64 = 111;
    let bench = Bench::set_up();
    let filter = stage::filters::deny(GETPGRP, libc::ENOSYS);
    for who in everyone() {
        {
            let args = ["--bind", "/", "/", "--unshare-pid", "--proc", "/proc", "--seccomp", "30"];
            let mut job = bwrap(&bench, who, &args);
            job.args(confined(who));
            job.fds.insert(30, Fd::File(filter.clone()));
            job.arg(bench.path("probe")).arg("tree");
            let view = ended(&job.run().unwrap(), 0);
            let [first, second] = view.values("process")[..] else {
                panic!("not two processes: {}", view.text())
            };
            // Whatever can be done through pid 1, traced or not, the command can do itself.
            let of = |line: &str, name: &str| {
                let field = line.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
                field.unwrap_or_else(|| panic!("no {name} in {line}")).to_owned()
            };
            for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
                assert_eq!(of(first, set), "0000000000000000", "{who:?}: {first}");
            }
            for same in ["Uid", "Gid", "Groups", "NoNewPrivs", "Seccomp", "Seccomp_filters", "CapBnd"] {
                assert_eq!(of(first, same), of(second, same), "{who:?}: {same}");
            }
            assert_eq!((of(first, "NoNewPrivs"), of(first, "Seccomp")), ("1".to_owned(), "2".to_owned()));
        }
    }
}

#[test]
fn what_stays_behind_holds_no_capability() {
    let bench = Bench::set_up();
    for who in everyone() {
        let mut job = bwrap(&bench, who, &["--bind", "/", "/", "--unshare-pid", "--proc", "/proc"]);
        job.args(["sh", "-c", "grep ^Cap /proc/1/status; echo ready; read line"]);
        job.stdin = support::Stdin::Closed;
        job.fds.insert(0, Fd::In);
        let mut live = job.start().unwrap();
        assert!(live.wait_for(1, "ready\n"));
        let status = fs::read_to_string(format!("/proc/{}/status", live.pid())).unwrap();
        let pid_1 = String::from_utf8_lossy(live.output(1)).into_owned();
        for (process, text) in [("monitor", status), ("pid 1", pid_1)] {
            for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
                let line = text.lines().find(|line| line.starts_with(set));
                assert_eq!(line, Some(&*format!("{set}:\t0000000000000000")), "{who:?}: {process}");
            }
        }
        live.write(0, b"\n");
        live.close(0);
        live.finish().unwrap();
    }
    if !support::is_root() {
        skip("root's half needs root");
    }
}

/// The calls of these names that one process of `job` makes, in their order, as strace(1) tells them: of the first one
/// whose line has `whose` in it, from that line on.
#[track_caller]
fn calls(bench: &Bench, who: Who, names: &str, whose: &str, job: Job) -> Vec<String> {
    let log = bench.dir(&format!("order-{}", who.uid()), who).join("calls");
    let trace = format!("trace={names}");
    let words = ["strace", "-f", "-qq", "-e", &trace, "-o", log.to_str().unwrap(), "--"];
    ended(&stage::through(job, &words).run().unwrap(), 0);
    let text = fs::read_to_string(&log).unwrap();
    // A line begins with the process's number.
    let first = text.lines().find(|line| line.contains(whose)).expect(whose);
    let pid = first.split(' ').next();
    let own = text.lines().skip_while(|line| *line != first).filter(|line| line.split(' ').next() == pid);
    own.map(str::to_owned).collect()
}

/// Where the first call is that has `call` in its line.
#[track_caller]
fn place(calls: &[String], call: &str) -> usize {
    calls.iter().position(|line| line.contains(call)).unwrap_or_else(|| panic!("no {call} in {calls:#?}"))
}

/// Root without capabilities and without `no_new_privs` gets them back at an exec: he is that at no time.
#[test]
fn no_new_privs_comes_before_the_capabilities_go() {
    if !pipeline::has_strace() {
        return stage::skip("strace is not installed");
    }
    let bench = Bench::set_up();
    for who in everyone() {
        let job = bwrap(&bench, who, &["--ro-bind", "/", "/", "--cap-drop", "ALL", "true"]);
        // The stage's own are those after its exec.
        let own = calls(&bench, who, "prctl,capset,execveat", "\"priv-drop\"", job);
        assert!(place(&own, "PR_SET_NO_NEW_PRIVS") < place(&own, "capset("), "{who:?} {own:#?}");
    }
}

/// Whoever has no capabilities either could trace the launcher in the moment between; and the command is not there before
/// it is hidden.
#[test]
fn a_launcher_that_could_be_traced_is_hidden_before_its_capabilities_go_and_the_command_waits_for_both() {
    if !pipeline::has_strace() {
        return stage::skip("strace is not installed");
    }
    let bench = Bench::set_up();
    for who in everyone() {
        let user = (who == Who::User && support::is_root()).then(|| who.uid());
        let holder = support::NsHolder::new(support::probe(), &["user"], user, 0).unwrap();
        // An ordinary user has capabilities to give up in a namespace that he joins.
        let more = if who == Who::Root { ["--cap-drop", "ALL"] } else { ["--userns", "60"] };
        let mut job = bwrap(&bench, who, &[&["--ro-bind", "/", "/"], &more[..], &["true"]].concat());
        job.fds.insert(60, bench.keep(holder.open("user").unwrap()));
        let own = calls(&bench, who, "execve,prctl,capset,write", "execve", job);
        let (hidden, dropped) = (place(&own, "PR_SET_DUMPABLE"), place(&own, "capset("));
        // The last that it writes.
        let go = own.iter().rposition(|line| line.contains("write(")).expect("a go");
        assert!(hidden < dropped && dropped < go, "{who:?} {own:#?}");
        assert!(place(&own, "PR_SET_NO_NEW_PRIVS") < go, "{who:?} {own:#?}");
    }
}

/// The same of who relays its terminal.
#[test]
fn the_relay_is_hidden_before_its_capabilities_go() {
    if !pipeline::has_strace() || !support::is_root() {
        return stage::skip("it takes strace, and root, who has some");
    }
    let bench = Bench::set_up();
    let args =
        ["--ro-bind", "/", "/", "--unshare-pid", "--proc", "/proc", "--dev", "/dev", "--console", "true"];
    let job = bwrap(&bench, Who::Root, &args);
    let own = calls(&bench, Who::Root, "execve,prctl,capset", "[\"pty-relay\"", job);
    assert!(place(&own, "PR_SET_DUMPABLE") < place(&own, "capset("), "{own:#?}");
}
