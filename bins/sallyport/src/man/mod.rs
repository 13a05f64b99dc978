//! `sallyport man`: manual pages, made of the option tables, the contract in pipeline.md and some prose.

mod markdown;
mod prose;
mod roff;
#[cfg(test)]
mod tests;

use crate::Cli;
use crate::check::catalogue::{ALL, Kind};
use crate::failure::Res;
use crate::output::print;
use crate::programs::{self, Program, help};
use clap::{Command, CommandFactory};
use common::plan::Stage;
use roff::Roff;
use std::process::ExitCode;

/// What `man` takes.
#[derive(clap::Args)]
#[command(after_help = "To read one: sallyport man bwrap | man -l -")]
pub struct Args {
    /// The page.
    #[arg(value_name = "PAGE", default_value = "sallyport", value_parser = clap::builder::PossibleValuesParser::new(
        ["sallyport", "bwrap", "ns-enter", "fs-build", "priv-drop", "init-reaper", "seccomp-load"]
    ))]
    page: String,
}

/// Writes it to standard output.
pub fn run(args: Args) -> Res<ExitCode> {
    print(page(&args.page).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// The page called `name`.
fn page(name: &str) -> String {
    match programs::all().into_iter().find(|program| program.name == name) {
        Some(program) => match program.stage {
            Some(stage) => of_stage(&program, stage),
            None => of_front(&program),
        },
        None => of_tool(),
    }
}

/// NAME and SYNOPSIS.
fn head(name: &str, what: &str, synopsis: &[&str]) -> Roff {
    let mut page = Roff::new(name);
    page.section("Name");
    page.paragraph(&format!("{name} - {what}"));
    page.section("Synopsis");
    synopsis.iter().for_each(|line| page.paragraph(line));
    page
}

fn options(page: &mut Roff, program: &Program) {
    page.section("Options");
    for line in &program.options {
        let blank = if line.operands.is_empty() { "" } else { " " };
        page.term(&format!("`{}`{blank}{}", line.name, line.operands), &format!("{}.", help(line)));
    }
}

fn see_also(page: &mut Roff, own: &str) {
    page.section("See also");
    let names = programs::all().into_iter().map(|program| program.name).chain(["sallyport"]);
    let others: Vec<String> = names.filter(|name| *name != own).map(|name| format!("`{name}`(1)")).collect();
    page.paragraph(&format!("{}, `namespaces`(7), `capabilities`(7), `seccomp`(2)", others.join(", ")));
}

fn of_front(program: &Program) -> String {
    let mut page = head(
        program.name,
        "run a command in a sandbox of its own",
        &["`bwrap` [OPTIONS...] [--] COMMAND [ARGS...]"],
    );
    page.section("Description");
    markdown::write(&mut page, prose::FRONT);
    options(&mut page, program);
    page.section("Environment");
    markdown::write(&mut page, prose::FRONT_ENVIRONMENT);
    page.section("Exit status");
    markdown::write(&mut page, prose::FRONT_STATUS);
    page.section("Examples");
    markdown::write(&mut page, prose::FRONT_EXAMPLES);
    see_also(&mut page, program.name);
    page.finish()
}

/// What of a stage's page in the contract is in its manual page, and under which heading.
const OF_CONTRACT: [(&str, &str); 9] = [
    ("Enters with", "Enters with"),
    ("Reads", "Reads"),
    ("Does", "Operation"),
    ("Gives up", "Gives up"),
    ("Leaves with", "Leaves with"),
    ("Execs", "Execs"),
    ("Security", "Security"),
    ("Failure", "Diagnostics"),
    ("Differs from bwrap", "Differences from bubblewrap"),
];

fn of_stage(program: &Program, stage: Stage) -> String {
    let purpose = markdown::section(stage.name(), "Purpose").unwrap_or_default().replace('\n', " ");
    let first = purpose.split(['.', ';']).next().unwrap_or_default();
    let mut lower = first.to_owned();
    if let Some(start) = lower.get_mut(..1) {
        start.make_ascii_lowercase();
    }
    let synopsis = [
        format!("`{}` [OPTIONS...] [--] NEXT [ARGS...]", program.name),
        format!("`{}` `--plan=`FD [`--next=`FD,...] [...]", program.name),
    ];
    let mut page = head(program.name, &lower, &[&synopsis[0], &synopsis[1]]);
    page.section("Description");
    markdown::write(&mut page, &purpose);
    markdown::write(&mut page, prose::STAGE);
    options(&mut page, program);
    for (heading, title) in OF_CONTRACT {
        if let Some(text) = markdown::section(stage.name(), heading) {
            page.section(title);
            markdown::write(&mut page, &text);
        }
    }
    page.section("Exit status");
    markdown::write(&mut page, prose::STAGE_STATUS);
    if stage == Stage::PrivDrop {
        page.section("Examples");
        markdown::write(&mut page, prose::PRIV_DROP_EXAMPLES);
    }
    see_also(&mut page, program.name);
    page.finish()
}

fn of_tool() -> String {
    let mut cli = Cli::command();
    cli.build();
    let mut page = head("sallyport", "sandbox plans, for people", &["`sallyport` SUBCOMMAND [ARGS...]"]);
    page.section("Description");
    markdown::write(&mut page, prose::TOOL);
    let mut all = Vec::new();
    leaves(&cli, "sallyport", &mut all);
    for (name, command) in &all {
        page.section(name);
        arguments(&mut page, name, command);
    }
    page.section("Warnings");
    markdown::write(&mut page, prose::WARNINGS);
    for Kind { id, severity, title, reason, remedy } in ALL {
        page.term(&format!("`{id}` ({})", severity.name()), &format!("{title}. {reason} {remedy}"));
    }
    page.section("Exit status");
    markdown::write(&mut page, prose::TOOL_STATUS);
    page.section("Examples");
    markdown::write(&mut page, prose::TOOL_EXAMPLES);
    see_also(&mut page, "sallyport");
    page.finish()
}

/// The subcommands that have no subcommands themselves, with their whole names.
fn leaves<'c>(command: &'c Command, name: &str, found: &mut Vec<(String, &'c Command)>) {
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let name = format!("{name} {}", sub.get_name());
        if sub.has_subcommands() { leaves(sub, &name, found) } else { found.push((name, sub)) }
    }
}

/// What a subcommand is for, and its arguments.
fn arguments(page: &mut Roff, name: &str, command: &Command) {
    let about = |text: Option<&clap::builder::StyledStr>| text.map_or(String::new(), |text| text.to_string());
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").split_whitespace().collect::<Vec<_>>().join(" ");
    let rest = usage.strip_prefix(name).unwrap_or(&usage);
    page.paragraph(&format!("`{name}`{rest}"));
    page.paragraph(&format!(
        "{}.",
        about(command.get_long_about().or(command.get_about())).trim_end_matches('.')
    ));
    for arg in command.get_arguments().filter(|arg| arg.get_id() != "help" && !arg.is_hide_set()) {
        let names: Vec<String> =
            arg.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect();
        let value = if arg.get_action().takes_values() { names.join(" ") } else { String::new() };
        let long = arg.get_long().map(|long| format!("`--{long}`"));
        let short = arg.get_short().map(|short| format!("`-{short}`"));
        let flags: Vec<String> = short.into_iter().chain(long).collect();
        let term = [flags.join(", "), value]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" ");
        let help = about(arg.get_long_help().or(arg.get_help()));
        page.term(&term, &format!("{}.", help.trim_end_matches('.').replace('\n', " ")));
    }
    if let Some(after) = command.get_after_help() {
        page.paragraph(&after.to_string().replace('\n', " "));
    }
}
