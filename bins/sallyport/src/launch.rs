//! `sallyport run`: a stored plan is launched, through the same sealed path as `ns-enter --stored`.

use crate::document::{self, Document};
use crate::failure::{Failure, Res};
use common::chain;
use common::fault;
use common::plan::{Command, List, ListWriter, Stage};
use common::report::{At, Voice};
use common::sys::{self, Fd, Strings, Vector};
use common::text::Text;
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::ffi::{CStr, CString, OsString};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::IntoRawFd;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::ExitCode;

/// What `run` takes.
#[derive(clap::Args)]
pub struct Args {
    /// Give ARGS to the plan's program in the place of the arguments it has there, not behind them.
    #[arg(short, long)]
    replace: bool,
    /// The plan; - is standard input.
    #[arg(value_name = "PLAN", value_hint = clap::ValueHint::FilePath)]
    plan: PathBuf,
    /// More arguments for the command.
    #[arg(value_name = "ARGS", trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Launches; comes back only to say why not.
pub fn run(args: Args) -> Res<ExitCode> {
    let bytes = document::read(&args.plan)?;
    let mut document =
        Document::decode(&bytes).map_err(|e| Failure::new(format_args!("{}: {e}", args.plan.display())))?;
    let bytes = if args.replace || !args.arguments.is_empty() {
        document.command = with_arguments(&document.command, args.replace, &args.arguments)?;
        document.encode()?
    } else {
        bytes
    };
    let env = environment()?;
    let voice = voice(&bytes);
    let plan = readable(&bytes).map_err(|e| Failure::new(format_args!("memfd_create: {e}")))?;
    // Rust's std ignores SIGPIPE for itself; the command is to find it as its caller has left it.
    let ready = sys::default_sigpipe().at(|| fault!("sigaction"));
    match ready.and_then(|()| chain::launch_stored(Fd(plan.into_raw_fd()), env)) {
        Err(fault) => voice.die(fault),
        Ok(never) => match never {},
    }
}

/// A descriptor from which `bytes` can be read. It need not be sealed: what is launched is a copy.
fn readable(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create(c"plan", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

/// How the launch signs what it has to say: as the plan has it.
fn voice(bytes: &[u8]) -> Voice {
    let plain = Voice::of("sallyport");
    common::plan::Plan::parse(bytes).map_or(plain, |plan| plan.voice(Stage::Command))
}

/// `command` with `more` behind its arguments, or in their place.
fn with_arguments(command: &Command<'static>, replace: bool, more: &[OsString]) -> Res<Command<'static>> {
    let kept = if replace { 1 } else { command.args.len() };
    let more = more.iter().map(|word| Text(leaked(word.clone().into_vec())));
    Ok(Command { args: list(command.args.iter().take(kept).chain(more))?, ..*command })
}

fn list(items: impl Iterator<Item = Text<'static>>) -> Res<List<'static, Text<'static>>> {
    let too_many = |_| Failure::new("too many arguments");
    let list = Box::leak(Box::new(ListWriter::new(4096).map_err(too_many)?));
    for item in items {
        list.push(&item).map_err(too_many)?;
    }
    Ok(list.list())
}

/// The environment of this process.
fn environment() -> Res<Strings<'static>> {
    let too_many = |_| Failure::new("too many variables in the environment");
    let variables: Vec<Vec<u8>> = std::env::vars_os()
        .map(|(name, value)| [name.into_vec(), vec![b'='], value.into_vec()].concat())
        .collect();
    let mut vector = Vector::new(variables.len()).map_err(too_many)?;
    for variable in variables {
        vector.push(leaked(variable)).map_err(too_many)?;
    }
    Ok(vector.finish())
}

/// `bytes`, which come from the kernel's strings and so have no NUL, for the rest of this process's life.
fn leaked(bytes: Vec<u8>) -> &'static CStr {
    Box::leak(CString::new(bytes).unwrap_or_default().into_boxed_c_str())
}
