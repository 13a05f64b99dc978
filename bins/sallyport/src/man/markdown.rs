//! From pipeline.md to a manual page: of Markdown what that file uses.

use super::roff::Roff;

/// What the contract says: the pages of the stages are sections of it.
const CONTRACT: &str = include_str!("../../../../pipeline.md");

/// The text under heading `### heading` of page "## `stage`", if it is there.
pub fn section(stage: &str, heading: &str) -> Option<String> {
    let page = under(CONTRACT, &format!("## `{stage}`"), "## ")?;
    under(page, &format!("### {heading}"), "### ").map(|text| text.trim().to_owned())
}

/// What stands between the line `heading` and the next that starts with `next`.
fn under<'t>(text: &'t str, heading: &str, next: &str) -> Option<&'t str> {
    let start = text.find(&format!("\n{heading}\n"))? + heading.len() + 2;
    let rest = text.get(start..)?;
    let end = rest.find(&format!("\n{next}")).map_or(rest.len(), |end| end + 1);
    rest.get(..end)
}

/// Writes `text`.
pub fn write(page: &mut Roff, text: &str) {
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.trim().is_empty() || line.starts_with("<!--") {
            continue;
        }
        if line.starts_with("```") {
            let code: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
            page.example(&code);
            continue;
        }
        if line.starts_with('|') {
            // A table: its rows as terms, without the rule under the heading.
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let is_rule = line.chars().all(|c| "|-: ".contains(c));
            if let ([first, rest @ ..], false) = (&cells[..], is_rule) {
                page.term(&plain(first), &plain(&rest.join("; ")));
            }
            continue;
        }
        let (mark, first) = mark(line);
        let mut text = first.trim().to_owned();
        // The lines of one paragraph or item.
        while let Some(next) = lines.next_if(|next| is_continued(next)) {
            text.push(' ');
            text.push_str(next.trim());
        }
        match mark {
            Some(mark) => page.item(mark, &plain(&text)),
            None => page.paragraph(&plain(&text)),
        }
    }
}

fn is_continued(line: &str) -> bool {
    !line.trim().is_empty() && mark(line).0.is_none() && !line.starts_with(['|', '`', '<'])
        || line.starts_with("`") && !line.starts_with("```")
}

/// The mark of a list item (`1.`, `-`), and the rest of the line.
fn mark(line: &str) -> (Option<&str>, &str) {
    let trimmed = line.trim_start();
    let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
    let split = match trimmed.as_bytes().get(digits..) {
        Some([b'.', b' ', ..]) if digits > 0 => digits + 1,
        _ if trimmed.starts_with("- ") => 1,
        _ => return (None, line),
    };
    trimmed.split_at_checked(split).map_or((None, line), |(mark, rest)| (Some(mark), rest))
}

/// `text` without the targets of its links and without emphasis.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once('[') {
        let Some((label, after)) = link.split_once("](") else {
            out.push_str(before);
            out.push('[');
            rest = link;
            continue;
        };
        let Some((_, after)) = after.split_once(')') else { break };
        out.push_str(before);
        out.push_str(label);
        rest = after;
    }
    out.push_str(rest);
    out.replace("**", "").replace(" *", " ").replace("* ", " ")
}
