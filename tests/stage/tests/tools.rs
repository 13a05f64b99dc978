//! priv-drop, init-reaper and seccomp-load as commands of their own, side by side with what people use today: setpriv, tini,
//! dumb-init, catatonit. For the features they share the outcome is the same.

use common::plan::SignalSet;
use stage::filters::{KILL, answer, deny};
use stage::*;
use std::path::Path;
use support::{End, Fd, Job, Live, Seen, Stdin};

fn stage_of(bench: &Bench, name: &str, who: Who, words: &[&str]) -> Job {
    let mut job = bench.job(bench.bin(name), who);
    job.args(words);
    job
}

/// Whether a peer is installed; if not, its half is left out.
fn has(peer: &str) -> bool {
    let there = ["/usr/bin", "/usr/sbin", "/bin"].iter().any(|dir| Path::new(dir).join(peer).exists());
    if !there {
        skip(&format!("{peer} is not installed"));
    }
    there
}

/// What a process can say about itself that setpriv(1) changes.
const LOOK: &str = "grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp|Umask)' /proc/self/status; ulimit -a";

fn looked_at(mut job: Job, probe: &Path) -> (String, String) {
    let words = job.argv.clone();
    job.args(["sh", "-c", LOOK]);
    let status = String::from_utf8(job.run().map(|seen| all_well(seen).stdout).unwrap()).unwrap();
    job.argv = words;
    job.arg(probe).arg("flags");
    let flags = String::from_utf8(job.run().map(|seen| all_well(seen).stdout).unwrap()).unwrap();
    (status, flags)
}

#[track_caller]
fn all_well(seen: Seen) -> Seen {
    ended(&seen, 0);
    seen
}

#[test]
fn priv_drop_leaves_the_process_as_setpriv_leaves_it() {
    let bench = Bench::set_up();
    if !has("setpriv") {
        return;
    }
    let of_root: &[&str] = &[
        "",
        "--reuid 1000 --regid 1000 --clear-groups",
        "--reuid=1000 --regid=1000 --keep-groups",
        "--reuid mail --regid mail --init-groups",
        "--reuid 8 --regid 8 --groups 4,24,1000",
        "--ruid 1 --euid 2 --rgid 3 --egid 4 --clear-groups",
        "--euid 1000",
        "--ruid 1000",
        "--clear-groups",
        "--inh-caps +net_raw",
        "--inh-caps -all,+chown,+kill",
        "--inh-caps +chown --ambient-caps +chown",
        "--reuid 1000 --inh-caps +chown,+kill --ambient-caps +chown",
        "--reuid 1000 --regid 1000 --clear-groups --inh-caps -all --bounding-set -all",
        "--bounding-set -all",
        "--bounding-set -chown,-net_admin",
        "--bounding-set -all,+chown",
        "--reuid 1000 --bounding-set -all --inh-caps -all --ambient-caps -all",
        "--securebits +noroot",
        "--securebits +noroot,+noroot_locked,+no_setuid_fixup",
        "--securebits +no_setuid_fixup --reuid 1000",
        "--pdeathsig TERM",
        "--pdeathsig TERM --reuid 1000",
        "--no-new-privs --reuid 1000 --clear-groups",
    ];
    let of_user: &[&str] = &["", "--inh-caps -all", "--ambient-caps -all", "--pdeathsig KILL"];
    for who in everyone() {
        let lines = if who == Who::Root { of_root } else { of_user };
        for line in lines {
            let words: Vec<&str> = line.split_whitespace().collect();
            let ours = stage_of(&bench, "priv-drop", who, &words);
            let mut theirs = bench.job("setpriv", who);
            theirs.arg("--no-new-privs").args(words.iter().filter(|word| **word != "--no-new-privs"));
            let probe = bench.path("probe");
            let (ours, theirs) = (looked_at(ours, &probe), looked_at(theirs, &probe));
            assert_eq!(ours.0, theirs.0, "{who:?} {line}");
            assert_eq!(ours.1, theirs.1, "{who:?} {line}");
        }
    }
}

