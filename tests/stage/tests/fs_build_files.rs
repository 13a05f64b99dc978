//! fs-build: binds, files and links, one operation at a time: what the next stage sees at the destination.

use common::plan::{Access, MountOp};
use stage::tree::{bind, dir, fd, job, mode, proc, refusal, tmpfs, view};
use stage::*;
use std::fs;
use std::os::unix::fs::symlink;
use support::Fd;

/// A host directory of `who` with `file` ("text") and `sub/deep` in it.
fn host_dir(bench: &Bench, who: Who) -> std::path::PathBuf {
    let dir = bench.dir(&format!("host-{}", who.uid()), who);
    bench.dir(&format!("host-{}/sub", who.uid()), who);
    for file in ["file", "sub/deep"] {
        fs::write(dir.join(file), "text").unwrap();
        std::os::unix::fs::chown(dir.join(file), Some(who.uid()), Some(who.uid())).unwrap();
    }
    dir
}

#[test]
fn a_bind_has_the_access_asked_for_and_never_set_user_id() {
    let bench = Bench::set_up();
    for who in everyone() {
        let host = host_dir(&bench, who);
        for (access, set, not_set, write) in [
            (Access::ReadWrite, &["rw", "nosuid", "nodev"][..], "noexec", "ok"),
            (Access::ReadOnly, &["ro", "nosuid", "nodev"], "rw", "Read-only file system (os error 30)"),
            (Access::Device, &["rw", "nosuid"], "nodev", "ok"),
        ] {
            let ops = [proc(), bind(&host, "/dest", access)];
            let view = view(&bench, &ops, who, "mounts;ls /dest;write /dest/file");
            let flags = view.mount_flags("/dest");
            assert!(set.iter().all(|flag| flags.contains(flag)), "{access:?}: {flags:?}");
            assert!(!flags.contains(&not_set), "{access:?}: {flags:?}");
            assert_eq!(view.value("write"), format!("/dest/file: {write}"));
            assert!(view.text().contains("/dest/sub/deep \"text\""), "{}", view.text());
        }
    }
}

#[test]
fn a_file_is_bound_on_a_file_that_is_made_for_it() {
    let bench = Bench::set_up();
    for who in everyone() {
        let host = host_dir(&bench, who);
        let ops = [proc(), bind(host.join("file"), "/a/b/file", Access::ReadOnly)];
        let view = view(&bench, &ops, who, "ls /a;write /a/b/file");
        assert!(view.text().contains("/a/b/file \"text\""), "{}", view.text());
        assert_eq!(view.value("write"), "/a/b/file: Read-only file system (os error 30)");
    }
}

#[test]
fn a_source_that_is_missing_is_an_error_or_nothing_as_the_plan_says() {
    let bench = Bench::set_up();
    for who in everyone() {
        let (source, dest) = (path("/no/such"), path("/dest"));
        let op = |allow_missing| MountOp::Bind { source, dest, access: Access::ReadOnly, allow_missing };
        assert_eq!(
            refusal(&bench, &[op(false)], who),
            "Can't find source path /no/such: No such file or directory"
        );
        assert_eq!(view(&bench, &[op(true)], who, "ls /").values("ls").len(), 1);
    }
}

#[test]
fn a_bind_on_the_root_becomes_the_root_that_later_destinations_are_in() {
    let bench = Bench::set_up();
    for who in everyone() {
        let host = host_dir(&bench, who);
        let ops = [bind(&host, "/", Access::ReadOnly), tmpfs("/sub"), dir("/sub/made", 0o700)];
        let view = view(&bench, &ops, who, "root;ls /");
        assert_eq!(view.value("root and /..:"), "same mount and inode");
        assert!(view.text().contains("/file \"text\""), "{}", view.text());
        assert!(view.text().contains(&format!("ls d 0700 {0}:{0} /sub/made", who.uid())), "{}", view.text());
        assert!(!view.text().contains("deep"), "covered by the tmpfs");
        assert!(host.join("sub/deep").exists() && !host.join("sub/made").exists());
    }
}

