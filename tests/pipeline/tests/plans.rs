//! Launches from stored plans, through ns-enter alone. They do what the bwrap command lines do that say the
//! same, and that compile to the same bytes.

use common::plan::{
    Access, EnvOp, FRAME_HEADER_LEN, FsBuild, HEADER_LEN, InitReaper, MountOp, NsEnter, Plan, PrivDrop, check,
};
use pipeline::plans::{Launch, launches};
use pipeline::{bwrap, exec_chain, has_strace};
use stage::{
    Bench, FS_BUILD, INIT_REAPER, PLAN_FD, PRIV_DROP, Records, SEALED, Who, command, ended, everyone,
    explain, list, memfd, path, refused, script, skip, text, tree, with_env,
};
use std::fs;
use support::{End, Fd, Job};

/// The stored bytes of a launch.
#[track_caller]
fn stored(launch: &Launch) -> Vec<u8> {
    fs::read(launch.file()).unwrap_or_else(|e| panic!("{}: {e}", launch.file().display()))
}

/// How a plan is handed to ns-enter.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// In a sealed memfd: it is run from that.
    Sealed,
    /// As it is stored, in a file: `--stored` copies and seals it.
    File,
    /// Through a pipe.
    Pipe,
}

const FORMS: [Form; 3] = [Form::Sealed, Form::File, Form::Pipe];

/// A launch of these bytes, as one who keeps plans would start it.
fn from_plan(bench: &Bench, plan: &[u8], form: Form, who: Who) -> Job {
    let mut job = bench.job(bench.bin("ns-enter"), who);
    let (option, fd) = match form {
        Form::Sealed => ("--plan", bench.keep(memfd(plan, SEALED))),
        Form::File => ("--stored", Fd::File(plan.to_vec())),
        Form::Pipe => ("--stored", Fd::Data(plan.to_vec())),
    };
    job.arg(format!("{option}={PLAN_FD}"));
    job.fds.insert(PLAN_FD, fd);
    // The last stage goes where the launcher says it is.
    with_env(job, "PWD", "/")
}

/// The same through bwrap.
fn from_words(bench: &Bench, launch: &Launch, who: Who) -> Job {
    let mut job = bwrap(bench, who, &launch.args);
    job.fds.extend(launch.filter.clone().map(|filter| (30, Fd::Data(filter))));
    with_env(job, "PWD", "/")
}

#[test]
fn stored_plans_are_the_bytes_that_their_records_encode_to() {
    for launch in launches() {
        let bytes = launch.records.encode();
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(launch.file(), &bytes).unwrap();
        }
        assert!(
            stored(&launch) == bytes,
            "{}: the format or this launch has changed. If it was meant to: a change of the format gives \
             common::plan::VERSION a new number; then UPDATE_GOLDEN=1 cargo test -p pipeline stored",
            launch.file().display()
        );
    }
}

#[test]
fn bwrap_compiles_the_words_to_the_stored_bytes() {
    let bench = Bench::set_up();
    bench.install(&bench.bin("bwrap"), "fake/bwrap", 0o755);
    for who in everyone() {
        for launch in launches() {
            let mut job = script(from_words(&bench, &launch, who), "plan");
            job.argv[0] = bench.path("fake/bwrap").into();
            let view = ended(&job.run().unwrap(), 0);
            let hex: String = stored(&launch).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(view.value("plan bytes"), hex, "{who:?} {}", launch.name);
        }
    }
}

#[test]
fn a_stored_plan_does_what_the_words_do() {
    let bench = Bench::set_up();
    for who in everyone() {
        for launch in launches() {
            let by_words = ended(&from_words(&bench, &launch, who).run().unwrap(), 0);
            for form in FORMS {
                let by_plan = ended(&from_plan(&bench, &stored(&launch), form, who).run().unwrap(), 0);
                assert_eq!(by_plan.text(), by_words.text(), "{who:?} {form:?} {}", launch.name);
                let own = who.uid().to_string();
                assert!(by_plan.text().lines().any(|line| line == own), "{}", by_plan.text());
            }
        }
    }
}