#[test]
fn priv_drop_refuses_what_setpriv_refuses() {
    let bench = Bench::set_up();
    if !has("setpriv") {
        return;
    }
    for (who, line) in [
        (Who::User, "--reuid 0"),
        (Who::User, "--regid 0 --keep-groups"),
        (Who::User, "--clear-groups"),
        (Who::User, "--inh-caps +chown"),
        (Who::User, "--securebits +noroot"),
        (Who::User, "--reuid nobody-has-this-name"),
        (Who::User, "--regid 1000"),
        (Who::User, "--inh-caps chown"),
        (Who::User, "--pdeathsig NONSENSE"),
        (Who::User, "--nonsense"),
    ] {
        let words: Vec<&str> = line.split_whitespace().collect();
        for program in [bench.bin("priv-drop"), "setpriv".into()] {
            let mut job = bench.job(&program, who);
            let seen = job.args(&words).args(["echo", "run"]).run().unwrap();
            assert!(
                seen.stdout.is_empty() && !seen.stderr.is_empty(),
                "{program:?} {line}: {}",
                explain(&seen)
            );
            let ours = program == bench.bin("priv-drop");
            assert!(
                matches!(seen.status, End::Exit(status) if if ours { status == 125 } else { status != 0 })
            );
        }
    }
}

/// setpriv(1) runs the command all the same, without the capability and without a word.
#[test]
fn priv_drop_refuses_to_add_what_cannot_be_added() {
    let bench = Bench::set_up();
    for (words, message) in [
        (["--ambient-caps", "+chown"], "Adding ambient capability 0: Operation not permitted"),
        (
            ["--bounding-set", "+chown"],
            "Capability 0 is not in the bounding set, to which nothing can be added",
        ),
    ] {
        let job = stage_of(&bench, "priv-drop", Who::User, &[words[0], words[1], "echo", "run"]);
        let seen = job.run().unwrap();
        assert_eq!((seen.status, seen.stdout.len()), (End::Exit(125), 0), "{}", explain(&seen));
        assert_eq!(String::from_utf8_lossy(&seen.stderr), format!("priv-drop: {message}\n"));
    }
}

#[test]
fn priv_drop_sets_limits_as_prlimit_does_and_the_mask_as_the_shell() {
    let bench = Bench::set_up();
    for who in everyone() {
        for limit in ["nofile=64:128", "core=0", "cpu=100:200", "nofile=64", "stack=1000000:unlimited"] {
            let ours = stage_of(&bench, "priv-drop", who, &["--rlimit", limit]);
            let mut theirs = bench.job("prlimit", who);
            theirs.arg(format!("--{limit}")).args(["setpriv", "--no-new-privs"]);
            let probe = bench.path("probe");
            assert_eq!(looked_at(ours, &probe), looked_at(theirs, &probe), "{who:?} {limit}");
        }
        let seen =
            stage_of(&bench, "priv-drop", who, &["--umask", "027", "sh", "-c", "umask"]).run().unwrap();
        assert_eq!(ended(&seen, 0).text(), "0027\n");
    }
}

/// init-reaper and the small inits that are installed, with the options that make them alike.
fn inits(bench: &Bench) -> Vec<(&'static str, Vec<String>)> {
    let mut all = vec![("init-reaper", vec![bench.bin("init-reaper").display().to_string()])];
    let peers = [
        ("tini", vec!["tini", "-s", "--"]),
        ("dumb-init", vec!["dumb-init", "-c"]),
        ("catatonit", vec!["catatonit", "--"]),
    ];
    for (name, words) in peers {
        if has(name) {
            all.push((name, words.iter().map(|word| (*word).to_owned()).collect()));
        }
    }
    all
}

/// `init` as pid 1 of a PID namespace, with these words as its command.
fn as_pid_1(bench: &Bench, init: &[String], who: Who, words: &[&str]) -> Job {
    let user: &[&str] =
        if who == Who::User { &["--user", "--map-user=1000", "--map-group=1000"] } else { &[] };
    let mut job = bench.job("unshare", who);
    job.args(user).args(["--pid", "--fork", "--mount-proc"]).args(init).args(words);
    job
}

/// The process id of the init: the child of unshare(1).
fn init_of(live: &Live) -> i32 {
    let pid = live.pid();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    children.split_whitespace().next().expect("unshare has a child").parse().unwrap()
}

