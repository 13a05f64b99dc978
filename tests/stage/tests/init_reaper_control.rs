//! init-reaper as a command of its own: signals, the terminal, and what is left when the command ends.

use common::plan::{Control, InitReaper, Left, Signal, SignalSet, Stage};
use stage::*;
use support::{Fd, Job, Live, Stdin};

/// init-reaper as a command: all signals are passed on.
const FORWARDS: Control<'static> = Control { forward: SignalSet::FORWARDABLE, subreaper: true, ..CONTROL };

/// Whether init-reaper is pid 1 of a PID namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Pid1,
    Subreaper,
}

const PLACES: [Place; 2] = [Place::Pid1, Place::Subreaper];

/// init-reaper with `control` and a successor in seccomp-load's place.
fn job(bench: &Bench, control: Control<'static>, place: Place, who: Who, steps: &str) -> Job {
    let frame = InitReaper { control: Some(control), ..INIT_REAPER };
    let plan =
        Records { init_reaper: Some(frame), ..Records::with(&[Stage::InitReaper, Stage::SeccompLoad]) };
    placed(script(bench.stage(Stage::InitReaper, &plan, who), steps), place, who)
}

/// The same with a shell as the command; `$0` is the successor.
fn shell(bench: &Bench, control: Control<'static>, place: Place, who: Who, text: &str) -> Job {
    let frame = InitReaper { control: Some(control), ..INIT_REAPER };
    let successor = bench.path("successor");
    let words = ["/bin/sh", "-c", text, successor.to_str().unwrap()];
    let plan = Records { init_reaper: Some(frame), ..Records::new(&words) };
    placed(bench.stage(Stage::InitReaper, &plan, who), place, who)
}

fn placed(job: Job, place: Place, who: Who) -> Job {
    let user = ["--user", "--map-user=1000", "--map-group=1000"];
    let user = if who == Who::User { &user[..] } else { &[] };
    match place {
        Place::Pid1 => through(job, &[&["unshare"][..], user, &["--pid", "--fork", "--mount-proc"]].concat()),
        Place::Subreaper => job,
    }
}

/// The process id of init-reaper: the job's own, or its child's.
fn reaper(live: &Live, place: Place) -> i32 {
    let pid = live.pid();
    if place == Place::Subreaper {
        return pid;
    }
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    children.split_whitespace().next().expect("unshare has a child").parse().unwrap()
}

fn kill(pid: i32, signal: i32) {
    // SAFETY: a process of this test's own job.
    assert_eq!(unsafe { libc::kill(pid, signal) }, 0, "kill({pid}, {signal})");
}

#[test]
fn every_signal_that_can_be_passed_on_is_and_no_other() {
    let bench = Bench::set_up();
    let all = (1..=64).filter(|signal| ![libc::SIGKILL, libc::SIGSTOP].contains(signal));
    let (passed, kept): (Vec<i32>, Vec<i32>) = all.partition(|n| SignalSet::FORWARDABLE.has(*n as u8));
    for who in everyone() {
        for place in PLACES {
            let mut live =
                job(&bench, FORWARDS, place, who, &format!("catch {}", passed.len())).start().unwrap();
            assert!(live.wait_for(1, "ready\n"));
            let pid = reaper(&live, place);
            // Elsewhere what is not passed on does to init-reaper what it does to everybody.
            for signal in kept.iter().filter(|_| place == Place::Pid1) {
                kill(pid, *signal);
            }
            for signal in &passed {
                kill(pid, *signal);
                assert!(live.wait_for(1, &format!("got {signal}\n")), "{who:?} {place:?} {signal}");
            }
            let view = ended(&live.finish().unwrap(), 0);
            let got: Vec<i32> = view.values("got").iter().map(|n| n.parse().unwrap()).collect();
            assert_eq!(got, passed);
        }
    }
}

#[test]
fn a_signal_that_is_not_to_be_passed_on_is_not() {
    let bench = Bench::set_up();
    let only = Control { forward: SignalSet::of(&[10]), ..FORWARDS };
    for who in everyone() {
        let mut live = job(&bench, only, Place::Pid1, who, "catch 1").start().unwrap();
        assert!(live.wait_for(1, "ready\n"));
        let pid = reaper(&live, Place::Pid1);
        [1, 2, 3, 12, 15, 40, 10].into_iter().for_each(|signal| kill(pid, signal));
        assert_eq!(ended(&live.finish().unwrap(), 0).values("got"), ["10"]);
    }
}

