//! `--console`: a terminal of the sandbox's own, and the caller's as it was.

use stage::{Bench, Who, everyone, waits_in};
use std::fs;
use std::io::{self, PipeReader, Read};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{End, Fd, Job, Live, Stdin};

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

/// It reads what the sandbox prints.
#[test]
fn the_relay_holds_two_terminals_and_no_privilege() {
    if !support::is_root() {
        return stage::skip("who cannot be looked at is root's to look at");
    }
    let bench = Bench::set_up();
    for who in everyone() {
        let mut job = shell(&bench, who, Stdin::TtyAll, &[], "echo ready; read word");
        job.fds.insert(50, Fd::Data(b"the caller's".to_vec()));
        let mut live = job.start().expect("a process");
        assert!(live.wait_for(-1, "ready"), "{}", text(live.output(-1)));
        let relay = format!("/proc/{}", relay_of(&live));
        let status = fs::read_to_string(format!("{relay}/status")).expect("a process");
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert!(status.contains(&format!("{set}:\t{}\n", "0".repeat(16))), "{who:?}: {status}");
        }
        assert!(status.contains("NoNewPrivs:\t1\n"), "{who:?}: {status}");
        let mut held: Vec<String> = fs::read_dir(format!("{relay}/fd"))
            .expect("a process")
            .map(|entry| fs::read_link(entry.expect("a descriptor").path()).expect("a link"))
            .map(|link| match link.to_string_lossy() {
                name if name.starts_with("/dev/pts/") => "a terminal".to_owned(),
                name => name.split(":[").next().unwrap_or_default().to_owned(),
            })
            .collect();
        held.sort();
        // The caller's, as the standard three, and both ends of the sandbox's; the launcher, and signals.
        let terminals = ["a terminal"; 4];
        let expected = [&["/dev/ptmx"][..], &terminals, &["anon_inode", "socket"]].concat();
        assert_eq!(held, expected, "{who:?}");
        assert_eq!(text(&fs::read(format!("{relay}/environ")).expect("a process")), "", "{who:?}");
        live.write(-1, b"\r");
        live.finish().expect("its end");
    }
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

#[test]
fn a_reader_who_has_gone_ends_the_launch_and_the_sandbox() {
    let bench = Bench::set_up();
    for who in everyone() {
        let (reader, writer) = io::pipe().expect("a pipe");
        let mut job = shell(&bench, who, Stdin::Null, &[], "trap '' HUP; exec yes");
        job.close = vec![1];
        job.fds.insert(1, Fd::Raw(writer.as_raw_fd()));
        let live = job.start().expect("a process");
        drop(writer);
        (&reader).read_exact(&mut [0; 4096]).expect("what is printed");
        drop(reader);
        let seen = live.finish().expect("its end");
        assert_eq!((seen.status, seen.leftovers), (End::Signal(libc::SIGPIPE), vec![]), "{who:?}");
    }
}

#[test]
fn standard_input_that_is_closed_has_ended() {
    let bench = Bench::set_up();
    for who in everyone() {
        for to in ["<&-", "0>/dev/null"] {
            let line = format!("\"$@\" {to}");
            let job = shell(&bench, who, Stdin::Null, &[], "cat; echo on; exit 3");
            let seen = stage::through(job, &["sh", "-c", &line, "sh"]).run().expect("a process");
            assert_eq!((seen.status, text(&seen.stdout).as_str()), (End::Exit(3), "on\n"), "{who:?} {to}");
        }
    }
}

/// A launch whose standard output is a pipe of one page that nobody but the caller reads, which is told on descriptor 4 to
/// go on, and says on descriptor 5 how its command has ended.
fn into_a_page(bench: &Bench, command: &str) -> (Live, PipeReader) {
    let (reader, writer) = io::pipe().expect("a pipe");
    // SAFETY: a plain call on a pipe of ours.
    unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETPIPE_SZ, 4096) };
    let mut job = shell(bench, Who::User, Stdin::Null, &["--json-status-fd", "5"], command);
    job.close = vec![1];
    job.fds.insert(1, Fd::Raw(writer.as_raw_fd()));
    job.fds.insert(4, Fd::In);
    job.fds.insert(5, Fd::Out);
    let live = job.start().expect("a process");
    (live, reader)
}

/// Waits until the command has ended, and the monitor has nothing left to do but to wait for its relay.
fn relay_is_awaited(live: &mut Live) -> i32 {
    assert!(live.wait_for(5, "exit-code"), "{}", text(live.output(2)));
    let relay = relay_of(live);
    assert!(waits_in(live.pid(), libc::SYS_wait4, relay), "the monitor waits for its relay");
    relay
}

#[test]
fn what_is_left_behind_and_prints_on_does_not_keep_the_launch() {
    if !support::is_root() {
        return stage::skip("what another user's process waits for is root's to see");
    }
    let bench = Bench::set_up();
    // Who is left does not look at the hangup.
    let command = "trap '' HUP; yes & read line <&4; exit 3";
    let (mut live, mut reader) = into_a_page(&bench, command);
    let first = live.pid();
    let yes = soon(|| below(first, "yes").filter(|yes| is_stuck(*yes))).expect("all is full");
    live.write(4, b"on\n");
    relay_is_awaited(&mut live);
    let mut pages = 0;
    // Never a moment in which there is nothing to show.
    while soon(|| (is_stuck(yes) || !fs::exists(format!("/proc/{yes}")).is_ok_and(|is| is)).then_some(()))
        .is_some()
        && reader.read(&mut [0; 4096]).expect("a pipe") > 0
    {
        pages += 1;
        assert!(pages < 1000, "it is passed on without an end");
    }
    drop(reader);
    let seen = live.finish().expect("its end");
    assert_eq!((seen.status, seen.leftovers), (End::Exit(3), vec![]));
}

