//! ns-enter as a command of its own, side by side with unshare(1) and nsenter(1): for the features that they share, a
//! program inside sees the same.

use pipeline::niceness;
use stage::{Bench, Who, ended, everyone, explain, skip};
use std::fs;
use std::path::{Path, PathBuf};
use support::{End, Fd, Job, NsHolder, Seen};

/// The kinds of namespaces as /proc/PID/ns names them, ns-enter's option that makes one, unshare's and nsenter's.
const KINDS: [(&str, &str, &str); 8] = [
    ("user", "--unshare-user", "--user"),
    ("cgroup", "--unshare-cgroup", "--cgroup"),
    ("ipc", "--unshare-ipc", "--ipc"),
    ("mnt", "--unshare-mount", "--mount"),
    ("net", "--unshare-net", "--net"),
    ("pid", "--unshare-pid", "--pid"),
    ("time", "--unshare-time", "--time"),
    ("uts", "--unshare-uts", "--uts"),
];

const LOOK: &str =
    "for kind in user cgroup ipc mnt net pid time uts; do echo $kind $(readlink /proc/self/ns/$kind); done
cd /proc/self; head uid_map gid_map setgroups timens_offsets; grep -E '^(Uid|Gid|Groups|Cap)' status";

/// Whether a peer is installed; if not, its half is left out.
fn has(peer: &str) -> bool {
    let there = ["/usr/bin", "/usr/sbin", "/bin"].iter().any(|dir| Path::new(dir).join(peer).exists());
    if !there {
        skip(&format!("{peer} is not installed"));
    }
    there
}

/// One of the two, with what it is to do.
fn line(bench: &Bench, who: Who, line: &str) -> Job {
    let mut words = line.split_whitespace();
    let program = words.next().unwrap();
    let mut job = match program {
        "ns-enter" => bench.job(bench.bin(program), who),
        peer => bench.job(peer, who),
    };
    job.args(words);
    job
}

/// What a shell sees that `job` runs, with namespaces told by whose they are.
#[track_caller]
fn seen_inside(mut job: Job, target: Option<&NsHolder>) -> String {
    job.args(["sh", "-c", LOOK]);
    let seen = job.run().unwrap();
    let mut text = ended(&seen, 0).text().to_owned();
    for (kind, ..) in KINDS {
        let of_target = target.and_then(|target| fs::read_link(target.path(of_children(kind))).ok());
        if let Some(link) = of_target {
            text = text.replace(&*link.to_string_lossy(), "the target's");
        }
        let own = fs::read_link(format!("/proc/self/ns/{kind}")).unwrap();
        text = text.replace(&*own.to_string_lossy(), "the caller's");
        text = text
            .lines()
            .map(|line| {
                if line.starts_with(&format!("{kind} {kind}:[")) {
                    format!("{kind} new\n")
                } else {
                    format!("{line}\n")
                }
            })
            .collect();
    }
    text
}

/// The entry of /proc/PID/ns for what a process has made of this kind: two are for its children only.
fn of_children(kind: &str) -> &str {
    match kind {
        "pid" => "pid_for_children",
        "time" => "time_for_children",
        kind => kind,
    }
}

#[track_caller]
fn the_same(bench: &Bench, who: Who, ours: &str, theirs: &str) -> String {
    let expected = seen_inside(line(bench, who, theirs), None);
    assert_eq!(seen_inside(line(bench, who, ours), None), expected, "{who:?}: {ours}, as {theirs}");
    expected
}