#[test]
fn requests_to_end_become_the_stop_signal() {
    let bench = Bench::set_up();
    let control = Control { stop_signal: Signal::new(37), ..FORWARDS };
    for who in everyone() {
        for place in PLACES {
            let mut live = job(&bench, control, place, who, "catch 5").start().unwrap();
            assert!(live.wait_for(1, "ready\n"));
            let pid = reaper(&live, place);
            let mut expected = String::from("ready\n");
            for (sent, got) in [(1, 37), (2, 37), (15, 37), (3, 3), (10, 10)] {
                kill(pid, sent);
                expected.push_str(&format!("got {got}\n"));
                assert!(live.wait_for(1, &expected), "{who:?} {place:?} {sent}");
            }
            ended(&live.finish().unwrap(), 0);
        }
    }
}

#[test]
fn signals_go_to_the_command_or_to_its_whole_group() {
    let bench = Bench::set_up();
    // The one in the background stands for the rest of the command's group.
    let text = "SUCCESSOR='catch 1' \"$0\" & SUCCESSOR='catch 1' \"$0\"; wait; exit 3";
    let alone = "exec 3>&1; SUCCESSOR='catch 1' \"$0\" & SUCCESSOR='catch 1' exec \"$0\"";
    for who in everyone() {
        for place in PLACES {
            let control = Control { group: true, foreground: true, ..FORWARDS };
            let mut live =
                shell(&bench, control, place, who, &format!("trap '' TERM; {text}")).start().unwrap();
            assert!(live.wait_for(1, "ready\nready\n"));
            kill(reaper(&live, place), libc::SIGTERM);
            assert!(live.wait_for(1, "got 15\ngot 15\n"), "{who:?} {place:?}");
            ended(&live.finish().unwrap(), 3);
            // To the process alone: the other one is still there for what is done at the end.
            let left = Left::Kill { grace: 60_000 };
            let control = Control { group: false, left, ..control };
            let mut live = shell(&bench, control, place, who, alone).start().unwrap();
            assert!(live.wait_for(1, "ready\nready\n"));
            kill(reaper(&live, place), libc::SIGUSR1);
            let view = ended(&live.finish().unwrap(), 0);
            assert_eq!(view.values("got"), ["10", "15"], "{who:?} {place:?}");
        }
    }
}

#[test]
fn the_command_gets_the_signal_mask_and_the_dispositions_of_the_caller() {
    let bench = Bench::set_up();
    for who in everyone() {
        let mut job = job(&bench, Control { foreground: true, ..FORWARDS }, Place::Subreaper, who, "signals");
        job.block = vec![libc::SIGUSR1, 40];
        job.ignore = vec![libc::SIGHUP, libc::SIGINT];
        let mut plain = script(bench.job(bench.path("successor"), who), "signals");
        (plain.block, plain.ignore) = (job.block.clone(), job.ignore.clone());
        let (seen, expected) = (ended(&job.run().unwrap(), 0), ended(&plain.run().unwrap(), 0));
        assert_eq!(seen.text(), expected.text());
    }
}

/// A signal that comes when the command's process is there but not yet the command is the command's.
#[test]
fn no_signal_is_lost_between_the_start_and_the_command() {
    let bench = Bench::set_up();
    for who in everyone() {
        // Held up where everything is prepared and the command has no go yet: long enough to be seen there, since in
        // rt_sigtimedwait(2) the kernel shows the signals as not blocked.
        // At a call that it makes there whoever it is: an ordinary user has no capabilities to give up.
        let delay =
            ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=close_range:delay_enter=1000000"];
        let job = through(job(&bench, FORWARDS, Place::Subreaper, who, "forever"), &delay);
        let live = job.start().unwrap();
        let pid = blocking(live.pid(), libc::SIGTERM);
        kill(pid, libc::SIGTERM);
        ended(&live.finish().unwrap(), 143);
    }
}

/// Waits until a child of `pid` has `signal` blocked.
fn blocking(pid: i32, signal: i32) -> i32 {
    let deadline = std::time::Instant::now() + support::patience(std::time::Duration::from_secs(10));
    while std::time::Instant::now() < deadline {
        let children =
            std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        for child in children.split_whitespace() {
            let status = std::fs::read_to_string(format!("/proc/{child}/status")).unwrap_or_default();
            let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:\t")).unwrap_or("0");
            if u64::from_str_radix(blocked, 16).unwrap_or(0) >> (signal - 1) & 1 == 1 {
                return child.parse().unwrap();
            }
        }
        std::thread::yield_now();
    }
    panic!("it has never blocked signal {signal}");
}

#[test]
fn every_exit_status_and_every_deadly_signal_is_taken_over() {
    let bench = Bench::set_up();
    let control = Control { left: Left::Leave, ..FORWARDS };
    for place in PLACES {
        for status in 0..=255 {
            ended(&job(&bench, control, place, Who::User, &format!("exit {status}")).run().unwrap(), status);
        }
        for signal in deadly_signals() {
            ended(
                &job(&bench, control, place, Who::User, &format!("kill {signal}")).run().unwrap(),
                128 + signal,
            );
        }
    }
}