/// CVE-2026-87766: an absolute link in a tree that somebody else may write to has to end inside the new root.
#[test]
fn links_on_the_way_to_a_destination_lead_nowhere_but_into_the_new_root() {
    let bench = Bench::set_up();
    for who in everyone() {
        let tree = bench.dir(&format!("tree-{}", who.uid()), who);
        let outside = bench.dir(&format!("outside-{}", who.uid()), who);
        let _ = fs::remove_file(tree.join("absolute"));
        symlink(&outside, tree.join("absolute")).unwrap();
        let _ = fs::remove_file(tree.join("climbing"));
        symlink(format!("../../../../../..{}", outside.display()), tree.join("climbing")).unwrap();
        for link in ["absolute", "climbing"] {
            let made = format!("/tree/{link}/made");
            let ops = [proc(), bind(&tree, "/tree", Access::ReadWrite), dir(&made, 0o755)];
            let message = refusal(&bench, &ops, who);
            assert_eq!(message, format!("Can't mkdir parents for {made}: No such file or directory"));
            assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "{link}");
            // Where the same path exists inside, that is meant.
            let inside = dir(outside.to_str().unwrap(), 0o755);
            let ops = [proc(), inside, bind(&tree, "/tree", Access::ReadWrite), dir(&made, 0o755)];
            let view = view(&bench, &ops, who, &format!("ls {}", outside.display()));
            assert!(view.text().contains(&format!("{}/made", outside.display())), "{}", view.text());
            assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "{link}");
        }
    }
}

#[test]
fn a_destination_that_is_a_link_or_of_the_other_kind_is_refused() {
    let bench = Bench::set_up();
    for who in everyone() {
        let host = host_dir(&bench, who);
        let link = MountOp::Symlink { target: path("/"), dest: path("/link") };
        let data = dir("/dir", 0o755);
        let file = bind(host.join("file"), "/file", Access::ReadOnly);
        for (ops, message) in [
            ([link, bind(&host, "/link", Access::ReadOnly)], "Can't mount on symlink destination /link"),
            (
                [link, bind(host.join("file"), "/link", Access::ReadOnly)],
                "Can't mount on symlink destination /link",
            ),
            ([data, bind(host.join("file"), "/dir", Access::ReadOnly)], "Destination is not a file /dir"),
            ([file, bind(&host, "/file", Access::ReadOnly)], "Destination is not a directory /file"),
        ] {
            assert_eq!(refusal(&bench, &ops, who), message);
        }
    }
}

#[test]
fn missing_parents_are_open_unless_the_operation_is_for_its_owner_alone() {
    let bench = Bench::set_up();
    for who in everyone() {
        for (bits, parents) in [(0o755, "0755"), (0o700, "0700"), (0o750, "0750"), (0o005, "0705")] {
            let view = view(&bench, &[dir("/a/b/c", bits)], who, "ls /a");
            let modes: Vec<&str> = view.values("ls").iter().map(|line| &line[2..6]).collect();
            assert_eq!(modes, [parents, parents, &format!("{bits:04o}")], "{bits:o}");
        }
    }
}

#[test]
fn a_directory_that_exists_keeps_its_mode_and_chmod_changes_it() {
    let bench = Bench::set_up();
    for who in everyone() {
        let chmod = MountOp::Chmod { path: path("/dir"), mode: mode(0o1751) };
        let ops = [dir("/dir", 0o700), dir("/dir", 0o777)];
        assert_eq!(&view(&bench, &ops, who, "ls /dir").value("ls")[..6], "d 0700");
        let ops = [dir("/dir", 0o700), chmod];
        assert_eq!(&view(&bench, &ops, who, "ls /dir").value("ls")[..6], "d 1751");
        assert_eq!(refusal(&bench, &[chmod], who), "Can't open /dir: No such file or directory");
    }
}

