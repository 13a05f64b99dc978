//! The wait for the command, as a shell waits: its keys and stops are the command's.

use super::{failed, step};
use crate::failure::Res;
use common::sys::{self, Fd, OwnedFd};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus as Change, waitpid};
use nix::unistd::{Pid, getpgrp, tcgetpgrp};
use std::io::{IsTerminal, stderr, stdin, stdout};

/// Standard input, the terminal that is handed on.
const TERMINAL: Fd = Fd(0);

/// Whether one of the standard descriptors is a terminal: then the command is for somebody at it.
pub fn has_terminal() -> bool {
    stdin().is_terminal() || stdout().is_terminal() || stderr().is_terminal()
}

/// Whether standard input is this process's terminal, and this process in its foreground.
pub fn is_foreground() -> bool {
    tcgetpgrp(stdin()).is_ok_and(|group| group == getpgrp())
}

/// In the child: waits until it has been put where it belongs.
pub fn for_go(waits: &OwnedFd) -> Res<()> {
    let mut byte = [0];
    match sys::retry(|| sys::read(waits.fd(), &mut byte)).map_err(step("read"))? {
        0 => Err(failed("the process that waits", "it has ended")),
        _ => Ok(()),
    }
}

/// Lets the child go, and gives the status of its end. With `is_leader` it has a process group of its own, in the
/// foreground: a shell in there looks for its terminal's and finds none of those outside.
pub fn until_end(child: i32, go: OwnedFd, is_leader: bool) -> Res<u8> {
    let own = getpgrp().as_raw();
    if is_leader {
        // Whoever hands the terminal on is in the background a moment later, and must not be stopped for it.
        let mut ttou = SigSet::empty();
        ttou.add(Signal::SIGTTOU);
        ttou.thread_block().map_err(|errno| failed("sigprocmask", errno))?;
        sys::lead_process_group(child).map_err(step("setpgid"))?;
        sys::tcsetpgrp(TERMINAL, child).map_err(step("cannot hand on the terminal"))?;
    }
    sys::write(go.fd(), b"\0").map_err(step("write"))?;
    let ended = loop {
        match waitpid(Pid::from_raw(child), Some(WaitPidFlag::WUNTRACED)) {
            Err(nix::Error::EINTR) => {}
            Err(errno) => break Err(failed("cannot wait for the command", errno)),
            Ok(Change::Exited(_, status)) => break Ok(status),
            Ok(Change::Signaled(_, signal, _)) => break Ok(128 + signal as i32),
            Ok(Change::Stopped(..)) if is_leader => stop_too(own, child),
            Ok(_) => {}
        }
    };
    if is_leader {
        // Nobody's any more, or somebody's who has taken it: then that is his.
        let _ = sys::tcsetpgrp(TERMINAL, own);
    }
    ended.map(|status| u8::try_from(status).unwrap_or(u8::MAX))
}

/// The command has stopped: so does this process, for the shell that waits for it; then both go on.
fn stop_too(own: i32, child: i32) {
    let _ = sys::tcsetpgrp(TERMINAL, own);
    let _ = kill(Pid::from_raw(0), Signal::SIGSTOP);
    // In the background again, perhaps (`bg`): the terminal is the shell's then.
    if is_foreground() {
        let _ = sys::tcsetpgrp(TERMINAL, child);
    }
    let _ = kill(Pid::from_raw(-child), Signal::SIGCONT);
}
