//! The differential test: each case runs on the reference and on ours, and everything observable is compared.
//!
//! `conformance [--selfcheck] [--filter SUBSTR] [--list] [--differences] [--verbose] [--record FILE]`
//!
//! `--list` shows the cases, `--differences` the intentional differences with their reasons; `--record` writes what
//! the reference does instead of comparing.

mod case;
mod cases;
mod differs;
mod normal;
mod peer;
mod runner;
mod setup;

use case::{Case, Who};
use runner::{Bench, Seen};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Default)]
struct Options {
    selfcheck: bool,
    filters: Vec<String>,
    list: bool,
    differences: bool,
    verbose: bool,
    record: Option<PathBuf>,
}

#[derive(Default)]
struct Tally {
    passed: usize,
    failed: Vec<String>,
    skipped: usize,
    must_not_skip: bool,
}

fn options() -> Result<Options, String> {
    let mut options = Options::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--selfcheck" => options.selfcheck = true,
            "--list" => options.list = true,
            "--differences" => options.differences = true,
            "--verbose" => options.verbose = true,
            "--filter" => options.filters.extend(words.next()),
            "--record" => options.record = words.next().map(PathBuf::from),
            // What `cargo test` users pass to every harness, without a meaning here.
            "--nocapture" | "--show-output" | "--quiet" | "-q" | "--exact" => {}
            word if word.starts_with("--test-threads") => {}
            word if word.starts_with('-') => return Err(format!("unknown option {word}")),
            word => options.filters.push(word.to_owned()),
        }
    }
    Ok(options)
}

/// The whole program, for the binary and for `cargo test`.
pub fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(error) => {
            eprintln!("conformance: {error}");
            return ExitCode::from(2);
        }
    };
    if options.differences {
        differs::DIFFERS
            .iter()
            .for_each(|row| println!("{} {}: {}\n    {:?}", row.case, row.field, row.reason, row.rule));
        return ExitCode::SUCCESS;
    }
    let cases = cases::all();
    let duplicate =
        cases.iter().enumerate().find(|(i, c)| cases[..*i].iter().any(|other| other.name == c.name));
    if let Some((_, case)) = duplicate {
        eprintln!("conformance: two cases are called {}", case.name);
        return ExitCode::from(2);
    }
    let chosen: Vec<(&Case, Who)> = cases
        .iter()
        .flat_map(|case| case.who.iter().map(move |who| (case, *who)))
        .filter(|(case, who)| {
            let name = label(case, *who);
            options.filters.is_empty() || options.filters.iter().any(|filter| name.contains(filter.as_str()))
        })
        .collect();
    if options.list {
        chosen.iter().for_each(|(case, who)| println!("{}", label(case, *who)));
        println!("{} cases, {} runs", cases.len(), chosen.len());
        return ExitCode::SUCCESS;
    }
    let mut tally = Tally::default();
    let started = std::time::Instant::now();
    if let Err(error) = run_all(&options, &chosen, &mut tally) {
        eprintln!("conformance: {error}");
        return ExitCode::FAILURE;
    }
    tally.failed.iter().for_each(|name| println!("FAILED {name}"));
    let (passed, failed, skipped) = (tally.passed, tally.failed.len(), tally.skipped);
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    let good = failed == 0 && !(tally.must_not_skip && std::env::var("CI").is_ok_and(|ci| ci == "true"));
    println!(
        "test result: {}. {passed} passed; {failed} failed; {skipped} ignored; 0 measured; 0 filtered out; finished in {:.1}s",
        if good { "ok" } else { "FAILED" },
        started.elapsed().as_secs_f32()
    );
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn label(case: &Case, who: Who) -> String {
    format!("{}[{}]", case.name, who.name())
}

