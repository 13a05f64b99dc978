//! fs-build: the new root, the end of the old one, and what the next stage is handed.

use common::plan::{Access, MountOp, Stage};
use stage::tree::{bind, dir, fd, job, job_before, mode, proc, tmpfs};
use stage::*;
use std::fs;
use support::Fd;

#[test]
fn the_new_root_is_empty_and_nothing_is_above_it() {
    let bench = Bench::set_up();
    for who in everyone() {
        let view = ended(&job(&bench, &[], who, "root;cwd;ls /").run().unwrap(), 0);
        assert_eq!(view.value("root and /..:"), "same mount and inode");
        assert_eq!(view.values("ls"), [format!("d 0755 {0}:{0} / ", who.uid())]);
        assert!(view.value("cwd").starts_with("/ "), "{}", view.text());
    }
}

#[test]
fn the_mounts_are_the_root_and_those_asked_for_and_no_other() {
    let bench = Bench::set_up();
    let ops = [proc(), bind("/usr", "/usr", Access::ReadOnly)];
    for who in everyone() {
        let view = ended(&job(&bench, &ops, who, "mounts").run().unwrap(), 0);
        let points: Vec<&str> = view
            .values("mount")
            .iter()
            .map(|line| line.split(" on ").nth(1).unwrap().split(' ').next().unwrap())
            .filter(|point| !point.starts_with("/proc/"))
            .collect();
        assert_eq!(points, ["/", "/proc", "/usr"], "{who:?}\n{}", view.text());
        // Only mounts that belong to this root have a parent in the list.
        let outside = view.values("mount").iter().filter(|line| line.contains("parent=outside")).count();
        assert_eq!(outside, 1);
        assert!(!view.text().contains("shared:"), "{}", view.text());
    }
}

#[test]
fn the_hosts_mounts_are_left_as_they_are() {
    let bench = Bench::set_up();
    let before = fs::read_to_string("/proc/self/mountinfo").unwrap();
    for who in everyone() {
        ended(&job(&bench, &[proc(), tmpfs("/tmp")], who, "argv").run().unwrap(), 0);
        assert_eq!(fs::read_to_string("/proc/self/mountinfo").unwrap(), before, "{who:?}");
    }
}

/// A root that propagates its mounts, as systemd makes it: nothing of the sandbox may travel there.
#[test]
fn where_the_hosts_root_is_shared_no_mount_travels_there() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("only root can make a shared root to try it on");
    }
    let ops = [proc(), dir("/x", 0o755)];
    let inner = job(&bench, &ops, Who::Root, "argv");
    let text = "mount --make-rshared / && cat /proc/self/mountinfo >before && \"$@\" && \
                cat /proc/self/mountinfo >after && cmp before after";
    let mut job = through(inner, &["unshare", "--mount", "sh", "-c", text, "sh"]);
    job.cwd = Some(bench.dir("work", Who::Root));
    ended(&job.run().unwrap(), 0);
}

#[test]
fn the_next_stage_is_handed_the_plan_the_rest_and_the_facts_unchanged() {
    let bench = Bench::set_up();
    for who in everyone() {
        let after = [Stage::PrivDrop, Stage::SeccompLoad];
        let mut job = job_before(&bench, &after, &[], who, "argv;fds;plan");
        job.args(["--status=20", "--ready=21", "--proc=22", "--ids=7:8", "--caps=1f", "--own-userns=new"]);
        job.fds.extend([(20, Fd::Out), (21, Fd::Out)]);
        job.fds.insert(22, Fd::Path("/proc".into(), libc::O_PATH | libc::O_DIRECTORY));
        job.fds.insert(50, Fd::Data(b"the caller's".to_vec()));
        let view = ended(&job.run().unwrap(), 0);
        let words = [
            "priv-drop",
            "--plan=10",
            "--next=12",
            "--status=20",
            "--ready=21",
            "--proc=22",
            "--ids=7:8",
            "--caps=1f",
            "--own-userns=new",
        ];
        assert_eq!(view.values("argv"), words);
        assert_eq!(view.fds().keys().copied().collect::<Vec<_>>(), [0, 1, 2, 10, 12, 20, 21, 22, 50]);
    }
}

#[test]
fn descriptors_named_in_the_plan_are_closed_and_the_callers_others_are_not() {
    let bench = Bench::set_up();
    let mode = mode(0o644);
    let ops = [
        MountOp::BindFd { fd: fd(30), dest: path("/usr"), access: Access::ReadOnly },
        MountOp::File { fd: fd(31), dest: path("/file"), mode },
        MountOp::BindData { fd: fd(32), dest: path("/data"), mode, read_only: true },
    ];
    for who in everyone() {
        let mut job = job(&bench, &ops, who, "fds");
        job.fds.insert(30, Fd::Path("/usr".into(), libc::O_PATH));
        job.fds.extend([31, 32, 33].map(|number| (number, Fd::Data(b"data".to_vec()))));
        let view = ended(&job.run().unwrap(), 0);
        assert_eq!(view.fds().keys().copied().collect::<Vec<_>>(), [0, 1, 2, PLAN_FD, 33]);
    }
}

