//! The caller's terminal: raw while the sandbox has one of its own, and back as it was.

use common::errno::Errno;
use common::fault;
use common::plan::SignalSet;
use common::report::{At, Outcome};
use common::sys::{self, Fd, STDIN, STDOUT, Termios};

/// Signals that are looked at: a new size, and back in the foreground.
pub const SIGNALS: SignalSet = SignalSet::of(&[sys::SIGWINCH, sys::SIGCONT]);

/// What stops a job in the background that changes its terminal.
pub const BACKGROUND: SignalSet = SignalSet::of(&[sys::SIGTTOU]);

/// What a terminal in its usual mode takes for the end of its input (Ctrl-D).
pub const END_OF_FILE: u8 = 4;

/// The caller's terminal, if standard input is one.
#[derive(Debug)]
pub struct Caller {
    before: Option<Termios>,
    /// What it has been made.
    made: Option<Termios>,
}

impl Caller {
    /// Makes it raw: what is typed is for the terminal inside, which echoes, and makes signals of Ctrl-C.
    pub fn take(master: Fd) -> Outcome<Caller> {
        let before = sys::termios(STDIN).ok();
        let mut caller = Caller { before, made: None };
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

    /// In the background the whole job stops here, by SIGTTOU, until it is brought to the foreground: until then the
    /// terminal is somebody else's.
    fn make_raw(&mut self) -> Outcome<()> {
        let Some(before) = &self.before else { return Ok(()) };
        self.made = None;
        match sys::retry(|| sys::set_termios(STDIN, &before.raw())) {
            // In the background, with no shell that could bring it back (setpgid(2), orphaned process groups); or it is
            // gone.
            Err(Errno::IO) => return Ok(()),
            other => other.at(|| fault!("Can't set terminal mode"))?,
        }
        self.made = sys::termios(STDIN).ok();
        Ok(())
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

    /// Puts the caller's terminal back as it was, if it is still as it was made here: a shell that has taken it back meanwhile
    /// has modes of its own. `SIGTTOU` is blocked: the shell may have it already, and leave the modes to who changed them.
    pub fn give_back(&self) -> Outcome<()> {
        sys::block_signals(BACKGROUND.0).at(|| fault!("sigprocmask"))?;
        if let (Some(before), Some(made)) = (&self.before, &self.made)
            && sys::termios(STDIN).as_ref() == Ok(made)
        {
            // A terminal that is gone needs no mode.
            let _ = sys::set_termios(STDIN, before);
        }
        Ok(())
    }
}
