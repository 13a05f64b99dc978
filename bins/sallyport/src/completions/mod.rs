//! `sallyport completions`: what a shell has to know to complete a command line. For `sallyport` itself it comes from
//! the declaration of its arguments, for the others from their option tables.

mod bash;
mod fish;
mod zsh;

use crate::Cli;
use crate::failure::Res;
use crate::output::print;
use crate::programs::{self, Program};
use clap::CommandFactory;
use clap_complete::Shell;
use clap_complete::Shell::{Bash, Fish, Zsh};
use std::process::ExitCode;

/// What `completions` takes.
#[derive(clap::Args)]
pub struct Args {
    /// The shell.
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(["bash", "zsh", "fish"]))]
    shell: String,
    /// Whose command lines: sallyport, bwrap, a stage, or all of them.
    #[arg(value_name = "PROGRAM", default_value = "all", value_parser = clap::builder::PossibleValuesParser::new(
        ["all", "sallyport", "bwrap", "ns-enter", "fs-build", "priv-drop", "init-reaper", "seccomp-load"]
    ))]
    program: String,
}

/// Writes them to standard output.
pub fn run(args: Args) -> Res<ExitCode> {
    let (shell, script): (Shell, fn(&Program) -> String) = match args.shell.as_str() {
        "bash" => (Bash, bash::script),
        "zsh" => (Zsh, zsh::script),
        _ => (Fish, fish::script),
    };
    let mut out = Vec::new();
    let wanted = |name: &str| args.program == "all" || args.program == name;
    for program in programs::all().iter().filter(|program| wanted(program.name)) {
        out.extend(script(program).into_bytes());
    }
    if wanted("sallyport") {
        let mut own = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "sallyport", &mut own);
        out.extend(own);
    }
    print(&out)?;
    Ok(ExitCode::SUCCESS)
}

/// `text` between single quotes, as all three shells read it.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The name of a shell function for `program`.
fn function(program: &Program) -> String {
    format!("_sallyport_{}", program.name.replace('-', "_"))
}

/// The capabilities by name.
fn capabilities() -> String {
    let names: Vec<&str> = std::iter::once("ALL").chain(common::caps::NAMES).collect();
    names.join(" ")
}
