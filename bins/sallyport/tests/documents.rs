//! Every command block of README.md and pipeline.md, run as its reader would paste it: one after another, in a directory
//! of one's own, as an ordinary user. A block of `text` behind one is what it has to print.
//!
//! A block that cannot be run here says why in a comment before it: `<!-- not run: why -->`.

#![allow(clippy::unwrap_used)] // Tests: what fails to unwrap fails the test.

mod common;

use common::{said, sallyport};
use stage::{Bench, Who, skip, with_env};
use std::fs;
use std::path::Path;
use std::time::Duration;
use support::End;

/// A block of a document.
struct Block {
    /// The line of its first command.
    line: usize,
    commands: String,
    /// What it prints, if the document says.
    prints: Option<String>,
    /// Why it is not run.
    not_run: Option<String>,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    let mut not_run = None;
    // A block of text belongs to the commands that nothing but blank lines is between.
    let mut follows = false;
    while let Some((number, line)) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let body: Vec<&str> =
                lines.by_ref().map(|(_, line)| line).take_while(|line| !line.starts_with("```")).collect();
            let body = body.join("\n") + "\n";
            match (language, blocks.last_mut().filter(|_| follows)) {
                ("sh", _) => {
                    let not_run = not_run.take();
                    blocks.push(Block { line: number + 2, commands: body, prints: None, not_run });
                }
                ("text", Some(block)) => block.prints = Some(body),
                _ => {}
            }
            follows = language == "sh";
        } else if let Some(why) = line.strip_prefix("<!-- not run: ") {
            not_run = Some(why.trim_end_matches(" -->").to_owned());
        } else if !line.trim().is_empty() {
            follows = false;
            not_run = None;
        }
    }
    blocks
}

/// The programs that the blocks use beside ours.
const NEEDED: [&str; 4] = ["jq", "make", "strace", "unshare"];

fn has(program: &str) -> bool {
    ["/usr/bin", "/bin", "/usr/sbin"].iter().any(|dir| Path::new(dir).join(program).exists())
}

fn run_document(name: &str, least: usize) {
    if let Some(missing) = NEEDED.iter().find(|program| !has(program)) {
        return skip(&format!("{missing} is not installed"));
    }
    let bench = Bench::set_up();
    let who = Who::User;
    let desk = bench.dir("desk", who);
    fs::write(desk.join("Makefile"), "all clean:\n\t@echo made $@\n").unwrap();
    // Installs it.
    let program = sallyport(&bench, who, &[""; 0]).argv.remove(0);
    let bin = Path::new(&program).parent().unwrap().to_owned();
    let text = fs::read_to_string(support::workspace_root().join(name)).unwrap();
    let (mut passed, mut skipped, mut failures) = (0, 0, Vec::new());
    for Block { line, commands, prints, not_run } in blocks(&text) {
        if let Some(why) = not_run {
            println!("not run: {name}:{line}: {why}");
            skipped += 1;
            continue;
        }
        let mut job = bench.job("bash", who);
        job.args(["-eu", "-o", "pipefail", "-c", &commands]);
        job.cwd = Some(desk.clone());
        job.timeout = Some(Duration::from_secs(60));
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", bin.display());
        let job = with_env(with_env(job, "PATH", &path), "HOME", desk.to_str().unwrap());
        let seen = job.run().unwrap();
        let (end, stdout, stderr) = said(&seen);
        let right = end == End::Exit(0) && prints.as_ref().is_none_or(|prints| *prints == stdout);
        if right && seen.leftovers.is_empty() {
            passed += 1;
        } else {
            let left = &seen.leftovers;
            failures.push(format!(
                "{name}:{line}: {end:?}, left {left:?}\n{commands}--- printed\n{stdout}{stderr}"
            ));
        }
    }
    // The form that `cargo xtask test` adds up.
    println!("{name}: {passed} passed, {} failed, {skipped} skipped", failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(passed >= least, "only {passed} blocks in {name}");
}

#[test]
fn the_commands_of_the_readme_work_as_they_stand() {
    run_document("README.md", 8);
}

#[test]
fn the_commands_of_the_contract_work_as_they_stand() {
    run_document("pipeline.md", 0);
}

#[test]
fn blocks_are_found_with_what_belongs_to_them() {
    let text = "a\n```sh\none\n```\n\n```text\nout\n```\n<!-- not run: why -->\n```sh\ntwo\n```\nb\n```text\nno\n```\n```\nx\n```\n";
    let found: Vec<_> = blocks(text)
        .into_iter()
        .map(|block| (block.line, block.commands, block.prints, block.not_run))
        .collect();
    assert_eq!(
        found,
        [(3, "one\n".into(), Some("out\n".into()), None), (11, "two\n".into(), None, Some("why".into()))]
    );
}