#[test]
fn a_plan_can_be_launched_many_times_from_one_descriptor() {
    let bench = Bench::set_up();
    for who in everyone() {
        for launch in launches() {
            let job = from_plan(&bench, &stored(&launch), Form::Sealed, who);
            let first = ended(&job.run().unwrap(), 0);
            for _ in 0..5 {
                assert_eq!(ended(&job.run().unwrap(), 0).text(), first.text(), "{who:?} {}", launch.name);
            }
        }
    }
}

#[test]
fn a_stored_plan_runs_through_the_stages_that_it_has_frames_for() {
    let bench = Bench::set_up();
    if !has_strace() {
        return skip("strace is not installed");
    }
    for who in everyone() {
        for launch in launches() {
            let (chain, seen) = exec_chain(&bench, from_plan(&bench, &stored(&launch), Form::File, who), who);
            ended(&seen, 0);
            let records = launch.records;
            let stages = records.stages_after(None).into_iter().map(|stage| stage.name().to_owned());
            // The one that was started, and compose under its name, which reads and checks the plan.
            let before = ["ns-enter", "ns-enter"].map(str::to_owned);
            let expected: Vec<String> = before.into_iter().chain(stages).chain(["sh".to_owned()]).collect();
            // What the shell itself execs comes after.
            assert_eq!(chain[..expected.len()], expected, "{who:?} {}", launch.name);
        }
    }
}

/// Whichever frame is damaged, the stages before it may have run, but the command does not, and nothing is left.
#[test]
fn a_stored_plan_with_a_frame_damaged_runs_no_command() {
    let bench = Bench::set_up();
    let launches = launches();
    let plan = stored(&launches[2]);
    for who in everyone() {
        let mut at = HEADER_LEN;
        for stage in ["ns-enter", "fs-build", "priv-drop", "init-reaper", "seccomp-load", "command"] {
            let length = u32::from_le_bytes(plan[at + 4..at + 8].try_into().unwrap()) as usize;
            let mut damaged = plan.clone();
            // No record begins with 0xff: a list of that length there is not, nor such an option or boolean.
            damaged[at + FRAME_HEADER_LEN] = 0xff;
            let seen = from_plan(&bench, &damaged, Form::Sealed, who).run().unwrap();
            assert_eq!((seen.status, seen.stdout.len()), (End::Exit(1), 0), "{}", explain(&seen));
            // Pid 1 and the command wear the same filters: either may be the one to say what is wrong with them.
            let said = String::from_utf8_lossy(&seen.stderr).into_owned();
            let expected = format!("bwrap: Invalid plan: {stage}: ");
            assert!(
                !said.is_empty() && said.lines().all(|line| line.starts_with(&expected)),
                "{who:?}: {said}"
            );
            at += FRAME_HEADER_LEN + length;
        }
        assert_eq!(at, plan.len());
    }
}

/// Whoever made a stored plan is not the one who launches it: all of it is checked before any of it runs.
#[test]
fn a_stored_plan_with_any_byte_changed_is_refused_whole_or_is_a_plan() {
    let bench = Bench::set_up();
    let launches = launches();
    let plan = stored(&launches[2]);
    for who in everyone() {
        let mut refusals = 0;
        for at in 0..plan.len() {
            let mut damaged = plan.clone();
            damaged[at] ^= 0x80;
            if Plan::parse(&damaged).and_then(|plan| check(&plan, |_| {})).is_ok() {
                continue;
            }
            let message = refused(&from_plan(&bench, &damaged, Form::File, who).run().unwrap());
            assert!(message.starts_with("ns-enter: Invalid plan: "), "{who:?}, byte {at}: {message}");
            refusals += 1;
        }
        assert!(refusals > 50, "only {refusals} of {} changes are refused", plan.len());
    }
}

#[test]
fn a_stored_plan_that_is_not_all_there_is_refused() {
    let bench = Bench::set_up();
    let launches = launches();
    let plan = stored(&launches[2]);
    for who in everyone() {
        for length in (0..plan.len()).step_by(7) {
            for form in [Form::File, Form::Pipe] {
                let message = refused(&from_plan(&bench, &plan[..length], form, who).run().unwrap());
                assert!(message.starts_with("ns-enter: Invalid plan: plan: "), "{length} bytes: {message}");
            }
        }
        let mut job = from_plan(&bench, &plan, Form::File, who);
        job.fds.remove(&PLAN_FD);
        assert_eq!(refused(&job.run().unwrap()), "ns-enter: Can't read plan: Bad file descriptor");
        job.fds.insert(PLAN_FD, Fd::Path("/".into(), 0));
        assert_eq!(refused(&job.run().unwrap()), "ns-enter: Can't read plan: Is a directory");
    }
}

