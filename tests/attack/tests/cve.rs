//! Known holes of the field, each a test by its name; pipeline.md says for each how it worked and why not here. The
//! races have a file of their own.

use attack::hostile::{FULL, bwrap};
use attack::trap::{OPERATIONS, Trap, words};
use stage::{Bench, Who, c_str, ended, everyone, explain, filters, refused, skip, through, with_env};
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::PathBuf;
use support::{End, Fd, Job, Stdin};

/// A symbolic link in a tree that is bound leads an operation after that to the host: before bubblewrap 0.12 destinations
/// were looked up with the host's tree still below /oldroot.
#[test]
fn cve_2026_87766_links_in_a_bound_tree_lead_no_operation_to_the_host() {
    let bench = Bench::set_up();
    for who in everyone() {
        let trap = Trap::set(&bench, who);
        let top = trap.tree.to_str().unwrap();
        for (name, operation) in OPERATIONS {
            for link in ["abs", "old", "new", "proc", "cwd", "fd", "up", "file", "loop"] {
                for below in ["", "/made", "/dir", "/file", "/dir/deep/er"] {
                    // The tree as a part of the root, and as the root.
                    for root in [&["--bind", top, "/app"][..], &["--bind", top, "/"]] {
                        let dest = format!("{}/{link}{below}", if root[2] == "/" { "" } else { "/app" });
                        let mut job = bwrap(&bench, who, root);
                        job.args(["--unshare-pid"]).args(words(operation, &dest, top));
                        job.arg("--ro-bind").arg(bench.path("probe")).args(["/.p", "/.p", "exit", "0"]);
                        job.fds.insert(30, Fd::File(b"evil\n".to_vec()));
                        let seen = job.run().unwrap();
                        let what = format!("{who:?} {name} at {dest}");
                        assert!(matches!(seen.status, End::Exit(0 | 1)), "{what}: {}", explain(&seen));
                        assert!(seen.leftovers.is_empty(), "{what}: {}", explain(&seen));
                    }
                }
            }
            trap.assert_untouched(name);
        }
    }
}

/// bubblewrap, set-user-ID, could be traced in the part of its set-up that has dropped root, and told what to mount.
/// Here nothing is set-user-ID: a copy that is refuses, and a traced one has the tracer's privileges.
#[test]
fn cve_2026_41163_a_traced_launch_has_no_privilege_to_steal() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("only root can lend privileges");
    }
    if std::process::Command::new("strace").arg("-V").output().is_err() {
        return skip("strace is not installed");
    }
    let suid = bench.install(&bench.bin("bwrap"), "suid/bwrap", 0o4755);
    for name in ["ns-enter", "fs-build", "priv-drop", "init-reaper", "seccomp-load"] {
        bench.install(&bench.bin(name), &format!("suid/{name}"), 0o4755);
    }
    let make = |program: &PathBuf| {
        let mut job = bench.job(program, Who::User);
        job.args(["--ro-bind", "/", "/", "--unshare-pid", "grep", "CapEff", "/proc/self/status"]);
        job
    };
    let message = "bwrap: setuid use of bubblewrap is not supported";
    assert_eq!(refused(&make(&suid).run().unwrap()), message);
    // Under a tracer the kernel lends nothing.
    let traced = through(make(&suid), &["strace", "-f", "-qq", "-e", "trace=none", "-o", "/dev/null", "--"])
        .run()
        .unwrap();
    let text = String::from_utf8_lossy(&traced.stdout).into_owned();
    assert!(text.is_empty() || text == "CapEff:\t0000000000000000\n", "{}", explain(&traced));
}

