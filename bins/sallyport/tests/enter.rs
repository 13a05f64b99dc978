//! `sallyport enter`: what is run there is in the sandbox, and no more than that.

#![allow(clippy::expect_used)] // Tests: what is not as expected fails the test.

use stage::{Bench, Who, everyone};
use std::path::Path;
use support::{End, Fd, Job, Live, Seen};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A sandbox that runs until its input ends; and its first process, as it says itself on descriptor 9.
struct Sandbox {
    live: Live,
    inside: i32,
}

impl Sandbox {
    #[track_caller]
    fn start(bench: &Bench, who: Who, options: &str) -> Sandbox {
        Sandbox::start_by(bench.job(bench.bin("bwrap"), who), options)
    }

    /// The same with a job that becomes bwrap. What the sandbox reads it does, line by line.
    #[track_caller]
    fn start_by(mut job: Job, options: &str) -> Sandbox {
        job.args(options.split_whitespace()).args([
            "--info-fd",
            "9",
            "sh",
            "-c",
            "echo started; while read -r line; do eval \"$line\"; done; exit 0",
        ]);
        job.fds.insert(9, Fd::Out);
        job.fds.insert(0, Fd::In);
        job.stdin = support::Stdin::Closed;
        let mut live = job.start().expect("a process");
        assert!(live.wait_for(1, "started\n"), "{}", text(live.output(2)));
        let info = text(live.output(9));
        let pid = info.split_once("\"child-pid\": ").and_then(|(_, rest)| rest.split([',', '\n']).next());
        let inside = pid.and_then(|pid| pid.parse().ok()).expect("a process id");
        Sandbox { live, inside }
    }

    #[track_caller]
    fn end(mut self) {
        self.live.close(0);
        assert_eq!(self.live.settle(), 0);
        assert_eq!(self.live.finish().expect("its end").status, End::Exit(0));
    }
}

/// A job that enters, with a program that is the caller's own.
fn entering(bench: &Bench, who: Who, options: &[&str], pid: i32, command: &[&str]) -> Job {
    let tool = bench.path("bin/sallyport");
    if !tool.exists() {
        bench.install(Path::new(env!("CARGO_BIN_EXE_sallyport")), "bin/sallyport", 0o755);
    }
    if support::is_root() {
        std::os::unix::fs::chown(&tool, Some(who.uid()), Some(who.uid())).expect("root may");
    }
    let mut job: Job = bench.job(tool, who);
    job.arg("enter").args(options).arg(pid.to_string()).args(command);
    job
}

#[track_caller]
fn enter(bench: &Bench, who: Who, options: &[&str], pid: i32, command: &[&str]) -> Seen {
    let seen = entering(bench, who, options, pid, command).run().expect("a process");
    assert_eq!(seen.leftovers, Vec::<String>::new());
    seen
}

/// What makes a sandbox, from the probe's report: all but which process it is.
fn confinement(report: &[u8]) -> Vec<String> {
    let alike = |line: &&str| {
        [
            "uid ",
            "gid ",
            "uid_map",
            "gid_map",
            "cap ",
            "no_new_privs",
            "seccomp",
            "hostname",
            "mount ",
            "env ",
        ]
        .iter()
        .any(|start| line.starts_with(start))
    };
    let report = String::from_utf8_lossy(report);
    report.lines().filter(alike).map(str::to_owned).collect()
}

/// One of a directory leads out of the sandbox.
#[test]
fn the_callers_descriptors_are_not_for_a_command_that_enters() {
    let bench = Bench::set_up();
    let probe = bench.path("probe").to_string_lossy().into_owned();
    for who in everyone() {
        let sandbox = Sandbox::start(&bench, who, "--unshare-all --ro-bind / / --proc /proc");
        let mut job = entering(&bench, who, &[], sandbox.inside, &[&probe, "fds"]);
        job.fds.insert(50, Fd::Path("/".into(), libc::O_PATH | libc::O_DIRECTORY));
        let seen = job.run().expect("a process");
        let out = text(&seen.stdout);
        let numbers: Vec<&str> = out.lines().filter_map(|line| line.split(' ').nth(1)).collect();
        assert_eq!(numbers, ["0", "1", "2"], "{who:?}: {out}{}", text(&seen.stderr));
        sandbox.end();
    }
}

