//! The tool for people: plans as files, what they do in words, what is wrong with them.
//!
//! One module a subcommand, each with its arguments and its `run`. What they share is in [`document`] (a plan decoded
//! to records) and [`failure`] (how a subcommand ends that could not do its work).

mod check;
mod compile;
mod completions;
mod diff;
mod doctor;
mod document;
mod enter;
mod filter;
mod from_json;
mod hold;
mod json;
mod launch;
mod man;
mod output;
mod policies;
mod programs;
mod show;
mod trace;
mod tree;
mod words;

use clap::{Parser, Subcommand};
use sallyport::failure::{self, Res};
use std::process::ExitCode;

/// Sandbox plans: compile, launch, read, check, compare.
#[derive(Parser)]
#[command(name = "sallyport", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Make a plan of a bwrap command line, without running it.
    Compile(compile::Args),
    /// Launch a plan.
    Run(launch::Args),
    /// Run a command that launches a plan again and again, with the plan sealed in memory.
    Hold(hold::Args),
    /// Say what a plan will do.
    Show(show::Args),
    /// Warn about what a plan leaves open.
    Check(check::Args),
    /// Say what two plans do differently.
    Diff(diff::Args),
    /// Run a command in a sandbox that runs already.
    Enter(enter::Args),
    /// Make a plan of its JSON form.
    FromJson(from_json::Args),
    /// Seccomp filters: make them of policies, read them, ask them.
    Seccomp(policies::Args),
    /// Say what this host allows, what fails because of it, and the remedy.
    Doctor(doctor::Args),
    /// Run a command line and report each stage's time, system calls, operations and errors.
    Trace(trace::Args),
    /// Write completions for a shell.
    Completions(completions::Args),
    /// Write a manual page.
    Man(man::Args),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // With 2 `seccomp test` says that a call is refused: a line that was not understood must not say so, too.
        Err(error)
            if error.use_stderr() && std::env::args_os().nth(1).is_some_and(|word| word == "seccomp") =>
        {
            // Where it cannot be written the status says it.
            let _ = error.print();
            return ExitCode::FAILURE;
        }
        Err(error) => error.exit(),
    };
    match run(cli.task) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

fn run(task: Task) -> Res<ExitCode> {
    match task {
        Task::Compile(args) => compile::run(args),
        Task::Run(args) => launch::run(args),
        Task::Hold(args) => hold::run(args),
        Task::Show(args) => show::run(args),
        Task::Check(args) => check::run(args),
        Task::Diff(args) => diff::run(args),
        Task::Enter(args) => enter::run(args),
        Task::FromJson(args) => from_json::run(args),
        Task::Seccomp(args) => policies::run(args),
        Task::Doctor(args) => doctor::run(args),
        Task::Trace(args) => trace::run(args),
        Task::Completions(args) => completions::run(args),
        Task::Man(args) => man::run(args),
    }
}
