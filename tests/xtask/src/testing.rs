//! Runs the test crates, each in a cargo call of its own, and adds up what they say.

use crate::repo::{NO_STD, Repo, Res, read, show};
use crate::staged::Staged;
use crate::watch::Watch;
use crate::{peer, size};
use clap::ValueEnum;
use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

/// Which tests to run.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// `common`, and the std tools' own tests: tables, parsers, decoders.
    Unit,
    /// Each stage alone, with a hand-made plan and a probe after it.
    Stage,
    /// All stages together, golden plans.
    Pipeline,
    /// The same command lines through bubblewrap and through us.
    Conformance,
    /// What a hostile plan, caller or command may try.
    Attack,
    /// What an init needs; with SALLYPORT_LONG=1 a whole Debian image, booted.
    Boot,
    /// All of them, in this order.
    All,
}

/// The levels that are one crate each, in tests/.
const CRATES: [(Level, &str); 5] = [
    (Level::Stage, "stage"),
    (Level::Pipeline, "pipeline"),
    (Level::Conformance, "conformance"),
    (Level::Attack, "attack"),
    (Level::Boot, "boot"),
];

/// What a test run came to.
#[derive(Default, Debug, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
    reasons: Vec<String>,
    /// The tests that failed, by name.
    failures: Vec<String>,
}

/// Runs a level and ends with the closing line, which counts what was `skipped` before, too; `Ok(false)` if anything failed.
pub fn run(repo: &Repo, level: Level, filter: Option<&str>, skipped: Vec<String>) -> Res<bool> {
    let mut total = Tally { skipped: skipped.len() as u64, reasons: skipped, ..Tally::default() };
    if !size::build(repo)? {
        total.failed += 1;
        println!("test: the stages do not build");
    }
    let staged = Staged::executables(repo)?;
    if matches!(level, Level::Unit | Level::All) {
        let mut packages = vec!["common"];
        let is_level = |name: &str| CRATES.iter().any(|(_, level)| *level == name);
        packages.extend(repo.std_packages().into_iter().filter(|name| !is_level(name)));
        for package in packages.into_iter().filter(|package| repo.has(package)) {
            run_crate(repo, package, filter, &staged.dir, &mut total)?;
        }
    }
    for (of, package) in CRATES {
        if level == of && !repo.has(package) {
            return Err(format!("there is no crate `{package}` in tests/ yet"));
        }
        if (level == of || level == Level::All) && repo.has(package) {
            run_crate(repo, package, filter, &staged.dir, &mut total)?;
        }
    }
    if env::var_os("CI").is_some() {
        for reason in &total.reasons {
            println!("{reason}");
        }
    }
    // Once more, where a reader of the log's end finds it.
    for failure in &total.failures {
        println!("FAILED: {failure}");
    }
    println!("{} passed, {} failed, {} skipped", total.passed, total.failed, total.skipped);
    Ok(total.failed == 0)
}

/// Runs one crate's tests, showing their output as it comes.
fn run_crate(repo: &Repo, package: &str, filter: Option<&str>, bins: &Path, total: &mut Tally) -> Res<()> {
    let folder = repo.members.iter().find(|(name, _)| name == package).map(|(_, folder)| folder);
    let manifest = folder.map_or(Ok(String::new()), |folder| read(&folder.join("Cargo.toml")))?;
    let libtest = !manifest.replace(' ', "").contains("harness=false");
    let mut command = repo.cargo(&["test", "--no-fail-fast", "--package", package]);
    if NO_STD.contains(&package) {
        // Doc tests link std into a crate that has none.
        command.args(["--lib", "--tests"]);
    }
    command.arg("--").args(filter);
    if libtest {
        // Only this shows the SKIP lines of tests that pass.
        command.arg("--show-output");
    }
    command.env("SALLYPORT_BIN_DIR", bins);
    command.env("SALLYPORT_BWRAP", bins.join("bwrap"));
    if let Some(path) = peer::find(repo) {
        command.env("SALLYPORT_PEER", path);
    }
    println!("$ {}", show(&command));
    let watch = Watch::over(package, 12);
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|e| format!("{}: {e}", show(&command)))?;
    let mut tally = Tally::default();
    let mut reader = Reader::default();
    for line in BufReader::new(child.stdout.take().ok_or("no output to read")?).split(b'\n') {
        let line = line.map_err(|e| format!("reading the output of {package}'s tests: {e}"))?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        reader.line(&line, &mut tally);
    }
    let status = child.wait().map_err(|e| format!("waiting for {package}'s tests: {e}"))?;
    if !status.success() && tally.failed == 0 {
        // It did not build, or a harness died before its closing line.
        let why =
            if watch.has_fired() { "no end; what hung is said where it was killed" } else { "see above" };
        println!("test: {package}: {status} without a failed test to show for it");
        tally.failures.push(format!("{status}, {why}"));
        tally.failed += 1;
    }
    total.passed += tally.passed;
    total.failed += tally.failed;
    total.skipped += tally.skipped;
    total.reasons.extend(tally.reasons.into_iter().map(|reason| format!("{reason} [{package}]")));
    total.failures.extend(tally.failures.into_iter().map(|failure| format!("{failure} [{package}]")));
    Ok(())
}