#[test]
fn a_command_that_enters_is_as_confined_as_what_is_there() {
    let bench = Bench::set_up();
    let probe = bench.path("probe").to_string_lossy().into_owned();
    for who in everyone() {
        for options in [
            "--unshare-all --ro-bind / / --proc /proc --dev /dev --hostname inside --clearenv --setenv A b --chdir /usr",
            "--unshare-all --unshare-user --uid 5 --gid 6 --ro-bind / / --proc /proc --dev /dev",
            "--unshare-user --disable-userns --ro-bind / / --proc /proc",
            "--unshare-user --ro-bind / / --cap-add CAP_NET_ADMIN --unshare-net",
        ] {
            // The same sandbox with the probe as its command.
            let mut job = bench.job(bench.bin("bwrap"), who);
            job.args(options.split_whitespace()).arg(&probe);
            let direct = job.run().expect("a process");
            assert_eq!(direct.status, End::Exit(0), "{options}: {}", text(&direct.stderr));
            let sandbox = Sandbox::start(&bench, who, options);
            for pid in [sandbox.inside, sandbox.live.pid()] {
                let entered = enter(&bench, who, &[], pid, &[&probe]);
                assert_eq!(entered.status, End::Exit(0), "{options}: {}", text(&entered.stderr));
                assert_eq!(confinement(&entered.stdout), confinement(&direct.stdout), "{options}");
            }
            sandbox.end();
        }
    }
}

#[test]
fn exit_statuses_are_the_commands_or_say_why_there_was_none() {
    let bench = Bench::set_up();
    let who = Who::User;
    let sandbox = Sandbox::start(&bench, who, "--unshare-all --ro-bind / / --proc /proc");
    let status = |command: &[&str]| enter(&bench, who, &[], sandbox.inside, command).status;
    assert_eq!(status(&["sh", "-c", "exit 9"]), End::Exit(9));
    assert_eq!(status(&["sh", "-c", "kill -TERM $$"]), End::Exit(128 + 15));
    assert_eq!(status(&["/nonexistent"]), End::Exit(127));
    assert_eq!(status(&["/etc/passwd"]), End::Exit(126));
    sandbox.end();
    let seen = enter(&bench, who, &[], std::process::id() as i32, &["true"]);
    assert_eq!(seen.status, End::Exit(125));
    assert!(text(&seen.stderr).starts_with("sallyport: process "), "{}", text(&seen.stderr));
}

#[test]
fn filters_that_cannot_be_had_are_given_again_or_given_up() {
    let bench = Bench::set_up();
    let who = Who::User;
    // Everything but uname(2), which fails with ENOSYS.
    let filter: Vec<u8> =
        [(0x20, 0, 0, 0), (0x15, 0, 1, 63), (0x06, 0, 0, 0x0005_0026), (0x06, 0, 0, 0x7fff_0000u32)]
            .iter()
            .flat_map(|(code, jt, jf, k)| {
                let [c0, c1] = u16::to_ne_bytes(*code);
                let k = k.to_ne_bytes();
                [c0, c1, *jt, *jf, k[0], k[1], k[2], k[3]]
            })
            .collect();
    let path = bench.path("filter");
    std::fs::write(&path, &filter).expect("room in /tmp");
    let mut job = bench.job(bench.bin("bwrap"), who);
    let line = "--unshare-all --ro-bind / / --proc /proc --seccomp 8 --info-fd 9 sh -c";
    job.args(line.split(' ')).arg("echo started; read line; exit 0");
    job.fds.insert(8, Fd::File(filter));
    job.fds.insert(9, Fd::Out);
    job.fds.insert(0, Fd::In);
    job.stdin = support::Stdin::Closed;
    let mut live = job.start().expect("a process");
    assert!(live.wait_for(1, "started\n"), "{}", text(live.output(2)));
    let pid = live.pid();
    let refused = enter(&bench, who, &[], pid, &["uname"]);
    assert_eq!((refused.status, refused.stdout.len()), (End::Exit(125), 0));
    assert!(text(&refused.stderr).contains("--seccomp FILE"), "{}", text(&refused.stderr));
    let path = path.to_string_lossy().into_owned();
    assert_eq!(enter(&bench, who, &["--seccomp", &path], pid, &["uname"]).status, End::Exit(1));
    assert_eq!(enter(&bench, who, &["--no-filter"], pid, &["uname"]).status, End::Exit(0));
    live.close(0);
    assert_eq!(live.settle(), 0);
}