/// A directory in /tmp with a name that others know, which somebody else has made first.
#[test]
fn cve_2019_12439_nothing_in_tmp_is_used_or_trusted() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("only root can give a test a /tmp of its own");
    }
    // A /tmp in which everything that can be guessed is there already, and nobody can make anything.
    let script = "cp -r \"$1\" /mnt/bench && mount -t tmpfs none /tmp && mkdir /tmp/.bubblewrap-1000 && \
        for name in .bubblewrap newroot oldroot base bindfile overlay sallyport; do ln -s /etc /tmp/$name; done; \
        before=$(ls -laR /tmp); shift; \
        setpriv --reuid=1000 --regid=1000 --clear-groups --bounding-set=-all \"$@\"; status=$?; \
        [ \"$before\" = \"$(ls -laR /tmp)\" ] || echo /tmp has changed; exit $status";
    for more in [
        &[][..],
        &["--bind-data", "30", "/usr/games"],
        &["--tmpfs", "/usr/games", "--remount-ro", "/usr/games"],
    ] {
        for args in [&["--ro-bind", "/", "/"][..], &["--ro-bind", "/usr", "/usr", "--dev", "/dev"]] {
            let mut job = bench.job("/mnt/bench/bwrap", Who::Root);
            job.args(args);
            if args.len() > 3 || !more.contains(&"--bind-data") {
                job.args(more.iter().map(|word| {
                    word.replace("/usr/games", if args.len() > 3 { "/new" } else { "/usr/games" })
                }));
            }
            for (target, link) in [("usr/bin", "/bin"), ("usr/lib", "/lib"), ("usr/lib64", "/lib64")] {
                if args.len() > 3 {
                    job.args(["--symlink", target, link]);
                }
            }
            job.args(["--", "echo", "it ran"]);
            job.fds.insert(30, Fd::File(b"data".to_vec()));
            let bins = bench.path("bin");
            let words = ["unshare", "--mount", "--propagation=private", "sh", "-c"];
            let script = format!("mount -t tmpfs none /mnt; {script}");
            let words: Vec<&str> =
                words.into_iter().chain([script.as_str(), "sh", bins.to_str().unwrap()]).collect();
            let seen = through(job, &words).run().unwrap();
            assert_eq!(ended(&seen, 0).text(), "it ran\n", "{args:?} {more:?}");
        }
    }
}

/// A program inside that has syscall(2): perl is on every Debian.
fn perl(bench: &Bench, who: Who, args: &[&str], script: &str) -> Job {
    let mut job = bwrap(bench, who, args);
    // It opens /dev/null, which is a device.
    job.args(["--dev", "/dev", "--", "/usr/bin/perl", "-e", script]);
    job
}

/// A terminal's input is what the next to read it types: TIOCSTI puts characters there.
#[test]
fn cve_2017_5226_with_a_new_session_or_a_filter_nothing_is_typed_into_the_terminal() {
    const TIOCSTI: u32 = 0x5412;
    const TIOCLINUX: u32 = 0x541c;
    let bench = Bench::set_up();
    // Standard output is the terminal's side here, which shows what is typed.
    let script = "open(STDOUT, '>&=50'); $! = 0; ioctl(STDIN, 0x5412, my $x = 'i'); print 'sti ', $!+0, qq(\\n); \
                  $! = 0; ioctl(STDIN, 0x541c, my $y = chr(3)); print 'linux ', $!+0, qq(\\n); \
                  print 'tty ', (open(my $t, '+<', '/dev/tty') ? 'open' : 'none'), qq(\\n);";
    for who in everyone() {
        let run = |more: &[&str], filter: Option<Vec<u8>>| {
            // Root with CAP_SYS_ADMIN may type into any terminal.
            let args = [&["--ro-bind", "/", "/", "--unshare-pid", "--cap-drop", "ALL"], more].concat();
            let mut job = perl(&bench, who, &args, script);
            job.stdin = Stdin::Tty;
            job.fds.insert(50, Fd::Out);
            job.fds.extend(filter.map(|filter| (30, Fd::Data(filter))));
            let seen = job.run().unwrap();
            assert_eq!(seen.status, End::Exit(0), "{}", explain(&seen));
            assert!(seen.stdout.is_empty(), "typed into the terminal: {}", explain(&seen));
            stage::View::new(&seen.outs[&50])
        };
        let view = run(&["--new-session"], None);
        assert_ne!(view.value("sti"), "0", "{who:?}: {}", view.text());
        assert_eq!(view.value("tty"), "none", "{who:?}");
        // ENODATA: no other than the filter answers so.
        let filter = filters::deny_ioctls(&[TIOCSTI, TIOCLINUX], libc::ENODATA);
        let view = run(&["--seccomp", "30"], Some(filter));
        assert_eq!((view.value("sti"), view.value("linux")), ("61", "61"), "{who:?}");
    }
}

/// The kernel takes 32 bits of an ioctl's number, a filter sees 64: one that compares all of them is passed by with a bit
/// set above.
#[test]
fn cve_2019_10063_a_bit_above_the_number_of_an_ioctl_does_not_pass_the_filter() {
    let bench = Bench::set_up();
    let script = "for my $high (0, 1 << 32, 0xffffffff << 32) { $! = 0; syscall(16, 0, 0x5412 | $high, my $x = 'i'); \
                  print 'sti ', $!+0, qq(\\n); }";
    for who in everyone() {
        let mut job = perl(&bench, who, &["--ro-bind", "/", "/", "--unshare-pid", "--seccomp", "30"], script);
        job.fds.insert(30, Fd::Data(filters::deny_ioctls(&[0x5412], libc::ENODATA)));
        assert_eq!(ended(&job.run().unwrap(), 0).values("sti"), ["61"; 3], "{who:?}");
    }
}