#[test]
fn a_stored_plan_that_names_a_descriptor_gets_it_from_the_launcher() {
    let bench = Bench::set_up();
    let file = MountOp::File { fd: tree::fd(30), dest: path("/data"), mode: tree::mode(0o644) };
    let launch = &launches()[0];
    let fs_build = launch.records.fs_build.unwrap();
    // In a root of its own, so that there is room for a file.
    let ops: Vec<MountOp> = std::iter::once(tree::bind("/usr", "/usr", Access::ReadOnly))
        .chain(["/lib", "/lib64"].map(|dir| tree::bind(dir, dir, Access::ReadOnly)))
        .chain([file])
        .collect();
    let fs_build = Some(FsBuild { ops: list(&ops), ..fs_build });
    let command = command(&["/usr/bin/cat", "/data"]);
    let plan = Records { fs_build, command, ..launch.records }.encode();
    for who in everyone() {
        let mut job = from_plan(&bench, &plan, Form::File, who);
        assert_eq!(refused(&job.run().unwrap()), "ns-enter: The plan needs descriptor 30, which is not open");
        job.fds.insert(30, Fd::Data(b"from the launcher".to_vec()));
        assert_eq!(ended(&job.run().unwrap(), 0).text(), "from the launcher");
        // Not the plan itself, though it is open.
        let op = MountOp::File { fd: tree::fd(PLAN_FD), dest: path("/data"), mode: tree::mode(0o644) };
        let fs_build = Some(FsBuild { ops: list(&[op]), ..FS_BUILD });
        let plan = Records { fs_build, ..launch.records }.encode();
        let message = refused(&from_plan(&bench, &plan, Form::File, who).run().unwrap());
        assert_eq!(message, "ns-enter: The plan needs descriptor 10, which is not open");
    }
}

/// Whichever frame it is in: a number that is free now would be given to one of the launch's own.
#[test]
fn a_stored_plan_that_names_a_descriptor_which_is_not_there_is_refused_whole() {
    let bench = Bench::set_up();
    let base = launches()[0].records;
    for who in everyone() {
        for number in [99, PLAN_FD] {
            let (fd, named) = (Some(tree::fd(number)), tree::fd(number));
            let frames = [
                Records { ns_enter: Some(NsEnter { info_fd: fd, ..base.ns_enter.unwrap() }), ..base },
                Records { priv_drop: Some(PrivDrop { userns2_fd: fd, ..PRIV_DROP }), ..base },
                Records { priv_drop: Some(PrivDrop { block_fd: fd, ..PRIV_DROP }), ..base },
                Records { init_reaper: Some(InitReaper { sync_fds: list(&[named]), ..INIT_REAPER }), ..base },
            ];
            for records in frames {
                let message = refused(&from_plan(&bench, &records.encode(), Form::File, who).run().unwrap());
                let expected = format!("ns-enter: The plan needs descriptor {number}, which is not open");
                assert_eq!(message, expected, "{who:?}");
            }
        }
    }
}

#[test]
fn the_environment_of_a_stored_plan_is_made_by_its_launch() {
    let bench = Bench::set_up();
    let launch = &launches()[2];
    let (name, value) = (text("ADDED"), text("by the plan"));
    let mut records = launch.records;
    records.command.args = command(&["/usr/bin/env"]).args;
    records.command.env = list(&[EnvOp::Clear, EnvOp::Set { name, value }]);
    for who in everyone() {
        let job = with_env(from_plan(&bench, &records.encode(), Form::File, who), "SECRET", "hunter2");
        let view = ended(&job.run().unwrap(), 0);
        let mut lines: Vec<&str> = view.text().lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["ADDED=by the plan", "PWD=/"], "{who:?}");
    }
}
