//! `sallyport hold`: a plan is read, checked and sealed once, for a command that launches it again and again.

use crate::document;
use crate::failure::{Failure, Res};
use common::chain::stored::HELD;
use common::plan::{FdNumber, Plan, Stage, check, check_relations, seal};
use common::sys;
use std::ffi::OsString;
use std::io::{Error, ErrorKind};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// What `hold` takes.
#[derive(clap::Args)]
pub struct Args {
    /// The plan; - is standard input.
    #[arg(value_name = "PLAN", value_hint = clap::ValueHint::FilePath)]
    plan: PathBuf,
    /// What to run with the plan at hand: `ns-enter --plan=$SALLYPORT_PLAN_FD` launches it.
    #[arg(
        value_name = "COMMAND",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_hint = clap::ValueHint::CommandWithArguments
    )]
    command: Vec<OsString>,
}

/// Runs the command; comes back only to say why not.
pub fn run(args: Args) -> Res<ExitCode> {
    let name = args.plan.display();
    let bytes = document::read(&args.plan)?;
    let plan = Plan::parse(&bytes).map_err(document::refused)?;
    let mut missing = None;
    check(&plan, |number: FdNumber| {
        if number != FdNumber::CLOSED && sys::is_open(number.fd()) != Ok(true) {
            missing = missing.or(Some(number.fd().0));
        }
    })
    .and_then(|()| check_relations(&plan))
    .map_err(document::refused)?;
    if let Some(fd) = missing {
        return Err(Failure::new(format_args!("{name} needs descriptor {fd}, which is not open")));
    }
    if plan.stages_after(None).next() != Some(Stage::NsEnter) {
        return Err(Failure::new(format_args!(
            "{name} has no work for ns-enter, which is who launches held plans"
        )));
    }
    let sealed = seal(&bytes).and_then(|sealed| {
        sys::set_cloexec(sealed.fd(), false)?;
        Ok(sealed.leak())
    });
    let fd = sealed.map_err(|errno| {
        Failure::new(format_args!("sealing {name}: {}", Error::from_raw_os_error(errno.0.into())))
    })?;
    let Some((program, words)) = args.command.split_first() else { return Err(Failure::new("no command")) };
    let error = Command::new(program).args(words).env(HELD, fd.0.to_string()).exec();
    let status = if error.kind() == ErrorKind::NotFound { 127 } else { 126 };
    Err(Failure::new(format_args!("{}: {error}", program.display())).status(status))
}
