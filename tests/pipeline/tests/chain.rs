//! Stages as commands of their own: chains as a script author types them.

use pipeline::niceness;
use stage::{Bench, Who, ended, everyone, explain};
use support::{End, Fd, Job, Stdin};

/// `line`, blank-separated words, with the stages and then the usual places as `PATH`.
fn chain(bench: &Bench, who: Who, line: &str) -> Job {
    let mut words = line.split(' ');
    let mut job = bench.job(bench.bin(words.next().unwrap()), who);
    job.args(words);
    job.env = vec![("PATH".into(), format!("{}:/usr/bin:/bin", bench.path("bin").display()).into())];
    job
}

const TREE: &str = "--ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 --proc /proc";

const ASK: &str = "id -u\nid -g\nwhile read name set; do case $name in Cap*|NoNew*|Seccomp:) echo $name $set;; esac; \
                   done </proc/self/status\nhostname\npwd\ncat /proc/self/uid_map\nls -d /*\necho $$\n";

/// What a shell in the sandbox answers.
#[track_caller]
fn answers(mut job: Job) -> String {
    job.stdin = Stdin::Data(ASK.as_bytes().to_vec());
    ended(&job.run().unwrap(), 0).text().to_owned()
}

#[test]
fn a_chain_gives_the_confinement_of_the_drop_in() {
    let bench = Bench::set_up();
    for who in everyone() {
        let chained = format!(
            "ns-enter --unshare-all -- fs-build {TREE} -- priv-drop --cap-drop ALL -- init-reaper -- sh"
        );
        let dropped_in = format!("bwrap --unshare-all {TREE} --cap-drop ALL sh");
        let expected = answers(chain(&bench, who, &dropped_in));
        assert!(
            expected.contains("NoNewPrivs: 1") && expected.contains("CapEff: 0000000000000000"),
            "{expected}"
        );
        assert_eq!(answers(chain(&bench, who, &chained)), expected, "{who:?}");
        // The names of stages as paths, too.
        let by_path = chained.replace("-- fs-build", &format!("-- {}", bench.bin("fs-build").display()));
        assert_eq!(answers(chain(&bench, who, &by_path)), expected, "{who:?}");
    }
}

#[test]
fn another_chain_loader_may_stand_between_and_needs_the_capabilities() {
    let bench = Bench::set_up();
    for who in everyone() {
        for kept in ["--map-root-user", "--keep-caps"] {
            let line = format!("ns-enter --unshare-all {kept} -- nice -n 5 fs-build {TREE} -- nice");
            let expected = format!("{}\n", niceness(5));
            assert_eq!(
                ended(&chain(&bench, who, &line).run().unwrap(), 0).text(),
                expected,
                "{who:?} {kept}"
            );
        }
    }
}

#[test]
fn without_priv_drop_a_command_has_what_unshare_would_leave_it() {
    let bench = Bench::set_up();
    for who in everyone() {
        let sets = |line: &str| {
            let job = chain(&bench, who, &format!("{line} grep -E ^Cap(Inh|Prm|Eff|Amb) /proc/self/status"));
            ended(&job.run().unwrap(), 0).text().to_owned()
        };
        let ours = sets("ns-enter --map-root-user fs-build --bind / /");
        assert!(
            ours.contains("CapEff:\t000001ffffffffff") && ours.contains("CapAmb:\t0000000000000000"),
            "{ours}"
        );
        if who == Who::User {
            let none = sets("ns-enter --unshare-net fs-build --bind / /");
            assert!(none.lines().all(|line| line.ends_with("\t0000000000000000")), "{none}");
            let kept = sets("ns-enter --unshare-net --keep-caps");
            assert!(kept.contains("CapAmb:\t000001ffffffffff"), "{kept}");
        }
        let dropped = sets("ns-enter --map-root-user --drop-caps");
        assert!(dropped.contains("CapEff:\t0000000000000000"), "{dropped}");
    }
}