/// A list of forbidden calls that does not know the newer ones: mounts could be changed from inside. Here it is not a
/// list that forbids it, but that there is no capability over the mount namespace, and none to be had.
#[test]
fn cve_2021_41133_no_call_of_the_new_mount_api_works_inside() {
    let bench = Bench::set_up();
    // name, number, arguments; each would change or make a mount.
    let script = "my %calls = (mount => [165, 'none', '/tmp', 'tmpfs', 0, 0], umount2 => [166, '/proc', 2], \
        pivot_root => [155, '.', '.'], chroot => [161, '/'], fsopen => [430, 'tmpfs', 0], fspick => [433, -100, '/', 0], \
        open_tree => [428, -100, '/', 1], open_tree_attr => [467, -100, '/', 1, pack('Q4', 0, 1, 0, 0), 32], \
        mount_setattr => [442, -100, '/', 0, pack('Q4', 0, 1, 0, 0), 32], move_mount => [429, -100, '/proc', -100, '/tmp', 0], \
        setns => [308, fileno(ns()), 0], unshare => [272, 0x00020000], userns => [272, 0x10000000]); \
        sub ns { open(my $f, '<', '/proc/1/ns/mnt') or open($f, '<', '/proc/self/ns/mnt'); our $keep = $f; $f } \
        for my $name (sort keys %calls) { $! = 0; my @call = @{$calls{$name}}; \
        my $r = @call == 2 ? syscall($call[0], $call[1]) : @call == 3 ? syscall($call[0], $call[1], $call[2]) : \
        @call == 4 ? syscall($call[0], $call[1], $call[2], $call[3]) : @call == 5 ? \
        syscall($call[0], $call[1], $call[2], $call[3], $call[4]) : \
        syscall($call[0], $call[1], $call[2], $call[3], $call[4], $call[5]); print \"$name \", $r == -1 ? $!+0 : 'worked', qq(\\n); }";
    for who in everyone() {
        let mut args = vec![
            "--ro-bind",
            "/",
            "/",
            "--unshare-all",
            "--proc",
            "/proc",
            "--unshare-user",
            "--disable-userns",
        ];
        if who == Who::Root {
            args.extend(["--cap-drop", "ALL"]);
        }
        let view = ended(&perl(&bench, who, &args, script).run().unwrap(), 0);
        for line in view.text().lines() {
            let (name, answer) = line.split_once(' ').unwrap();
            let refusals = ["1", "13", "28", "22", "38"];
            assert!(refusals.contains(&answer), "{who:?}: {name} {answer}");
        }
        assert!(view.text().lines().count() == 13, "{}", view.text());
    }
}

/// The source of a bind is replaced between its check and its use. A path is looked up once and copied then; who has
/// checked something binds the descriptor that he has checked.
#[test]
fn cve_2024_42472_and_cve_2026_34078_what_was_checked_is_what_is_bound() {
    let bench = Bench::set_up();
    for who in everyone() {
        let top = bench.dir(&format!("shared-{}", who.uid()), who);
        let secret = bench.dir(&format!("secret-{}", who.uid()), who);
        fs::write(secret.join("key"), "secret\n").unwrap();
        fs::create_dir(top.join("data")).unwrap();
        fs::write(top.join("data/public"), "public\n").unwrap();
        let checked = File::open(top.join("data")).unwrap();
        for replaced in ["link", "directory", "gone"] {
            let _ = fs::rename(top.join("data"), top.join("moved"));
            let _ = fs::remove_file(top.join("data"));
            let _ = fs::remove_dir(top.join("data"));
            match replaced {
                "link" => symlink(&secret, top.join("data")).unwrap(),
                "directory" => fs::create_dir(top.join("data")).unwrap(),
                _ => {}
            }
            for option in ["--bind-fd", "--ro-bind-fd"] {
                let mut job = bwrap(&bench, who, &["--unshare-pid", option, "30", "/data"]);
                job.arg("--ro-bind").arg(bench.path("probe")).args(["/probe", "/probe", "ls", "/data"]);
                job.fds.insert(30, bench.keep(checked.try_clone().unwrap().into()));
                let seen = job.run().unwrap();
                let text = String::from_utf8_lossy(&seen.stdout).into_owned();
                assert!(!text.contains("secret") && !text.contains("key"), "{replaced}: {text}");
                if seen.status == End::Exit(0) {
                    assert!(text.contains("/data/public"), "{who:?} {option} {replaced}: {text}");
                } else {
                    refused(&seen);
                }
            }
        }
    }
}