#[test]
fn every_init_takes_over_every_status() {
    let bench = Bench::set_up();
    for (name, init) in inits(&bench) {
        // Ours is measured with all of them elsewhere as well.
        for status in (0..=255).step_by(5) {
            let seen =
                as_pid_1(&bench, &init, Who::User, &["sh", "-c", &format!("exit {status}")]).run().unwrap();
            assert_eq!(seen.status, End::Exit(status), "{name} {}", explain(&seen));
        }
        for signal in [1, 2, 9, 15, 11] {
            let seen = as_pid_1(&bench, &init, Who::User, &["sh", "-c", &format!("kill -{signal} $$")])
                .run()
                .unwrap();
            assert_eq!(seen.status, End::Exit(128 + signal), "{name} {}", explain(&seen));
        }
    }
}

#[test]
fn every_init_reports_a_command_that_cannot_be_run() {
    let bench = Bench::set_up();
    for (name, init) in inits(&bench) {
        for (command, status) in [("/no/such/command", 127), ("/etc/passwd", 126)] {
            let seen = as_pid_1(&bench, &init, Who::User, &[command]).run().unwrap();
            // dumb-init does not tell the two apart, and catatonit has a status of its own for both.
            let theirs = match name {
                "dumb-init" => End::Exit(2),
                "catatonit" => seen.status,
                _ => End::Exit(status),
            };
            assert_eq!(seen.status, theirs, "{name} {}", explain(&seen));
            assert!(seen.status != End::Exit(0) && !seen.stderr.is_empty(), "{name}");
        }
    }
}

#[test]
fn every_init_passes_signals_on_and_reaps() {
    let bench = Bench::set_up();
    // What all of them pass on; each has some more.
    let signals = [1, 2, 3, 10, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28, 29, 30, 34, 40, 64];
    let successor = bench.path("successor");
    for (name, init) in inits(&bench) {
        let mut job = as_pid_1(&bench, &init, Who::User, &[successor.to_str().unwrap()]);
        job = script(job, &format!("catch {}", signals.len()));
        let mut live = job.start().unwrap();
        assert!(live.wait_for(1, "ready\n"), "{name}");
        let pid = init_of(&live);
        for signal in signals {
            assert!(SignalSet::FORWARDABLE.has(signal as u8));
            // SAFETY: a process of this test's own job.
            assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
            assert!(live.wait_for(1, &format!("got {signal}\n")), "{name} {signal}");
        }
        let seen = live.finish().unwrap();
        assert_eq!(seen.status, End::Exit(0), "{name} {}", explain(&seen));
        // Without a reaper the command would look for ever, and the job time out.
        let text = "for n in 1 2 3 4 5 6 7 8; do (/bin/true &) ; done; \
                    while grep -qs '^State:.*zombie' /proc/[0-9]*/status; do :; done; echo none";
        let seen = as_pid_1(&bench, &init, Who::User, &["sh", "-c", text]).run().unwrap();
        assert_eq!(
            (seen.status, &seen.stdout[..]),
            (End::Exit(0), &b"none\n"[..]),
            "{name} {}",
            explain(&seen)
        );
    }
}

#[test]
fn every_init_leaves_what_is_left_to_the_kernel() {
    let bench = Bench::set_up();
    let successor = bench.path("successor");
    let text = format!("(SUCCESSOR=forever {} &); exit 6", successor.display());
    for (name, init) in inits(&bench) {
        let seen = as_pid_1(&bench, &init, Who::User, &["sh", "-c", &text]).run().unwrap();
        assert_eq!(seen.status, End::Exit(6), "{name} {}", explain(&seen));
        assert!(seen.leftovers.is_empty(), "{name} {}", explain(&seen));
    }
}