/// runc's CVE-2019-5736: a command that is a link to what runs it, and somebody in the sandbox who then writes to that.
#[test]
fn what_is_in_the_sandbox_cannot_write_to_the_program_that_enters() {
    let bench = Bench::set_up();
    for who in everyone() {
        let dir = bench.dir(if who == Who::User { "users" } else { "roots" }, who);
        std::os::unix::fs::symlink("/proc/self/exe", dir.join("evil")).expect("room in /tmp");
        let made = std::process::Command::new("mkfifo").args(["-m", "666"]).arg(dir.join("fifo")).status();
        assert!(made.expect("mkfifo").success());
        let line =
            format!("--unshare-all --ro-bind / / --proc /proc --dev /dev --bind {0} {0}", dir.display());
        let mut sandbox = Sandbox::start(&bench, who, &line);
        let (evil, fifo) = (format!("{}/evil", dir.display()), format!("{}/fifo", dir.display()));
        let job = entering(&bench, who, &[], sandbox.inside, &[&evil, "check", &fifo]);
        let before = std::fs::read(bench.path("bin/sallyport")).expect("the program");
        let mut entered = job.start().expect("a process");
        sandbox.live.write(
            0,
            b"p=; while test -z \"$p\"; do for p in /proc/[0-9]*/exe; do case $(readlink $p) in */sallyport|*memfd*) break;; \
              esac; p=; done; done; exec 5<$p; echo found\n",
        );
        assert!(sandbox.live.wait_for(1, "found\n"), "{}", text(sandbox.live.output(2)));
        std::fs::write(&fifo, "").expect("somebody who reads");
        entered.wait_end();
        sandbox
            .live
            .write(0, b"if echo WRITTEN 1<>/proc/self/fd/5; then echo worked; else echo refused; fi\n");
        assert!(sandbox.live.wait_for(1, "refused\n"), "{who:?}: {}", text(sandbox.live.output(1)));
        assert_eq!(std::fs::read(bench.path("bin/sallyport")).expect("the program"), before, "{who:?}");
        entered.finish().expect("its end");
        sandbox.end();
    }
}

/// Nobody who is the same user in the sandbox may look at who enters, whose memory is the host's. What its child is before
/// the exec, the parent stays.
#[test]
fn who_enters_cannot_be_looked_at() {
    let bench = Bench::set_up();
    let who = Who::User;
    let sandbox = Sandbox::start(&bench, who, "--unshare-all --ro-bind / / --proc /proc --dev /dev");
    let mut job = entering(&bench, who, &[], sandbox.inside, &["sh", "-c", "echo there; read line"]);
    job.fds.insert(0, Fd::In);
    job.stdin = support::Stdin::Closed;
    let mut entered = job.start().expect("a process");
    assert!(entered.wait_for(1, "there\n"), "{}", text(entered.output(2)));
    // Readable by who may trace it: this is asked of the command inside as well, of which he may.
    for (pid, may) in [(sandbox.inside, true), (entered.pid(), false)] {
        let mut look = bench.job("/usr/bin/readlink", who);
        look.arg("-v").arg(format!("/proc/{pid}/exe"));
        let seen = look.run().expect("a process");
        assert_eq!(seen.status, End::Exit(i32::from(!may)), "{}{}", text(&seen.stdout), text(&seen.stderr));
    }
    entered.close(0);
    entered.finish().expect("its end");
    sandbox.end();
}

