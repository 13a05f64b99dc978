//! The network namespace that is made while other stages run: who waits for it believes nobody, and goes nowhere without.

use common::caps::CapSet;
use common::plan::{PrivDrop, Stage};
use common::sys::{self, Fd as Number};
use stage::*;
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd as StdFd};
use support::{Fd, Job};

const REFUSED: &[u8] = &[0];
const DONE: &[u8] = &[1];
/// The number of priv-drop's end.
const SOCKET: i32 = 30;
const NO_NAMESPACE: &str = "priv-drop: Can't join the network namespace";
const NO_END: &str = "priv-drop: Can't wait for the network namespace";

/// priv-drop, a successor behind it, and `socket` to wait on.
fn job(bench: &Bench, who: Who, socket: Fd, steps: &str) -> Job {
    let frame = PrivDrop { cap_drop: CapSet::ALL, ..PRIV_DROP };
    let plan = Records { priv_drop: Some(frame), ..Records::with(&[Stage::InitReaper]) };
    let mut job = script(bench.stage(Stage::PrivDrop, &plan, who), steps);
    job.fds.insert(SOCKET, socket);
    job.arg(format!("--netns={SOCKET}"));
    job
}

/// What a maker sends: bytes, and a descriptor with them.
type Message<'a> = (&'a [u8], Option<&'a File>);

/// priv-drop whose maker sends `messages` and ends.
fn told(bench: &Bench, who: Who, messages: &[Message<'_>]) -> support::Seen {
    let (ours, theirs) = sys::socketpair().unwrap();
    for (bytes, file) in messages {
        sys::send_with_fd(ours.fd(), bytes, file.map(|file| Number(file.as_raw_fd()))).unwrap();
    }
    drop(ours);
    let seen = job(bench, who, Fd::Raw(theirs.fd().0), "report").run().unwrap();
    drop(theirs);
    seen
}

/// This test's own network namespace, which root may join, and its cookie.
fn own_namespace() -> (File, [u8; 8]) {
    let cookie = sys::netns_cookie(sys::socketpair().unwrap().0.fd()).unwrap();
    (File::open("/proc/self/ns/net").unwrap(), cookie.to_ne_bytes())
}

#[test]
fn the_namespace_that_its_maker_sends_is_joined_and_the_socket_closed() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("needs root: nobody else may join this test's network namespace");
    }
    let (own, cookie) = own_namespace();
    let view = ended(&told(&bench, Who::Root, &[(&cookie, Some(&own)), (DONE, None)]), 0);
    assert!(!view.fds().contains_key(&SOCKET), "{}", view.text());
    assert_eq!(view.argument("--netns="), None);
}

#[test]
fn a_maker_that_says_something_else_stops_the_launch() {
    let bench = Bench::set_up();
    let (own, cookie) = own_namespace();
    let null = File::open("/dev/null").unwrap();
    let user = File::open("/proc/self/ns/user").unwrap();
    let messages: [&[Message<'_>]; 7] = [
        // Nobody is there who could lend it.
        &[(&cookie, None)],
        &[(&cookie, None), (DONE, None)],
        &[(b"four", Some(&own))],
        &[(&[0; 9], Some(&own))],
        &[(&cookie, Some(&null))],
        &[(&cookie, Some(&user))],
        &[(DONE, None)],
    ];
    for who in everyone() {
        for said in messages {
            let line = refused(&told(&bench, who, said));
            assert!(line.starts_with(NO_NAMESPACE), "{who:?} {said:?}: {line}");
        }
    }
}

#[test]
fn a_namespace_that_was_not_the_one_announced_is_refused() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("needs root: nobody else may join this test's network namespace");
    }
    let (own, mut cookie) = own_namespace();
    cookie[0] ^= 1;
    let line = refused(&told(&bench, Who::Root, &[(&cookie, Some(&own)), (DONE, None)]));
    assert_eq!(line, NO_NAMESPACE);
}

