//! The caller's terminal: raw while the sandbox has one of its own, and back as it was.

use common::fault;
use common::plan::SignalSet;
use common::report::{At, Outcome};
use common::sys::{self, Fd, STDIN, STDOUT, Termios};

/// Signals that are looked at: a new size, and back in the foreground.
pub const SIGNALS: SignalSet = SignalSet::of(&[sys::SIGWINCH, sys::SIGCONT]);

/// What a terminal in its usual mode takes for the end of its input (Ctrl-D).
pub const END_OF_FILE: u8 = 4;

/// The caller's terminal, if standard input is one.
#[derive(Debug)]
pub struct Caller {
    before: Option<Termios>,
}

impl Caller {
    /// Makes it raw: what is typed is for the terminal inside, which echoes, and makes signals of Ctrl-C.
    pub fn take(master: Fd) -> Outcome<Caller> {
        let before = sys::termios(STDIN).ok();
        let caller = Caller { before };
        match before {
            Some(_) => {
                caller.make_raw()?;
                caller.pass_size(master)?;
            }
            None => {
                // Nobody sees himself type.
                let inside = sys::termios(master).at(|| fault!("Can't set up the sandbox's terminal"))?;
                sys::set_termios(master, &inside.without_echo())
                    .at(|| fault!("Can't set up the sandbox's terminal"))?;
            }
        }
        Ok(caller)
    }

    /// Whether standard input is a terminal.
    pub fn is_terminal(&self) -> bool {
        self.before.is_some()
    }

    fn make_raw(&self) -> Outcome<()> {
        let Some(before) = &self.before else { return Ok(()) };
        sys::set_termios(STDIN, &before.raw()).at(|| fault!("Can't set terminal mode"))
    }

    /// The size of the caller's terminal is that of the sandbox's.
    fn pass_size(&self, master: Fd) -> Outcome<()> {
        let size = sys::window_size(STDIN).or_else(|_| sys::window_size(STDOUT));
        let Ok(size) = size else { return Ok(()) };
        sys::set_window_size(master, size).at(|| fault!("Can't set terminal size"))
    }

    /// Does what a signal asks for.
    pub fn on_signal(&mut self, signals: Fd, master: Fd) -> Outcome<()> {
        if sys::read_signal(signals).at(|| fault!("read from signalfd"))?.signal == sys::SIGCONT {
            // The shell has set its own mode meanwhile.
            self.make_raw()?;
        }
        self.pass_size(master)
    }

    /// Puts the caller's terminal back as it was.
    pub fn give_back(&self) {
        if let Some(before) = &self.before {
            // A terminal that is gone needs no mode.
            let _ = sys::set_termios(STDIN, before);
        }
    }
}
