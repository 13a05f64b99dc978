//! Hosts that are full: what others of the same user have taken does not keep a launch from its namespaces.

use pipeline::bwrap;
use stage::{Bench, Who, ended, explain, refused, skip};
use std::io;
use std::sync::Arc;
use support::{End, Enter};

fn check(result: i32) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Has more descriptors on their way than this process may have open, as any other process of the user might: the kernel
/// lets nobody of him send one then.
fn crowd() -> io::Result<()> {
    let mut ends = [0; 2];
    // SAFETY: two ints are written; the ends stay open to the end of the launch, which inherits them.
    check(unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_SEQPACKET, 0, ends.as_mut_ptr()) })?;
    // SAFETY: an all-zero msghdr is a valid one.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    let mut word = *b"x";
    let mut data = libc::iovec { iov_base: word.as_mut_ptr().cast(), iov_len: word.len() };
    const COUNT: usize = 200;
    let mut control = [0u64; 2 + COUNT / 2];
    (message.msg_iov, message.msg_iovlen) = (&mut data, 1);
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control);
    // SAFETY: the control buffer has room for the header and COUNT ints, and is aligned for it.
    unsafe {
        let header = libc::CMSG_FIRSTHDR(&message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN((COUNT * size_of::<i32>()) as u32) as usize;
        libc::CMSG_DATA(header).cast::<[i32; COUNT]>().write([ends[1]; COUNT]);
        check(libc::sendmsg(ends[0], &message, 0) as i32)?;
    }
    let limit = libc::rlimit { rlim_cur: 100, rlim_max: 100 };
    // SAFETY: one rlimit is read.
    check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) })
}

/// A process of the user's, in a sandbox or not, cannot keep him from starting others.
#[test]
fn what_others_have_sent_does_not_keep_the_namespace_from_the_sandbox() {
    let bench = Bench::set_up();
    for (options, expected) in [
        (&["--unshare-net", "--ro-bind", "/", "/"][..], "3\n"),
        (&["--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc"], "3\n"),
        // fs-build is who joins.
        (&["--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--sys", "/sys"], "3\n"),
    ] {
        let mut job = bwrap(&bench, Who::User, options);
        job.args(["sh", "-c", "grep -c . /proc/net/dev"]);
        job.enter = Some(Arc::new(crowd));
        let seen = job.run().unwrap();
        assert_eq!(seen.status, End::Exit(0), "{}", explain(&seen));
        assert_eq!(String::from_utf8_lossy(&seen.stdout), expected);
        assert!(seen.stderr.is_empty() && seen.leftovers.is_empty(), "{}", explain(&seen));
    }
}

/// A user whom nobody else here is, with so many processes at most.
fn few_processes(most: u64) -> Enter {
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: one rlimit is read.
    Arc::new(move || check(unsafe { libc::setrlimit(libc::RLIMIT_NPROC, &limit) }))
}

/// The launcher, pid 1 and the command are three, as of bubblewrap: who makes the network namespace is one more for a moment,
/// and counts until he is reaped.
#[test]
fn three_processes_are_enough() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("needs root: a user without any other process");
    }
    let job = |most, user| {
        let mut job = bwrap(&bench, Who::User, &["--unshare-all", "--ro-bind", "/", "/", "true"]);
        (job.user, job.enter) = (Some(user), Some(few_processes(most)));
        job
    };
    let users = 61_000 + std::process::id() % 1000 * 4;
    for round in 0..20 {
        ended(&job(3, users + round % 4).run().unwrap(), 0);
    }
    let line = refused(&job(2, users).run().unwrap());
    assert_eq!(line, "bwrap: Can't fork for pid 1: Resource temporarily unavailable");
}