/// A launcher in a mount namespace of its own (a service with PrivateTmp=) is outside its sandbox all the same.
#[test]
fn a_launcher_in_namespaces_of_its_own_leads_to_its_sandbox() {
    if !support::is_root() {
        stage::skip("only root makes a mount namespace alone");
        return;
    }
    let bench = Bench::set_up();
    let mut job = bench.job("/usr/bin/unshare", Who::Root);
    job.arg("--mount").arg(bench.bin("bwrap"));
    let options =
        "--unshare-all --unshare-user --uid 1234 --hostname inside --ro-bind / / --dev /dev --proc /proc";
    let sandbox = Sandbox::start_by(job, options);
    let seen = enter(
        &bench,
        Who::Root,
        &[],
        sandbox.live.pid(),
        &["sh", "-c", "id -u; cat /proc/sys/kernel/hostname"],
    );
    assert_eq!((seen.status, text(&seen.stdout)), (End::Exit(0), "1234\ninside\n".to_owned()));
    sandbox.end();
}

/// A sandbox in another's: its launcher leads to the inner one.
#[test]
fn a_launcher_inside_a_sandbox_leads_to_its_own() {
    let bench = Bench::set_up();
    for who in everyone() {
        let mut sandbox = Sandbox::start(
            &bench,
            who,
            "--unshare-all --unshare-user --ro-bind / / --dev /dev --proc /proc --hostname outer",
        );
        let line = format!(
            "{} --unshare-all --unshare-user --hostname inner --ro-bind / / --dev /dev sh -c 'echo there; read x' & \
             wait\n",
            bench.bin("bwrap").display()
        );
        // In the background its input is /dev/null.
        let line = line.replace("read x", "while :; do read x </proc/sys/kernel/hostname; sleep 1; done");
        sandbox.live.write(0, line.as_bytes());
        assert!(sandbox.live.wait_for(1, "there\n"), "{}", text(sandbox.live.output(2)));
        let children =
            std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", sandbox.inside)).expect("it");
        let shell =
            children.split_whitespace().next().and_then(|pid| pid.parse::<i32>().ok()).expect("a shell");
        let below = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).expect("it");
        let launcher = below.split_whitespace().next().and_then(|pid| pid.parse().ok()).expect("a launcher");
        let seen = enter(&bench, who, &[], launcher, &["cat", "/proc/sys/kernel/hostname"]);
        assert_eq!(
            (seen.status, text(&seen.stdout)),
            (End::Exit(0), "inner\n".to_owned()),
            "{who:?}: {}",
            text(&seen.stderr)
        );
        sandbox.live.kill(libc::SIGKILL);
        // Its init, so that what it runs ends, too.
        common::sys::kill(sandbox.inside).expect("a process");
        assert_eq!(sandbox.live.settle(), 0);
    }
}