/// CVE-2019-5736 of runc: root inside writes to the program that pid 1 runs, and the next sandbox runs that.
#[test]
fn init_reaper_is_handed_on_through_a_read_only_mount() {
    let bench = Bench::set_up();
    let after = [Stage::PrivDrop, Stage::InitReaper, Stage::SeccompLoad];
    // ns-enter opens the stages in the new mount namespace; here bash does, whose descriptors may have two digits.
    let idle = bench.install(&bench.path("successor"), "idle", 0o777);
    let open = format!("exec \"$@\" 12<{0} 13<{0}", idle.display());
    let run = |steps: &str, who| {
        let mut job = job_before(&bench, &after, &[proc()], who, steps);
        let own = job.argv.iter().position(|word| *word == bench.bin("fs-build").as_os_str()).unwrap();
        job.argv.splice(own..own, ["bash", "-c", &open, "bash"].map(Into::into));
        ended(&job.run().unwrap(), 0)
    };
    for who in everyone() {
        let view = run("argv;fds", who);
        let [reaper, other] = view.numbers("--next=")[..] else { panic!("{}", view.text()) };
        assert_eq!(
            (view.fds().len(), other),
            (6, NEXT_FD + 2),
            "the old descriptor is still open\n{}",
            view.text()
        );
        assert_eq!(view.fds()[&reaper], "file path /", "the root of a mount of its own\n{}", view.text());
        let view = run(&format!("write /proc/self/fd/{reaper} /proc/self/fd/{other}"), who);
        let answers = view.values("write");
        assert_eq!(answers[0], format!("/proc/self/fd/{reaper}: Read-only file system (os error 30)"));
        // The check would show a mount that is not read-only: this one is not.
        assert!(!answers[1].contains("Read-only"), "{}", view.text());
    }
}

#[test]
fn capabilities_ids_mask_and_environment_are_left_as_they_are() {
    let bench = Bench::set_up();
    for who in everyone() {
        let steps = "caps;flags;env;ids";
        let before = script(bench.job(bench.path("successor"), who), steps);
        let mut before = through(before, &entry::sandbox(who));
        let mut after = job(&bench, &[], who, steps);
        (before.umask, after.umask) = (Some(0o027), Some(0o027));
        let (before, after) = (ended(&before.run().unwrap(), 0), ended(&after.run().unwrap(), 0));
        assert_eq!(after.five_sets(), before.five_sets(), "{who:?}");
        for key in ["umask", "no_new_privs", "uid real,effective,saved", "gid real,effective,saved"] {
            assert_eq!(after.value(key), before.value(key));
        }
        assert_eq!(after.values("env"), before.values("env"));
    }
}

#[test]
fn without_the_capability_to_mount_it_is_refused_and_nothing_is_run() {
    let bench = Bench::set_up();
    for who in everyone() {
        let mut job = job(&bench, &[], who, "argv");
        let own = job.argv.iter().position(|word| word.to_string_lossy().ends_with("bin/fs-build")).unwrap();
        job.argv.drain(..own);
        let entry: &[&str] = match who {
            Who::Root => &["unshare", "--mount", "setpriv", "--bounding-set=-sys_admin"],
            Who::User => &["unshare", "--user", "--map-user=1000", "--mount"],
        };
        let message = refused(&through(job, entry).run().unwrap());
        assert_eq!(message, "fs-build: Failed to make / slave: Operation not permitted", "{who:?}");
    }
}

/// A number that was mistyped must not show the command the plan or give it a stage to write to.
#[test]
fn descriptors_of_ours_and_closed_ones_cannot_be_named() {
    let bench = Bench::set_up();
    let mode = mode(0o644);
    for who in everyone() {
        for number in [PLAN_FD, NEXT_FD, NEXT_FD + 1, 20, 21, 22, 99] {
            let fd = fd(number);
            let bad_fd = "Can't write data to file /dest: Bad file descriptor".to_owned();
            for (op, message) in [
                (MountOp::File { fd, dest: path("/dest"), mode }, bad_fd.clone()),
                (MountOp::BindData { fd, dest: path("/dest"), mode, read_only: false }, bad_fd.clone()),
                (
                    MountOp::BindFd { fd, dest: path("/dest"), access: Access::ReadWrite },
                    format!("Can't find source path /proc/self/fd/{number}: No such file or directory"),
                ),
            ] {
                let mut job = job_before(&bench, &[Stage::PrivDrop, Stage::SeccompLoad], &[op], who, "argv");
                job.args(["--status=20", "--ready=21", "--proc=22"]);
                job.fds.extend([(20, Fd::Out), (21, Fd::Out)]);
                job.fds.insert(22, Fd::Path("/proc".into(), libc::O_PATH | libc::O_DIRECTORY));
                assert_eq!(refused(&job.run().unwrap()), format!("fs-build: {message}"), "{who:?} {number}");
            }
        }
    }
}