#[test]
fn statuses_are_remapped_to_0() {
    let bench = Bench::set_up();
    let control = Control { remap_exit: list(&[143_u32, 7]), ..FORWARDS };
    for who in everyone() {
        for (steps, status) in [("exit 7", 0), ("kill 15", 0), ("exit 8", 8), ("exit 0", 0), ("kill 9", 137)]
        {
            ended(&job(&bench, control, Place::Pid1, who, steps).run().unwrap(), status);
        }
    }
}

/// An orphan that catches signals, and the command ends when it is ready.
const ORPHAN: &str = "(SUCCESSOR=\"$STEPS\" \"$0\" &) | { read ready; exit 4; }";

#[test]
fn what_is_left_is_left() {
    let bench = Bench::set_up();
    let control = Control { left: Left::Leave, ..FORWARDS };
    for who in everyone() {
        let run = |place| {
            let job = shell(&bench, control, place, who, "(SUCCESSOR=forever \"$0\" &); exit 4");
            job.run().unwrap()
        };
        // The kernel ends a PID namespace with its pid 1.
        ended(&run(Place::Pid1), 4);
        let seen = run(Place::Subreaper);
        assert_eq!(seen.status, support::End::Exit(4), "{}", explain(&seen));
        assert_eq!(seen.leftovers.len(), 1, "{}", explain(&seen));
    }
}

#[test]
fn what_is_left_is_asked_to_end_and_then_killed() {
    let bench = Bench::set_up();
    for who in everyone() {
        for place in PLACES {
            // It ends when it is asked.
            let control = Control { left: Left::Kill { grace: 60_000 }, ..FORWARDS };
            let text = "(SUCCESSOR='catch 1' \"$0\" &); read line; exit 4";
            let mut job = shell(&bench, control, place, who, text);
            job.stdin = Stdin::Closed;
            job.fds.insert(0, Fd::In);
            let mut live = job.start().unwrap();
            assert!(live.wait_for(1, "ready\n"));
            live.close(0);
            let view = ended(&live.finish().unwrap(), 4);
            assert_eq!(view.values("got"), ["15"], "{who:?} {place:?}");
            // It does not end.
            for grace in [0, 50] {
                let control = Control { left: Left::Kill { grace }, ..FORWARDS };
                let job = with_env(shell(&bench, control, place, who, ORPHAN), "STEPS", "catch 99");
                ended(&job.run().unwrap(), 4);
            }
        }
    }
}

#[test]
fn children_of_what_is_left_come_to_the_subreaper_and_are_ended_too() {
    let bench = Bench::set_up();
    let control = Control { left: Left::Kill { grace: 60_000 }, ..FORWARDS };
    let text = "(sh -c '(sh -c \"SUCCESSOR=wait \\\"\\$0\\\" <&9; :\" \"$0\"; :) ; :' \"$0\" &) | { read ready; exit 4; }";
    for who in everyone() {
        let mut job = shell(&bench, control, Place::Subreaper, who, text);
        job.fds.insert(9, Fd::In);
        ended(&job.run().unwrap(), 4);
    }
}

/// In a tree that somebody hostile has filled, /proc may be a directory of his.
#[test]
fn a_forged_list_of_children_is_refused() {
    let bench = Bench::set_up();
    let control = Control { left: Left::Kill { grace: 0 }, ..FORWARDS };
    let forged = bench.dir("forged", Who::Root);
    std::fs::create_dir(forged.join("thread-self")).unwrap();
    std::fs::write(forged.join("thread-self/children"), std::process::id().to_string()).unwrap();
    for who in everyone() {
        let user: &[&str] = if who == Who::User { &["--user", "--map-root-user"] } else { &[] };
        let covered =
            ["--mount", "sh", "-c", "mount --bind \"$0\" /proc && exec \"$@\"", forged.to_str().unwrap()];
        let job = job(&bench, control, Place::Subreaper, who, "exit 0");
        let seen = through(job, &[&["unshare"][..], user, &covered].concat()).run().unwrap();
        assert_eq!(
            refused(&seen),
            "init-reaper: Can't open /proc/thread-self/children: Operation not supported"
        );
    }
}

#[test]
fn the_parents_death_is_passed_on_as_a_signal() {
    let bench = Bench::set_up();
    let control = Control { parent_death_signal: Signal::new(15), ..FORWARDS };
    for who in everyone() {
        let between = ["sh", "-c", "\"$@\" <&9 & cat >/dev/null", "sh"];
        let mut job = through(job(&bench, control, Place::Subreaper, who, "catch 1"), &between);
        job.stdin = Stdin::Closed;
        job.fds.extend([(0, Fd::In), (9, Fd::Path("/dev/null".into(), 0))]);
        let mut live = job.start().unwrap();
        assert!(live.wait_for(1, "ready\n"));
        live.close(0);
        let view = ended(&live.finish().unwrap(), 0);
        assert_eq!(view.values("got"), ["15"], "{who:?}");
    }
}