#[test]
fn exit_statuses_are_those_of_env() {
    let bench = Bench::set_up();
    for who in everyone() {
        for (line, status, message) in [
            ("ns-enter --unshare-net sh -c exit\u{a0}7", 7, ""),
            ("ns-enter /etc/passwd", 126, "ns-enter: execvp /etc/passwd: Permission denied\n"),
            (
                "ns-enter init-reaper /no/such",
                127,
                "init-reaper: execvp /no/such: No such file or directory\n",
            ),
            (
                "ns-enter fs-build --ro-bind /no/such / true",
                125,
                "fs-build: Can't find source path /no/such: No such file or directory\n",
            ),
            ("ns-enter --no", 125, "ns-enter: Unknown option --no\n"),
            (
                "seccomp-load --bind / / true",
                125,
                "seccomp-load: --bind is an option of fs-build, not of seccomp-load\n",
            ),
        ] {
            let mut job = chain(&bench, who, line);
            for word in &mut job.argv {
                *word = word.to_string_lossy().replace('\u{a0}', " ").into();
            }
            let seen = job.run().unwrap();
            assert_eq!(seen.status, End::Exit(status), "{who:?} {line}\n{}", explain(&seen));
            assert_eq!(String::from_utf8_lossy(&seen.stderr), message, "{who:?} {line}");
        }
    }
}

#[test]
fn each_stage_tells_its_options_and_its_version() {
    let bench = Bench::set_up();
    for stage in ["ns-enter", "fs-build", "priv-drop", "init-reaper", "seccomp-load"] {
        let help = ended(&chain(&bench, Who::User, &format!("{stage} --help")).run().unwrap(), 0);
        assert!(help.text().starts_with(&format!("usage: {stage} [OPTIONS...] [--] NEXT [ARGS...]\n")));
        let version = ended(&chain(&bench, Who::User, &format!("{stage} --version")).run().unwrap(), 0);
        assert!(version.text().starts_with(&format!("{stage} (sallyport) ")), "{}", version.text());
        let seen = chain(&bench, Who::User, stage).run().unwrap();
        assert_eq!((seen.status, seen.stdout.len()), (End::Exit(125), 0));
    }
}

#[test]
fn clocks_of_a_time_namespace_and_namespaces_that_are_joined() {
    let bench = Bench::set_up();
    for who in everyone() {
        let line = "ns-enter --map-root-user --monotonic 1000 --boottime -5 cat /proc/self/timens_offsets";
        let text = ended(&chain(&bench, who, line).run().unwrap(), 0).text().to_owned();
        let words: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(words, ["monotonic", "1000", "0", "boottime", "-5", "0"]);
        // Its own user namespace cannot be entered again: the kernel says so, and it is passed on.
        let seen = chain(&bench, who, "ns-enter --join-ns user=/proc/self/ns/user true").run().unwrap();
        assert_eq!(seen.status, End::Exit(125));
        let missing = chain(&bench, who, "ns-enter --join-ns net=/no/such true").run().unwrap();
        let message = "ns-enter: Can't open net namespace /no/such: No such file or directory\n";
        assert_eq!(String::from_utf8_lossy(&missing.stderr), message);
        for (words, message) in [
            ("ns-enter --join-ns net=99 true", "ns-enter: Can't join net namespace: Bad file descriptor\n"),
            (
                "ns-enter --join-ns uts=/etc/passwd true",
                "ns-enter: Can't join uts namespace (no namespace of that kind): Invalid argument\n",
            ),
            ("priv-drop --block-fd 99 -- true", "priv-drop: --block-fd: Bad file descriptor\n"),
        ] {
            let seen = chain(&bench, who, words).run().unwrap();
            assert_eq!(
                (seen.status, String::from_utf8_lossy(&seen.stderr)),
                (End::Exit(125), message.into()),
                "{words}"
            );
        }
    }
    // Without no_new_privs, which who has no capability needs.
    let filter = bench.path("filter");
    std::fs::write(&filter, stage::filters::deny(libc::SYS_reboot, libc::EPERM)).unwrap();
    let line = format!("seccomp-load --filter {} -- true", filter.display());
    let seen = chain(&bench, Who::User, &line).run().unwrap();
    assert!(String::from_utf8_lossy(&seen.stderr).contains("priv-drop before it"), "{}", explain(&seen));
    assert_eq!(seen.status, End::Exit(125));
}

