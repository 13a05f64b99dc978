//! What every stage refuses, and that it has done nothing by then.

use common::plan::{MAX_PLAN, Stage, VERSION};
use stage::*;
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use support::{End, Fd, Job};

const STAGES: [Stage; 5] =
    [Stage::NsEnter, Stage::FsBuild, Stage::PrivDrop, Stage::InitReaper, Stage::SeccompLoad];

/// A plan with work for `stage` and for all stages after it.
fn plan_from(stage: Stage) -> Records {
    let from: Vec<Stage> = STAGES.into_iter().filter(|other| *other >= stage).collect();
    Records::with(&from)
}

/// How many stages are to follow `stage` in that plan.
fn after(stage: Stage) -> usize {
    STAGES.into_iter().filter(|other| *other > stage).count()
}

/// Calls without an effect on anything but the process itself: what a stage may have made by the time it refuses.
const HARMLESS: [&str; 9] =
    ["execve", "fcntl", "newfstatat", "mmap", "pread64", "readlinkat", "write", "exit_group", "+++"];

/// Runs `job` under strace; asserts that it was refused with `message` and that every call before was harmless.
#[track_caller]
fn assert_refused(bench: &Bench, job: Job, message: &str, who: Who) {
    if !has_strace() {
        assert_eq!(refused(&job.run().unwrap()), message);
        return;
    }
    let log = bench.dir(&format!("log-{}", who.uid()), who).join("calls");
    let job = through(job, &["strace", "-f", "-qq", "-o", log.to_str().unwrap(), "--"]);
    assert_eq!(refused(&job.run().unwrap()), message);
    let calls = fs::read_to_string(&log).unwrap();
    for line in calls.lines() {
        let call = line.split_once(' ').map_or("", |(_, rest)| rest.trim_start());
        let name = call.split(['(', ' ']).next().unwrap_or("");
        let expected = HARMLESS.contains(&name) && (name != "write" || call.starts_with("write(2, "));
        assert!(expected, "{message}: before it, {call}");
    }
    assert!(calls.lines().count() > 2, "strace saw nothing:\n{calls}");
}

fn has_strace() -> bool {
    std::process::Command::new("strace").arg("-V").output().is_ok_and(|output| output.status.success())
}

/// Runs every stage on what `plan` makes of a good plan's bytes and asserts how it is refused.
#[track_caller]
fn every_stage_refuses_plan(plan: impl Fn(Vec<u8>) -> Fd, message: &str) {
    let bench = Bench::set_up();
    for who in everyone() {
        for stage in STAGES {
            let job = bench.stage_on(stage, plan(plan_from(stage).encode()), after(stage), who);
            assert_refused(&bench, job, &format!("{}: {message}", stage.name()), who);
        }
    }
}

fn sealed(bytes: &[u8]) -> Fd {
    leaked(memfd(bytes, SEALED))
}

/// A descriptor for as long as the tests run.
fn leaked(fd: OwnedFd) -> Fd {
    use std::os::fd::IntoRawFd;
    Fd::Raw(fd.into_raw_fd())
}

#[test]
fn a_plan_that_is_cut_short_is_refused() {
    let message = "Invalid plan: plan: length: not the length of the plan";
    every_stage_refuses_plan(|plan| sealed(&plan[..plan.len() - 1]), message);
    let message = "Invalid plan: plan: length: out of range";
    every_stage_refuses_plan(|plan| sealed(&plan[..15]), message);
    every_stage_refuses_plan(|_| sealed(&[]), message);
}

#[test]
fn a_plan_with_bytes_behind_it_is_refused() {
    let message = "Invalid plan: plan: length: not the length of the plan";
    every_stage_refuses_plan(|plan| sealed(&[&plan[..], &[0]].concat()), message);
}

#[test]
fn a_plan_over_the_limit_is_refused_unread() {
    let oversized = |plan: Vec<u8>| {
        // A hole takes no memory.
        let file = File::from(memfd(&plan, 0));
        file.set_len(MAX_PLAN as u64 + 1).unwrap();
        use std::os::fd::AsRawFd;
        // SAFETY: a number argument, on a descriptor that is open.
        assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, SEALED) }, 0);
        leaked(file.into())
    };
    every_stage_refuses_plan(oversized, "Invalid plan: plan: length: out of range");
}

#[test]
fn a_plan_of_another_version_is_refused() {
    for version in [0, VERSION + 1, u16::MAX] {
        let other = |mut plan: Vec<u8>| {
            plan[8..10].copy_from_slice(&version.to_le_bytes());
            sealed(&plan)
        };
        let message = "Invalid plan: plan: version: not the version of this program";
        every_stage_refuses_plan(other, message);
    }
}

#[test]
fn what_is_no_plan_is_refused() {
    let message = "Invalid plan: plan: magic: not a plan";
    every_stage_refuses_plan(|plan| sealed(&vec![0; plan.len()]), message);
}

