//! `--console`: a terminal of the sandbox's own, and the caller's as it was.

use stage::{Bench, Who, everyone};
use std::fs;
use support::{End, Job, Live, Stdin};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\r', "")
}

const TREE: [&str; 9] =
    ["--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--console"];

fn shell(bench: &Bench, who: Who, stdin: Stdin, options: &[&str], command: &str) -> Job {
    let mut job = bench.job(bench.bin("bwrap"), who);
    job.stdin = stdin;
    job.args(TREE).args(options).args(["sh", "-c", command]);
    job
}

const USUAL: libc::tcflag_t = libc::ICANON | libc::ECHO | libc::ISIG;

#[test]
fn the_command_has_a_terminal_that_is_its_console_and_has_the_callers_size() {
    let bench = Bench::set_up();
    for who in everyone() {
        let see = "test -t 0 && test -t 1 && test -t 2 && echo terminals; stat -Lc %t:%T /proc/self/fd/0 /dev/console; \
                   echo ready; read word; stty size; echo $word";
        let mut live = shell(&bench, who, Stdin::TtyAll, &[], see).start().expect("a process");
        assert!(live.wait_for(-1, "ready"), "{}", text(live.output(-1)));
        assert_eq!(live.local_modes() & USUAL, 0, "raw: what is typed is for the terminal inside");
        live.resize(33, 111);
        live.write(-1, b"go\r");
        assert!(live.wait_end());
        assert_eq!(live.local_modes() & USUAL, USUAL, "as it was");
        let seen = live.finish().expect("its end");
        let out = text(&seen.stdout);
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!((seen.status, lines[0]), (End::Exit(0), "terminals"), "{out}");
        assert_eq!(lines[1], lines[2], "{out}");
        // The terminal inside has echoed what was typed.
        assert_eq!(lines[3..], ["ready", "go", "33 111", "go"], "{out}");
    }
}

#[test]
fn keys_that_make_signals_make_them_inside() {
    let bench = Bench::set_up();
    let command = "trap 'echo interrupted; exit 5' INT; echo ready; while :; do read line; done";
    let mut live = shell(&bench, Who::User, Stdin::TtyAll, &[], command).start().expect("a process");
    assert!(live.wait_for(-1, "ready"), "{}", text(live.output(-1)));
    live.write(-1, b"\x03");
    let seen = live.finish().expect("its end");
    assert!(text(&seen.stdout).contains("interrupted"), "{}", text(&seen.stdout));
    assert_eq!((seen.status, seen.leftovers), (End::Exit(5), vec![]));
}

#[test]
fn the_callers_terminal_is_put_back_however_the_launch_ends() {
    let bench = Bench::set_up();
    for (options, command, end) in [
        (&["--die-with-parent"][..], "echo ready; read line", End::Signal(libc::SIGKILL)),
        (&[][..], "echo ready; read line", End::Signal(libc::SIGKILL)),
        (&[][..], "echo ready; kill -9 $$", End::Exit(137)),
    ] {
        let mut live = shell(&bench, Who::User, Stdin::TtyAll, options, command).start().expect("a process");
        assert!(live.wait_for(-1, "ready"), "{}", text(live.output(-1)));
        if end == End::Signal(libc::SIGKILL) {
            live.kill(libc::SIGKILL);
        }
        assert_eq!(live.settle(), 0, "{options:?}: a process is left");
        assert_eq!(live.local_modes() & USUAL, USUAL, "{options:?}");
        assert_eq!(live.finish().expect("its end").status, end);
    }
}

#[test]
fn ctrl_right_bracket_three_times_ends_the_launch_and_all_of_the_sandbox() {
    let bench = Bench::set_up();
    for as_pid_1 in [&[][..], &["--as-pid-1"]] {
        let command = "sleep 4441 & echo ready; stty raw; while :; do read line; done";
        let job = shell(&bench, Who::User, Stdin::TtyAll, as_pid_1, command);
        let mut live = job.start().expect("a process");
        assert!(live.wait_for(-1, "ready"), "{}", text(live.output(-1)));
        live.write(-1, b"\x1d\x1dx\x1d\x1d\x1d");
        let seen = live.finish().expect("its end");
        assert_eq!((seen.status, seen.leftovers), (End::Signal(libc::SIGTERM), vec![]));
    }
}

#[test]
fn the_end_of_the_callers_terminal_ends_the_sandbox() {
    let bench = Bench::set_up();
    let mut live =
        shell(&bench, Who::User, Stdin::TtyAll, &[], "echo ready; sleep 4442").start().expect("a process");
    assert!(live.wait_for(-1, "ready"), "{}", text(live.output(-1)));
    live.hang_up();
    let seen = live.finish().expect("its end");
    assert_eq!((seen.status, seen.leftovers), (End::Signal(libc::SIGHUP), vec![]));
}

/// The launcher's relay.
fn relay_of(live: &Live) -> i32 {
    let children = format!("/proc/{0}/task/{0}/children", live.pid());
    let children = fs::read_to_string(children).expect("a process");
    let is_relay = |pid: &&str| {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim_end() == "pty-relay")
    };
    children.split_whitespace().find(is_relay).expect("a relay").parse().expect("a process id")
}