/// A source that is a link of procfs, to what another file has covered meanwhile: its name leads to that.
#[test]
fn cve_2024_42472_and_cve_2026_34078_what_covers_a_source_is_not_bound_in_its_place() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("only root can cover a file");
    }
    for who in everyone() {
        let dir = bench.dir(&format!("covered-{}", who.uid()), who);
        fs::write(dir.join("file"), "checked\n").unwrap();
        let user = if who == Who::User {
            "setpriv --reuid=1000 --regid=1000 --clear-groups --bounding-set=-all"
        } else {
            ""
        };
        let script = format!(
            "exec 9<$1/file; mount -t tmpfs none $1; echo covering >$1/file; chmod 644 $1/file; shift; exec {user} \"$@\""
        );
        let mut job = bwrap(&bench, Who::Root, &["--unshare-pid", "--ro-bind", "/proc/self/fd/9", "/file"]);
        job.arg("--ro-bind").arg(bench.path("probe")).args(["/probe", "/probe", "ls", "/file"]);
        let words = ["unshare", "--mount", "--propagation=private", "sh", "-c", &script, "sh"];
        let words = [&words[..], &[dir.to_str().unwrap()]].concat();
        let message = refused(&through(job, &words).run().unwrap());
        assert!(
            message.ends_with("Unable to mount source on destination: Invalid argument"),
            "{who:?}: {message}"
        );
    }
}

/// Through /proc/PID/exe a command could write to the executable of its launcher. That of pid 1 is on a read-only mount
/// of its own, and the monitor cannot be looked at.
#[test]
fn runc_cve_2019_5736_the_executables_of_a_launch_cannot_be_written_to_from_inside() {
    let bench = Bench::set_up();
    // Opened by place first, to be opened for writing through that when pid 1 may be gone.
    let script = "use Fcntl; sub try { my ($name, $path) = @_; sysopen(my $place, $path, 010000000) or do { \
        print \"$name place \", $!+0, qq(\\n); return }; my $fd = fileno($place); \
        for my $how (O_WRONLY, O_RDWR, O_WRONLY | O_TRUNC) { $! = 0; my $ok = sysopen(my $f, \"/proc/self/fd/$fd\", $how); \
        print \"$name write \", $ok ? 'worked' : $!+0, qq(\\n); } $! = 0; \
        my $ok = chmod(0777, \"/proc/self/fd/$fd\"); print \"$name chmod \", $ok ? 'worked' : $!+0, qq(\\n); } \
        try('pid1', '/proc/1/exe') if -e '/proc/2'; try('parent', '/proc/' . getppid() . '/exe'); \
        for my $fd (3..40) { try('fd', \"/proc/1/fd/$fd\") if $$ < 50 && readlink(\"/proc/1/fd/$fd\") =~ m(^/); }";
    // The kernel asks whether a file is being executed (ETXTBSY) before it asks whether its mount is read-only (EROFS),
    // but not where more than a write is asked for.
    let allowed = |line: &str, answer: &str| answer == "30" || answer == "26" && line.contains(" write ");
    for who in everyone() {
        // Owned by who runs it, so that its mode is no obstacle.
        if support::is_root() {
            for name in stage::EXECUTABLES {
                chown(bench.bin(name), Some(who.uid()), Some(who.uid())).unwrap();
            }
        }
        let before: Vec<Vec<u8>> = stage::EXECUTABLES.map(|name| fs::read(bench.bin(name)).unwrap()).into();
        // Where the tree can be written to, /proc is the only way to those that something covers.
        let bin = bench.path("bin");
        let covered = ["--bind", "/", "/", "--tmpfs", bin.to_str().unwrap()];
        let trees = [&["--ro-bind", "/", "/"][..], &covered];
        let more = [(true, &["--unshare-pid", "--proc", "/proc"][..]), (false, &["--proc", "/proc"])];
        for (tree, (pid1, more)) in trees.into_iter().flat_map(|tree| more.map(|more| (tree, more))) {
            let mut args = [tree, &["--dev", "/dev"], more].concat();
            if who == Who::Root {
                // Root with all his capabilities can do to the host whatever he wants.
                args.extend(["--cap-drop", "ALL"]);
            }
            let view = ended(&perl(&bench, who, &args, script).run().unwrap(), 0);
            for line in view.text().lines() {
                let answer = line.rsplit(' ').next().unwrap();
                // With a PID namespace the parent is pid 1.
                if pid1 {
                    assert!(allowed(line, answer), "{who:?} {more:?}: {}", view.text());
                } else {
                    // EPERM, EACCES: not even its place can be opened.
                    assert!(["1", "13", "30"].contains(&answer), "{who:?} {more:?}: {}", view.text());
                }
            }
            assert!(
                view.text().contains(if pid1 { "pid1 write" } else { "parent place" }),
                "{}",
                view.text()
            );
        }
        let after: Vec<Vec<u8>> = stage::EXECUTABLES.map(|name| fs::read(bench.bin(name)).unwrap()).into();
        assert!(before == after, "an executable has changed");
    }
}

