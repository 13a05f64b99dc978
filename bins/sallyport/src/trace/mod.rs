//! `sallyport trace`: runs a command line and reports what each stage did, and how long it took.

mod calls;
mod record;
mod report;
mod tracer;

use crate::failure::{Failure, Res};
use nix::sys::signal::{Signal, raise};
use std::convert::Infallible;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Run a command line and report each stage's time, system calls, operations and errors.
///
/// COMMAND is a bwrap line, a chain of stages, or with --plan the arguments for a stored plan. Standard input, output and
/// error are the command's, and so is the exit status (128 and the signal's number if it died of one). The report goes to
/// FILE, or to standard error, when everything has ended.
///
/// Every system call of every stage is watched, the command itself is not: it is let go when it is started. Watching
/// takes time, some 10 microseconds a call and more for each start of a program: times here tell stages and calls from each other, not what a launch costs.
/// The report says what the watching took. It needs no privileges; set-user-ID programs lose theirs.
#[derive(clap::Args)]
#[command(after_long_help = "Examples:\n  \
    sallyport trace -o report.txt -- bwrap --ro-bind / / --unshare-all true\n  \
    sallyport trace --json -o trace.jsonl --plan sandbox.plan")]
pub struct Args {
    /// Write JSON lines: a `stage` for each, a `call` for each system call that is reported, an `end`.
    #[arg(long)]
    json: bool,
    /// Report every system call, not only what changes something and what fails.
    #[arg(short, long)]
    all: bool,
    /// Write the report to FILE; without it, to standard error.
    #[arg(short, long = "output", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    output: Option<PathBuf>,
    /// Launch this stored plan, with COMMAND as further arguments.
    #[arg(long, value_name = "PLAN", value_hint = clap::ValueHint::FilePath)]
    plan: Option<PathBuf>,
    /// What becomes of this program when it is to be watched.
    #[arg(long, hide = true)]
    child: bool,
    /// The command line.
    #[arg(
        value_name = "COMMAND",
        trailing_var_arg = true,
        allow_hyphen_values = true,
        required_unless_present = "plan"
    )]
    command: Vec<OsString>,
}

/// Does it.
pub fn run(args: Args) -> Res<ExitCode> {
    if args.child {
        let Err(failure) = child(&args.command);
        return Err(failure);
    }
    let words = match &args.plan {
        Some(plan) => {
            let own =
                std::env::current_exe().map_err(|e| Failure::new(format_args!("/proc/self/exe: {e}")))?;
            let mut words: Vec<OsString> = vec![own.into(), "run".into(), plan.into()];
            words.extend(args.command);
            words
        }
        None => args.command,
    };
    let path = args.output.as_deref().unwrap_or(Path::new("standard error"));
    let fault = |error: io::Error| Failure::new(format_args!("{}: {error}", path.display()));
    // Opened first: what cannot be reported is not run.
    let mut report: Box<dyn Write> = match &args.output {
        Some(path) => Box::new(File::create(path).map_err(fault)?),
        None => Box::new(io::stderr()),
    };
    let mut child = Command::new("/proc/self/exe");
    child.args(["trace", "--child", "--"]).args(&words);
    let record = tracer::watch(child, &words, args.all)?;
    let text = if args.json { report::json_lines(&record) } else { report::text(&record) };
    report.write_all(text.as_bytes()).map_err(fault)?;
    Ok(ExitCode::from(record.status))
}

/// Waits to be watched, then becomes the command.
fn child(words: &[OsString]) -> Res<Infallible> {
    let Some((program, arguments)) = words.split_first() else { return Err(Failure::new("no command")) };
    raise(Signal::SIGSTOP).map_err(|e| Failure::new(format_args!("raise: {e}")))?;
    let error = Command::new(program).args(arguments).exec();
    Err(Failure::new(format_args!("{}: {error}", program.display())))
}