#[test]
fn limits_umask_groups_and_clocks_are_those_inside() {
    let bench = Bench::set_up();
    for who in everyone() {
        let mut job = bench.job("/usr/bin/prlimit", who);
        job.args(["--nofile=64:70", "sh", "-c", "umask 027; exec \"$@\"", "sh"]).arg(bench.bin("bwrap"));
        // Not in a user namespace where root has none by himself: there nobody sets groups.
        let sandbox = Sandbox::start_by(job, "--unshare-pid --ro-bind / / --proc /proc --dev /dev");
        let script = "ulimit -Sn; ulimit -Hn; umask; grep Groups: /proc/self/status";
        let mut job = entering(&bench, who, &[], sandbox.inside, &["sh", "-c", script]);
        if who == Who::Root {
            // Root can give up groups; his sandbox has none.
            let mut with = bench.job("/usr/bin/setpriv", who);
            with.args(["--groups", "4,27"]).args(job.argv.drain(..).collect::<Vec<_>>());
            job = with;
        }
        let seen = job.run().expect("a process");
        let lines = text(&seen.stdout);
        assert!(lines.starts_with("64\n70\n0027\nGroups:"), "{who:?}: {lines}{}", text(&seen.stderr));
        let groups = std::fs::read_to_string(format!("/proc/{}/status", sandbox.inside)).expect("its status");
        let groups = groups.lines().find(|line| line.starts_with("Groups:")).expect("groups").trim_end();
        if who == Who::Root {
            assert_eq!(lines.lines().last().map(str::trim_end), Some(groups));
        }
        sandbox.end();
    }
    let who = Who::User;
    let mut job = bench.job(bench.bin("ns-enter"), who);
    job.args(["--unshare-user", "--unshare-time", "--boottime", "1000000", "--"]).arg(bench.bin("bwrap"));
    let sandbox = Sandbox::start_by(job, "--unshare-pid --unshare-user --ro-bind / / --proc /proc");
    let seen = enter(&bench, who, &[], sandbox.inside, &["cat", "/proc/uptime"]);
    let uptime: f64 =
        text(&seen.stdout).split(' ').next().and_then(|word| word.parse().ok()).expect("seconds");
    assert!(uptime > 1_000_000.0, "{uptime}: {}", text(&seen.stderr));
    sandbox.end();
}

/// Groups that cannot be given up are refused, or kept knowingly.
#[test]
fn groups_that_cannot_be_given_up_are_refused() {
    if !support::is_root() {
        stage::skip("only root has groups to give");
        return;
    }
    let bench = Bench::set_up();
    let sandbox = Sandbox::start(&bench, Who::User, "--unshare-all --ro-bind / / --proc /proc");
    for (options, status) in [(&[][..], 125), (&["--keep-groups"], 0)] {
        let job = entering(&bench, Who::User, options, sandbox.inside, &["true"]);
        let mut with = bench.job("/usr/bin/setpriv", Who::Root);
        with.args([
            "--reuid",
            "1000",
            "--regid",
            "1000",
            "--groups",
            "4,27",
            "--bounding-set=-all",
            "--inh-caps=-all",
        ]);
        with.args(job.argv);
        let seen = with.run().expect("a process");
        assert_eq!(seen.status, End::Exit(status), "{}", text(&seen.stderr));
        assert!(status == 0 || text(&seen.stderr).contains("--keep-groups"), "{}", text(&seen.stderr));
    }
    sandbox.end();
}

#[test]
fn what_was_run_ends_with_who_entered() {
    let bench = Bench::set_up();
    for who in everyone() {
        // As another user too, where there is one: a change of ids clears the death signal.
        let others: &[&[&str]] =
            if who == Who::Root { &[&[], &["--uid", "33", "--gid", "33"]] } else { &[&[]] };
        for options in others {
            let sandbox = Sandbox::start(&bench, who, "--unshare-pid --ro-bind / / --proc /proc --dev /dev");
            let mut job =
                entering(&bench, who, options, sandbox.inside, &["sh", "-c", "echo there; read line"]);
            job.fds.insert(0, Fd::In);
            job.stdin = support::Stdin::Closed;
            let mut entered = job.start().expect("a process");
            assert!(entered.wait_for(1, "there\n"), "{}", text(entered.output(2)));
            entered.kill(libc::SIGKILL);
            assert!(entered.wait_end());
            let children = format!("/proc/{0}/task/{0}/children", sandbox.inside);
            // Its parent is gone: this process, a subreaper, or the sandbox's init has it until it ends.
            while std::fs::read_to_string(&children).expect("its children").split_whitespace().count() > 1 {
                std::thread::yield_now();
            }
            assert_eq!(entered.finish().expect("its end").leftovers, Vec::<String>::new(), "{options:?}");
            sandbox.end();
        }
    }
}

