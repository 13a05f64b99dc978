//! Pid 1: reaps, holds locks and descriptors, reports how the command ended.
//!
//! The process forks once: the child goes on to become the command (pid 2 in a new PID namespace), the parent
//! stays.

#![no_std]
#![no_main]
#![deny(unsafe_code)]

mod control;
mod hold;
mod left;
mod reap;

use common::chain::Chain;
use common::errno::Errno;
use common::fault;
use common::plan::{InitReaper, Stage};
use common::report::{At, Outcome};
use common::rt::Start;
use common::sys::{self, Forked};
use core::convert::Infallible;
use core::sync::atomic::Ordering;
use reap::Command;

common::entry!(main);

fn main(start: Start) -> ! {
    common::chain::run(Stage::InitReaper, start, run)
}

fn run(mut chain: Chain) -> Outcome<Infallible> {
    // 1. Own frame.
    let frame = chain.frame(InitReaper::decode)?;
    // 2. Entry state.
    frame.sync_fds.iter().try_for_each(|fd| chain.refuse_ours(fd))?;
    // 3. Apply. The directory first: a lock file may be named relative to it.
    chain.enter_directory()?;
    // ORDER: before the fork. These locks belong to this process, not to its children, and one that cannot be
    // taken means that the command does not run.
    let locks = hold::take_locks(&frame)?;
    let own = sys::getpid();
    // The command starts when pid 1 is as confined as it will be: until then there is more to be seen through /proc
    // than it may have, the executable of the next stage on the host's own mount among it.
    let mut control = frame.control.map(control::prepare).transpose()?;
    let (wait, go) = sys::pipe().at(|| fault!("pipe2()"))?;
    let is_confined = sys::shared_number().at(|| fault!("mmap"))?;
    match fork().at(|| fault!("Can't fork for pid 1"))? {
        Forked::Child => {
            if frame.die_with_parent {
                // fork(2) clears it. Whoever was orphaned before this call ends here.
                sys::set_pdeathsig(sys::SIGKILL).at(|| fault!("prctl"))?;
                if sys::getppid() != own {
                    return Err(fault!("pid 1 has ended"));
                }
            }
            // While this process had it open too, the end of the pipe would never come.
            sys::close(go.leak()).at(|| fault!("close"))?;
            let mut byte = [0u8];
            // Pid 1 closes its end when it is done, or writes to it. So does its death, but then it has not said so; that it is
            // nobody's parent any more shows only later (do_exit closes files first).
            sys::retry(|| sys::read(wait.fd(), &mut byte)).at(|| fault!("read"))?;
            if is_confined.load(Ordering::Acquire) == 0 || sys::getppid() != own {
                return Err(fault!("pid 1 has ended"));
            }
            drop(wait);
            if let Some(control) = control {
                control.release()?;
            }
            hold::close_in_command(&mut chain, &frame, &locks)?;
            // 6. Hand over.
            chain.exec()
        }
        Forked::Parent(command) => {
            drop(wait);
            let placed = control.as_mut().map_or(Ok(()), |control| control.place(command));
            reap::run(&chain, &frame, &locks, Command { pid: command, placed, control, is_confined, go })
        }
    }
}

/// Forks. The maker of the network namespace has ended, but counts against the user's processes (`RLIMIT_NPROC`, `pids.max`)
/// until ns-enter has been told so: where there is no room for one more, it is waited for.
fn fork() -> sys::Result<Forked> {
    const TRIES: u32 = 100;
    const MILLISECOND: [i64; 2] = [0, 1_000_000];
    let mut forked = sys::fork_into(0);
    for _ in 0..TRIES {
        if forked != Err(Errno::AGAIN) {
            break;
        }
        // A pause: no signal is waited for.
        let _ = sys::wait_for_signal(0, Some(MILLISECOND));
        forked = sys::fork_into(0);
    }
    forked
}