#[test]
fn a_plan_without_a_frame_for_the_stage_is_refused() {
    // seccomp-load without filters has nothing to do but its last step, the exec of the command.
    let bench = Bench::set_up();
    for who in everyone() {
        for stage in STAGES.into_iter().filter(|stage| *stage != Stage::SeccompLoad) {
            let others: Vec<Stage> = STAGES.into_iter().filter(|other| *other != stage).collect();
            let plan = sealed(&Records::with(&others).encode());
            let job = bench.stage_on(stage, plan, after(stage), who);
            let message = format!("{}: Invalid plan: {0}: frame: missing", stage.name());
            assert_refused(&bench, job, &message, who);
        }
    }
}

#[test]
fn a_frame_that_is_damaged_is_refused_by_its_stage() {
    // 0xff is no value for the first field of any record; the first frame's payload starts at 24.
    let damaged = |stage| {
        let mut plan = plan_from(stage).encode();
        plan[24] = 0xff;
        sealed(&plan)
    };
    let long = "not in its shortest form";
    let bench = Bench::set_up();
    for who in everyone() {
        for (stage, message) in [
            (Stage::NsEnter, format!("ns-enter: Invalid plan: ns-enter: namespaces: {long}")),
            (Stage::FsBuild, format!("fs-build: Invalid plan: fs-build: best_effort: {long}")),
            (Stage::PrivDrop, format!("priv-drop: Invalid plan: priv-drop: userns2_fd: {long}")),
            (Stage::InitReaper, format!("init-reaper: Invalid plan: init-reaper: locks: {long}")),
        ] {
            let job = bench.stage_on(stage, damaged(stage), after(stage), who);
            assert_refused(&bench, job, &message, who);
        }
        // seccomp-load has closed the plan's descriptor by then, but run nothing.
        let job = bench.stage_on(Stage::SeccompLoad, damaged(Stage::SeccompLoad), 0, who);
        let message = format!("seccomp-load: Invalid plan: seccomp-load: programs: {long}");
        assert_eq!(refused(&job.run().unwrap()), message);
    }
}

#[test]
fn a_plan_that_can_still_change_is_refused() {
    let message = "Can't map plan (is it a sealed memfd?): Operation not permitted";
    every_stage_refuses_plan(|plan| leaked(memfd(&plan, 0)), message);
    for missing in [libc::F_SEAL_SEAL, libc::F_SEAL_SHRINK, libc::F_SEAL_GROW, libc::F_SEAL_WRITE] {
        every_stage_refuses_plan(|plan| leaked(memfd(&plan, SEALED & !missing)), message);
    }
}

#[test]
fn a_plan_in_a_file_or_a_pipe_is_refused() {
    every_stage_refuses_plan(Fd::File, "Can't map plan (is it a sealed memfd?): Invalid argument");
    every_stage_refuses_plan(Fd::Data, "Invalid plan: plan: length: out of range");
}

#[test]
fn a_plan_descriptor_that_is_closed_is_refused() {
    let bench = Bench::set_up();
    for who in everyone() {
        for stage in STAGES {
            let mut job = bench.stage(stage, &plan_from(stage), who);
            job.fds.remove(&PLAN_FD);
            let message = format!("{}: Can't read plan: Bad file descriptor", stage.name());
            assert_refused(&bench, job, &message, who);
        }
    }
}

#[test]
fn arguments_that_are_not_the_protocols_are_refused() {
    let bench = Bench::set_up();
    for who in everyone() {
        for stage in STAGES {
            for junk in ["--help", "", "--", "--plan", "--plan=", "--next=1,", "--ids=1", "--own-userns=no"] {
                let mut job = bench.stage(stage, &plan_from(stage), who);
                job.arg(junk);
                let message = format!("{}: Invalid stage argument {junk}", stage.name());
                assert_refused(&bench, job, message.trim_end(), who);
            }
        }
    }
}

#[test]
fn too_few_or_too_many_successors_are_refused() {
    let bench = Bench::set_up();
    for who in everyone() {
        for stage in STAGES {
            for count in (0..=5).filter(|count| *count != after(stage)) {
                let plan = sealed(&plan_from(stage).encode());
                let job = bench.stage_on(stage, plan, count, who);
                let message = format!("{}: --next does not fit the plan", stage.name());
                assert_refused(&bench, job, &message, who);
            }
        }
    }
}

/// A successor's descriptor that is closed, a directory, or a file that is no program: the launch ends there.
#[test]
fn successors_that_cannot_be_executed_end_the_launch() {
    let bench = Bench::set_up();
    let plain = bench.install(&bench.bin("bwrap"), "not-executable", 0o644);
    for who in everyone() {
        for stage in [Stage::PrivDrop, Stage::InitReaper] {
            let name = if stage == Stage::PrivDrop { "init-reaper" } else { "seccomp-load" };
            for (successor, errno) in [
                (None, "Bad file descriptor"),
                (Some(Fd::Path(bench.path("bin"), libc::O_PATH)), "Permission denied"),
                (Some(Fd::Path(plain.clone(), libc::O_PATH)), "Permission denied"),
            ] {
                let mut job = bench.stage(stage, &plan_from(stage), who);
                job.fds.remove(&NEXT_FD);
                job.fds.extend(successor.map(|fd| (NEXT_FD, fd)));
                let message = refused(&job.run().unwrap());
                assert_eq!(message, format!("{}: Can't exec stage {name}: {errno}", stage.name()));
            }
        }
    }
}