#[test]
fn data_becomes_a_file_or_a_mount_of_one() {
    let bench = Bench::set_up();
    for who in everyone() {
        let ops = [
            proc(),
            MountOp::File { fd: fd(30), dest: path("/d/file"), mode: mode(0o640) },
            MountOp::BindData { fd: fd(31), dest: path("/d/rw"), mode: mode(0o600), read_only: false },
            MountOp::BindData { fd: fd(32), dest: path("/d/ro"), mode: mode(0o444), read_only: true },
        ];
        let steps = "ls /d;write /d/file /d/rw /d/ro;mounts";
        let mut job = job(&bench, &ops, who, steps);
        job.fds.insert(30, Fd::Data(b"from a pipe".to_vec()));
        job.fds.insert(31, Fd::File(b"from a file".to_vec()));
        job.fds.insert(32, Fd::Data(vec![b'x'; 50_000]));
        let view = ended(&job.run().unwrap(), 0);
        let own = who.uid();
        assert!(
            view.text().contains(&format!("f 0640 {own}:{own} /d/file \"from a pipe\"")),
            "{}",
            view.text()
        );
        assert!(
            view.text().contains(&format!("f 0600 {own}:{own} /d/rw \"from a file\"")),
            "{}",
            view.text()
        );
        assert!(view.text().contains(&format!("f 0444 {own}:{own} /d/ro 50000 bytes")), "{}", view.text());
        let answers = view.values("write");
        assert_eq!(answers[..2], ["/d/file: ok", "/d/rw: ok"]);
        assert_eq!(answers[2], "/d/ro: Read-only file system (os error 30)");
        assert!(view.mount_flags("/d/ro").contains(&"ro"));
    }
}

/// bubblewrap empties a descriptor at its first use; one that has an offset serves again here, from where it stands.
#[test]
fn one_descriptor_of_a_file_serves_two_operations() {
    let bench = Bench::set_up();
    for who in everyone() {
        let file = |dest| MountOp::File { fd: fd(30), dest: path(dest), mode: mode(0o644) };
        let mut job = job(&bench, &[file("/one"), file("/two")], who, "ls /");
        job.fds.insert(30, Fd::File(b"twice".to_vec()));
        let view = ended(&job.run().unwrap(), 0);
        assert_eq!(view.text().matches("\"twice\"").count(), 2, "{}", view.text());
    }
}

#[test]
fn a_directory_descriptor_is_bound_and_what_is_none_is_refused() {
    let bench = Bench::set_up();
    for who in everyone() {
        let host = host_dir(&bench, who);
        let op = MountOp::BindFd { fd: fd(30), dest: path("/dest"), access: Access::ReadOnly };
        let run = |source: Fd| {
            let mut job = job(&bench, &[proc(), op], who, "ls /dest;write /dest/file");
            job.fds.insert(30, source);
            job.run().unwrap()
        };
        for open_flags in [libc::O_PATH, libc::O_RDONLY | libc::O_DIRECTORY] {
            let view = ended(&run(Fd::Path(host.clone(), open_flags)), 0);
            assert_eq!(view.value("write"), "/dest/file: Read-only file system (os error 30)");
        }
        let message = refused(&run(Fd::Data(b"a pipe".to_vec())));
        assert!(message.starts_with("fs-build: Can't find source path /proc/self/fd/30"), "{message}");
    }
}

#[test]
fn a_link_is_made_and_one_that_says_the_same_will_do() {
    let bench = Bench::set_up();
    for who in everyone() {
        let link = |target| MountOp::Symlink { target: path(target), dest: path("/bin") };
        let view = view(&bench, &[link("usr/bin"), link("usr/bin")], who, "ls /bin");
        assert!(view.value("ls").ends_with("/bin -> usr/bin"), "{}", view.text());
        let message = "Can't make symlink at /bin: existing destination is usr/bin";
        assert_eq!(refusal(&bench, &[link("usr/bin"), link("other")], who), message);
        let message = "Can't make symlink at /bin: destination exists and is not a symlink";
        assert_eq!(refusal(&bench, &[dir("/bin", 0o755), link("usr/bin")], who), message);
    }
}
