//! Stages that somebody starts by hand: without those before them, with too many privileges or none, in namespaces that
//! are not theirs, and with arguments of the protocol that do not fit.

use attack::hostile::Host;
use common::plan::{Access, NsEnter, SecondUserNs, Stage};
use stage::filters::{deny, program};
use stage::{
    Bench, FS_BUILD, NS_ENTER, PRIV_DROP, Records, SECCOMP_LOAD, Who, ended, entry, everyone, explain, list,
    refused, script, skip, through, tree,
};
use support::{End, Fd, Job};

const STAGES: [Stage; 5] =
    [Stage::NsEnter, Stage::FsBuild, Stage::PrivDrop, Stage::InitReaper, Stage::SeccompLoad];

const NOT_OWN: &str =
    "fs-build: This mount namespace is not the sandbox's own: ns-enter makes one, or unshare --mount";

/// A host in small, for root to attack: mount and PID namespaces of its own whose first process is the shell that runs
/// the attack in the same ones, as a root shell on a host does. It says afterwards what has become of its mounts.
fn small_host(job: Job) -> Job {
    let script = "before=$(cat /proc/self/mountinfo); \"$@\"; status=$?; \
                  [ \"$before\" = \"$(cat /proc/self/mountinfo)\" ] || echo the mounts have changed; exit $status";
    let words = [
        "unshare",
        "--mount",
        "--propagation=private",
        "--pid",
        "--fork",
        "--mount-proc",
        "sh",
        "-c",
        script,
        "sh",
    ];
    through(job, &words)
}

/// The tree that an attack would have built.
fn plan() -> Records {
    Records {
        fs_build: Some(stage_tree()),
        priv_drop: Some(PRIV_DROP),
        ..Records::new(&["/usr/bin/echo", "it ran"])
    }
}

fn stage_tree() -> common::plan::FsBuild<'static> {
    common::plan::FsBuild { ops: list(&[tree::bind("/", "/", Access::ReadOnly), tree::proc()]), ..FS_BUILD }
}

