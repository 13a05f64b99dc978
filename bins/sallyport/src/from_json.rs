//! `sallyport from-json`: the other way round of `sallyport show --json`.

use crate::failure::{Failure, Res};
use crate::output::Output;
use crate::{document, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// What `from-json` takes.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    output: Output,
    /// A plan in JSON; - is standard input.
    #[arg(value_name = "JSON", value_hint = clap::ValueHint::FilePath)]
    json: PathBuf,
}

/// Reads it, and writes the plan.
pub fn run(args: Args) -> Res<ExitCode> {
    args.output.check("a plan")?;
    let text = document::read(&args.json)?;
    let plan = json::read(&text).map_err(|e| Failure::new(format_args!("{}: {e}", args.json.display())))?;
    args.output.write(&plan.encode()?)?;
    Ok(ExitCode::SUCCESS)
}
