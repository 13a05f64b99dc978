//! `sallyport diff`: what two plans do differently, field by field.
//!
//! It compares the JSON forms, which are complete; so it finds nothing exactly if the plans are the same bytes.

use crate::document::{self, Document};
use crate::failure::Res;
use crate::filter;
use crate::json::{self, Json};
use crate::output::print;
use crate::show::{Facts, operation};
use std::path::PathBuf;
use std::process::ExitCode;

/// What `diff` takes.
#[derive(clap::Args)]
#[command(
    after_help = "Exit status: 0 if the plans are the same, 1 if they differ, 2 if one cannot be read."
)]
pub struct Args {
    /// JSON: an array of objects with path, and old or new or both.
    #[arg(long)]
    json: bool,
    /// The one plan; - is standard input.
    #[arg(value_name = "OLD", value_hint = clap::ValueHint::FilePath)]
    old: PathBuf,
    /// The other.
    #[arg(value_name = "NEW", value_hint = clap::ValueHint::FilePath)]
    new: PathBuf,
}

/// The exit status for what could not be looked at.
const TROUBLE: u8 = 2;

/// Compares, and says what it found.
pub fn run(args: Args) -> Res<ExitCode> {
    let trouble = |failure: crate::failure::Failure| failure.status(TROUBLE);
    let old = document::load(&args.old).map_err(trouble)?;
    let new = document::load(&args.new).map_err(trouble)?;
    let changes = changes(&json::of(&old), &json::of(&new));
    let text = if args.json { as_json(&changes).text() } else { as_text(&changes, &old, &new) };
    // Nothing to say is said by saying nothing, in the manner of diff(1).
    if args.json || !changes.is_empty() {
        print(text.as_bytes()).map_err(trouble)?;
    }
    Ok(ExitCode::from(u8::from(!changes.is_empty())))
}

/// A step on the way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// Member of an object.
    Member(String),
    /// Item of an array: of the old one for what is gone, of the new one for what is new.
    Item(usize),
}

/// A value that is not the same in both.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Change {
    path: Vec<Step>,
    old: Option<Json>,
    new: Option<Json>,
}

fn changes(old: &Json, new: &Json) -> Vec<Change> {
    let mut found = Vec::new();
    compare(&mut Vec::new(), old, new, &mut found);
    found
}

fn compare(path: &mut Vec<Step>, old: &Json, new: &Json, found: &mut Vec<Change>) {
    if old == new {
        return;
    }
    match (old, new) {
        (Json::Object(members), Json::Object(others)) => {
            let added = others.iter().filter(|(name, _)| old.get(name).is_none());
            for (name, _) in members.iter().chain(added) {
                path.push(Step::Member(name.clone()));
                match (old.get(name), new.get(name)) {
                    (Some(old), Some(new)) => compare(path, old, new, found),
                    (old, new) => {
                        found.push(Change { path: path.clone(), old: old.cloned(), new: new.cloned() })
                    }
                }
                path.pop();
            }
        }
        (Json::Array(items), Json::Array(others)) => compare_items(path, items, others, found),
        _ => found.push(Change { path: path.clone(), old: Some(old.clone()), new: Some(new.clone()) }),
    }
}

/// What is gone and what is new, in the order in which a reader meets it: the order of operations matters.
fn compare_items(path: &[Step], old: &[Json], new: &[Json], found: &mut Vec<Change>) {
    let at = |index| [path, &[Step::Item(index)]].concat();
    let start = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let rest = old.len().min(new.len()) - start;
    let end = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(old, new)| old == new).count();
    let common = longest_common(
        old.get(start..old.len() - end).unwrap_or_default(),
        new.get(start..new.len() - end).unwrap_or_default(),
    );
    let common = common.into_iter().map(|(i, j)| (i + start, j + start));
    let (mut i, mut j) = (start, start);
    for (next_i, next_j) in common.chain([(old.len() - end, new.len() - end)]) {
        // A filter in the place of one: what differs in it.
        while let (Some(Json::Array(was)), Some(Json::Array(is))) = (old.get(i), new.get(j))
            && i == j
            && i < next_i
            && j < next_j
            && [was, is].into_iter().all(|items| matches!(items.first(), Some(Json::Array(_))))
        {
            compare_items(&at(i), was, is, found);
            (i, j) = (i + 1, j + 1);
        }
        for (index, item) in old.iter().enumerate().take(next_i).skip(i) {
            found.push(Change { path: at(index), old: Some(item.clone()), new: None });
        }
        for (index, item) in new.iter().enumerate().take(next_j).skip(j) {
            found.push(Change { path: at(index), old: None, new: Some(item.clone()) });
        }
        (i, j) = (next_i + 1, next_j + 1);
    }
}