/// What `look` finds in the end; `None` if it has not found anything in ten seconds.
fn soon<T>(look: impl Fn() -> Option<T>) -> Option<T> {
    let until = Instant::now() + support::patience(Duration::from_secs(10));
    loop {
        let found = look();
        if found.is_some() || Instant::now() > until {
            return found;
        }
        std::thread::yield_now();
    }
}

/// A process of this name below another.
fn below(pid: i32, name: &str) -> Option<i32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    let mut children = children.split_whitespace().filter_map(|pid| pid.parse().ok());
    children.find_map(|child| {
        let is = fs::read_to_string(format!("/proc/{child}/comm")).is_ok_and(|comm| comm.trim_end() == name);
        if is { Some(child) } else { below(child, name) }
    })
}

/// Whether it sleeps in a write to its standard output.
fn is_stuck(pid: i32) -> bool {
    let call = fs::read_to_string(format!("/proc/{pid}/syscall"));
    call.is_ok_and(|call| call.starts_with(&format!("{} 0x1 ", libc::SYS_write)))
}

#[test]
fn a_relay_that_can_show_nothing_sleeps() {
    if !support::is_root() {
        return stage::skip("what another user's process waits for is root's to see");
    }
    let bench = Bench::set_up();
    let (mut live, mut reader) = into_a_page(&bench, "seq 2000");
    let relay = relay_is_awaited(&mut live);
    // One that is woken by an end that it knows never comes to sleep.
    let state = || {
        let stat = fs::read_to_string(format!("/proc/{relay}/stat")).expect("a process");
        stat.rsplit(')').next().and_then(|rest| rest.trim().chars().next())
    };
    assert!(soon(|| state().filter(|state| *state == 'S')).is_some(), "the relay spins");
    let mut out = Vec::new();
    reader.read_to_end(&mut out).expect("a pipe");
    assert!(text(&out).ends_with("\n2000\n"), "all is shown");
    assert_eq!(live.finish().expect("its end").status, End::Exit(0));
}

/// As where the launcher was killed before its relay could ask who it is: the parent did not make the socket.
#[test]
fn a_relay_sends_no_signals_to_who_has_adopted_it() {
    let bench = Bench::set_up();
    static UNLOCKED: libc::c_int = 0;
    let (ours, theirs) = UnixStream::pair().expect("sockets");
    let mut job = bench.job("/bin/sh", Who::User);
    job.stdin = Stdin::TtyAll;
    let relay = bench.bin("pty-relay");
    let line = format!(
        "trap 'echo hit' TERM; echo ready; {} --plan=10 --socket=7 --terminal=8; echo ended",
        relay.display()
    );
    job.args(["-c", &line]);
    job.fds.insert(7, Fd::Raw(theirs.as_raw_fd()));
    job.fds.insert(8, Fd::Path("/dev/ptmx".into(), libc::O_RDWR | libc::O_NOCTTY));
    job.enter = Some(Arc::new(|| {
        // SAFETY: TIOCSPTLCK reads one int, which is live: the terminal can be opened.
        unsafe { libc::ioctl(8, libc::TIOCSPTLCK, &raw const UNLOCKED) };
        Ok(())
    }));
    job.fds.insert(10, bench.keep(stage::Records::with(&[common::plan::Stage::NsEnter]).sealed()));
    let mut live = job.start().expect("a process");
    drop(theirs);
    assert!(live.wait_for(-1, "ready"), "{}", text(live.output(-1)));
    live.write(-1, b"\x1d\x1d\x1d");
    assert!(live.wait_for(-1, "ended"), "{}", text(live.output(-1)));
    drop(ours);
    let seen = live.finish().expect("its end");
    assert!(!text(&seen.stdout).contains("hit"), "{}", text(&seen.stdout));
}

/// An init takes no controlling terminal, and its caller's is none it could take.
#[test]
fn an_init_has_a_session_of_its_own_and_no_controlling_terminal() {
    let bench = Bench::set_up();
    for who in everyone() {
        // State, parent, group, session, terminal: behind the name in parentheses.
        let see = "read -r _ _ _ _ _ session terminal _ </proc/1/stat; echo $session $terminal";
        let seen = shell(&bench, who, Stdin::TtyAll, &["--as-pid-1"], see).run().expect("a process");
        assert_eq!((text(&seen.stdout).as_str(), seen.status), ("1 0\n", End::Exit(0)), "{who:?}");
    }
}

/// A command that is no pid 1 may have given up its death signal, and may not mind a hangup.
#[test]
fn a_relay_that_fails_ends_a_command_that_does_not_end_with_its_launcher() {
    let bench = Bench::set_up();
    for who in everyone() {
        let mut job = bench.job(bench.bin("bwrap"), who);
        job.fds.insert(1, Fd::Path("/dev/full".into(), libc::O_WRONLY));
        job.args(["--unshare-user", "--ro-bind", "/", "/", "--dev", "/dev", "--console"]);
        job.args(["setpriv", "--pdeathsig", "clear"]);
        job.args(["sh", "-c", "trap '' HUP; echo shown nowhere; exec sleep 4444"]);
        let seen = job.run().expect("a process");
        let message = "bwrap: write to standard output: No space left on device\n";
        assert_eq!((text(&seen.stderr).as_str(), seen.status), (message, End::Exit(1)), "{who:?}");
        assert_eq!(seen.leftovers, Vec::<String>::new(), "{who:?}");
    }
}