/// A sandbox with a /dev has a second user namespace, below the one that its other namespaces belong to.
#[test]
fn namespaces_of_a_sandbox_with_a_dev_are_joined_by_its_own_user_namespace() {
    let bench = Bench::set_up();
    for who in everyone() {
        let mut job = bench.job(bench.bin("bwrap"), who);
        job.args("--unshare-user --unshare-all --ro-bind / / --dev /dev --proc /proc --info-fd 9".split(' '));
        job.args(["sh", "-c", "readlink /proc/self/ns/net; read line"]);
        job.fds.insert(9, Fd::Out);
        job.fds.insert(0, Fd::In);
        job.stdin = support::Stdin::Closed;
        let mut sandbox = job.start().unwrap();
        assert!(sandbox.wait_for(1, "]\n"));
        let net = String::from_utf8_lossy(sandbox.output(1)).into_owned();
        let info = String::from_utf8_lossy(sandbox.output(9)).into_owned();
        let pid = info.split_once("\"child-pid\": ").unwrap().1.split([',', '\n']).next().unwrap().to_owned();
        for words in [
            format!(
                "ns-enter --join-ns user=/proc/{pid}/ns/user --join-ns net=/proc/{pid}/ns/net readlink /proc/self/ns/net"
            ),
            format!(
                "bwrap --join-ns user=/proc/{pid}/ns/user --join-ns net=/proc/{pid}/ns/net --ro-bind / / readlink \
                 /proc/self/ns/net"
            ),
        ] {
            assert_eq!(ended(&chain(&bench, who, &words).run().unwrap(), 0).text(), net, "{who:?} {words}");
        }
        sandbox.close(0);
        ended(&sandbox.finish().unwrap(), 1);
    }
}

/// Without a PID namespace its end ends nobody, and it closes the pipe on which the command waits before it leaves its
/// children.
#[test]
fn a_reaper_that_is_killed_before_it_is_confined_lets_no_command_run() {
    let bench = Bench::set_up();
    // The command's side makes no such call.
    let filter = stage::filters::answer(libc::SYS_close_range, stage::filters::KILL);
    for who in everyone() {
        for _ in 0..50 {
            let words = "priv-drop --no-new-privs -- seccomp-load --seccomp 7 -- init-reaper --lock-file /etc/passwd -- echo run";
            let mut job = chain(&bench, who, words);
            job.fds.insert(7, Fd::Data(filter.clone()));
            let seen = job.run().unwrap();
            assert_eq!(
                (seen.status, seen.stdout.len()),
                (End::Signal(libc::SIGSYS), 0),
                "{}",
                explain(&seen)
            );
        }
    }
}