/// The longest more than this many pairs are looked at for; beyond it all is said to be gone and new.
const MOST_PAIRS: usize = 1 << 24;

/// Places of a longest common subsequence.
fn longest_common(old: &[Json], new: &[Json]) -> Vec<(usize, usize)> {
    let width = new.len() + 1;
    if old.len().saturating_mul(width) > MOST_PAIRS {
        return Vec::new();
    }
    // lengths[i * width + j]: how long it is for what follows old[i] and new[j].
    let mut lengths = vec![0u32; (old.len() + 1) * width];
    let length = |lengths: &[u32], i: usize, j: usize| lengths.get(i * width + j).copied().unwrap_or(0);
    for (i, item) in old.iter().enumerate().rev() {
        for (j, other) in new.iter().enumerate().rev() {
            let best = if item == other {
                length(&lengths, i + 1, j + 1) + 1
            } else {
                length(&lengths, i + 1, j).max(length(&lengths, i, j + 1))
            };
            if let Some(slot) = lengths.get_mut(i * width + j) {
                *slot = best;
            }
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while let (Some(item), Some(other)) = (old.get(i), new.get(j)) {
        if item == other {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if length(&lengths, i + 1, j) >= length(&lengths, i, j + 1) {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

fn as_json(changes: &[Change]) -> Json {
    let each = changes.iter().map(|Change { path, old, new }| {
        let path = path.iter().map(|step| match step {
            Step::Member(name) => Json::from(name.as_str()),
            Step::Item(index) => Json::Number(*index as u64),
        });
        let side = |name: &str, value: &Option<Json>| value.clone().map(|value| (name.to_owned(), value));
        let path = ("path".to_owned(), Json::Array(path.collect()));
        Json::Object([Some(path), side("old", old), side("new", new)].into_iter().flatten().collect())
    });
    Json::Array(each.collect())
}

fn as_text(changes: &[Change], old: &Document, new: &Document) -> String {
    changes.iter().map(|change| sentence(change, old, new) + "\n").collect()
}

/// One change in words.
fn sentence(change: &Change, old: &Document, new: &Document) -> String {
    let (item, names) = match change.path.split_last() {
        Some((Step::Item(index), names)) => (Some(*index), names),
        _ => (None, &change.path[..]),
    };
    let names: Vec<String> = names
        .iter()
        .map(|step| match step {
            Step::Member(name) => name.replace('_', " "),
            Step::Item(index) => (index + 1).to_string(),
        })
        .collect();
    let place = names.join(": ");
    let number = item.map_or(String::new(), |index| format!(" {}", index + 1));
    let is_operation = names == ["fs-build", "ops"];
    let value = |json: &Json, document: &Document| {
        let op = item.filter(|_| is_operation).and_then(|index| document.fs_build?.ops.iter().nth(index));
        match op {
            Some(op) => {
                let keep_suid = document.fs_build.is_some_and(|frame| frame.keep_suid);
                let (dest, what) = operation(&op, &Facts::of(document), keep_suid);
                format!("{dest} {what}").trim_start().to_owned()
            }
            None => {
                let filter = match change.path.split_last_chunk() {
                    Some((_, [Step::Member(list), Step::Item(filter), Step::Item(_)]))
                        if list == "programs" =>
                    {
                        Some(*filter)
                    }
                    _ => None,
                };
                let line = filter.zip(item).and_then(|(filter, item)| filter::line(document, filter, item));
                line.unwrap_or_else(|| words(json))
            }
        }
    };
    match (&change.old, &change.new) {
        (Some(was), Some(is)) => format!("{place}: {} is now {}", value(was, old), value(is, new)),
        (Some(_), None) if names.len() == 1 && item.is_none() => {
            format!("{place}: the stage has no work any more")
        }
        (None, Some(_)) if names.len() == 1 && item.is_none() => format!("{place}: the stage has work now"),
        (Some(was), None) => format!("{place}: gone{number}: {}", value(was, old)),
        (None, Some(is)) => format!("{place}: new{number}: {}", value(is, new)),
        (None, None) => place,
    }
}

fn words(json: &Json) -> String {
    match json {
        Json::Null => "none".to_owned(),
        Json::Bool(true) => "on".to_owned(),
        Json::Bool(false) => "off".to_owned(),
        Json::Array(items) if items.is_empty() => "nothing".to_owned(),
        Json::Array(items) if matches!(items.first(), Some(Json::Array(_))) => {
            format!("a filter of {} instructions", items.len())
        }
        other => other.line(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Random;

    fn arrays(old: &[u64], new: &[u64]) -> Vec<(Option<u64>, Option<u64>)> {
        let json = |items: &[u64]| Json::Array(items.iter().copied().map(Json::Number).collect());
        let number = |json: Option<Json>| match json {
            Some(Json::Number(n)) => Some(n),
            _ => None,
        };
        changes(&json(old), &json(new)).into_iter().map(|c| (number(c.old), number(c.new))).collect()
    }

    #[test]
    fn of_a_list_only_what_is_gone_or_new_is_told() {
        assert_eq!(arrays(&[1, 2, 3], &[1, 2, 3]), []);
        assert_eq!(arrays(&[1, 2, 3], &[1, 3]), [(Some(2), None)]);
        assert_eq!(arrays(&[1, 3], &[1, 2, 3]), [(None, Some(2))]);
        assert_eq!(arrays(&[1, 2], &[2, 1]), [(Some(1), None), (None, Some(1))]);
        assert_eq!(arrays(&[], &[1]), [(None, Some(1))]);
        assert_eq!(arrays(&[5, 1, 5], &[5, 2, 5]), [(Some(1), None), (None, Some(2))]);
    }

    /// A plan with this filter.
    fn filtered(insns: &[[u8; 8]]) -> Document {
        let mut document = Document::decode(crate::compile::compile(&["sh".into()]).unwrap()).unwrap();
        let list = Box::leak(Box::new(common::plan::ListWriter::new(64).unwrap()));
        list.push(&common::plan::Program::new(insns.concat().leak()).unwrap()).unwrap();
        let programs = list.list();
        document.seccomp_load = Some(common::plan::SeccompLoad { programs, log: false, spec_allow: false });
        document
    }

    #[test]
    fn of_a_filter_in_the_place_of_one_the_instructions_that_differ_are_told() {
        let (load, allow) = ([0x20, 0, 0, 0, 0, 0, 0, 0], [6, 0, 0, 0, 0, 0, 0xff, 0x7f]);
        let refuse = |errno| [6, 0, 0, 0, errno, 0, 5, 0];
        let compare = |number| [0x15, 0, 1, 0, number, 0, 0, 0];
        let old = filtered(&[load, compare(16), refuse(1), allow]);
        let new = filtered(&[load, compare(16), refuse(13), allow]);
        let text = as_text(&changes(&json::of(&old), &json::of(&new)), &old, &new);
        let lines: Vec<&str> = text.lines().collect();
        let [gone, is_new] = &lines[..] else { panic!("{text}") };
        assert!(
            gone.starts_with("seccomp-load: programs: 1: gone 3: ") && gone.contains("errno EPERM"),
            "{gone}"
        );
        assert!(
            is_new.starts_with("seccomp-load: programs: 1: new 3: ") && is_new.contains("errno EACCES"),
            "{is_new}"
        );
    }

    #[test]
    fn plans_differ_exactly_if_their_bytes_do() {
        let mut random = Random(3);
        for _ in 0..100 {
            let (one, other) = (random.document(), random.document());
            for (old, new) in [(one, one), (one, other)] {
                let differ = !changes(&json::of(&old), &json::of(&new)).is_empty();
                assert_eq!(differ, old.encode().unwrap() != new.encode().unwrap());
            }
        }
    }
}
