//! `sallyport completions`: what a shell has to know to complete a command line.

use crate::Cli;
use crate::failure::Res;
use clap::CommandFactory;
use clap_complete::Shell;
use std::process::ExitCode;

/// What `completions` takes.
#[derive(clap::Args)]
pub struct Args {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Writes them to standard output.
pub fn run(args: Args) -> Res<ExitCode> {
    clap_complete::generate(args.shell, &mut Cli::command(), "sallyport", &mut std::io::stdout());
    Ok(ExitCode::SUCCESS)
}