/// What went wrong, or that it was killed, is the monitor's to say, which may have been killed along with it: by a key.
#[test]
fn a_maker_that_fails_or_is_killed_is_not_complained_of_here() {
    let bench = Bench::set_up();
    let assert_silent = |who: Who, messages: &[Message<'_>]| {
        let seen = told(&bench, who, messages);
        assert_eq!((seen.status, &seen.stderr[..]), (support::End::Exit(1), &b""[..]), "{}", explain(&seen));
        assert!(seen.stdout.is_empty(), "{}", explain(&seen));
    };
    for who in everyone() {
        assert_silent(who, &[]);
        assert_silent(who, &[(REFUSED, None)]);
    }
    if support::is_root() {
        let (own, cookie) = own_namespace();
        assert_silent(Who::Root, &[(&cookie, Some(&own))]);
        assert_silent(Who::Root, &[(&cookie, Some(&own)), (REFUSED, None)]);
    }
}

/// Where descriptors cannot be sent the maker stays and says so, and is told when it has been joined.
#[test]
fn the_namespace_of_a_maker_that_stays_is_joined_by_way_of_that() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("needs root: nobody else may join this test's network namespace");
    }
    let (_, cookie) = own_namespace();
    let mut wrong = cookie;
    wrong[0] ^= 1;
    for (cookie, good) in [(cookie, true), (wrong, false)] {
        let (ours, theirs) = sys::socketpair().unwrap();
        let mut live = job(&bench, Who::Root, Fd::Raw(theirs.fd().0), "fds").start().unwrap();
        drop(theirs);
        sys::send_with_fd(ours.fd(), &cookie, None).unwrap();
        let mut word = [0u8; 4];
        // Its word, or its end.
        assert_eq!(sys::recv(ours.fd(), &mut word).unwrap(), usize::from(good));
        assert!(live.output(1).is_empty(), "the next stage runs beside the maker");
        let _ = sys::send_with_fd(ours.fd(), DONE, None);
        drop(ours);
        assert!(live.wait_end());
        let seen = live.finish().unwrap();
        if good {
            assert!(!ended(&seen, 0).fds().contains_key(&SOCKET));
        } else {
            assert_eq!(refused(&seen), NO_NAMESPACE);
        }
    }
}

#[test]
fn a_maker_that_is_not_done_or_goes_on_stops_the_launch() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("needs root: nobody else may join this test's network namespace");
    }
    let (own, cookie) = own_namespace();
    let first: Message<'_> = (&cookie, Some(&own));
    assert_eq!(refused(&told(&bench, Who::Root, &[first, (DONE, None), (DONE, None)])), NO_END);
    assert_eq!(refused(&told(&bench, Who::Root, &[first, (b"2", None)])), NO_END);
}

/// The command is not to meet its maker, who has power over the sandbox's user namespace.
#[test]
fn nothing_is_run_before_the_maker_has_ended() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("needs root: nobody else may join this test's network namespace");
    }
    let (own, cookie) = own_namespace();
    let (ours, theirs) = sys::socketpair().unwrap();
    let mut live = job(&bench, Who::Root, Fd::Raw(theirs.fd().0), "report").start().unwrap();
    drop(theirs);
    sys::send_with_fd(ours.fd(), &cookie, Some(Number(own.as_raw_fd()))).unwrap();
    sys::send_with_fd(ours.fd(), DONE, None).unwrap();
    assert!(waits_in(live.pid(), libc::SYS_recvfrom, SOCKET), "priv-drop does not wait for its maker");
    assert!(live.output(1).is_empty(), "the next stage runs beside the maker");
    drop(ours);
    assert!(live.wait_end());
    ended(&live.finish().unwrap(), 0);
}

#[test]
fn what_is_no_socket_is_refused() {
    let bench = Bench::set_up();
    let (reader, _writer) = std::io::pipe().unwrap();
    let files = [StdFd::from(File::open("/dev/null").unwrap()), reader.into()];
    for who in everyone() {
        for file in &files {
            let seen = job(&bench, who, Fd::Raw(file.as_raw_fd()), "report").run().unwrap();
            assert_eq!(refused(&seen), format!("{NO_NAMESPACE}: Socket operation on non-socket"));
        }
        let mut closed = job(&bench, who, Fd::Data(Vec::new()), "report");
        closed.fds.remove(&SOCKET);
        let line = refused(&closed.run().unwrap());
        assert_eq!(line, format!("{NO_NAMESPACE}: Bad file descriptor"));
    }
}