#[test]
fn tini_and_init_reaper_remap_and_signal_groups_alike() {
    let bench = Bench::set_up();
    let ours = bench.bin("init-reaper").display().to_string();
    let successor = bench.path("successor");
    let mut pairs = vec![(
        "init-reaper",
        vec![ours.clone(), "--remap-exit".into(), "143".into()],
        vec![ours, "--group".into()],
    )];
    if has("tini") {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        pairs.push(("tini", words(&["tini", "-e", "143", "--"]), words(&["tini", "-g", "--"])));
    }
    for (name, remaps, groups) in pairs {
        let seen = as_pid_1(&bench, &remaps, Who::User, &["sh", "-c", "kill $$"]).run().unwrap();
        assert_eq!(seen.status, End::Exit(0), "{name} {}", explain(&seen));
        let text = format!(
            "trap '' TERM; SUCCESSOR='catch 1' {0} & SUCCESSOR='catch 1' {0}; wait; exit 3",
            successor.display()
        );
        let mut live = as_pid_1(&bench, &groups, Who::User, &["sh", "-c", &text]).start().unwrap();
        assert!(live.wait_for(1, "ready\nready\n"), "{name}");
        // SAFETY: a process of this test's own job.
        assert_eq!(unsafe { libc::kill(init_of(&live), libc::SIGTERM) }, 0);
        let view = ended(&live.finish().unwrap(), 3);
        assert_eq!(view.values("got"), ["15", "15"], "{name}");
    }
}

const GETPGRP: i64 = 111;

#[test]
fn seccomp_load_takes_filters_from_files_and_descriptors() {
    let bench = Bench::set_up();
    let file = bench.path("filter.bpf");
    std::fs::write(&file, deny(GETPGRP, libc::EPERM)).unwrap();
    let probe = bench.path("probe");
    let (file, probe) = (file.to_str().unwrap(), probe.to_str().unwrap());
    for who in everyone() {
        for (options, filters) in [
            (&["--filter", file][..], 1),
            (&["--filter", file, "--filter", file], 2),
            (&["--seccomp", "30"], 1),
            (&["--add-seccomp-fd", "30", "--filter", file], 2),
            (&["--filter", file, "--log", "--spec-allow"], 1),
        ] {
            // Who has no CAP_SYS_ADMIN needs no_new_privs: priv-drop sets it.
            let mut job = stage_of(&bench, "priv-drop", who, &["seccomp-load"]);
            job.args(options).args([probe, "flags"]);
            job.fds.insert(30, Fd::Data(deny(GETPGRP, libc::ENOSYS)));
            let view = ended(&job.run().unwrap(), 0);
            assert_eq!(view.value("seccomp"), format!("2 filters {filters}"), "{who:?} {options:?}");
        }
    }
}

#[test]
fn seccomp_load_says_which_instruction_is_wrong_and_runs_nothing() {
    let bench = Bench::set_up();
    let mut bad = deny(GETPGRP, libc::EPERM);
    // The second instruction jumps far.
    bad[8 + 3] = 200;
    for who in everyone() {
        let mut job = stage_of(&bench, "seccomp-load", who, &["--seccomp", "30", "echo", "run"]);
        job.fds.insert(30, Fd::Data(bad.clone()));
        let seen = job.run().unwrap();
        assert_eq!((seen.status, seen.stdout.len()), (End::Exit(125), 0), "{}", explain(&seen));
        let message = String::from_utf8_lossy(&seen.stderr).into_owned();
        assert_eq!(message, "seccomp-load: Seccomp filter 1: instruction 1: jumps behind the end\n");
    }
}

/// The kernel and the check agree on every program that differs from a good one in a byte.
#[test]
fn what_the_check_refuses_the_kernel_refuses_and_nothing_else() {
    let good = [
        answer(GETPGRP, KILL),
        vec![0x02, 0, 0, 0, 3, 0, 0, 0, 0x60, 0, 0, 0, 3, 0, 0, 0, 0x16, 0, 0, 0, 0, 0, 0, 0],
    ];
    let mut compared = 0;
    for program in good {
        for at in 0..program.len() {
            for value in [
                0, 1, 2, 3, 4, 5, 6, 7, 0x14, 0x15, 0x16, 0x1d, 0x20, 0x28, 0x34, 0x60, 0x61, 0x64, 0x80,
                0x87, 0xac, 0xff,
            ] {
                let mut changed = program.clone();
                changed[at] = value;
                let ours = common::bpf::check(&changed).is_ok();
                assert_eq!(ours, kernel_takes(&changed), "{changed:?}: {:?}", common::bpf::check(&changed));
                compared += 1;
            }
        }
    }
    assert!(compared > 1000);
}