/// In namespaces that are joined somebody hostile may run already, who sees each stage that has given up its capabilities.
#[test]
fn runc_cve_2019_5736_no_stage_can_be_written_to_from_namespaces_that_it_joins() {
    let bench = Bench::set_up();
    for who in everyone() {
        // As above.
        if support::is_root() {
            for name in stage::EXECUTABLES {
                chown(bench.bin(name), Some(who.uid()), Some(who.uid())).unwrap();
            }
        }
        let mut job = bwrap(
            &bench,
            who,
            &["--unshare-user", "--unshare-pid", "--ro-bind", "/", "/", "--proc", "/proc"],
        );
        job.args(["--info-fd", "9", "sh", "-c", "echo started; while read -r line; do eval \"$line\"; done"]);
        job.fds.insert(9, Fd::Out);
        job.fds.insert(0, Fd::In);
        job.stdin = Stdin::Closed;
        let mut hostile = job.start().unwrap();
        assert!(hostile.wait_for(1, "started\n"));
        let info = String::from_utf8_lossy(hostile.output(9)).into_owned();
        let pid = info.split_once("\"child-pid\": ").unwrap().1.split([',', '\n']).next().unwrap().to_owned();
        let mut job = bwrap(
            &bench,
            who,
            &["--userns", "12", "--pidns", "13", "--ro-bind", "/", "/", "--proc", "/proc"],
        );
        job.fds.insert(12, Fd::Path(format!("/proc/{pid}/ns/user").into(), libc::O_RDONLY));
        job.fds.insert(13, Fd::Path(format!("/proc/{pid}/ns/pid").into(), libc::O_RDONLY));
        // priv-drop waits for it, without capabilities.
        job.args(["--block-fd", "14"]).arg(bench.path("probe")).args(["exit", "0"]);
        job.fds.insert(14, Fd::In);
        let mut joins = job.start().unwrap();
        hostile.write(
            0,
            b"p=; while test -z \"$p\"; do for p in /proc/[0-9]*; do read -r name <$p/comm; \
              case $name in priv-drop) readlink $p/exe && break;; esac; p=; done; done; exec 5<$p/exe; echo found\n",
        );
        assert!(hostile.wait_for(1, "found\n"), "{who:?}: {}", String::from_utf8_lossy(hostile.output(2)));
        joins.close(14);
        ended(&joins.finish().unwrap(), 0);
        hostile.write(0, b"if echo WRITTEN 1<>/proc/self/fd/5; then echo worked; else echo refused; fi\n");
        assert!(hostile.wait_for(1, "refused\n"), "{who:?}: {}", String::from_utf8_lossy(hostile.output(1)));
        hostile.close(0);
        hostile.finish().unwrap();
    }
}

/// A directory of the host that a leaked descriptor, or the working directory, still leads to.
#[test]
fn cve_2024_21626_no_descriptor_and_no_working_directory_leads_out() {
    let bench = Bench::set_up();
    for who in everyone() {
        let home = bench.dir(&format!("home-{}", who.uid()), who);
        for number in 0..40 {
            let dir = format!("/proc/self/fd/{number}");
            let args =
                ["--unshare-all", "--proc", "/proc", "--dev", "/dev", "--dir", "/only", "--chdir", &dir];
            let mut job = bwrap(&bench, who, &args);
            job.arg("--ro-bind").arg(bench.path("probe")).args([
                "/probe",
                "/probe",
                "ls",
                ".",
                "../../../..",
            ]);
            job.cwd = Some(home.clone());
            let seen = job.run().unwrap();
            let text = String::from_utf8_lossy(&seen.stdout).into_owned();
            assert!(!text.contains("sallyport") && !text.contains("/etc"), "{number}: {text}");
            assert_eq!(seen.status, End::Exit(1), "{who:?} {dir}: {}", explain(&seen));
        }
        // The caller's directory, when the sandbox does not have it.
        let mut job = bwrap(&bench, who, &["--unshare-all", "--dir", "/only"]);
        job.arg("--ro-bind").arg(bench.path("probe")).args(["/probe", "/probe", "ls", "."]);
        job = with_env(job, "PWD", home.to_str().unwrap());
        job.cwd = Some(home);
        let view = ended(&job.run().unwrap(), 0);
        let names: Vec<&str> =
            view.values("ls").iter().map(|line| line.split(' ').nth(3).unwrap_or("")).collect();
        assert!(
            names.contains(&"./only") && names.contains(&"./probe") && names.len() == 3,
            "{}",
            view.text()
        );
    }
}