#[test]
fn each_namespace_is_made_as_unshare_makes_it() {
    let bench = Bench::set_up();
    if !has("unshare") {
        return;
    }
    for who in everyone() {
        for (kind, ours, theirs) in KINDS {
            let fork = if kind == "pid" { "--fork" } else { "" };
            let (ours, theirs) = (
                format!("ns-enter --map-root-user {ours}"),
                format!("unshare --map-root-user {theirs} {fork}"),
            );
            let inside = the_same(&bench, who, &ours, &theirs);
            assert!(inside.contains(&format!("{kind} new\n")), "{inside}");
            if who == Who::Root && kind != "user" {
                // As root without a user namespace, with the capabilities that he has.
                let inside = the_same(
                    &bench,
                    who,
                    &ours.replace("--map-root-user ", ""),
                    &theirs.replace("--map-root-user ", ""),
                );
                assert!(
                    inside.contains(&format!("{kind} new\nuser the caller's\n"))
                        || inside.starts_with("user the caller's\n"),
                    "{inside}"
                );
            }
        }
        let all = "--unshare-user --unshare-cgroup --unshare-ipc --unshare-mount --unshare-net --unshare-pid \
                   --unshare-time --unshare-uts --map-root-user";
        the_same(
            &bench,
            who,
            &format!("ns-enter {all}"),
            "unshare --map-root-user --user --cgroup --ipc --mount --net --pid --time --uts --fork",
        );
    }
}

#[test]
fn ids_setgroups_capabilities_and_clocks_are_those_of_unshare() {
    let bench = Bench::set_up();
    if !has("unshare") {
        return;
    }
    for who in everyone() {
        for (ours, theirs) in [
            ("--map-root-user", "--map-root-user"),
            ("--map-current-user", "--map-current-user"),
            ("--unshare-user", "--user --map-current-user"),
            ("--unshare-user --uid 7 --gid 8", "--user --map-user 7 --map-group 8"),
            ("--map-current-user --keep-caps", "--map-current-user --keep-caps"),
            ("--unshare-user --uid 7 --gid 8 --keep-caps", "--map-user 7 --map-group 8 --keep-caps"),
            ("--map-root-user --monotonic 1000", "--map-root-user --time --monotonic 1000"),
            ("--map-root-user --boottime 77 --monotonic -1", "-r -T --boottime 77 --monotonic -1"),
            ("--map-current-user --boottime 5", "--map-current-user --time --boottime 5"),
        ] {
            the_same(&bench, who, &format!("ns-enter {ours}"), &format!("unshare {theirs}"));
        }
    }
}

/// In a mount namespace whose /etc/subuid and /etc/subgid have a line for each of the two.
#[test]
fn maps_of_several_ids_and_the_policy_for_groups_are_those_of_unshare() {
    let bench = Bench::set_up();
    if !has("unshare") || !has("newuidmap") || !has("setpriv") {
        return;
    }
    if !support::is_root() {
        return skip("needs root to give a user subordinate ids");
    }
    let list = bench.path("subids");
    fs::write(&list, "0:100000:50\n1000:100000:50\n").unwrap();
    let inside = |who: Who, line: &str| {
        let user = match who {
            Who::Root => "",
            Who::User => "setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all",
        };
        let script = format!(
            "mount --bind {0} /etc/subuid && mount --bind {0} /etc/subgid && exec {user} {line} \"$@\"",
            list.display(),
        );
        let mut job = bench.job("/usr/bin/unshare", Who::Root);
        job.args(["--mount", "sh", "-c", &script, "sh"]);
        // Two mount namespaces: neither line makes one of its own, and neither is the test's.
        seen_inside(job, None)
    };
    let enter = bench.bin("ns-enter").display().to_string();
    for who in everyone() {
        for (ours, theirs) in [
            // unshare gives the outer id first.
            (
                "--uid-map 0:100000:50 --gid-map 0:100000:50",
                "--map-users 100000,0,50 --map-groups 100000,0,50",
            ),
            (
                "--uid-map 0:100000:50 --gid-map 0:100000:50 --setgroups allow",
                "--map-users 100000,0,50 --map-groups 100000,0,50 --setgroups allow",
            ),
        ] {
            let ours = format!("{enter} {ours} --uid 0 --gid 0");
            let theirs = format!("unshare {theirs} --setuid 0 --setgid 0");
            assert_eq!(inside(who, &ours), inside(who, &theirs), "{who:?}: {ours}, as {theirs}");
        }
    }
}