/// Loads `program` in a child that ends at once.
fn kernel_takes(program: &[u8]) -> bool {
    let fprog =
        libc::sock_fprog { len: (program.len() / 8) as u16, filter: program.as_ptr().cast_mut().cast() };
    // SAFETY: the child calls nothing but prctl(2) and _exit(2); prctl reads the program, which outlives it.
    unsafe {
        let pid = libc::fork();
        if pid == 0 {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            let taken = libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &fprog) == 0;
            // The filter may deny even the end, by a signal: that is one that was taken.
            libc::_exit(if taken { 0 } else { 1 });
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(pid, &mut status, 0), pid);
        !libc::WIFEXITED(status) || libc::WEXITSTATUS(status) == 0
    }
}

#[test]
fn kill_process_ends_all_threads_where_the_filter_kills_one() {
    let bench = Bench::set_up();
    // A thread that is killed alone leaves the process running, and with it the status that it ends with.
    let python = "import threading, os, ctypes\nt = threading.Thread(target=lambda: ctypes.CDLL(None).getpgrp())\n\
                  t.start(); t.join(5); os._exit(9)";
    if !has("python3") {
        return;
    }
    // getpgrp of the C library is getpgid(0) or getpgrp: both.
    const KILL_THREAD: u32 = 0;
    let filter = answer(GETPGRP, KILL_THREAD);
    for (options, status) in [(&[][..], End::Exit(9)), (&["--kill-process"], End::Signal(libc::SIGSYS))] {
        let mut job = stage_of(&bench, "priv-drop", Who::User, &["seccomp-load", "--seccomp", "30"]);
        job.args(options).args(["/usr/bin/python3", "-c", python]);
        job.fds.insert(30, Fd::Data(filter.clone()));
        let seen = job.run().unwrap();
        assert_eq!(seen.status, status, "{options:?} {}", explain(&seen));
    }
}

/// bwrap with these options around the successor, on the host's tree read-only.
fn bwrap(bench: &Bench, who: Who, options: &[&str], steps: &str) -> Job {
    let mut job = bench.job(bench.bin("bwrap"), who);
    job.args(["--ro-bind", "/", "/", "--unshare-pid", "--proc", "/proc"]).args(options);
    job.arg(bench.path("successor"));
    script(job, steps)
}

#[test]
fn bwrap_passes_signals_on_to_the_command_when_asked() {
    let bench = Bench::set_up();
    for who in everyone() {
        for (options, signals) in [
            (&["--forward-signals"][..], &[(15, 15), (1, 1), (2, 2), (10, 10), (40, 40), (28, 28)][..]),
            (&["--stop-signal", "SIGRTMIN+3"], &[(15, 37), (1, 37), (2, 37), (10, 10)]),
            (&["--no-reaper", "--forward-signals"], &[(15, 15), (10, 10)]),
            (&["--as-pid-1", "--stop-signal", "37"], &[(15, 37), (12, 12)]),
            (&["--forward-signals", "--new-session"], &[(15, 15)]),
        ] {
            let mut live = bwrap(&bench, who, options, &format!("catch {}", signals.len())).start().unwrap();
            assert!(live.wait_for(1, "ready\n"), "{who:?} {options:?}");
            for (sent, got) in signals {
                live.kill(*sent);
                assert!(live.wait_for(1, &format!("got {got}\n")), "{who:?} {options:?} {sent}");
            }
            ended(&live.finish().unwrap(), 0);
        }
    }
}

#[test]
fn bwrap_without_it_ends_by_the_signal_as_ever() {
    let bench = Bench::set_up();
    for who in everyone() {
        let mut live = bwrap(&bench, who, &["--die-with-parent"], "catch 1").start().unwrap();
        assert!(live.wait_for(1, "ready\n"));
        live.kill(libc::SIGTERM);
        let seen = live.finish().unwrap();
        assert_eq!(seen.status, End::Signal(libc::SIGTERM), "{}", explain(&seen));
    }
}