/// /dev/null of the sandbox as a link to something of the host, over which a mask is mounted: the mask then shows that.
#[test]
fn cve_2025_31133_devices_come_from_the_host_and_masks_from_the_caller() {
    let bench = Bench::set_up();
    for who in everyone() {
        let trap = Trap::set(&bench, who);
        let root = bench.dir(&format!("root-{}", who.uid()), who);
        fs::create_dir_all(root.join("dev")).unwrap();
        fs::create_dir_all(root.join("proc")).unwrap();
        for name in ["null", "zero", "console", "ptmx", "pts", "shm"] {
            symlink(trap.victim.join("file"), root.join("dev").join(name)).unwrap();
        }
        let top = root.to_str().unwrap();
        let mut job =
            bwrap(&bench, who, &["--bind", top, "/", "--dev", "/dev", "--unshare-pid", "--proc", "/proc"]);
        job.args(["--ro-bind", "/dev/null", "/proc/timer_list"]);
        job.arg("--ro-bind").arg(bench.path("probe")).args([
            "/.p",
            "/.p",
            "ls",
            "/dev/null",
            "/dev/zero",
            "/proc/timer_list",
        ]);
        let view = ended(&job.run().unwrap(), 0);
        let shown: Vec<&str> = view.values("ls").iter().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(shown, ["c", "c", "c"], "{who:?}: {}", view.text());
        assert!(
            view.text().contains("/dev/null 1:3") && view.text().contains("/proc/timer_list 1:3"),
            "{}",
            view.text()
        );
        trap.assert_untouched("--dev");
        // A /dev that is itself a link is no place to mount on.
        fs::remove_dir_all(root.join("dev")).unwrap();
        symlink(&trap.victim, root.join("dev")).unwrap();
        let mut job = bwrap(&bench, who, &["--bind", top, "/", "--dev", "/dev", "--unshare-pid"]);
        job.arg("--ro-bind").arg(bench.path("probe")).args(["/.p", "/.p", "exit", "0"]);
        let message = refused(&job.run().unwrap());
        assert!(
            message.contains("symlink")
                || message.contains("Symbolic")
                || message.contains("Not a directory"),
            "{message}"
        );
        trap.assert_untouched("--dev on a link");
    }
}

/// The console is bound by the name of the terminal on standard output, and by then that name may be another file.
#[test]
fn cve_2025_52565_a_console_is_the_terminal_itself_or_there_is_none() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("only root can cover /dev/pts");
    }
    for who in everyone() {
        let trap = Trap::set(&bench, who);
        let file = trap.victim.join("file");
        // Where the terminal's name was there is a file now, or a link to one, or nothing.
        for change in ["cp \"$1\" \"$t\"", "ln -s \"$1\" \"$t\"", "true"] {
            let user = if who == Who::User {
                "setpriv --reuid=1000 --regid=1000 --clear-groups --bounding-set=-all"
            } else {
                ""
            };
            let script = format!(
                "t=$(readlink /proc/$$/fd/0); case $t in /dev/pts/*) ;; *) exit 99;; esac; mount -t tmpfs none /dev/pts; {change}; shift; exec {user} \"$@\""
            );
            let mut job = bwrap(&bench, Who::Root, &["--unshare-pid", "--dev", "/dev"]);
            job.arg("--ro-bind").arg(bench.path("probe")).args(["/probe", "/probe", "ls", "/dev/console"]);
            job.stdin = Stdin::TtyAll;
            let words = [
                "unshare",
                "--mount",
                "--propagation=private",
                "sh",
                "-c",
                &script,
                "sh",
                file.to_str().unwrap(),
            ];
            let seen = through(job, &words).run().unwrap();
            let text = String::from_utf8_lossy(&seen.stdout).into_owned();
            assert!(seen.leftovers.is_empty() && !text.contains("untouched"), "{change}: {}", explain(&seen));
            assert!(!text.contains("ls f ") && !text.contains("ls l "), "{who:?} {change}: {text}");
            trap.assert_untouched(change);
        }
    }
}

