//! Between the caller's terminal and the sandbox's own (`--console`): bytes in both directions, sizes, raw mode.
//!
//! A process of its own beside the monitor: it reads what the sandbox prints, so it holds nothing but the two
//! terminals, and it puts the caller's terminal back as it was even when the launcher was killed. The sandbox's end is the
//! launcher's matter: no signal ends the relay before, or an orderly end would have no terminal to show itself on.

#![no_std]
#![no_main]
#![deny(unsafe_code)]

mod direction;
mod terminal;

use common::chain::Chain;
use common::errno::Errno;
use common::fault;
use common::plan::Stage;
use common::report::{At, Outcome};
use common::rt::Start;
use common::sys::{self, Fd, PollFd, STDIN, STDOUT, event};
use core::convert::Infallible;
use direction::Direction;
use terminal::Caller;

common::entry!(main);

fn main(start: Start) -> ! {
    common::chain::run(Stage::NsEnter, start, run)
}

/// How often Ctrl-] has to be typed in a row to end the sandbox as SIGTERM to its launcher does.
const ESCAPES: u32 = 3;

/// Ctrl-].
const ESCAPE: u8 = 0x1d;

/// How much is shown at most of what is read after the monitor's end. What the command printed last is in the terminal's
/// buffers by then, a few pages (8 KiB in `pty_common_install`, 4 KiB in `n_tty`, Linux 6.18); what somebody that it has left
/// behind goes on to print comes after that, and has no end.
const LAST: usize = 64 * 1024;

fn run(chain: Chain) -> Outcome<Infallible> {
    // 2. Entry state.
    let (Some(monitor), Some(master)) = (chain.passed.socket, chain.passed.terminal) else {
        return Err(fault!("--socket=FD and --terminal=FD are missing"));
    };
    let Some(launcher) = sys::parent_behind(monitor).at(|| fault!("Can't read pid from socket"))? else {
        // Killed by now. Who has adopted this process is nobody to send signals to, and the terminal is as it was.
        sys::exit(1)
    };
    // 4. Give up what is not needed, before the first byte from the sandbox.
    // ORDER: before the capabilities. Root without any, as the command may be, could trace this process, and is in the
    // host's mount namespace then.
    sys::hide().at(|| fault!("can't set dumpable"))?;
    close_all_but(monitor, master)?;
    sys::capset_none().at(|| fault!("capset failed"))?;
    sys::set_no_new_privs().at(|| fault!("prctl(PR_SET_NO_NEW_PRIVS) failed"))?;
    // ORDER: signals first. One that ended this process in raw mode would leave the caller's terminal so.
    sys::set_signal_mask(!terminal::BACKGROUND.0).at(|| fault!("sigprocmask"))?;
    let signals = sys::signalfd(terminal::SIGNALS.0).at(|| fault!("signalfd"))?;
    // 3. Apply.
    // Held open, or every moment without a reader inside, as between two logins, would read as a hangup.
    let _slave = sys::pty_peer(master).at(|| fault!("Can't open the sandbox's terminal"))?;
    let mut caller = Caller::take(master)?;
    let relayed = relay(master, monitor, signals.fd(), &mut caller, launcher);
    caller.give_back()?;
    relayed.map(|()| sys::exit(0))
}

/// Passes on until the monitor or the sandbox's side has gone.
fn relay(master: Fd, monitor: Fd, signals: Fd, caller: &mut Caller, launcher: i32) -> Outcome<()> {
    let mut input = Direction::new(STDIN, master);
    let mut output = Direction::new(master, STDOUT);
    let mut escapes = 0;
    let (mut ended, mut last) = (false, LAST);
    loop {
        let all_shown = output.is_empty();
        // An end that is known would wake this process again and again while standard output takes nothing. With all shown
        // it is what keeps the next poll from waiting.
        let news = Some(monitor).filter(|_| !ended || all_shown);
        let mut fds = [
            PollFd::new(news, event::IN),
            PollFd::new(Some(signals), event::IN),
            PollFd::new(input.reads_from(), event::IN),
            PollFd::new(input.writes_to(), event::OUT),
            PollFd::new(output.reads_from().filter(|_| last > 0), event::IN),
            PollFd::new(output.writes_to(), event::OUT),
        ];
        sys::retry(|| sys::poll_events(&mut fds)).at(|| fault!("poll"))?;
        let [has_ended, signal, can_type, can_pass, can_read, can_show] = fds.map(|fd| fd.is_ready());
        ended |= has_ended;
        if signal {
            caller.on_signal(signals, master)?;
            input.resume();
        }
        if can_show {
            match output.write() {
                // The end of what is written for nobody. The command's own pipe would be the same to it.
                Err(Errno::PIPE) if !ended => {
                    sys::send_signal(launcher, sys::SIGPIPE).at(|| fault!("kill"))?;
                }
                Err(Errno::PIPE) => {}
                other => other.at(|| fault!("write to standard output"))?,
            }
        }
        if can_pass {
            input.write().at(|| fault!("write to the sandbox's terminal"))?;
        }
        if can_read {
            output.read().at(|| fault!("read from the sandbox's terminal"))?;
            if ended {
                last = last.saturating_sub(output.waiting().len());
            }
        }
        if can_type {
            read_input(&mut input, caller, &mut escapes)?;
            // Behind the launcher's end its number may be somebody else's.
            if escapes >= ESCAPES && !ended {
                escapes = 0;
                sys::send_signal(launcher, sys::SIGTERM).at(|| fault!("kill"))?;
            }
        }
        // All that was printed has been shown, and the terminal, which was asked after the monitor, has no more, or is not
        // asked any more.
        if ended && all_shown && !can_read {
            return Ok(());
        }
    }
}

/// Reads what was typed, and counts how many of the last bytes were Ctrl-].
fn read_input(input: &mut Direction, caller: &Caller, escapes: &mut u32) -> Outcome<()> {
    match input.read() {
        // Not this job's at the moment (its SIGTTIN is blocked): what is typed is for others, up to the next SIGCONT.
        Err(Errno::IO) => {
            input.pause();
            return Ok(());
        }
        other => other.at(|| fault!("read from standard input"))?,
    }
    if input.has_ended() {
        // As a terminal tells it: nobody types here any more.
        input.push(terminal::END_OF_FILE);
        return Ok(());
    }
    for byte in input.waiting() {
        *escapes = if caller.is_terminal() && *byte == ESCAPE { escapes.saturating_add(1) } else { 0 };
    }
    Ok(())
}

/// Closes every descriptor but the standard three and these.
fn close_all_but(monitor: Fd, master: Fd) -> Outcome<()> {
    sys::close_all_but(&mut [STDIN, STDOUT, sys::STDERR, monitor, master]).at(|| fault!("close_range"))
}