/// Reads a test program's output line by line.
#[derive(Default)]
struct Reader {
    /// The test whose output libtest is showing, and whether it said SKIP before.
    section: Option<bool>,
    /// Tests that libtest will count as passed though they said SKIP.
    skipped_in_libtest: u64,
    /// What the line before said in our own form; libtest's form right after it says the same again.
    said: Option<(u64, u64, u64)>,
}

impl Reader {
    fn line(&mut self, line: &str, tally: &mut Tally) {
        let said = self.said.take();
        if let Some(name) = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED")) {
            tally.failures.push(name.to_owned());
        }
        if line.starts_with("---- ") {
            self.section = Some(false);
        } else if let Some(at) = line.find("SKIP: ") {
            // libtest without capture puts `test name ... ` before it.
            if at == 0 || line.starts_with("test ") {
                tally.reasons.push(line[at..].trim_end().to_owned());
                if self.section == Some(false) {
                    self.section = Some(true);
                    self.skipped_in_libtest += 1;
                }
            }
        } else if let Some(result) = line.strip_prefix("test result: ") {
            let counts = result.split_once(". ").map_or("", |(_, counts)| counts);
            let hidden = std::mem::take(&mut self.skipped_in_libtest);
            self.section = None;
            if said.is_some() {
                return;
            }
            tally.passed += number(counts, "passed").unwrap_or(0).saturating_sub(hidden);
            tally.failed += number(counts, "failed").unwrap_or(0);
            tally.skipped += number(counts, "ignored").unwrap_or(0) + hidden;
        } else if let Some((passed, failed, skipped)) = plain(line) {
            tally.passed += passed;
            tally.failed += failed;
            tally.skipped += skipped;
            self.said = Some((passed, failed, skipped));
        }
    }
}

/// The number before a word in libtest's `3 passed; 0 failed; …`.
fn number(counts: &str, word: &str) -> Option<u64> {
    let part = counts.split(';').find(|part| part.trim().ends_with(word))?;
    part.split_whitespace().next()?.parse().ok()
}

/// Our own harnesses' closing line: `[name: ]N passed, N failed[, N skipped]` and nothing else.
fn plain(line: &str) -> Option<(u64, u64, u64)> {
    let line = line.trim();
    let line = match line.split_once(": ") {
        Some((name, rest)) if !name.contains(' ') => rest,
        _ => line,
    };
    let mut parts = line.split(", ");
    let mut next = |word| parts.next()?.strip_suffix(word)?.trim_end().parse::<u64>().ok();
    let (passed, failed) = (next("passed")?, next("failed")?);
    let skipped = next("skipped").unwrap_or(0);
    Some((passed, failed, skipped))
}

#[cfg(test)]
mod tests {
    use super::{Reader, Tally, plain};

    fn tally(text: &str) -> Tally {
        let (mut reader, mut tally) = (Reader::default(), Tally::default());
        text.lines().for_each(|line| reader.line(line, &mut tally));
        tally
    }

    #[test]
    fn libtest_results_add_up() {
        let text = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n\
                    test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 5 filtered out\n";
        assert_eq!(tally(text), Tally { passed: 5, failed: 1, skipped: 1, ..Tally::default() });
    }

    #[test]
    fn a_harness_that_says_it_in_both_forms_counts_once() {
        let text = "4 passed, 1 failed, 0 skipped\n\
                    test result: FAILED. 4 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(tally(text), Tally { passed: 4, failed: 1, ..Tally::default() });
    }

    #[test]
    fn a_libtest_test_that_says_skip_counts_as_skipped_once() {
        let text = "---- a stdout ----\nSKIP: no strace\nSKIP: no root\n\n---- b stdout ----\nhello\n\
                    test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
        let reasons = vec!["SKIP: no strace".to_owned(), "SKIP: no root".to_owned()];
        assert_eq!(tally(text), Tally { passed: 2, skipped: 1, reasons, ..Tally::default() });
    }

    #[test]
    fn tests_that_fail_are_named() {
        let text =
            "test a::b ... ok\ntest a::c ... FAILED\ntest result: FAILED. 1 passed; 1 failed; 0 ignored\n";
        let failures = vec!["a::c".to_owned()];
        assert_eq!(tally(text), Tally { passed: 1, failed: 1, failures, ..Tally::default() });
    }

    #[test]
    fn plain_closing_lines_are_read_and_prose_is_not() {
        assert_eq!(plain("3 passed, 1 failed"), Some((3, 1, 0)));
        assert_eq!(plain("attack: 3 passed, 1 failed, 2 skipped"), Some((3, 1, 2)));
        assert_eq!(plain("of these 3 passed, 1 failed"), None);
        assert_eq!(plain("3 passed"), None);
    }
}
