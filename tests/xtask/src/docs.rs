//! Keeps pipeline.md whole: one page for each stage, every page with the same headings in the same order.

use crate::repo::{Repo, Res, read};

/// The headings of a page, in order.
const HEADINGS: [&str; 11] = [
    "Purpose",
    "Enters with",
    "Reads",
    "Does",
    "Gives up",
    "Leaves with",
    "Execs",
    "Security",
    "Failure",
    "Differs from bwrap",
    "Tests",
];

/// Folders in bins/ that are no stages: the front and the tool for people.
const NO_STAGES: [&str; 2] = ["bwrap", "sallyport"];

/// Checks pipeline.md against the folders in bins/.
pub fn run(repo: &Repo) -> Res<bool> {
    let text = read(&repo.root.join("pipeline.md"))?;
    let bins = repo.root.join("bins");
    let mut faults = Vec::new();
    let entries = std::fs::read_dir(&bins).map_err(|e| format!("{}: {e}", bins.display()))?;
    let mut stages: Vec<String> = entries
        .filter_map(|entry| entry.ok())
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !NO_STAGES.contains(&name.as_str()))
        .collect();
    stages.sort();
    for stage in &stages {
        faults.extend(check_page(&text, stage));
    }
    for fault in &faults {
        println!("docs: pipeline.md: {fault}");
    }
    println!("docs: {} pages, {} faults", stages.len(), faults.len());
    Ok(faults.is_empty())
}

/// The faults of one stage's page.
fn check_page(text: &str, stage: &str) -> Option<String> {
    let headings = headings(text);
    let Some(start) = headings.iter().position(|(_, title)| title == stage) else {
        return Some(format!("no page `## {stage}`"));
    };
    let level = headings[start].0;
    let page = headings[start + 1..].iter().take_while(|(depth, _)| *depth > level);
    let found: Vec<&str> =
        page.filter(|(depth, _)| *depth == level + 1).map(|(_, title)| title.as_str()).collect();
    let differs = (0..HEADINGS.len().max(found.len())).find(|&i| found.get(i) != HEADINGS.get(i))?;
    let name = |list: &[&str]| list.get(differs).map_or("nothing".to_owned(), |title| format!("`{title}`"));
    Some(format!("page {stage}: heading {} is {}, not {}", differs + 1, name(&found), name(&HEADINGS)))
}

/// Depth and title of every heading outside code blocks.
fn headings(text: &str) -> Vec<(usize, String)> {
    let mut fenced = false;
    let mut list = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        let depth = line.bytes().take_while(|&byte| byte == b'#').count();
        if !fenced && depth > 0 && line[depth..].starts_with(' ') {
            list.push((depth, line[depth..].trim().replace('`', "")));
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::{HEADINGS, check_page};

    fn page(skip: &str) -> String {
        let rest =
            HEADINGS.iter().filter(|title| **title != skip).map(|title| format!("### {title}\ntext\n"));
        format!("# Top\n## `ns-enter`\n{}## next\n", rest.collect::<String>())
    }

    #[test]
    fn a_whole_page_passes() {
        assert_eq!(check_page(&page(""), "ns-enter"), None);
    }

    #[test]
    fn a_missing_heading_is_named() {
        let fault = check_page(&page("Gives up"), "ns-enter").unwrap();
        assert!(fault.contains("`Gives up`"), "{fault}");
        assert!(check_page(&page("Tests"), "ns-enter").unwrap().contains("is nothing"));
    }

    #[test]
    fn a_missing_page_is_named() {
        assert!(check_page(&page(""), "fs-build").unwrap().contains("fs-build"));
    }
}
