//! `sallyport show`: what a launch will do, in words a person reviews, or as JSON.

mod facts;
mod operations;
mod page;
mod privileges;
mod stages;
mod summary;

pub use facts::{Facts, Share, Source};
pub use operations::operation;
pub use privileges::held;

use crate::document::Document;
use crate::failure::Res;
use crate::output::print;
use crate::{document, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// What `show` takes.
#[derive(clap::Args)]
pub struct Args {
    /// All of the plan as JSON, for `from-json` to read back.
    #[arg(long)]
    json: bool,
    /// The JSON Schema of that, and no plan.
    #[arg(long, conflicts_with_all = ["json", "plan"])]
    schema: bool,
    /// The plan; - is standard input.
    #[arg(value_name = "PLAN", required_unless_present = "schema", value_hint = clap::ValueHint::FilePath)]
    plan: Option<PathBuf>,
}

/// Says it on standard output.
pub fn run(args: Args) -> Res<ExitCode> {
    let Some(plan) = args.plan else {
        print(json::schema::schema().text().as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    };
    let document = document::load(&plan)?;
    let text = if args.json { json::of(&document).text() } else { text(&document) };
    print(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// The page. The same plan gives the same text, on every machine.
pub fn text(document: &Document) -> String {
    let facts = Facts::of(document);
    let mut page = page::Page::default();
    summary::write(&mut page, document, &facts);
    stages::write(&mut page, document, &facts);
    page.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::golden_plans;
    use crate::words;

    #[test]
    fn golden_plans_are_shown_in_the_same_words_as_ever() {
        for (plan, bytes) in golden_plans() {
            let text = text(&Document::decode(&bytes).unwrap());
            let file = plan.with_extension("show");
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                std::fs::write(&file, &text).unwrap();
            }
            let stored = std::fs::read_to_string(&file).unwrap_or_default();
            assert!(stored == text, "{}: run UPDATE_GOLDEN=1 cargo test -p sallyport golden", file.display());
        }
    }

    #[test]
    fn the_words_of_a_plan_cannot_act_on_a_terminal_or_make_lines_of_their_own() {
        let mut random = crate::json::Random(7);
        for _ in 0..300 {
            let document = random.document();
            let text = text(&document);
            assert!(text.chars().all(|c| c == '\n' || words::is_printable(c)), "{text:?}");
            let titles = text.lines().filter(|line| !line.starts_with("  ") && !line.is_empty());
            assert!(titles.count() <= 7, "{text}");
        }
    }
}
