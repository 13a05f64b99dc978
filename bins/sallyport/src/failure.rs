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
}

impl Failure {
    /// A failure with exit status 1.
    pub fn new(message: impl fmt::Display) -> Failure {
        Failure { message: message.to_string(), status: 1 }
    }

    /// The same failure with another status, for subcommands where 1 means a finding.
    pub fn status(self, status: u8) -> Failure {
        Failure { status, ..self }
    }

    /// Says it; the exit code.
    pub fn report(self) -> ExitCode {
        say(self.message);
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