/// A target whose namespaces are joined one by one and together.
#[test]
fn each_namespace_is_joined_as_nsenter_joins_it() {
    let bench = Bench::set_up();
    if !has("nsenter") {
        return;
    }
    for who in everyone() {
        let user = (who == Who::User && support::is_root()).then_some(support::USER);
        let groups = "user,cgroup,ipc,mnt,net,pid,time,uts";
        let target = NsHolder::new(&bench.path("probe"), &[groups], user, 0).unwrap();
        for (kind, _, theirs) in KINDS {
            let path: PathBuf = target.path(of_children(kind));
            let (user_ours, user_theirs) = match kind {
                "user" => (String::new(), String::new()),
                _ => (
                    format!("--join-ns user={}", target.path("user").display()),
                    format!("--user={}", target.path("user").display()),
                ),
            };
            let nsenter = format!("nsenter --preserve-credentials {user_theirs} {theirs}={}", path.display());
            let expected = seen_inside(line(&bench, who, &nsenter), Some(&target));
            assert!(expected.contains(&format!("{kind} the target's\n")), "{expected}");
            let by_path = format!("ns-enter {user_ours} --join-ns {kind}={}", path.display());
            assert_eq!(
                seen_inside(line(&bench, who, &by_path), Some(&target)),
                expected,
                "{who:?} {by_path}"
            );
            let mut by_fd = line(&bench, who, &format!("ns-enter {user_ours} --join-ns {kind}=7"));
            by_fd.fds.insert(7, Fd::Path(path, libc::O_RDONLY));
            assert_eq!(seen_inside(by_fd, Some(&target)), expected, "{who:?} {kind} by descriptor");
        }
        let (mut ours, mut theirs) = ("ns-enter".to_owned(), "nsenter --preserve-credentials".to_owned());
        for (kind, _, option) in KINDS {
            let path = target.path(of_children(kind));
            ours += &format!(" --join-ns {kind}={}", path.display());
            theirs += &format!(" {option}={}", path.display());
        }
        let expected = seen_inside(line(&bench, who, &theirs), Some(&target));
        assert_eq!(seen_inside(line(&bench, who, &ours), Some(&target)), expected, "{who:?} {ours}");
    }
}

/// What neither may do fails for both, and nothing runs.
#[test]
fn what_unshare_and_nsenter_are_refused_ns_enter_is_refused() {
    let bench = Bench::set_up();
    if !has("unshare") || !has("nsenter") {
        return;
    }
    let refused =
        |text: &str| -> Seen { line(&bench, Who::User, &format!("{text} echo run")).run().unwrap() };
    for (ours, theirs) in [
        // Without a user namespace an ordinary user joins nothing.
        ("ns-enter --join-ns net=/proc/self/ns/net", "nsenter --net=/proc/self/ns/net"),
        ("ns-enter --join-ns user=/proc/self/ns/user", "nsenter --user=/proc/self/ns/user"),
        ("ns-enter --join-ns net=/proc/self/ns/uts", "nsenter --net=/proc/self/ns/uts"),
        ("ns-enter --join-ns net=/dev/null", "nsenter --net=/dev/null"),
        ("ns-enter --map-root-user --boottime -4000000000", "unshare -r -T --boottime -4000000000"),
    ] {
        let (ours_seen, theirs_seen) = (refused(ours), refused(theirs));
        for seen in [&ours_seen, &theirs_seen] {
            assert!(seen.stdout.is_empty() && !seen.stderr.is_empty(), "{ours}: {}", explain(seen));
        }
        assert_eq!(ours_seen.status, End::Exit(125), "{ours}\n{}", explain(&ours_seen));
        assert_ne!(theirs_seen.status, End::Exit(0), "{theirs}");
    }
}

const TREE: &str = "--ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 --proc /proc";

