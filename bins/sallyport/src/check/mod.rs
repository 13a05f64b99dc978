//! `sallyport check`: warnings that an expert would give about a plan, for people and for CI.

pub mod catalogue;
mod rules;
#[cfg(test)]
mod tests;

use crate::document;
use crate::failure::{Failure, Res};
use crate::json::{Json, bytes_to_json};
use crate::output::print;
use crate::words::escaped;
use catalogue::{ALL, Kind, Severity};
use rules::{Entry, Finding, findings};
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What `check` takes.
#[derive(clap::Args)]
#[command(
    after_help = "Exit status: 0 if there is nothing at or above the level, 1 if there is, 2 if the plan cannot be read."
)]
pub struct Args {
    /// JSON: an array of objects.
    #[arg(long)]
    json: bool,
    /// From which severity on the exit status is 1.
    #[arg(long, value_enum, value_name = "LEVEL", default_value = "warning")]
    deny_level: Severity,
    /// Leave out warnings with this ID, or only those about OBJECT (a path, a name).
    #[arg(long, value_name = "ID[=OBJECT]")]
    allow: Vec<String>,
    /// Say why there is warning ID and what to do, or all of them (`all`); reads no plan.
    #[arg(long, value_name = "ID", conflicts_with = "plan")]
    explain: Option<String>,
    /// The plan; - is standard input.
    #[arg(value_name = "PLAN", required_unless_present = "explain", value_hint = clap::ValueHint::FilePath)]
    plan: Option<PathBuf>,
}

/// The exit status for what could not be looked at.
const TROUBLE: u8 = 2;

/// Checks, and says what it found.
pub fn run(args: Args) -> Res<ExitCode> {
    look(args).map_err(|failure| failure.status(TROUBLE))
}

fn look(args: Args) -> Res<ExitCode> {
    let Some(plan) = &args.plan else {
        print(explain(args.explain.as_deref().unwrap_or("all"))?.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    };
    let allowed: Vec<Allowed> = args.allow.iter().map(|word| Allowed::parse(word)).collect::<Res<_>>()?;
    let document = document::load(plan)?;
    let mut found = findings(&document, &look_at);
    found.retain(|finding| !allowed.iter().any(|allowed| allowed.covers(finding)));
    let text = if args.json { json(&found).text() } else { text(&found) };
    print(text.as_bytes())?;
    let denied = found.iter().any(|finding| finding.kind.severity >= args.deny_level);
    Ok(ExitCode::from(u8::from(denied)))
}

/// What this host has at `path`.
fn look_at(path: &[u8]) -> Entry {
    let path = Path::new(OsStr::from_bytes(path));
    match (path.symlink_metadata(), path.read_link()) {
        (Err(_), _) => Entry::Missing,
        (Ok(_), Ok(target)) => Entry::Link(target.into_os_string().into_vec()),
        (Ok(found), Err(_)) if !found.is_dir() => Entry::File,
        (Ok(_), Err(_)) => Entry::Other,
    }
}

/// A warning that is not wanted.
struct Allowed {
    kind: &'static Kind,
    object: Option<Vec<u8>>,
}

impl Allowed {
    fn parse(word: &str) -> Res<Allowed> {
        let (id, object) = word.split_once('=').map_or((word, None), |(id, object)| (id, Some(object)));
        Ok(Allowed { kind: kind(id)?, object: object.map(|object| object.as_bytes().to_vec()) })
    }

    fn covers(&self, finding: &Finding) -> bool {
        finding.kind == self.kind && (self.object.is_none() || finding.object == self.object)
    }
}

/// The kind with this id. A typing error must not allow nothing and look as if it did.
fn kind(id: &str) -> Res<&'static Kind> {
    let found = ALL.iter().find(|kind| kind.id == id);
    found
        .copied()
        .ok_or_else(|| Failure::new(format_args!("there is no warning {id}; --explain all lists them")))
}

fn explain(id: &str) -> Res<String> {
    let kinds = if id == "all" { ALL.to_vec() } else { vec![kind(id)?] };
    let each = kinds.iter().map(|kind| {
        let Kind { id, severity, title, reason, remedy } = kind;
        format!("{id} ({}): {title}\n  why:    {reason}\n  remedy: {remedy}\n", severity.name())
    });
    Ok(each.collect::<Vec<_>>().join("\n"))
}

fn text(found: &[Finding]) -> String {
    let mut out = String::new();
    for Finding { kind, object: _, detail } in found {
        out.push_str(&format!("{}: {}: {}: {detail}\n", kind.severity.name(), kind.id, kind.title));
    }
    let count = |severity| found.iter().filter(|finding| finding.kind.severity == severity).count();
    let (dangers, warnings, notes) =
        (count(Severity::Danger), count(Severity::Warning), count(Severity::Note));
    out.push_str(&format!("{dangers} dangers, {warnings} warnings, {notes} notes\n"));
    out
}

fn json(found: &[Finding]) -> Json {
    let each = found.iter().map(|Finding { kind, object, detail }| {
        Json::object([
            ("id", Json::from(kind.id)),
            ("severity", Json::from(kind.severity.name())),
            ("title", Json::from(kind.title)),
            ("object", object.as_ref().map_or(Json::Null, |object| bytes_to_json(object))),
            ("detail", Json::String(escaped(detail.as_bytes()))),
            ("remedy", Json::from(kind.remedy)),
        ])
    });
    Json::Array(each.collect())
}
