//! A namespace that the kernel refuses: ns-enter as a command of its own says why and what to do, on hosts made to refuse.

use stage::filters::deny;
use stage::{Bench, Who, ended, everyone, explain, skip};
use std::path::Path;
use support::{End, Fd, Job, Seen};

/// util-linux makes the hosts.
fn has_unshare() -> bool {
    let there = Path::new("/usr/bin/unshare").exists();
    if !there {
        skip("unshare is not installed");
    }
    there
}

/// `words`, the stages being in `PATH`.
fn job(bench: &Bench, who: Who, words: &[&str]) -> Job {
    let mut job = bench.job("/usr/bin/env", who);
    job.args(words);
    job.env = vec![(
        "PATH".into(),
        format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", bench.path("bin").display()).into(),
    )];
    job
}

/// Both lines of a refusal, after which nothing has run.
#[track_caller]
fn refusal(job: &Job) -> [String; 2] {
    let seen: Seen = job.run().unwrap();
    assert_eq!((seen.status, seen.stdout.len()), (End::Exit(125), 0), "{}", explain(&seen));
    let text = String::from_utf8(seen.stderr.clone()).unwrap();
    let lines: Vec<&str> = text
        .lines()
        .map(|line| line.strip_prefix("ns-enter: ").unwrap_or_else(|| panic!("{text}")))
        .collect();
    <[&str; 2]>::try_from(lines).unwrap_or_else(|_| panic!("two lines: {text}")).map(str::to_owned)
}

const EXCEEDED: &str =
    "Creating new namespace failed: nesting depth or /proc/sys/user/max_*_namespaces exceeded (ENOSPC)";
const NOT_PERMITTED: &str = "No permissions to create a new namespace, likely because the kernel does not allow non-privileged \
                             user namespaces. See <https://deb.li/bubblewrap> or \
                             <file:///usr/share/doc/bubblewrap/README.Debian.gz>.";

#[test]
fn a_limit_is_named_with_its_file() {
    let bench = Bench::set_up();
    if !has_unshare() {
        return;
    }
    for who in everyone() {
        for (limit, options) in [
            ("user", "--unshare-user"),
            ("net", "--unshare-net"),
            ("net", "--unshare-all"),
            ("pid", "--unshare-user --unshare-pid"),
            ("mnt", "fs-build --ro-bind / /"),
            ("uts", "--unshare-uts --unshare-ipc"),
        ] {
            let file = format!("/proc/sys/user/max_{limit}_namespaces");
            let script = format!("echo 0 >{file} && exec ns-enter {options} -- echo run");
            let [what, why] = refusal(&job(&bench, who, &["unshare", "-r", "sh", "-c", &script]));
            assert_eq!(what, EXCEEDED, "{who:?} {options}");
            assert!(
                why.starts_with(&format!("{file} is 0, which forbids them: ")),
                "{who:?} {options}: {why}"
            );
            if limit == "net" {
                // One is allowed, and unshare(1) has it.
                let script = format!("echo 1 >{file} && exec unshare -n ns-enter --unshare-net echo run");
                let [_, why] = refusal(&job(&bench, who, &["unshare", "-r", "sh", "-c", &script]));
                assert!(why.starts_with(&format!("There are as many as {file} allows")), "{who:?}: {why}");
            }
        }
    }
}

/// Another `compose` may be in its place there, run by whoever joins.
#[test]
fn in_a_mount_namespace_that_is_joined_nobody_is_asked_why() {
    let bench = Bench::set_up();
    if !has_unshare() {
        return;
    }
    for who in everyone() {
        // Its own: there is no better `compose` than this one, and it is not run either.
        let script = "echo 0 >/proc/sys/user/max_uts_namespaces && \
                      exec ns-enter --join-ns mnt=/proc/self/ns/mnt --unshare-uts -- echo run";
        let seen = job(&bench, who, &["unshare", "-rm", "sh", "-c", script]).run().unwrap();
        assert_eq!((seen.status, seen.stdout.len()), (End::Exit(125), 0), "{}", explain(&seen));
        assert_eq!(String::from_utf8_lossy(&seen.stderr), format!("ns-enter: {EXCEEDED}\n"), "{who:?}");
    }
}

#[test]
fn the_depth_is_named() {
    let bench = Bench::set_up();
    if !has_unshare() {
        return;
    }
    for who in everyone() {
        let nested = |depth: usize, words: &[&str]| {
            job(&bench, who, &[&["unshare", "-r"].repeat(depth)[..], words].concat())
        };
        // As deep as this kernel lets us, wherever these tests run.
        let deepest = (1..=40)
            .take_while(|depth| nested(*depth, &["true"]).run().unwrap().status == End::Exit(0))
            .last()
            .expect("one user namespace");
        let [what, why] = refusal(&nested(deepest, &["ns-enter", "--unshare-user", "echo", "run"]));
        assert_eq!(what, EXCEEDED);
        assert!(why.starts_with("user namespaces are 32 deep here already, or as many as "), "{why}");
    }
}

