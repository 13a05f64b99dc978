//! `sallyport compile`: a command line, of bwrap or of a chain of stages, becomes a plan in a file.

use crate::failure::{Failure, Res};
use crate::output::Output;
use crate::programs;
use common::opts::bwrap::{Answer, CommandLine, SECTIONS};
use common::opts::chain::{self, ChainLine, Neighbourhood};
use common::opts::{Host, Live, help};
use common::plan::{Buffer, Stage};
use common::report::{Fault, Voice};
use common::sys::{Fd, Result as SysResult, Strings, Vector};
use std::ffi::{CStr, CString, OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What `compile` takes.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    output: Output,
    /// The arguments are a chain of stages, the first stage's name among them: `ns-enter ... -- fs-build ... -- COMMAND`.
    #[arg(long)]
    chain: bool,
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
    let plan = if args.chain { compile_chain(&args.arguments)? } else { compile(&args.arguments)? };
    args.output.write(plan)?;
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

/// The plan of a chain of stages, or a stage's own message and end.
pub fn compile_chain(arguments: &[OsString]) -> Res<&'static [u8]> {
    let (first, rest) = arguments.split_first().ok_or_else(|| Failure::new("no stage"))?;
    let found = programs::STAGES.into_iter().find(|stage| stage.name().as_bytes() == first.as_bytes());
    let not_one = || Failure::new(format_args!("{} is no stage", first.display()));
    let stage = found.ok_or_else(not_one)?;
    let signature = Voice::of(stage.name());
    let near = Near::find()?;
    let mut line = ChainLine::new(&Compiling, &near, stage).unwrap_or_else(|fault| signature.die(fault));
    match line.run(strings(stage.name(), rest)?) {
        Ok(chain::Answer::Launch(plan)) => Ok(plan),
        Ok(chain::Answer::Usage(stage)) => {
            Err(Failure::new(format_args!("no command to run behind {}", stage.name())))
        }
        Ok(chain::Answer::Help(_)) => Err(Failure::new("--help is not a launch")),
        Ok(chain::Answer::Version(_)) => Err(Failure::new("--version is not a launch")),
        Err(fault) => line.voice().die(fault),
    }
}

/// Where the stages are that this program launches.
struct Near(PathBuf);

impl Near {
    /// Beside this executable, or where they are installed.
    fn find() -> Res<Near> {
        let own = std::env::current_exe().map_err(|e| Failure::new(format_args!("/proc/self/exe: {e}")))?;
        let beside = own.parent().unwrap_or(Path::new("/")).to_path_buf();
        let installed = beside.join("../libexec/sallyport");
        Ok(Near(if beside.join(Stage::NsEnter.name()).exists() { beside } else { installed }))
    }
}

impl Neighbourhood for Near {
    fn stage_at(&self, path: &CStr) -> Option<Stage> {
        let there = fs::metadata(OsStr::from_bytes(path.to_bytes())).ok()?;
        programs::STAGES.into_iter().find(|stage| {
            let here = fs::metadata(self.0.join(stage.name()));
            here.is_ok_and(|here| (here.dev(), here.ino()) == (there.dev(), there.ino()))
        })
    }

    fn path_of(&self, stage: Stage) -> Option<&'static CStr> {
        let path = self.0.join(stage.name()).into_os_string().into_vec();
        Some(Box::leak(CString::new(path).ok()?.into_boxed_c_str()))
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

    fn file(&self, path: &CStr) -> SysResult<Buffer> {
        Live.file(path)
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