#[test]
fn fs_build_that_root_starts_on_the_host_does_not_touch_its_mounts() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("only root can change the host's mounts");
    }
    let host = Host::look();
    for own_userns in [None, Some("--own-userns=new"), Some("--own-userns=joined")] {
        let mut job = bench.stage(Stage::FsBuild, &plan(), Who::Root);
        job.args(own_userns);
        assert_eq!(refused(&small_host(job).run().unwrap()), NOT_OWN, "{own_userns:?}");
        // A root who may not look at those above him, as in a container, cannot see whether they are in there too.
        let mut job = bench.stage(Stage::FsBuild, &plan(), Who::Root);
        job.args(own_userns);
        let job = through(job, &["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]);
        assert_eq!(refused(&small_host(job).run().unwrap()), NOT_OWN, "{own_userns:?}");
    }
    // On a plan whose ns-enter makes no mount namespace it is ns-enter that starts it.
    let records = Records { flags: 0, ns_enter: Some(NS_ENTER), ..plan() };
    let mut job = bench.job(bench.bin("ns-enter"), Who::Root);
    job.arg(format!("--plan={}", stage::PLAN_FD));
    job.fds.insert(stage::PLAN_FD, bench.keep(records.sealed()));
    assert_eq!(refused(&small_host(job).run().unwrap()), NOT_OWN);
    assert_eq!(host, Host::look());
}

#[test]
fn fs_build_that_an_ordinary_user_starts_on_the_host_is_refused() {
    let bench = Bench::set_up();
    let host = Host::look();
    let job = bench.stage(Stage::FsBuild, &plan(), Who::User);
    assert_eq!(refused(&job.run().unwrap()), NOT_OWN);
    // A user namespace gives power over mounts of its own only, and there are none.
    let job =
        through(bench.stage(Stage::FsBuild, &plan(), Who::User), &["unshare", "--user", "--map-root-user"]);
    assert_eq!(refused(&job.run().unwrap()), NOT_OWN);
    assert_eq!(host, Host::look());
}

#[test]
fn fs_build_in_a_mount_namespace_that_was_made_for_it_builds() {
    let bench = Bench::set_up();
    for who in everyone() {
        let mut words = entry::sandbox(who);
        let mut job = script(bench.stage(Stage::FsBuild, &plan(), who), "root");
        // Else the next stages are to be protected, which takes descriptors that were opened in this mount namespace.
        job.arg("--own-userns=new");
        let view = ended(&through(job, &words).run().unwrap(), 0);
        assert_eq!(view.value("root and /..:"), "same mount and inode", "{who:?}");
        // Without a fork in between, and with another process in it that made it.
        words.retain(|word| word != "--pid" && word != "--fork");
        let mut job = script(bench.stage(Stage::FsBuild, &plan(), who), "root");
        job.arg("--own-userns=new");
        let view = ended(&through(job, &words).run().unwrap(), 0);
        assert_eq!(view.value("root and /..:"), "same mount and inode", "{who:?}");
    }
}

/// Whatever a stage is started with, what follows it has no more than that, and nothing on the host is changed.
#[test]
fn a_stage_by_hand_with_all_privileges_or_none_hands_on_no_more_than_it_has() {
    let bench = Bench::set_up();
    let host = Host::look();
    let none = ["setpriv", "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all", "--no-new-privs"];
    for who in everyone() {
        for without in [false, true] {
            for stage in STAGES {
                let from: Vec<Stage> = STAGES.into_iter().filter(|other| *other >= stage).collect();
                let records = Records { fs_build: None, ..Records::with(&from) };
                if stage == Stage::FsBuild {
                    continue;
                }
                let mut job = script(bench.stage(stage, &records, who), "caps;flags;mounts;exit 7");
                if without && who == Who::Root {
                    // Root without capabilities: setpriv needs CAP_SETPCAP for the bounding set, and then has none.
                    job = through(job, &none);
                }
                let seen = job.run().unwrap();
                assert!(seen.leftovers.is_empty(), "{who:?} {stage:?}: {}", explain(&seen));
                if seen.status == End::Exit(1) {
                    refused(&seen);
                    continue;
                }
                let text = String::from_utf8_lossy(&seen.stdout).into_owned();
                if who == Who::User {
                    for set in ["effective", "permitted", "inheritable", "ambient"] {
                        assert!(text.contains(&format!("cap {set} 0000000000000000")), "{stage:?}: {text}");
                    }
                }
                if stage == Stage::PrivDrop {
                    assert!(text.contains("no_new_privs 1"), "{text}");
                }
            }
        }
    }
    assert_eq!(host, Host::look());
}

/// A filter needs no_new_privs or CAP_SYS_ADMIN: an ordinary user who starts seccomp-load alone has neither.
#[test]
fn seccomp_load_without_priv_drop_before_it_runs_nothing_unfiltered() {
    let bench = Bench::set_up();
    const GETPGRP: i64 = 111;
    let programs = list(&[program(deny(GETPGRP, libc::ENOSYS))]);
    let records = Records {
        seccomp_load: Some(common::plan::SeccompLoad { programs, ..SECCOMP_LOAD }),
        ..Records::new(&["/usr/bin/grep", "Seccomp:", "/proc/self/status"])
    };
    for who in everyone() {
        let seen = bench.stage(Stage::SeccompLoad, &records, who).run().unwrap();
        match who {
            Who::Root => assert_eq!(ended(&seen, 0).text(), "Seccomp:\t2\n"),
            Who::User => {
                let message = "seccomp-load: prctl(PR_SET_SECCOMP) (it takes no_new_privs: priv-drop before it): \
                               Permission denied";
                assert_eq!(refused(&seen), message);
            }
        }
    }
}

/// One or two descriptors too many or too few, none at all, no executables, a stage in another's place.
#[test]
fn executables_that_are_not_the_next_stages_are_refused_or_run_as_what_they_are() {
    let bench = Bench::set_up();
    let host = Host::look();
    let plain = bench.install(&bench.bin("bwrap"), "plain", 0o644);
    let text = bench.path("text");
    std::fs::write(&text, "no program\n").unwrap();
    std::fs::set_permissions(&text, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    for who in everyone() {
        for stage in [Stage::NsEnter, Stage::PrivDrop, Stage::InitReaper] {
            let from: Vec<Stage> =
                STAGES.into_iter().filter(|other| *other >= stage && *other != Stage::FsBuild).collect();
            let records =
                Records { command: stage::command(&["/usr/bin/echo", "it ran"]), ..Records::with(&from) };
            let after = records.stages_after(Some(stage));
            let wrong: [(&str, Fd); 9] = [
                ("a directory", Fd::Path(bench.path("bin"), libc::O_PATH)),
                ("no permission", Fd::Path(plain.clone(), libc::O_PATH)),
                ("no format", Fd::Path(text.clone(), libc::O_PATH)),
                ("a device", Fd::Path("/dev/null".into(), libc::O_PATH)),
                ("a pipe", Fd::Data(Vec::new())),
                ("the stage itself", Fd::Path(bench.bin(stage.name()), libc::O_PATH)),
                ("ns-enter again", Fd::Path(bench.bin("ns-enter"), libc::O_PATH)),
                ("the front", Fd::Path(bench.bin("bwrap"), libc::O_PATH)),
                ("seccomp-load before its turn", Fd::Path(bench.bin("seccomp-load"), libc::O_PATH)),
            ];
            for (what, fd) in wrong {
                if after.first() == Some(&Stage::SeccompLoad) && what.starts_with("seccomp-load") {
                    continue;
                }
                let mut job = bench.stage(stage, &records, who);
                for (index, later) in after.iter().enumerate().skip(1) {
                    let fd = Fd::Path(bench.bin(later.name()), libc::O_PATH);
                    job.fds.insert(stage::NEXT_FD + index as i32, fd);
                }
                job.fds.insert(stage::NEXT_FD, fd);
                let seen = job.run().unwrap();
                assert_eq!(seen.status, End::Exit(1), "{who:?} {stage:?}, {what}: {}", explain(&seen));
                assert!(
                    seen.stdout.is_empty() && !seen.stderr.is_empty(),
                    "{stage:?}, {what}: {}",
                    explain(&seen)
                );
                assert!(seen.leftovers.is_empty(), "{stage:?}, {what}: {}", explain(&seen));
            }
        }
    }
    assert_eq!(host, Host::look());
}

/// Facts and descriptors of the protocol that are wrong: closed, of the wrong kind, or not to be had.
#[test]
fn wrong_arguments_of_the_protocol_run_nothing_or_give_no_more() {
    let bench = Bench::set_up();
    let host = Host::look();
    let wrong = [
        "--status=999",
        "--status=10",
        "--status=0",
        "--ready=999",
        "--ready=10",
        "--proc=999",
        "--proc=10",
        "--proc=0",
        "--ids=0:0",
        "--ids=4294967295:4294967295",
        "--ids=1:1",
        "--caps=ffffffffffffffff",
        "--caps=0",
        "--own-userns=new",
        "--own-userns=joined",
        "--own-mounts=new",
    ];
    for who in everyone() {
        for stage in [Stage::NsEnter, Stage::PrivDrop, Stage::InitReaper, Stage::SeccompLoad] {
            let from: Vec<Stage> =
                STAGES.into_iter().filter(|other| *other >= stage && *other != Stage::FsBuild).collect();
            let records = Records {
                command: stage::command(&["/usr/bin/grep", "Cap", "/proc/self/status"]),
                ..Records::with(&from)
            };
            for argument in wrong {
                let mut job = bench.stage(stage, &records, who);
                for (index, after) in records.stages_after(Some(stage)).into_iter().enumerate() {
                    let fd = Fd::Path(bench.bin(after.name()), libc::O_PATH);
                    job.fds.insert(stage::NEXT_FD + index as i32, fd);
                }
                job.arg(argument);
                let seen = job.run().unwrap();
                let shown = || format!("{who:?} {stage:?} {argument}: {}", explain(&seen));
                assert!(seen.leftovers.is_empty(), "{}", shown());
                let text = String::from_utf8_lossy(&seen.stdout).into_owned();
                if text.is_empty() {
                    assert!(matches!(seen.status, End::Exit(status) if status != 0), "{}", shown());
                    continue;
                }
                // It ran: an ordinary user has no more capabilities than before, and nothing has come out but this.
                let mut lines = text.lines();
                assert!(lines.all(|line| line.starts_with("Cap")), "{}", shown());
                let powerless = ["CapPrm:\t0000000000000000", "CapEff:\t0000000000000000"];
                assert!(who == Who::Root || powerless.iter().all(|line| text.contains(line)), "{}", shown());
            }
        }
    }
    assert_eq!(host, Host::look());
}

/// ns-enter without privileges makes what it may, or says what it may not; with `--stored` too.
#[test]
fn ns_enter_that_may_make_no_namespace_runs_nothing() {
    let bench = Bench::set_up();
    let flags = common::sys::clone_flags::NEWNET | common::sys::clone_flags::NEWNS;
    let ns_enter =
        NsEnter { namespaces: common::plan::Namespaces(flags), second: SecondUserNs::No, ..NS_ENTER };
    let records = Records { ns_enter: Some(ns_enter), ..Records::new(&["/usr/bin/echo", "it ran"]) };
    let message = refused(&bench.stage(Stage::NsEnter, &records, Who::User).run().unwrap());
    assert!(message.starts_with("ns-enter: "), "{message}");
}