/// In a mount namespace whose /etc/subuid and /etc/subgid have a line for the ordinary user.
#[test]
fn several_ids_are_mapped_through_the_helpers_of_uidmap() {
    let bench = Bench::set_up();
    let has = |program: &str| std::process::Command::new(program).output().is_ok();
    if !support::is_root() || !has("newuidmap") || !has("setpriv") {
        return stage::skip(
            "needs root to give a user subordinate ids, newuidmap (package uidmap) and setpriv",
        );
    }
    let list = bench.path("subids");
    let run_in = |path: &str, line: &str, ids: &str| {
        std::fs::write(&list, ids).unwrap();
        let mut job = bench.job("/usr/bin/unshare", Who::Root);
        let script = format!(
            "mount --bind {0} /etc/subuid && mount --bind {0} /etc/subgid && exec setpriv --reuid 1000 --regid 1000 \
             --clear-groups --inh-caps=-all env PATH={path} {1}/{line}",
            list.display(),
            bench.path("bin").display()
        );
        job.args(["-m", "sh", "-c", &script]);
        job.env = vec![("PATH".into(), "/usr/sbin:/usr/bin:/sbin:/bin".into())];
        job.run().unwrap()
    };
    let run = |line: &str, ids: &str| run_in("/usr/sbin:/usr/bin:/sbin:/bin", line, ids);
    let auto = "--uid-map auto --gid-map auto --uid 0 --gid 0";
    for line in [format!("ns-enter {auto}"), format!("bwrap {auto} --bind / / --dev /dev")] {
        let view =
            ended(&run(&format!("{line} cat /proc/self/uid_map /proc/self/gid_map"), "1000:100000:50\n"), 0);
        let words: Vec<&str> = view.text().split_whitespace().collect();
        let map = ["0", "1000", "1", "1", "100000", "50"];
        assert_eq!(words, [map, map].concat(), "{line}");
    }
    // Lines that have some of the same ids, and the caller's own.
    let ids = "1000:100000:50\n1000:100020:40\n1000:990:20\n1000:100000:50\n";
    let view = ended(&run(&format!("ns-enter {auto} cat /proc/self/uid_map"), ids), 0);
    let words: Vec<&str> = view.text().split_whitespace().collect();
    let lines = [
        ["0", "1000", "1"],
        ["1", "100000", "50"],
        ["51", "100050", "10"],
        ["61", "990", "10"],
        ["71", "1001", "9"],
    ];
    assert_eq!(words, lines.concat());
    // Found by the caller's PATH: what the command is to have may be the sandbox's to write to.
    let planted = bench.dir("planted", Who::Root);
    std::fs::write(planted.join("newuidmap"), "#!/bin/sh\necho planted >&2\n").unwrap();
    std::fs::set_permissions(planted.join("newuidmap"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    let line = format!("bwrap {auto} --bind / / --setenv PATH {}:/usr/bin true", planted.display());
    let seen = run(&line, "1000:100000:50\n");
    ended(&seen, 0);
    assert!(seen.stderr.is_empty(), "{}", explain(&seen));
    for (mode, reason) in [(0o755, "has refused with status"), (0o644, "cannot be run")] {
        let helper = planted.join("newuidmap");
        std::fs::write(&helper, "#!/bin/sh\nexit 3\n").unwrap();
        std::fs::set_permissions(&helper, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        let path = planted.display().to_string();
        let seen = run_in(&path, "ns-enter --uid-map auto /bin/true", "1000:100000:50\n");
        assert_eq!((seen.status, seen.stdout.len()), (End::Exit(125), 0), "{}", explain(&seen));
        let message = format!("ns-enter: --uid-map: newuidmap {reason}");
        assert!(String::from_utf8_lossy(&seen.stderr).starts_with(&message), "{}", explain(&seen));
    }
    for (line, ids, message) in [
        ("--uid-map auto", "7:100000:50\n", "ns-enter: --uid-map auto: no line for user 1000 in /etc/subuid"),
        ("--uid-map 0:100000:51 --uid 0", "1000:100000:50\n", "ns-enter: --uid-map: newuidmap has refused"),
        (
            "--uid-map 0:100000:50",
            "1000:100000:50\n",
            "ns-enter: --uid-map gives the caller's own id, 1000, no place",
        ),
        (
            "--uid-map auto",
            "1000:x:50\n",
            "ns-enter: /etc/subuid: the line for user 1000 is not USER:FIRST:COUNT",
        ),
    ] {
        let seen = run(&format!("ns-enter {line} true"), ids);
        assert_eq!(seen.status, End::Exit(125), "{line}\n{}", explain(&seen));
        let said = String::from_utf8_lossy(&seen.stderr).into_owned();
        assert!(said.contains(message), "{line}: {said}");
    }
}

/// Without fs-build nobody else sees to it.
#[test]
fn what_is_mounted_in_a_mount_namespace_of_ns_enters_does_not_reach_the_host() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return stage::skip("only root can make a shared root to try it on");
    }
    let inner = format!(
        "{} --unshare-mount sh -c 'mount -t tmpfs marker /mnt && grep -c marker /proc/self/mountinfo'",
        bench.bin("ns-enter").display()
    );
    let text = format!("mount --make-rshared / && {inner} && ! grep marker /proc/self/mountinfo");
    let mut job = bench.job("unshare", Who::Root);
    job.args(["--mount", "sh", "-c", &text]);
    assert_eq!(ended(&job.run().unwrap(), 0).text(), "1\n");
}