fn run_all(options: &Options, chosen: &[(&Case, Who)], tally: &mut Tally) -> Result<(), String> {
    let peer = match peer::reference() {
        Ok(path) => path,
        Err(error) => {
            println!("skipped: all {} runs: the reference cannot be had: {error}", chosen.len());
            tally.skipped = chosen.len();
            tally.must_not_skip = true;
            return Ok(());
        }
    };
    let ours = if options.selfcheck || options.record.is_some() { peer.clone() } else { peer::ours()? };
    support::init();
    let scratch = support::Scratch::new().map_err(|error| error.to_string())?;
    let probe = scratch.install_probe().map_err(|error| error.to_string())?;
    let bench = Bench { scratch, probe, peer: peer.clone(), namespaces: namespaces() };
    println!("reference {}, under test {}", peer.display(), ours.display());
    let mut record = String::new();
    for (case, who) in chosen {
        let name = label(case, *who);
        if let Some(reason) = reason_to_skip(case, *who) {
            println!("skipped {name}: {reason}");
            tally.skipped += 1;
            continue;
        }
        let begun = std::time::Instant::now();
        let theirs = bench.run(case, *who, &peer);
        if options.record.is_some() {
            write_record(&mut record, case, &name, &theirs);
            tally.passed += 1;
            continue;
        }
        let problem = match (theirs, bench.run(case, *who, &ours)) {
            (Ok(theirs), Ok(ours)) => compare(&case.name, &theirs, &ours, options.verbose),
            (Err(error), _) | (_, Err(error)) => Some(format!("the harness failed: {error}\n")),
        };
        match problem {
            None => {
                tally.passed += 1;
                if options.verbose {
                    println!("ok {name} {:.2}s", begun.elapsed().as_secs_f32());
                }
            }
            Some(text) => {
                println!("\nFAILED {name}: {}\n{text}", case.args);
                tally.failed.push(name);
            }
        }
    }
    if let Some(path) = &options.record {
        std::fs::write(path, record).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn reason_to_skip(case: &Case, who: Who) -> Option<String> {
    if who == Who::Root && !support::is_root() {
        return Some("needs root".to_owned());
    }
    if !support::is_root() && case.make.iter().any(|make| matches!(make, case::Make::RootOwned(_))) {
        return Some("needs root to give a file to root".to_owned());
    }
    case.needs.iter().find_map(|program| {
        let found = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]
            .iter()
            .any(|dir| Path::new(dir).join(program).exists());
        (!found).then(|| format!("needs {program}"))
    })
}

/// Unified differences of every field that differs; a left-over, a time-out or a host mount is never right.
fn compare(case: &str, theirs: &Seen, ours: &Seen, verbose: bool) -> Option<String> {
    let mut out = String::new();
    for ((field, a), (_, b)) in theirs.iter().zip(ours) {
        let (a, b) = (differs::apply(case, field, a.clone()), differs::apply(case, field, b.clone()));
        if !differs::agree(case, field, &a, &b) {
            let _ = write!(out, "--- reference {field}\n+++ ours {field}\n{}", support::unified(&a, &b));
        } else if field == "exit" && a.starts_with("timed out") {
            out.push_str("both timed out\n");
        } else if field == "host" && !a.is_empty() {
            let _ = write!(out, "the host was changed:\n{a}");
        }
    }
    if !out.is_empty() && verbose {
        for (field, text) in ours {
            let _ = write!(out, "=== all of ours: {field}\n{text}");
        }
    }
    (!out.is_empty()).then_some(out)
}

fn write_record(out: &mut String, case: &Case, name: &str, seen: &std::io::Result<Seen>) {
    let _ = writeln!(out, "######## {name}\nargs: {}", case.args);
    if !case.wrap.is_empty() {
        let _ = writeln!(out, "through: {:?}", case.wrap);
    }
    match seen {
        Err(error) => drop(writeln!(out, "harness: {error}")),
        Ok(fields) => {
            for (field, text) in fields.iter().filter(|(_, text)| !text.is_empty()) {
                let _ = write!(out, "[{field}]\n{text}");
            }
        }
    }
}

/// The namespaces of this process, for the probe to compare with.
fn namespaces() -> String {
    ["cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "user", "uts"]
        .iter()
        .filter_map(|name| {
            let target = std::fs::read_link(format!("/proc/self/ns/{name}")).ok()?.display().to_string();
            Some(format!("{name}:{}", target.split(['[', ']']).nth(1)?))
        })
        .collect::<Vec<_>>()
        .join(",")
}