#[test]
fn a_shell_on_a_terminal_has_its_keys_and_its_status() {
    let bench = Bench::set_up();
    for who in everyone() {
        let sandbox = Sandbox::start(&bench, who, "--unshare-all --ro-bind / / --proc /proc --dev /dev");
        let mut job = entering(&bench, who, &[], sandbox.inside, &[]);
        job.stdin = support::Stdin::TtyAll;
        let mut entered = job.start().expect("a process");
        entered.write(-1, b"echo 1st$((1))\n");
        assert!(entered.wait_for(-1, "1st1"), "{}", text(entered.output(-1)));
        // Ends what runs in the foreground, neither the shell nor who entered.
        entered.write(-1, b"sed -u s/in/out/\n");
        // It runs: a shell that was about to start it might swallow the key.
        entered.write(-1, b"<in>\n");
        assert!(entered.wait_for(-1, "<out>"), "{}", text(entered.output(-1)));
        entered.write(-1, b"\x03");
        // The key empties the terminal's queue: what is typed next waits for the prompt.
        let prompt = if who == Who::Root { "^C\r\n# " } else { "^C\r\n$ " };
        assert!(entered.wait_for(-1, prompt), "{}", text(entered.output(-1)));
        entered.write(-1, b"echo status=$?\n");
        assert!(entered.wait_for(-1, "status=130"), "{}", text(entered.output(-1)));
        entered.write(-1, b"exit 6\n");
        assert!(entered.wait_end());
        let seen = entered.finish().expect("its end");
        assert_eq!(seen.status, End::Exit(6), "{who:?}: {}", text(&seen.stdout));
        assert!(!text(&seen.stdout).contains("tty process group"), "{}", text(&seen.stdout));
        sandbox.end();
    }
}

/// A filter that the launcher had too (a container's, a service's) is not the sandbox's.
#[test]
fn filters_of_the_host_are_none_of_the_sandboxs() {
    let bench = Bench::set_up();
    let filter = bench.path("filter");
    // Allows everything.
    std::fs::write(&filter, [6u8, 0, 0, 0, 0, 0, 0xff, 0x7f]).expect("room in /tmp");
    for who in everyone() {
        let mut job = bench.job(bench.bin("priv-drop"), who);
        job.arg("--")
            .arg(bench.bin("seccomp-load"))
            .arg("--filter")
            .arg(&filter)
            .arg("--")
            .arg(bench.bin("bwrap"));
        let sandbox = Sandbox::start_by(job, "--unshare-all --ro-bind / / --proc /proc");
        let seen = enter(&bench, who, &[], sandbox.inside, &["true"]);
        assert_eq!(seen.status, End::Exit(0), "{who:?}: {}", text(&seen.stderr));
        sandbox.end();
    }
}

