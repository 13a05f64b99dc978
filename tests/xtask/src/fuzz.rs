//! Runs the fuzz targets under libFuzzer for a bounded time, from their seeds and with their dictionaries.

use crate::repo::{Repo, Res, show};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Inputs until a fuzzer starts over. Messages and plans are kept until the process ends, as a stage keeps them, so
/// a fuzzer that ran for good would fill the memory.
const RUNS: u32 = 150_000;

/// What a target came to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    runs: u64,
    coverage: u64,
    features: u64,
    corpus: u64,
}

/// Runs `only`, or every target, `seconds` each; `Ok(false)` if one has found something.
pub fn run(repo: &Repo, seconds: u64, only: Option<&str>) -> Res<bool> {
    let folder = repo.root.join("tests/fuzz");
    let targets = targets(&folder)?;
    if let Some(name) = only
        && !targets.iter().any(|target| target == name)
    {
        return Err(format!("no target {name}; there are {}", targets.join(", ")));
    }
    if let Some(missing) = missing() {
        println!("SKIP: {missing} [fuzz]");
        return Ok(true);
    }
    let mut build = fuzz(repo, &["build"]);
    if !repo.status(&mut build)? {
        return Ok(false);
    }
    let mut found = Vec::new();
    for name in targets.iter().filter(|name| only.is_none_or(|only| *name == only)) {
        let (count, good) = one(repo, name, Duration::from_secs(seconds))?;
        println!(
            "fuzz: {name}: {} executions, {} edges and {} features covered, {} inputs kept",
            count.runs, count.coverage, count.features, count.corpus
        );
        if !good {
            found.push(name.as_str());
        }
    }
    if !found.is_empty() {
        println!("fuzz: found something: {}; see tests/fuzz/artifacts", found.join(", "));
    }
    Ok(found.is_empty())
}

/// The targets: a file each.
fn targets(folder: &Path) -> Res<Vec<String>> {
    let folder = folder.join("fuzz_targets");
    let entries = std::fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}

/// What is not installed.
fn missing() -> Option<String> {
    let works = |args: &[&str]| {
        let mut command = nightly();
        command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if !works(&["--version"]) {
        return Some("no nightly toolchain (rustup toolchain install nightly)".to_owned());
    }
    (!works(&["fuzz", "--version"])).then(|| "no cargo-fuzz (cargo install cargo-fuzz)".to_owned())
}

/// The nightly cargo, by the name that rustup answers to: the one that runs this is a toolchain's own.
fn nightly() -> Command {
    let mut command = Command::new("cargo");
    command.arg("+nightly").env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").env_remove("RUSTC");
    command
}

fn fuzz(repo: &Repo, words: &[&str]) -> Command {
    let mut command = nightly();
    command.arg("fuzz").args(words).arg("--fuzz-dir").arg(repo.root.join("tests/fuzz"));
    command.arg("--target-dir").arg(repo.target.join("fuzz")).current_dir(&repo.root);
    for (key, _) in std::env::vars_os() {
        if key.to_str().is_some_and(|key| key.starts_with("CARGO_PKG_") || key == "CARGO_MANIFEST_DIR") {
            command.env_remove(key);
        }
    }
    command
}

/// Runs one target until the time is up or it has found something.
fn one(repo: &Repo, name: &str, time: Duration) -> Res<(Count, bool)> {
    let corpus = repo.target.join("fuzz/corpus").join(name);
    let seeds = repo.target.join("fuzz/seeds").join(name);
    std::fs::create_dir_all(&corpus).map_err(|e| format!("{}: {e}", corpus.display()))?;
    let mut write =
        repo.cargo(&["run", "--quiet", "--release", "--package", "fuzz-targets", "--bin", "fuzz-seeds"]);
    write.arg("--").arg(name).arg(&seeds);
    if !repo.status(&mut write)? {
        return Err(format!("no seeds for {name}"));
    }
    let end = Instant::now() + time;
    let mut total = Count::default();
    loop {
        let left = end.saturating_duration_since(Instant::now()).as_secs();
        if left == 0 {
            return Ok((total, true));
        }
        let mut command = fuzz(repo, &["run"]);
        command.arg(name).arg(&corpus).arg(&seeds).arg("--");
        command.args([format!("-runs={RUNS}"), format!("-max_total_time={left}")]);
        command.arg(format!("-dict={}", seeds.with_extension("dict").display()));
        // What a stage keeps until it execs is no leak.
        command.args(["-rss_limit_mb=6000", "-timeout=20", "-print_final_stats=1", "-detect_leaks=0"]);
        // Its progress is long; what it came to is what counts, and all of it if it found something.
        let output = command.stdin(Stdio::null()).output().map_err(|e| format!("{}: {e}", show(&command)))?;
        let text = String::from_utf8_lossy(&output.stderr);
        let count = read(&text);
        total = Count { runs: total.runs + count.runs, ..count };
        if !output.status.success() {
            println!("{text}");
            return Ok((total, false));
        }
    }
}

/// What libFuzzer says of itself, in its last line of progress and in its statistics.
fn read(text: &str) -> Count {
    let mut count = Count::default();
    for line in text.lines() {
        let number = |word: &str| {
            let mut words = line.split_whitespace().skip_while(|other| *other != word).skip(1);
            words.next().and_then(|number| number.split('/').next()?.parse().ok())
        };
        count.coverage = number("cov:").unwrap_or(count.coverage);
        count.features = number("ft:").unwrap_or(count.features);
        count.corpus = number("corp:").unwrap_or(count.corpus);
        count.runs = number("stat::number_of_executed_units:").unwrap_or(count.runs);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::{Count, read};

    #[test]
    fn libfuzzers_lines_are_read() {
        let text = "#2\tINITED cov: 7 ft: 8 corp: 1/1b exec/s: 0 rss: 30Mb\n\
                    #1000\tDONE   cov: 71 ft: 80 corp: 12/345b lim: 4 exec/s: 0 rss: 31Mb\n\
                    Done 1000 runs in 1 second(s)\nstat::number_of_executed_units: 1000\n";
        assert_eq!(read(text), Count { runs: 1000, coverage: 71, features: 80, corpus: 12 });
    }
}