/// A request to end that comes before the command runs means that it never does.
#[test]
fn bwrap_that_is_asked_to_end_before_the_command_runs_ends_without_it() {
    let bench = Bench::set_up();
    for who in everyone() {
        for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
            let mut job =
                bwrap(&bench, who, &["--forward-signals", "--block-fd", "30", "--info-fd", "31"], "argv");
            job.fds.extend([(30, Fd::In), (31, Fd::Out)]);
            let mut live = job.start().unwrap();
            assert!(live.wait_for(31, "child-pid"));
            live.kill(signal);
            assert!(live.wait_end(), "{who:?} {signal}");
            let seen = live.finish().unwrap();
            assert_eq!(seen.status, End::Exit(128 + signal), "{}", explain(&seen));
            assert!(seen.stdout.is_empty() && seen.leftovers.is_empty(), "{}", explain(&seen));
        }
    }
}

#[test]
fn a_key_on_the_terminal_reaches_a_command_in_bwrap_once() {
    let bench = Bench::set_up();
    for who in everyone() {
        for options in [&["--forward-signals"][..], &["--forward-signals", "--new-session"]] {
            let mut job = bwrap(&bench, who, options, "catch 2");
            job.stdin = Stdin::TtyAll;
            let mut live = job.start().unwrap();
            assert!(live.wait_for(-1, "ready"));
            live.write(-1, b"\x03");
            assert!(live.wait_for(-1, "got 2"), "{who:?} {options:?}");
            live.kill(libc::SIGUSR1);
            assert!(live.wait_for(-1, "got 10"), "{who:?} {options:?}");
            ended(&live.finish().unwrap(), 0);
        }
    }
}

#[test]
fn a_chain_passes_signals_on_from_the_outside_to_the_command() {
    let bench = Bench::set_up();
    let init_reaper = bench.bin("init-reaper").display().to_string();
    for who in everyone() {
        let mut job =
            stage_of(&bench, "ns-enter", who, &["--unshare-pid", &init_reaper, "--stop-signal", "USR1"]);
        job.arg(bench.path("successor"));
        let mut live = script(job, "catch 2").start().unwrap();
        assert!(live.wait_for(1, "ready\n"));
        for (sent, got) in [(libc::SIGTERM, 10), (libc::SIGUSR2, 12)] {
            live.kill(sent);
            assert!(live.wait_for(1, &format!("got {got}\n")), "{who:?}");
        }
        ended(&live.finish().unwrap(), 0);
    }
}

/// `reboot(2)`, which in a PID namespace ends pid 1 and says by which signal what was asked for.
#[test]
fn power_off_and_reboot_have_statuses_of_their_own() {
    let bench = Bench::set_up();
    if !has("python3") {
        return;
    }
    let call = |command: u32| {
        format!("import ctypes; ctypes.CDLL(None).syscall(169, 0xfee1dead, 672274793, {command:#x}, 0)")
    };
    let (power_off, restart) = (call(0x4321_fedc), call(0x0123_4567));
    for who in everyone() {
        for reaper in [&["--as-pid-1"][..], &[]] {
            for (options, text, status) in [
                (&["--handle-reboot"][..], &power_off, 0),
                (&["--handle-reboot"], &restart, 133),
                (&[], &power_off, 130),
                (&[], &restart, 129),
            ] {
                let mut job = bench.job(bench.bin("bwrap"), who);
                job.args([
                    "--ro-bind",
                    "/",
                    "/",
                    "--unshare-user",
                    "--unshare-pid",
                    "--uid",
                    "0",
                    "--cap-add",
                    "CAP_SYS_BOOT",
                ]);
                job.args(reaper).args(options).args(["/usr/bin/python3", "-c", text]);
                let seen = job.run().unwrap();
                assert_eq!(
                    seen.status,
                    End::Exit(status),
                    "{who:?} {reaper:?} {options:?} {}",
                    explain(&seen)
                );
            }
        }
    }
}

#[test]
fn with_allow_new_privs_a_warning_is_given_and_no_new_privs_is_not_set() {
    let bench = Bench::set_up();
    for who in everyone() {
        let seen = bwrap(&bench, who, &["--allow-new-privs"], "flags").run().unwrap();
        assert_eq!(seen.status, End::Exit(0), "{}", explain(&seen));
        assert!(String::from_utf8_lossy(&seen.stdout).contains("no_new_privs 0\n"), "{}", explain(&seen));
        let warning = "bwrap: --allow-new-privs: setuid programs work\n";
        assert_eq!(String::from_utf8_lossy(&seen.stderr), warning);
    }
}