/// In the sandbox anybody may call himself a launcher: what he has is no measure of what the sandbox was given.
#[test]
fn a_process_inside_that_calls_itself_bwrap_takes_no_filter_away() {
    let bench = Bench::set_up();
    for who in everyone() {
        let mut job = bench.job(bench.bin("bwrap"), who);
        job.args(["--seccomp", "8"]);
        job.fds.insert(8, Fd::File(stage::filters::deny(libc::SYS_reboot, libc::EPERM)));
        let mut sandbox =
            Sandbox::start_by(job, "--unshare-all --ro-bind / / --tmpfs /tmp --dev /dev --proc /proc");
        sandbox.live.write(
            0,
            b"cp /bin/sh /tmp/bwrap; /tmp/bwrap -c 'echo pid $$; sleep 1000 & echo there; wait' & wait\n",
        );
        assert!(sandbox.live.wait_for(1, "there\n"), "{}", text(sandbox.live.output(2)));
        // Pid 1, the shell, who calls himself bwrap, his child.
        let mut pid = sandbox.inside;
        for _ in 0..3 {
            let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("it");
            pid = children.split_whitespace().next().and_then(|child| child.parse().ok()).expect("a child");
        }
        let parent = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it");
        let parent = parent.lines().find_map(|line| line.strip_prefix("PPid:\t")).expect("a parent");
        assert_eq!(std::fs::read_to_string(format!("/proc/{parent}/comm")).expect("it"), "bwrap\n");
        let seen = enter(&bench, who, &[], pid, &["true"]);
        assert_eq!(seen.status, End::Exit(125), "{who:?}: {}", text(&seen.stderr));
        assert!(text(&seen.stderr).contains("--no-filter"), "{}", text(&seen.stderr));
        common::sys::kill(sandbox.inside).expect("a process");
        assert_eq!(sandbox.live.settle(), 0);
    }
}

/// A session's terminal comes in as /dev/tty though it is none of the standard descriptors; where none of them is a
/// terminal, it does not.
#[test]
fn a_terminal_from_which_the_sandbox_is_kept_is_warned_about() {
    let bench = Bench::set_up();
    let who = Who::User;
    let sandbox =
        Sandbox::start(&bench, who, "--unshare-all --new-session --ro-bind / / --proc /proc --dev /dev");
    let has_tty = ["sh", "-c", "(: </dev/tty) 2>/dev/null && echo tty; exit 0"];
    for (options, files, warns, expected) in [
        (&[][..], "", true, true),
        (&["--new-session"], "", false, false),
        (&[], "</dev/null | cat", true, true),
        (&[], "</dev/null 2>&1 >\"$OUT\" | cat >>\"$OUT\"; cat \"$OUT\"", false, false),
    ] {
        let out = bench.dir("out", who).join("out");
        let enters = entering(&bench, who, options, sandbox.inside, &has_tty);
        // A job-controlling shell's place: the terminal is the session's, whatever the descriptors are.
        let mut job = stage::through(enters, &["sh", "-c", &format!("\"$@\" {files}"), "sh"]);
        job.env.push(("OUT".into(), out.into()));
        job.stdin = support::Stdin::TtyAll;
        let seen = job.run().expect("a process");
        assert_eq!(seen.status, End::Exit(0), "{}", text(&seen.stdout));
        let shown = text(&seen.stdout);
        assert_eq!(shown.contains("can read what is typed"), warns, "{options:?} {files}: {shown}");
        assert_eq!(shown.contains("tty\r\n"), expected, "{options:?} {files}: {shown}");
    }
    sandbox.end();
}

/// A stage has more than the command will have: capabilities, the host's root, no filter.
#[test]
fn a_launch_that_is_not_done_is_not_entered() {
    let bench = Bench::set_up();
    for who in everyone() {
        // fs-build waits for the file, priv-drop for the word to go on.
        for options in [
            "--ro-bind / / --file 7 /tmp/file",
            "--ro-bind / / --block-fd 7",
            "--ro-bind / / --unshare-user --userns-block-fd 7",
        ] {
            let mut job = bench.job(bench.bin("bwrap"), who);
            job.args("--unshare-all --tmpfs /tmp".split_whitespace()).args(options.split_whitespace());
            job.args(["--info-fd", "9", "sh", "-c", "echo started; read -r line"]);
            job.fds.extend([(7, Fd::In), (9, Fd::Out), (0, Fd::Path("/dev/null".into(), 0))]);
            job.stdin = support::Stdin::Closed;
            let mut live = job.start().expect("a process");
            assert!(live.wait_for(9, "child-pid"), "{}", text(live.output(2)));
            let seen = enter(&bench, who, &["--no-filter"], live.pid(), &["echo", "run"]);
            assert_eq!(
                (seen.status, text(&seen.stdout)),
                (End::Exit(125), String::new()),
                "{who:?} {options}"
            );
            assert!(text(&seen.stderr).contains("still being set up"), "{options}: {}", text(&seen.stderr));
            live.kill(libc::SIGKILL);
            live.close(7);
            assert_eq!(live.settle(), 0);
        }
    }
}