/// A write to a file of procfs that goes elsewhere, because /proc of the sandbox is not procfs. What sallyport writes
/// there itself goes through the host's /proc, but for the label of the exec, which is not written to another file.
#[test]
fn cve_2025_52881_a_label_is_not_written_to_what_is_no_procfs() {
    let bench = Bench::set_up();
    for who in everyone() {
        let fake = bench.dir(&format!("fake-proc-{}", who.uid()), who);
        let attr = fake.join("thread-self/attr");
        fs::create_dir_all(&attr).unwrap();
        for path in [fake.join("thread-self"), attr.clone()] {
            if support::is_root() {
                chown(path, Some(who.uid()), Some(who.uid())).unwrap();
            }
        }
        fs::write(attr.join("exec"), "untouched\n").unwrap();
        if support::is_root() {
            chown(attr.join("exec"), Some(who.uid()), Some(who.uid())).unwrap();
        }
        // Without SELinux bwrap takes no label; a plan may have one.
        let run = || {
            let mut job = bench.job(bench.bin("ns-enter"), who);
            job.arg("--stored=30");
            job.fds.insert(30, Fd::File(pipeline_plan(&fake)));
            let message = refused(&with_env(job, "PWD", "/").run().unwrap());
            assert!(message.contains("label_exec"), "{message}");
        };
        run();
        assert_eq!(fs::read_to_string(attr.join("exec")).unwrap(), "untouched\n");
        // Something that is mounted on the file itself.
        let mounted = || {
            let mut job = bench.job(bench.bin("ns-enter"), who);
            job.arg("--stored=30");
            job.fds.insert(
                30,
                Fd::File(labelled(&[
                    stage::tree::bind("/", "/", common::plan::Access::ReadOnly),
                    stage::tree::bind(
                        attr.join("exec"),
                        "/proc/thread-self/attr/exec",
                        common::plan::Access::ReadWrite,
                    ),
                ])),
            );
            let message = refused(&with_env(job, "PWD", "/").run().unwrap());
            assert!(message.contains("label_exec"), "{message}");
        };
        mounted();
        assert_eq!(fs::read_to_string(attr.join("exec")).unwrap(), "untouched\n");
        // A link to another file of procfs, which takes the label as well.
        fs::remove_file(attr.join("exec")).unwrap();
        std::os::unix::fs::symlink("/mnt/self/comm", attr.join("exec")).unwrap();
        run();
    }
}

/// What is in the place of /proc/self/uid_map and the others in somebody's mount namespace gets nothing written to it.
#[test]
fn cve_2025_52881_no_map_is_written_through_the_proc_of_a_mount_namespace_that_is_joined() {
    let bench = Bench::set_up();
    for who in everyone() {
        let fake = bench.dir(&format!("joined-proc-{}", who.uid()), who);
        let own = bench.dir(&format!("joined-proc-{}/self", who.uid()), who);
        symlink(bench.bin("ns-enter"), own.join("exe")).unwrap();
        let files = ["uid_map", "gid_map", "setgroups", "timens_offsets"].map(|name| own.join(name));
        for file in &files {
            fs::write(file, "untouched\n").unwrap();
            if support::is_root() {
                chown(file, Some(who.uid()), Some(who.uid())).unwrap();
            }
        }
        for option in [
            "--unshare-user",
            "--map-root-user",
            "--uid-map 0:0:1 --gid-map 0:0:1",
            "--unshare-time --boottime 1",
        ] {
            let script = format!(
                "exec 7</proc/self/ns/mnt && mount --bind {} /proc && exec {} --join-ns mnt=7 {option} -- echo run",
                fake.display(),
                bench.bin("ns-enter").display()
            );
            let mut job = bench.job("/usr/bin/unshare", who);
            job.args(["-rm", "sh", "-c", &script]);
            let seen = job.run().unwrap();
            assert_eq!((seen.status, seen.stdout.len()), (End::Exit(125), 0), "{option}: {}", explain(&seen));
            let message = "ns-enter: --join-ns mnt excludes --unshare-user, --unshare-time and --cgroup\n";
            assert_eq!(String::from_utf8_lossy(&seen.stderr), message, "{who:?} {option}");
            for file in &files {
                assert_eq!(fs::read_to_string(file).unwrap(), "untouched\n", "{who:?} {option}");
            }
        }
    }
}

