//! `sallyport compile`: a bwrap command line becomes a plan in a file.

use crate::failure::{Failure, Res};
use common::opts::bwrap::{Answer, CommandLine};
use common::opts::{Host, Live, help};
use common::plan::Buffer;
use common::report::{Fault, Voice};
use common::sys::{Fd, Result as SysResult, Strings, Vector};
use std::ffi::{CStr, CString, OsString};
use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What `compile` takes.
#[derive(clap::Args)]
pub struct Args {
    /// Write the plan to FILE, not to standard output.
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    output: Option<PathBuf>,
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
    if args.output.is_none() && io::stdout().is_terminal() {
        return Err(Failure::new(
            "a plan is not written to a terminal: give -o FILE, or redirect the output",
        ));
    }
    let plan = compile(&args.arguments)?;
    match &args.output {
        Some(file) => store(file, plan),
        None => io::stdout().write_all(plan).map_err(|e| Failure::new(format_args!("standard output: {e}"))),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// The plan of a bwrap command line, or bwrap's own message and end.
fn compile(arguments: &[OsString]) -> Res<&'static [u8]> {
    let signature = Voice { name: "bwrap", level_prefix: false };
    let mut line = CommandLine::new(&Compiling).unwrap_or_else(|fault| signature.die(fault));
    match line.run(strings("bwrap", arguments)?) {
        Ok(Answer::Launch(plan)) => Ok(plan),
        Ok(Answer::Usage) => Err(Failure::new("no command to run in the sandbox")),
        Ok(Answer::Help) => {
            let text = help::usage(b"bwrap").map_err(|_| Failure::new("out of memory"))?;
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

/// Puts the plan in the place of `file` in one step, so that nobody ever launches half of one.
fn store(file: &Path, plan: &[u8]) -> Res<()> {
    let fault = |e: io::Error| Failure::new(format_args!("{}: {e}", file.display()));
    if fs::metadata(file).is_ok_and(|meta| !meta.is_file()) {
        // A pipe or a device has nothing to be put in the place of.
        return File::options().write(true).open(file).and_then(|mut to| to.write_all(plan)).map_err(fault);
    }
    // Behind a symbolic link it is the file that is replaced.
    let target = fs::canonicalize(file).unwrap_or_else(|_| file.to_path_buf());
    let mut name = target.file_name().map(OsString::from).unwrap_or_default();
    name.push(format!(".{}.tmp", std::process::id()));
    let draft = target.with_file_name(name);
    let written = File::create_new(&draft)
        .and_then(|mut to| to.write_all(plan))
        .and_then(|()| fs::rename(&draft, &target));
    written.inspect_err(|_| drop(fs::remove_file(&draft))).map_err(fault)
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