/// The relay and the keeper are children of the launcher as well, and older than the sandbox.
#[test]
fn a_launcher_with_a_console_leads_to_its_sandbox() {
    let bench = Bench::set_up();
    for who in everyone() {
        let mut job = bench.job(bench.bin("bwrap"), who);
        job.args("--unshare-all --ro-bind / / --proc /proc --dev /dev --console sh -c".split_whitespace());
        job.args(["readlink /proc/self/ns/pid; read -r line"]);
        job.fds.insert(0, Fd::In);
        job.stdin = support::Stdin::Closed;
        let mut live = job.start().expect("a process");
        assert!(live.wait_for(1, "]\r\n"), "{}", text(live.output(2)));
        let seen = enter(&bench, who, &[], live.pid(), &["readlink", "/proc/self/ns/pid"]);
        let (inside, entered) = (text(live.output(1)), text(&seen.stdout));
        assert_eq!(entered.trim(), inside.trim(), "{who:?} {}", text(&seen.stderr));
        live.close(0);
        assert_eq!(live.settle(), 0);
    }
}

/// A key of the caller's is none of the sandbox's.
#[test]
fn the_callers_session_keyring_stays_outside() {
    let bench = Bench::set_up();
    for who in everyone() {
        let sandbox = Sandbox::start(&bench, who, "--unshare-all --ro-bind / / --proc /proc --dev /dev");
        let probe = bench.path("probe").display().to_string();
        let script = "\"$0\" keyring; \"$@\"";
        let enters = entering(&bench, who, &[], sandbox.inside, &[&probe, "keyring"]);
        let both = stage::through(enters, &["sh", "-c", script, &probe]).run().expect("a process");
        let lines = text(&both.stdout);
        let mut lines = lines.lines().filter(|line| line.starts_with("session keyring"));
        let (outside, inside) = (lines.next().expect("outside"), lines.next().expect("inside"));
        assert_ne!(outside, inside, "{who:?}");
        sandbox.end();
    }
}

/// What took its capabilities away for good is not to be seen from outside: an exec as root may give none there.
#[test]
fn an_exec_as_root_gives_no_capability_back() {
    let bench = Bench::set_up();
    for who in everyone() {
        let line = "--unshare-user --uid 0 --gid 0 --unshare-pid -- fs-build --ro-bind / / --proc /proc -- priv-drop \
                    --allow-new-privs --securebits +noroot,+noroot_locked --permitted-caps -all --effective-caps -all \
                    --inh-caps -all -- init-reaper -- sh -c";
        let mut job = bench.job(bench.bin("ns-enter"), who);
        job.args(line.split_whitespace());
        job.args(["echo started; read -r line"]);
        job.env.push(("PATH".into(), format!("{}:/usr/bin:/bin", bench.path("bin").display()).into()));
        job.fds.insert(0, Fd::In);
        job.stdin = support::Stdin::Closed;
        let mut live = job.start().expect("a process");
        assert!(live.wait_for(1, "started\n"), "{}", text(live.output(2)));
        let seen = enter(&bench, who, &[], live.pid(), &["sh", "-c", "grep -h ^CapEff /proc/self/status"]);
        assert_eq!(text(&seen.stdout), "CapEff:\t0000000000000000\n", "{who:?} {}", text(&seen.stderr));
        live.close(0);
        assert_eq!(live.settle(), 0);
    }
}
