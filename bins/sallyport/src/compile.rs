//! `sallyport compile`: a bwrap command line becomes a plan in a file.

use crate::failure::{Failure, Res};
use crate::output::Output;
use common::opts::bwrap::{Answer, CommandLine, SECTIONS};
use common::opts::{Host, Live, help};
use common::plan::Buffer;
use common::report::{Fault, Voice};
use common::sys::{Fd, Result as SysResult, Strings, Vector};
use std::ffi::{CStr, CString, OsString};
use std::io::{self, Write};
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

/// What `compile` takes.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    output: Output,
    /// What you would have given to bwrap: options, then the command.
    #[arg(
        value_name = "BWRAP-ARGUMENTS",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_hint = clap::ValueHint::CommandWithArguments
    )]
    arguments: Vec<OsString>,
}

/// Compiles, and writes the plan.
pub fn run(args: Args) -> Res<ExitCode> {
    args.output.check("a plan")?;
    args.output.write(compile(&args.arguments)?)?;
    Ok(ExitCode::SUCCESS)
}

/// The plan of a bwrap command line, or bwrap's own message and end.
pub fn compile(arguments: &[OsString]) -> Res<&'static [u8]> {
    let signature = Voice::of("bwrap");
    let mut line = CommandLine::new(&Compiling).unwrap_or_else(|fault| signature.die(fault));
    match line.run(strings("bwrap", arguments)?) {
        Ok(Answer::Launch(plan)) => Ok(plan),
        Ok(Answer::Usage) => Err(Failure::new("no command to run in the sandbox")),
        Ok(Answer::Help) => {
            let text =
                help::usage(b"bwrap", help::COMMAND, &SECTIONS).map_err(|_| Failure::new("out of memory"))?;
            let _ = io::stderr().write_all(text.bytes());
            Err(Failure::new("--help is not a launch"))
        }
        Ok(Answer::Version) => Err(Failure::new("--version is not a launch")),
        Ok(Answer::AssumedKernel) => Err(Failure::new("--debug-opt is not a launch")),
        Err(fault) => line.voice().die(fault),
    }
}

/// `words` behind `first` as an argument vector.
fn strings(first: &str, words: &[OsString]) -> Res<Strings<'static>> {
    let mut vector = Vector::new(words.len() + 1).map_err(|_| Failure::new("out of memory"))?;
    let first = std::iter::once(OsString::from(first));
    for word in first.chain(words.iter().cloned()) {
        // A word of an argument vector has no NUL.
        let word = CString::new(word.into_vec()).unwrap_or_default();
        let word: &'static CStr = Box::leak(word.into_boxed_c_str());
        vector.push(word).map_err(|_| Failure::new("too many arguments"))?;
    }
    Ok(vector.finish())
}

/// The world of one who compiles now and launches later.
struct Compiling;

impl Host for Compiling {
    fn warn(&self, voice: Voice, fault: Fault) {
        Live.warn(voice, fault);
    }

    fn read(&self, fd: Fd) -> SysResult<Buffer> {
        Live.read(fd)
    }

    fn close(&self, fd: Fd) -> SysResult<()> {
        Live.close(fd)
    }

    /// Descriptors are there when the plan is launched, and it is the launch that makes sure.
    fn is_open(&self, _: Fd) -> SysResult<bool> {
        Ok(true)
    }

    fn has_selinux(&self) -> bool {
        Live.has_selinux()
    }

    fn ids(&self) -> (u32, u32) {
        Live.ids()
    }
}
