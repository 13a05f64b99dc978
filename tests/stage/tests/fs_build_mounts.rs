//! fs-build: mounts that are not of the host's files, and overlays of those: what the next stage sees there.

use common::plan::{MountOp, Stage};
use stage::tree::{bare_job, fd, job, mode, proc, tmpfs, view};
use stage::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use support::Fd;

#[test]
fn a_tmpfs_has_its_mode_and_size() {
    let bench = Bench::set_up();
    for who in everyone() {
        let tmpfs = MountOp::Tmpfs { dest: path("/tmp"), mode: mode(0o1777), size: Some(1 << 20) };
        let view = view(&bench, &[proc(), tmpfs], who, "ls /tmp;access /tmp;mounts");
        assert_eq!(&view.value("ls")[..6], "d 1777");
        assert!(view.value("access").contains("blocks*bsize 1048576 "), "{}", view.text());
        assert!(["rw", "nosuid", "nodev"].iter().all(|flag| view.mount_flags("/tmp").contains(flag)));
    }
}

#[test]
fn remount_ro_is_of_one_mount_and_not_of_those_below() {
    let bench = Bench::set_up();
    for who in everyone() {
        let file = MountOp::File { fd: fd(30), dest: path("/a/b/file"), mode: mode(0o644) };
        let remount = MountOp::RemountRo { dest: path("/a") };
        let ops = [proc(), tmpfs("/a"), tmpfs("/a/b"), file, remount];
        let mut job = job(&bench, &ops, who, "mounts;write /a/b/file");
        job.fds.insert(30, Fd::Data(vec![]));
        let view = ended(&job.run().unwrap(), 0);
        assert!(view.mount_flags("/a").contains(&"ro") && view.mount_flags("/a/b").contains(&"rw"));
        assert_eq!(view.value("write"), "/a/b/file: ok");
    }
}

#[test]
fn proc_is_that_of_the_new_pid_namespace_and_what_root_could_write_there_is_covered() {
    let bench = Bench::set_up();
    for who in everyone() {
        let view = view(&bench, &[proc()], who, "tree;mounts;write /proc/sysrq-trigger");
        assert_eq!(view.values("process 1").len(), 1);
        assert_eq!(view.values("process").len(), 1, "only one process\n{}", view.text());
        assert!(["nosuid", "nodev", "noexec"].iter().all(|flag| view.mount_flags("/proc").contains(flag)));
        assert!(!view.value("write").ends_with(": ok"), "{}", view.text());
        // An ordinary user may write to neither, so there is nothing to cover.
        let covered: Vec<&str> = ["/proc/irq", "/proc/bus"]
            .into_iter()
            .filter(|point| view.text().contains(&format!(" on {point} ")))
            .collect();
        assert!(covered.iter().all(|point| view.mount_flags(point).contains(&"ro")), "{}", view.text());
        assert_eq!(covered.is_empty(), who == Who::User, "{}", view.text());
    }
}

/// Without a PID namespace it is the host's, with what is mounted below.
#[test]
fn what_is_mounted_below_the_hosts_proc_honours_no_set_user_id_and_no_devices() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("only root can mount something there");
    }
    let below = ["sh", "-c", "mount -t tmpfs -o suid,dev below /proc/fs && exec \"$@\"", "sh"];
    let words = [&["unshare", "--mount", "--propagation=private"][..], &below].concat();
    for own_pids in [false, true] {
        let mut job = bare_job(&bench, &[Stage::PrivDrop], &[proc()], Who::Root, "mounts");
        job.arg("--own-mounts=new");
        job.args(own_pids.then_some("--own-pids=new"));
        let view = ended(&through(job, &words).run().unwrap(), 0);
        if !own_pids {
            let flags = view.mount_flags("/proc/fs");
            assert!(["nosuid", "nodev"].iter().all(|flag| flags.contains(flag)), "{}", view.text());
        }
        assert_eq!(view.text().contains(" on /proc/fs "), !own_pids, "{}", view.text());
    }
}

