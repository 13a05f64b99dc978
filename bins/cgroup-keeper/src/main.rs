//! The cgroup of a sandbox (`--cgroup`): made before it starts, removed when it has ended, whoever else was killed.
//!
//! A process of its own beside the monitor, in a session of its own: what is left of a sandbox is cleared away even when
//! its launcher was killed. It holds what it removes by descriptor and knows nothing of the command.

#![no_std]
#![no_main]
#![deny(unsafe_code)]

mod children;
mod limits;
mod own;
mod place;
mod remove;

use common::chain::Chain;
use common::fault;
use common::plan::{NsEnter, Stage};
use common::report::{At, Outcome};
use common::rt::Start;
use common::sys::{self, Fd, OwnedFd};
use core::convert::Infallible;
use limits::Limits;
use own::Own;
use place::Place;

common::entry!(main);

fn main(start: Start) -> ! {
    common::chain::run(Stage::NsEnter, start, run)
}

/// What the monitor sends when the command has ended.
const ENDED: u8 = b'e';

fn run(chain: Chain) -> Outcome<Infallible> {
    // 1. Own part of the frame.
    let frame = chain.frame(NsEnter::decode)?;
    // 2. Entry state.
    let socket = chain.passed.socket.ok_or_else(|| fault!("--socket=FD is missing"))?;
    let Some(monitor) = sys::parent_behind(socket).at(|| fault!("Can't read pid from socket"))? else {
        // Killed by now. Nothing is made yet, and who has adopted this process is nobody to move to another cgroup.
        sys::exit(1)
    };
    // A terminal's Ctrl-C is for the launcher and the sandbox; what they leave behind has to be cleared away then, too.
    sys::setsid().at(|| fault!("setsid"))?;
    sys::block_signals(u64::MAX).at(|| fault!("sigprocmask"))?;
    // 4. Give up what is not needed: before anything is made that would have to be removed again.
    sys::close_all_but(&mut [sys::STDERR, socket]).at(|| fault!("close_range"))?;
    // 3. Apply.
    let place = Place::of_caller()?;
    let mut own = Own::make(&place, monitor)?;
    let mut limits = Limits::new(monitor);
    match keep(&frame, &place, &mut own, &mut limits, socket) {
        Ok(left) => {
            clear(&place, &own, &mut limits, left)?;
            sys::exit(0)
        }
        Err(fault) => {
            // Nothing is in it; or the monitor, who reads the end of this socket, ends what is.
            let _ = sys::close(socket);
            clear(&place, &own, &mut limits, Left::default())?;
            Err(fault)
        }
    }
}

/// What a sandbox leaves.
#[derive(Debug, Default)]
struct Left {
    /// Whether somebody may be in its cgroup who does not end by himself.
    anybody: bool,
    /// Its user namespace.
    userns: Option<OwnedFd>,
}

/// Limits, the sandbox moved in, and the time until its command has ended, or all of it.
fn keep(
    frame: &NsEnter<'static>,
    place: &Place,
    own: &mut Own,
    limits: &mut Limits,
    socket: Fd,
) -> Outcome<Left> {
    limits.apply(frame, place, own)?;
    if !frame.limits().is_empty() {
        own.make_room(place)?;
    }
    // The monitor opens it through /proc, to start the sandbox in it.
    tell(socket, &own.room().0.to_ne_bytes())?;
    let mut message = [0u8; 5];
    if sys::retry(|| sys::recv(socket, &mut message)).at(|| fault!("recv"))? != message.len() {
        // The monitor ended before there was a sandbox.
        return Ok(Left::default());
    }
    let [pid @ .., is_in] = message;
    let sandbox = i32::from_ne_bytes(pid);
    if is_in == 0 {
        own.move_in(sandbox)?;
    }
    let userns = place::user_namespace(sandbox)?;
    tell(socket, b"\0")?;
    let mut monitored = Some(socket);
    loop {
        let populated = own.is_populated()?;
        if monitored.is_none() && !populated {
            return Ok(Left { anybody: false, userns });
        }
        if own.wait(monitored)? {
            let mut message = [0u8];
            match sys::retry(|| sys::recv(socket, &mut message)).at(|| fault!("recv"))? {
                1 if message == [ENDED] => return Ok(Left { anybody: true, userns }),
                // Killed without a word: the sandbox goes on, or ends by --die-with-parent.
                _ => monitored = None,
            }
        }
    }
}

/// Takes the cgroup away, with whatever cgroups the sandbox has made in it. Nobody comes after this process to clear up
/// what it leaves, so each step is tried twice.
fn clear(place: &Place, own: &Own, limits: &mut Limits, left: Left) -> Outcome<()> {
    let remove = || {
        let one_by_one = left.anybody && !own.kill_all()?;
        if !one_by_one {
            // The sandbox may just be coming when the first look finds nobody; it is ended then, and nobody else comes.
            own.wait_until_empty()?;
        }
        remove::tree(place, own, one_by_one)
    };
    if twice(remove).is_err() {
        if let Some(userns) = &left.userns {
            // What the sandbox's services have made belongs to ids that only its user namespace has power over. The
            // caller's cgroups are his there as well, as this process keeps his ids; but of root's powers over those of
            // others it keeps none, which is why it stays outside if it can.
            // ORDER: hidden first. Root in there could trace this process, which is in the host's mount namespace. Not before:
            // the monitor has looked a descriptor of this process up in /proc.
            twice(|| sys::hide().at(|| fault!("can't set dumpable")))?;
            twice(|| {
                sys::setns(userns.fd(), sys::clone_flags::NEWUSER)
                    .at(|| fault!("Can't enter the user namespace again"))
            })?;
        }
        twice(remove)?;
    }
    twice(|| limits.undo(place))
}

fn twice(mut step: impl FnMut() -> Outcome<()>) -> Outcome<()> {
    step().or_else(|_| step())
}

fn tell(socket: Fd, message: &[u8]) -> Outcome<()> {
    match sys::retry(|| sys::send(socket, message)) {
        // A monitor that was killed is noticed when nothing comes from it.
        Ok(_) | Err(common::errno::Errno::PIPE) => Ok(()),
        Err(errno) => Err(fault!("send").errno(errno)),
    }
}