#[test]
fn the_command_has_the_foreground_of_the_terminal_and_gives_it_back() {
    let bench = Bench::set_up();
    let control = Control { foreground: true, ..FORWARDS };
    for who in everyone() {
        for (foreground, group) in [(true, "self"), (false, "parent")] {
            let mut job =
                job(&bench, Control { foreground, ..control }, Place::Subreaper, who, "session;exit 5");
            job.stdin = Stdin::TtyAll;
            let view = ended(&job.run().unwrap(), 5);
            assert_eq!(view.value("controlling tty"), format!("yes, foreground group {group}\r").trim());
            assert_eq!(view.value("pgid"), group);
        }
    }
}

/// Where the command is in init-reaper's group, it has got what the terminal raises already.
#[test]
fn a_key_on_the_terminal_reaches_the_command_once() {
    let bench = Bench::set_up();
    for who in everyone() {
        for foreground in [true, false] {
            let mut job = job(&bench, Control { foreground, ..FORWARDS }, Place::Subreaper, who, "catch 2");
            job.stdin = Stdin::TtyAll;
            let mut live = job.start().unwrap();
            assert!(live.wait_for(-1, "ready"));
            live.write(-1, b"\x03");
            assert!(live.wait_for(-1, "got 2"));
            live.kill(libc::SIGUSR1);
            assert!(live.wait_for(-1, "got 10"), "{who:?} {foreground}");
            ended(&live.finish().unwrap(), 0);
        }
    }
}

#[test]
fn a_command_that_is_stopped_stops_init_reaper_and_goes_on_with_it() {
    let bench = Bench::set_up();
    for who in everyone() {
        let control = Control { foreground: true, ..FORWARDS };
        let mut job = job(&bench, control, Place::Subreaper, who, "continue 2;wait;exit 6");
        job.stdin = Stdin::TtyAll;
        let mut live = job.start().unwrap();
        assert!(live.wait_for(-1, "ready"));
        for time in 1..=2 {
            live.write(-1, b"\x1a");
            assert!(live.wait_stopped(), "{who:?}");
            // What continued init-reaper the last time was not passed on once more.
            let goes_on = format!("goes on {time}");
            assert!(!String::from_utf8_lossy(live.output(-1)).contains(&goes_on), "{who:?}");
            live.kill(libc::SIGCONT);
            // A key that comes before the command goes on is forgotten: SIGCONT takes it back (signal(7)).
            assert!(live.wait_for(-1, &goes_on), "{who:?}");
        }
        // Back in the foreground: what is typed reaches it.
        live.write(-1, b"\x04");
        ended(&live.finish().unwrap(), 6);
    }
}

#[test]
fn without_a_list_of_children_nothing_is_run_that_could_not_be_ended() {
    let bench = Bench::set_up();
    let control = Control { left: Left::Kill { grace: 0 }, ..FORWARDS };
    if !support::is_root() {
        return skip("only root can hide /proc from a process that is not pid 1");
    }
    let hide = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs none /proc && exec \"$@\"", "sh"];
    let job = through(job(&bench, control, Place::Subreaper, Who::Root, "argv"), &hide);
    let message = "init-reaper: Can't open /proc/thread-self/children: Operation not supported";
    assert_eq!(refused(&job.run().unwrap()), message);
}

/// The descriptors of init-reaper's own do not reach the command, and its list of children is the only one it keeps.
#[test]
fn init_reaper_keeps_nothing_open_but_what_it_needs() {
    let bench = Bench::set_up();
    for who in everyone() {
        for (left, kept) in [(Left::Wait, 0), (Left::Kill { grace: 0 }, 1)] {
            let mut job = job(&bench, Control { left, ..FORWARDS }, Place::Subreaper, who, "fds;wait");
            job.stdin = Stdin::Closed;
            job.fds.extend([(0, Fd::In), (50, Fd::Data(vec![]))]);
            let mut live = job.start().unwrap();
            assert!(live.wait_for(1, "ready\n"));
            let held = std::fs::read_dir(format!("/proc/{}/fd", live.pid())).unwrap().count();
            assert_eq!(held, 3 + kept, "{who:?} {left:?}");
            live.close(0);
            let view = ended(&live.finish().unwrap(), 0);
            assert_eq!(view.fds().keys().copied().collect::<Vec<_>>(), [0, 1, 2, PLAN_FD, 50]);
        }
    }
}