/// A set-user-ID bit on a stage would run the caller's plan with the owner's privileges; the group's and capabilities are
/// no better.
#[test]
fn a_stage_that_an_exec_gave_privileges_refuses_to_run() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("only root can lend privileges");
    }
    // An ordinary user whose bounding set still lets file capabilities through.
    let ordinary = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"];
    for stage in STAGES {
        let run = |mode: u32, capabilities: bool| {
            let program = bench.install(&bench.bin(stage.name()), &format!("lent/{}", stage.name()), mode);
            if capabilities {
                lend_sys_admin(&program);
            }
            let mut job = bench.stage(stage, &plan_from(stage), Who::Root);
            job.argv[0] = program.into();
            through(job, &ordinary).run().unwrap()
        };
        for (mode, capabilities) in [(0o4755, false), (0o6755, false), (0o2755, false), (0o755, true)] {
            let seen = run(mode, capabilities);
            assert_eq!(
                seen.status,
                End::Exit(1),
                "{}: mode {mode:o}, capabilities {capabilities}",
                stage.name()
            );
            let message = refused(&seen);
            let expected = format!("{}: setuid use of bubblewrap is not supported", stage.name());
            assert_eq!(message, expected);
        }
        // Without any it is a copy like another.
        let seen = run(0o755, false);
        assert!(!String::from_utf8_lossy(&seen.stderr).contains("setuid"), "{}", explain(&seen));
    }
}

/// The front, which has its own words for it.
#[test]
fn a_bwrap_that_an_exec_gave_capabilities_refuses_to_run() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("only root can lend privileges");
    }
    let program = bench.install(&bench.bin("bwrap"), "lent/bwrap", 0o755);
    lend_sys_admin(&program);
    let mut job = bench.job(program, Who::Root);
    job.args(["--ro-bind", "/", "/", "id"]);
    let ordinary = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"];
    let message = refused(&through(job, &ordinary).run().unwrap());
    assert_eq!(message, "bwrap: Unexpected capabilities but not setuid, old file caps config?");
}

/// Gives an executable `cap_sys_admin=ep` (`struct vfs_cap_data`, revision 2).
fn lend_sys_admin(program: &std::path::Path) {
    const REVISION_2_EFFECTIVE: u32 = 0x0200_0001;
    const SYS_ADMIN: u32 = 1 << 21;
    let value: Vec<u8> =
        [REVISION_2_EFFECTIVE, SYS_ADMIN, 0, 0, 0].iter().flat_map(|word| word.to_le_bytes()).collect();
    let path = std::ffi::CString::new(program.as_os_str().as_encoded_bytes()).unwrap();
    let (name, data) = (c"security.capability".as_ptr(), value.as_ptr().cast());
    // SAFETY: setxattr reads both strings and `value.len()` bytes at `data`; all outlive the call.
    let result = unsafe { libc::setxattr(path.as_ptr(), name, data, value.len(), 0) };
    assert_eq!(result, 0, "setxattr: {}", std::io::Error::last_os_error());
}

#[test]
fn messages_are_signed_as_the_plan_says() {
    use common::plan::{FLAG_BWRAP, FLAG_LEVEL_PREFIX};
    let bench = Bench::set_up();
    let signatures = [
        (0, "priv-drop: "),
        (FLAG_BWRAP, "bwrap: "),
        (FLAG_LEVEL_PREFIX, "<3>priv-drop: "),
        (FLAG_BWRAP | FLAG_LEVEL_PREFIX, "<3>bwrap: "),
    ];
    for (flags, signature) in signatures {
        let mut job =
            bench.stage(Stage::PrivDrop, &Records { flags, ..plan_from(Stage::PrivDrop) }, everyone()[0]);
        job.fds.remove(&NEXT_FD);
        let message = refused(&job.run().unwrap());
        assert!(message.starts_with(signature), "{flags}: {message}");
        let Some(rest) = message.strip_prefix(signature) else { continue };
        assert_eq!(rest, "Can't exec stage init-reaper: Bad file descriptor");
    }
}

/// With standard error closed there is nobody to tell, but the status still says it.
#[test]
fn a_refusal_without_standard_error_is_still_exit_1() {
    let bench = Bench::set_up();
    for who in everyone() {
        for stage in STAGES {
            let mut job = bench.stage(stage, &plan_from(stage), who);
            job.arg("junk");
            job.close = vec![2];
            let seen = job.run().unwrap();
            assert_eq!((seen.status, &seen.stdout[..]), (End::Exit(1), &b""[..]), "{}", explain(&seen));
        }
    }
}