/// It is in the host's mount namespace, with the command's user id.
#[test]
fn the_relay_cannot_be_traced_by_who_is_the_same_user() {
    if !support::is_root() {
        return stage::skip("who owns another's /proc files is root's to see");
    }
    let bench = Bench::set_up();
    let mut live =
        shell(&bench, Who::User, Stdin::TtyAll, &[], "echo ready; read word").start().expect("a process");
    assert!(live.wait_for(-1, "ready"), "{}", text(live.output(-1)));
    let owner = |pid: i32| {
        let files = fs::metadata(format!("/proc/{pid}/environ")).expect("a process");
        std::os::unix::fs::MetadataExt::uid(&files)
    };
    // PR_SET_DUMPABLE(2const): root's, where it is off.
    assert_eq!((owner(live.pid()), owner(relay_of(&live))), (support::USER, 0));
    live.write(-1, b"\r");
    live.finish().expect("its end");
}

#[test]
fn a_relay_that_was_killed_ends_the_launch_which_says_so() {
    let bench = Bench::set_up();
    for options in [&[][..], &["--as-pid-1"], &["--forward-signals"]] {
        let job = shell(&bench, Who::User, Stdin::TtyAll, options, "echo ready; sleep 4443");
        let mut live = job.start().expect("a process");
        assert!(live.wait_for(-1, "ready"), "{}", text(live.output(-1)));
        // SAFETY: a plain call; the relay is a child that the launcher has not waited for.
        unsafe { libc::kill(relay_of(&live), libc::SIGKILL) };
        assert!(live.wait_end());
        assert_eq!(live.local_modes() & USUAL, USUAL, "as it was");
        let seen = live.finish().expect("its end");
        let out = text(&seen.stdout);
        let message = "bwrap: pty-relay was killed: the sandbox has no terminal any more\n";
        assert_eq!((seen.status, seen.leftovers), (End::Exit(1), vec![]), "{options:?}");
        assert!(out.ends_with(message), "{options:?}: {out}");
    }
}

#[test]
fn no_other_signal_takes_the_terminal_from_a_sandbox_that_goes_on() {
    let bench = Bench::set_up();
    let mut live =
        shell(&bench, Who::User, Stdin::TtyAll, &[], "echo ready; read line; echo got $line; exit 6")
            .start()
            .expect("a process");
    assert!(live.wait_for(-1, "ready"), "{}", text(live.output(-1)));
    for signal in [libc::SIGTERM, libc::SIGHUP, libc::SIGINT, libc::SIGQUIT] {
        // SAFETY: a plain call; the relay is a child that the launcher has not waited for.
        unsafe { libc::kill(relay_of(&live), signal) };
    }
    live.write(-1, b"it\r");
    let seen = live.finish().expect("its end");
    assert!(text(&seen.stdout).ends_with("got it\n"), "{}", text(&seen.stdout));
    assert_eq!(seen.status, End::Exit(6));
}

#[test]
fn a_job_in_the_background_stops_before_it_changes_the_terminal() {
    let bench = Bench::set_up();
    let mut job = bench.job("/bin/bash", Who::User);
    job.stdin = Stdin::TtyAll;
    let line = format!(
        "set -m; {} {} sh -c 'echo in $((6 * 7)); read line; exit 6' & until jobs -s | grep -q .; do :; done; \
         echo stopped; read line; fg; echo status $?",
        bench.bin("bwrap").display(),
        TREE.join(" "),
    );
    job.args(["-c", &line]);
    let mut live = job.start().expect("a process");
    assert!(live.wait_for(-1, "stopped"), "{}", text(live.output(-1)));
    assert_eq!(live.local_modes() & USUAL, USUAL, "the shell's");
    live.write(-1, b"on\r");
    assert!(live.wait_for(-1, "in 42"), "{}", text(live.output(-1)));
    assert_eq!(live.local_modes() & USUAL, 0, "raw");
    live.write(-1, b"go\r");
    let seen = live.finish().expect("its end");
    assert!(text(&seen.stdout).ends_with("status 6\n"), "{}", text(&seen.stdout));
    assert_eq!(seen.leftovers, Vec::<String>::new());
}

#[test]
fn without_a_terminal_outside_bytes_go_through_once() {
    let bench = Bench::set_up();
    for who in everyone() {
        let job = shell(&bench, who, Stdin::Data(b"one\ntwo\n".to_vec()), &[], "tty -s && cat; exit 4");
        let seen = job.run().expect("a process");
        assert_eq!((text(&seen.stdout).as_str(), seen.status), ("one\ntwo\n", End::Exit(4)));
        assert_eq!(seen.leftovers, Vec::<String>::new());
    }
}

#[test]
fn all_that_was_printed_is_shown_before_the_launch_ends() {
    let bench = Bench::set_up();
    let seen = shell(&bench, Who::User, Stdin::Null, &[], "seq 20000").run().expect("a process");
    let out = text(&seen.stdout);
    assert_eq!(out.lines().count(), 20000);
    assert!(out.ends_with("\n20000\n"));
}