/// A launch with an exec label, in a tree whose /proc is `fake`.
fn pipeline_plan(fake: &std::path::Path) -> Vec<u8> {
    use common::plan::Access;
    use stage::tree::bind;
    labelled(&[
        bind("/", "/", Access::ReadOnly),
        bind("/proc", "/mnt", Access::ReadWrite),
        bind(fake, "/proc", Access::ReadWrite),
    ])
}

/// A launch with an exec label, in the tree of these operations.
fn labelled(ops: &[common::plan::MountOp<'static>]) -> Vec<u8> {
    use common::caps::{CapSet, cap};
    use common::plan::{FsBuild, Namespaces, NsEnter, UserNs};
    let ns_enter = NsEnter {
        namespaces: Namespaces(common::sys::clone_flags::NEWNS),
        user: UserNs::UnlessRoot,
        raise: CapSet::of(&[cap::SYS_ADMIN, cap::SETPCAP]),
        ..stage::NS_ENTER
    };
    let fs_build = FsBuild { ops: stage::list(ops), ..stage::FS_BUILD };
    let mut records = stage::Records {
        ns_enter: Some(ns_enter),
        fs_build: Some(fs_build),
        priv_drop: Some(stage::PRIV_DROP),
        ..stage::Records::new(&["/usr/bin/echo", "it ran"])
    };
    records.command.exec_label = Some(common::text::Text(c_str("unconfined")));
    records.encode()
}

/// Capabilities in the inheritable set, which an executable with inheritable file capabilities turns into real ones.
#[test]
fn cve_2022_29162_the_inheritable_set_is_empty() {
    let bench = Bench::set_up();
    for who in everyone() {
        for args in
            [&FULL[..], &["--ro-bind", "/", "/"], &["--ro-bind", "/", "/", "--unshare-user", "--uid", "0"]]
        {
            let mut job = bwrap(&bench, who, args);
            job.arg(bench.path("probe")).arg("caps");
            if who == Who::Root {
                // A caller who has some of his own.
                job = through(job, &["setpriv", "--inh-caps=+net_raw,+sys_admin"]);
            }
            let seen = job.run().unwrap();
            if seen.status != End::Exit(0) {
                refused(&seen);
                continue;
            }
            let view = stage::View::new(&seen.stdout);
            // Root who asks for nothing keeps what he has, as under bubblewrap; he has it in the permitted set too.
            let own = if who == Who::Root && view.caps("effective") != 0 { 0x20_2000 } else { 0 };
            let more = (view.caps("inheritable") & !own, view.caps("ambient"));
            assert_eq!(more, (0, 0), "{who:?} {args:?}: {}", view.text());
        }
    }
}

/// What --clearenv and --unsetenv take away is in nobody's /proc/PID/environ.
#[test]
fn bubblewrap_issue_725_no_process_of_the_sandbox_holds_what_was_taken_out_of_the_environment() {
    let bench = Bench::set_up();
    for who in everyone() {
        for more in [&["--clearenv"][..], &["--unsetenv", "SECRET"]] {
            let mut job = bwrap(&bench, who, &[&FULL[..], more].concat());
            job.args(["--", "/bin/sh", "-c", "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline"]);
            let view = ended(&with_env(job, "SECRET", "hunter2").run().unwrap(), 0);
            assert!(!view.text().contains("hunter2"), "{who:?} {more:?}: {}", view.text());
        }
    }
}

/// A launcher that ends before its child has asked for a death signal: `tests/pipeline` (`death`) kills it at every stop
/// of a launch. Here, the parent is gone before bwrap has begun.
#[test]
fn bubblewrap_issue_633_a_launch_whose_parent_is_gone_already_ends_with_it() {
    let bench = Bench::set_up();
    for who in everyone() {
        // The shell ends at once; whether the sandbox was started by then or not, with its parent it goes.
        let script = "\"$@\" & exit 0";
        let mut job = bwrap(&bench, who, &FULL);
        job.args(["--", "/bin/sh", "-c", "read line"]);
        job.fds.insert(0, Fd::In);
        job.stdin = Stdin::Closed;
        let mut live = through(job, &["sh", "-c", script, "sh"]).start().unwrap();
        assert!(live.wait_end());
        live.close(0);
        assert_eq!(live.settle(), 0, "{who:?}");
    }
    let mode = fs::metadata("/dev/null").unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o666);
}
