//! `sallyport doctor`: what this host allows, what will not work because of it, and the remedy.
//!
//! What can be tried is tried, in a child: a limit that no file shows is seen all the same.

mod host;
mod ids;
mod installed;
mod probe;

use crate::failure::Res;
use crate::output::print;
use serde_json::json;
use std::fmt::Write;
use std::process::ExitCode;

/// Say what this host allows, what fails because of it, and the remedy.
///
/// Each line is `ok`, `limited` (some options do not work, or protect less) or `fails`. Namespaces and mounts are really
/// tried, in a child process; nothing stays behind. The exit status is 0 if a plain sandbox can be launched, 1 if not.
#[derive(clap::Args)]
pub struct Args {
    /// Write JSON: an array of checks.
    #[arg(long)]
    json: bool,
    /// Part of a check, for a child of this program.
    #[arg(long, hide = true, value_name = "WHAT", num_args = 1..)]
    probe: Vec<String>,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing stands in the way.
    Ok,
    /// Something does not work or is less safe.
    Limited,
    /// Sandboxes do not work.
    Fails,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Limited => "limited",
            State::Fails => "fails",
        }
    }
}

/// One thing looked at.
#[derive(Debug)]
pub struct Check {
    name: &'static str,
    state: State,
    found: String,
    breaks: String,
    fix: String,
}

impl Check {
    /// All is well.
    pub fn ok(name: &'static str, found: impl Into<String>) -> Check {
        Check { name, state: State::Ok, found: found.into(), breaks: String::new(), fix: String::new() }
    }

    /// Some things do not work: which, and what to do about it.
    pub fn limited(
        name: &'static str,
        found: impl Into<String>,
        breaks: impl Into<String>,
        fix: impl Into<String>,
    ) -> Check {
        let (found, breaks, fix) = (found.into(), breaks.into(), fix.into());
        Check { name, state: State::Limited, found, breaks, fix }
    }

    /// Nothing works: why not, and what to do about it.
    pub fn fails(name: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Check {
        let (found, fix) = (found.into(), fix.into());
        Check { name, state: State::Fails, found, breaks: "every launch".into(), fix }
    }
}

/// Does it.
pub fn run(args: Args) -> Res<ExitCode> {
    if let Some((what, more)) = args.probe.split_first() {
        return Ok(probe::run(what, more));
    }
    let mut checks = host::checks();
    checks.extend(probe::checks());
    checks.extend(ids::checks());
    let (installed, launches) = installed::checks();
    checks.extend(installed);
    let text = if args.json {
        let all: Vec<_> = checks
            .iter()
            .map(|check| {
                json!({
                    "check": check.name,
                    "state": check.state.name(),
                    "found": check.found,
                    "breaks": check.breaks,
                    "fix": check.fix,
                })
            })
            .collect();
        format!("{:#}\n", json!(all))
    } else {
        words(&checks)
    };
    print(text.as_bytes())?;
    Ok(if launches { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn words(checks: &[Check]) -> String {
    let mut text = String::new();
    let width = checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    for check in checks {
        let Check { name, found, breaks, fix, .. } = check;
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:<8} {name:<width$}  {found}", check.state.name());
        for (what, words) in [("breaks", breaks), ("remedy", fix)] {
            if !words.is_empty() {
                let _ = writeln!(text, "{:9}{:width$}  {what}: {words}", "", "");
            }
        }
    }
    text
}