#[test]
fn dev_has_the_usual_devices_and_a_devpts_of_its_own() {
    let bench = Bench::set_up();
    for who in everyone() {
        let ops = [proc(), MountOp::Dev { dest: path("/dev") }];
        let steps = "ls /dev;write /dev/null /dev/full;mounts";
        let seen = bare_job(&bench, &[Stage::PrivDrop], &ops, who, steps);
        let seen = through(seen, &entry::sandbox_of_root(who)).run().unwrap();
        let view = ended(&seen, 0);
        let named = |kind: &str| {
            let lines = view.values("ls").into_iter().filter(|line| line.starts_with(kind));
            lines.map(|line| line.split(' ').nth(3).unwrap().to_owned()).collect::<Vec<_>>()
        };
        let devices = ["full", "null", "pts/ptmx", "random", "tty", "urandom", "zero"];
        assert_eq!(named("c"), devices.map(|name| format!("/dev/{name}")));
        let links = ["core", "fd", "ptmx", "stderr", "stdin", "stdout"].map(|name| format!("/dev/{name}"));
        assert_eq!(named("l"), links);
        assert_eq!(named("d"), ["/dev", "/dev/pts", "/dev/shm"]);
        assert_eq!(view.values("write"), ["/dev/null: ok", "/dev/full: ok"]);
        assert!(view.mount_flags("/dev/pts").contains(&"noexec"));
        assert!(
            view.text().contains("on /dev/pts ") && view.text().contains("ptmxmode=666"),
            "{}",
            view.text()
        );
    }
}

#[test]
fn mqueue_is_the_file_system_of_message_queues() {
    let bench = Bench::set_up();
    for who in everyone() {
        let ops = [proc(), MountOp::Mqueue { dest: path("/mqueue") }];
        let view = view(&bench, &ops, who, "mounts");
        assert!(
            view.text().contains(" on /mqueue ") && view.text().contains("- mqueue mqueue"),
            "{}",
            view.text()
        );
    }
}

#[test]
fn overlays_show_the_highest_layer_and_write_to_the_host_to_memory_or_nowhere() {
    let bench = Bench::set_up();
    for who in everyone() {
        let own = who.uid();
        let make = |name: &str, file: &str| {
            let dir = bench.dir(&format!("{name}-{own}"), who);
            fs::write(dir.join(file), name).unwrap();
            fs::write(dir.join("both"), name).unwrap();
            for file in [file, "both"] {
                std::os::unix::fs::chown(dir.join(file), Some(own), Some(own)).unwrap();
            }
            fs::set_permissions(dir.join("both"), fs::Permissions::from_mode(0o644)).unwrap();
            dir
        };
        let (low, high, upper) = (make("low", "l"), make("high", "h"), make("upper", "u"));
        let work = bench.dir(&format!("work-{own}"), who);
        let source = |dir: &std::path::Path| MountOp::OverlaySrc { source: path(dir) };
        let dest = path("/over");
        let over = MountOp::Overlay { upper: path(&upper), work: path(&work), dest };
        for (last, both, writable) in [
            (MountOp::RoOverlay { dest }, "high", false),
            (MountOp::TmpOverlay { dest }, "high", true),
            (over, "upper", true),
        ] {
            let ops = [proc(), source(&low), source(&high), last];
            let view = view(&bench, &ops, who, "ls /over;write /over/l;mounts");
            assert!(["nosuid", "nodev"].iter().all(|flag| view.mount_flags("/over").contains(flag)));
            assert!(view.text().contains(&format!("/over/both \"{both}\"")), "{last:?}\n{}", view.text());
            assert!(view.text().contains("/over/l \"low\"") && view.text().contains("/over/h \"high\""));
            assert_eq!(view.value("write").ends_with(": ok"), writable, "{last:?}\n{}", view.text());
        }
        assert!(upper.join("l").exists(), "what was opened for writing is copied up to the host's directory");
        assert_eq!(fs::read_to_string(low.join("l")).unwrap(), "low");
    }
}
