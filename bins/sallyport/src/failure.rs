//! How a subcommand ends that could not do its work: a line on standard error and a status.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

/// What a subcommand returns. What it found is in the exit code; that it could not look is a [`Failure`].
pub type Res<T> = Result<T, Failure>;

/// Why it could not, and the exit status that says so.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    message: String,
    status: u8,
    /// Whether the status says it all.
    quiet: bool,
}

/// The status of a command that SIGPIPE ended, as a shell has it.
const BROKEN_PIPE: u8 = 128 + 13;

impl Failure {
    /// A failure with exit status 1.
    pub fn new(message: impl fmt::Display) -> Failure {
        Failure { message: message.to_string(), status: 1, quiet: false }
    }

    /// A failure to write to standard output. A reader that has gone has seen enough: this ends as cat(1) and diff(1)
    /// do, without a word and as if by SIGPIPE, which std has every program ignore.
    pub fn of_output(error: &io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => {
                Failure { message: "nobody reads the output".to_owned(), status: BROKEN_PIPE, quiet: true }
            }
            _ => Failure::new(format_args!("standard output: {error}")),
        }
    }

    /// The same failure with another status, for subcommands where 1 means a finding. That of a reader that has gone
    /// stays: it is neither a finding nor a plan that cannot be read.
    pub fn status(self, status: u8) -> Failure {
        if self.quiet { self } else { Failure { status, ..self } }
    }

    /// Says it; the exit code.
    pub fn report(self) -> ExitCode {
        if !self.quiet {
            say(self.message);
        }
        ExitCode::from(self.status)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Says on standard error what the caller may want to know, and goes on.
pub fn warn(message: impl fmt::Display) {
    say(format_args!("warning: {message}"));
}

/// A line on standard error, in one write. Where it cannot be written there is nobody to tell, and the exit status says
/// what it says; `eprintln!` would panic.
pub fn say(message: impl fmt::Display) {
    let _ = io::stderr().write_all(format!("sallyport: {message}\n").as_bytes());
}