#[test]
fn fs_build_alone_builds_in_a_mount_namespace_that_unshare_makes() {
    let bench = Bench::set_up();
    if !has("unshare") {
        return;
    }
    let fs_build = format!("{} {TREE}", bench.bin("fs-build").display());
    let host = fs::read_to_string("/proc/self/mountinfo").unwrap();
    for who in everyone() {
        let unshare = if who == Who::Root { "unshare --mount" } else { "unshare --map-root-user --mount" };
        for (between, nice) in [("", niceness(0)), ("nice -n 5", niceness(5))] {
            let mut job = line(&bench, who, &format!("{unshare} {between} {fs_build} --"));
            job.args(["sh", "-c", "cd /; echo *; nice; id -u"]);
            let expected = format!("bin lib lib64 proc usr\n{nice}\n0\n");
            assert_eq!(ended(&job.run().unwrap(), 0).text(), expected, "{who:?} {unshare} {between}");
        }
        // Where others live it refuses, with what to do, and changes nothing.
        for front in ["", "nice -n 5", "unshare --map-root-user"] {
            let seen = line(&bench, who, &format!("env {front} {fs_build} -- echo run")).run().unwrap();
            assert_eq!((seen.status, seen.stdout.len()), (End::Exit(125), 0), "{front}: {}", explain(&seen));
            let remedy =
                "This mount namespace is not the sandbox's own: ns-enter makes one, or unshare --mount";
            assert_eq!(
                String::from_utf8_lossy(&seen.stderr),
                format!("fs-build: {remedy}\n"),
                "{who:?} {front}"
            );
        }
    }
    assert_eq!(fs::read_to_string("/proc/self/mountinfo").unwrap(), host);
}

/// Where every process that can be seen is in the same mount namespace, only the first may take it for its own.
#[test]
fn fs_build_alone_builds_as_the_first_process_and_not_beside_it() {
    let bench = Bench::set_up();
    if !has("unshare") {
        return;
    }
    let fs_build = format!("{} {TREE} -- echo run", bench.bin("fs-build").display());
    for who in everyone() {
        let user = if who == Who::Root { "" } else { "--map-root-user" };
        let first = format!("unshare {user} --pid --fork --mount-proc");
        assert_eq!(
            ended(&line(&bench, who, &format!("{first} {fs_build}")).run().unwrap(), 0).text(),
            "run\n"
        );
        let mut beside = line(&bench, who, &format!("{first} sh -c"));
        beside.arg(format!("{fs_build}; exit $?"));
        let seen = beside.run().unwrap();
        assert_eq!((seen.status, seen.stdout.len()), (End::Exit(125), 0), "{}", explain(&seen));
        assert!(
            String::from_utf8_lossy(&seen.stderr).contains("not the sandbox's own"),
            "{}",
            explain(&seen)
        );
    }
}

/// priv-drop as the command before takes nothing that nobody asked it to take (setpriv is the same).
#[test]
fn after_priv_drop_a_namespace_is_made_with_what_setpriv_would_leave() {
    let bench = Bench::set_up();
    if !has("setpriv") || !has("unshare") {
        return;
    }
    for who in everyone() {
        for (dropped, options) in
            [("", "--map-root-user"), ("--clear-groups", ""), ("--bounding-set -chown", "")]
        {
            if who == Who::User && !dropped.is_empty() {
                continue;
            }
            let enter = bench.bin("ns-enter").display().to_string();
            let ours = seen_inside(
                {
                    let mut job = bench.job(bench.bin("priv-drop"), who);
                    job.args(dropped.split_whitespace()).args(["--", &enter, "--unshare-net"]);
                    job.args(options.split_whitespace());
                    job
                },
                None,
            );
            let theirs = format!("setpriv --no-new-privs {dropped} unshare --net {options}");
            assert_eq!(ours, seen_inside(line(&bench, who, &theirs), None), "{who:?} {dropped} {options}");
            let all = format!("{:016x}", stage::callers_capabilities());
            assert!(
                who == Who::User || !dropped.is_empty() || ours.contains("CapEff:\t000001ffffffffff"),
                "{ours}"
            );
            assert!(dropped != "--clear-groups" || ours.contains(&format!("CapEff:\t{all}")), "{ours}");
        }
    }
}