#[test]
fn a_chroot_is_named() {
    let bench = Bench::set_up();
    if !has_unshare() {
        return;
    }
    for who in everyone() {
        let root = format!("chroot-{}", who.uid());
        let dir = bench.dir(&root, who);
        bench.dir(&format!("{root}/proc"), who);
        for name in ["ns-enter", "compose"] {
            bench.install(&bench.bin(name), &format!("{root}/{name}"), 0o755);
        }
        let script = format!(
            "mount --rbind /proc {0}/proc && exec chroot {0} /ns-enter --unshare-user -- /x",
            dir.display()
        );
        let unshare = if who == Who::Root { "-m" } else { "-rm" };
        let [what, why] = refusal(&job(&bench, who, &["unshare", unshare, "sh", "-c", &script]));
        assert_eq!(what, NOT_PERMITTED, "{who:?}");
        assert!(why.contains("(chroot)") && why.contains("start this outside"), "{who:?}: {why}");
    }
}

#[test]
fn a_filter_is_named() {
    let bench = Bench::set_up();
    for who in everyone() {
        for (errno, what) in [
            (libc::EPERM, NOT_PERMITTED),
            (libc::ENOSYS, "Creating new namespace failed: Function not implemented"),
        ] {
            let words = [
                "priv-drop",
                "seccomp-load",
                "--seccomp",
                "9",
                "--",
                "nice",
                "ns-enter",
                "--unshare-user",
                "--",
                "echo",
                "run",
            ];
            let mut job = job(&bench, who, &words);
            job.fds.insert(9, Fd::File(deny(libc::SYS_clone, errno)));
            let [said, why] = refusal(&job);
            assert_eq!(said, what, "{who:?}");
            assert!(why.starts_with("The caller is under a seccomp filter"), "{who:?}: {why}");
            // With a level for a journal, as the first line.
            job.argv.insert(8, "--level-prefix".into());
            let seen = job.run().unwrap();
            let text = String::from_utf8_lossy(&seen.stderr).into_owned();
            assert!(
                text.lines().count() == 2 && text.lines().all(|line| line.starts_with("<3>ns-enter: ")),
                "{text}"
            );
        }
    }
}

/// What a distribution's kernel has a switch for, which this one need not have: its directory of switches is covered by one
/// of the test's, and a filter refuses in the kernel's place.
#[test]
fn a_switch_of_the_host_is_named() {
    let bench = Bench::set_up();
    if !has_unshare() {
        return;
    }
    for who in everyone() {
        for (switch, forbids, allows) in
            [("unprivileged_userns_clone", "0", "1"), ("apparmor_restrict_unprivileged_userns", "1", "0")]
        {
            let name = format!("{switch}-{}", who.uid());
            let dir = bench.dir(&name, who);
            let reason = |value: &str| {
                std::fs::write(dir.join(switch), format!("{value}\n")).unwrap();
                let script = format!(
                    "mount --bind {} /proc/sys/kernel && exec priv-drop --cap-drop ALL seccomp-load --seccomp 9 nice \
                     ns-enter --unshare-user echo run",
                    dir.display()
                );
                let mut job = job(&bench, who, &["unshare", "-rm", "sh", "-c", &script]);
                job.fds.insert(9, Fd::File(deny(libc::SYS_clone, libc::EPERM)));
                let [what, why] = refusal(&job);
                assert_eq!(what, NOT_PERMITTED);
                why
            };
            let why = reason(forbids);
            assert!(why.starts_with(&format!("kernel.{switch} is ")), "{who:?}: {why}");
            let why = reason(allows);
            assert!(why.starts_with("The caller is under a seccomp filter"), "{who:?}: {why}");
        }
    }
}

#[test]
fn root_without_capabilities_is_told_of_user_namespaces() {
    let bench = Bench::set_up();
    if !support::is_root() || !Path::new("/usr/bin/setpriv").exists() {
        return skip("needs root, and setpriv to give capabilities up");
    }
    let words =
        ["setpriv", "--inh-caps=-all", "--bounding-set=-all", "ns-enter", "--unshare-net", "echo", "run"];
    let [what, why] = refusal(&job(&bench, Who::Root, &words));
    assert_eq!(what, "Creating new namespace failed: Operation not permitted");
    assert!(why.contains("--unshare-user"), "{why}");
}

#[test]
fn bwrap_keeps_to_bubblewraps_words() {
    let bench = Bench::set_up();
    if !has_unshare() {
        return;
    }
    for who in everyone() {
        let run = |line: &str| {
            let script = format!("echo 0 >/proc/sys/user/max_net_namespaces && exec {line}");
            job(&bench, who, &["unshare", "-r", "sh", "-c", &script]).run().unwrap()
        };
        let seen = run("bwrap --unshare-net --bind / / echo run");
        assert_eq!(seen.status, End::Exit(1), "{}", explain(&seen));
        assert_eq!(String::from_utf8_lossy(&seen.stderr), format!("bwrap: {EXCEEDED}\n"));
        // Whatever somebody types, it is no way to that part of compose.
        let seen = run("ns-enter why 1");
        assert_eq!(seen.status, End::Exit(127), "{}", explain(&seen));
    }
    let fine = job(&bench, Who::User, &["ns-enter", "--unshare-net", "echo", "run"]).run().unwrap();
    assert_eq!(ended(&fine, 0).text(), "run\n");
}
