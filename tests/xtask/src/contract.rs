//! Holds the stages to their list of system calls and files: traces the tests, compares, keeps pipeline.md's tables.

use crate::repo::{Repo, Res, read};
use crate::size;
use crate::staged::Staged;
use contract::{Contract, FILE, Seen, compare};
use std::path::Path;
use std::process::Command;

const BEGIN: &str = "<!-- contract tables: begin -->\n";
const END: &str = "<!-- contract tables: end -->";

/// A test suite that is traced.
struct Suite {
    package: &'static str,
    /// Tests that cannot be traced: they trace launches themselves (with strace, which finds them traced already), or
    /// look for what is left at an end that a tracer sees first.
    untraced: &'static [&'static str],
}

const SUITES: [Suite; 3] = [
    Suite {
        package: "stage",
        untraced: &[
            "the_monitor_ends_at_the_report_though_the_sandbox_goes_on",
            "with_die_with_parent_the_sandbox_ends",
            "pid_1_is_confined_before_the_command_can_look",
            "what_is_left_is_left",
            "no_signal_is_lost_between_the_start_and_the_command",
            "requests_to_end_become_the_stop_signal",
        ],
    },
    Suite {
        package: "pipeline",
        untraced: &[
            "nothing_outlives_bwrap",
            "without_die_with_parent_the_sandbox_goes_on",
            "a_launch_stops",
            // No signal, not even that of a fault, ends the first process of a PID namespace while it is traced.
            "a_filter_that_refuses_even_the_end_is_the_end",
        ],
    },
    Suite {
        package: "boot",
        untraced: &[
            "a_deep_tree_is_removed_in_as_many_steps_as_it_has_cgroups",
            "what_is_left_is_ended_one_by_one_where_the_kernel_cannot_end_it_at_once",
            "the_keeper_is_hidden_before_it_is_where_the_sandbox_could_trace_it",
            // No sleep shows while a tracer holds the processes.
            "what_is_left_behind_and_prints_on_does_not_keep_the_launch",
            "a_relay_that_can_show_nothing_sleeps",
            // A descriptor is moved out of the standard three's way by whoever makes it, which no role lists.
            "standard_input_that_is_closed_has_ended",
        ],
    },
];

/// Compares a traced run with the list, or (`bless`) writes the tables of pipeline.md anew. The `quick` run leaves out
/// the conformance cases, which are most of it, and so cannot say what is never done.
pub fn run(repo: &Repo, bless: bool, quick: bool) -> Res<bool> {
    let list = Contract::parse(&read(&repo.root.join(FILE))?)?;
    let documented = tables(repo, &list, bless)?;
    if bless {
        return Ok(true);
    }
    let mut build = repo.cargo(&["build", "--package", "contract"]);
    if !size::build(repo)? || !repo.status(&mut build)? {
        return Ok(false);
    }
    let staged = Staged::executables(repo)?;
    let mut seen = Seen::default();
    let mut good = documented;
    for suite in &SUITES {
        // Built untraced: a tracer has no business in a compiler's threads.
        let mut build = repo.cargo(&["test", "--no-run", "--quiet", "--package", suite.package]);
        if !repo.status(&mut build)? {
            return Ok(false);
        }
        let mut words: Vec<String> = vec!["--test-threads=1".into()];
        words.extend(suite.untraced.iter().flat_map(|name| ["--skip".to_owned(), (*name).to_owned()]));
        good &= trace(repo, suite.package, &words, &staged.dir, &mut seen)?;
    }
    if !quick {
        // Run on ours alone, and compared with nothing: that is another test's business.
        let record = std::env::temp_dir().join(format!("sallyport-record-{}", std::process::id()));
        let words = ["--record".to_owned(), record.display().to_string()];
        good &= trace(repo, "conformance", &words, &staged.dir, &mut seen)?;
        let _ = std::fs::remove_file(record);
    }
    let faults = compare(&list, &seen, !quick);
    for fault in &faults {
        println!("contract: {}", fault.0);
    }
    let (calls, files) = (list.calls().len(), list.files().len());
    let times: u64 = seen.calls.values().map(|met| met.times).sum();
    println!(
        "contract: {calls} calls and {files} uses of files listed; {times} calls traced; {} faults",
        faults.len()
    );
    Ok(good && faults.is_empty())
}

/// Runs a suite under the tracer and adds what was seen.
fn trace(repo: &Repo, package: &str, words: &[String], bins: &Path, seen: &mut Seen) -> Res<bool> {
    let out = std::env::temp_dir().join(format!("sallyport-trace-{}-{package}", std::process::id()));
    let mut tracer = Command::new(repo.target.join("debug/contract-trace"));
    let cargo = repo.cargo(&["test", "--no-fail-fast", "--quiet", "--package", package, "--"]);
    tracer.arg(&out).arg(bins).arg(cargo.get_program()).args(cargo.get_args()).args(words);
    tracer.current_dir(&repo.root);
    for (key, value) in cargo.get_envs() {
        match value {
            Some(value) => tracer.env(key, value),
            None => tracer.env_remove(key),
        };
    }
    let bwrap = bins.join("bwrap");
    tracer.env("SALLYPORT_BIN_DIR", bins).env("SALLYPORT_BWRAP", &bwrap).env("SALLYPORT_PEER", &bwrap);
    println!("$ contract-trace … cargo test --package {package} -- {}", words.join(" "));
    let output = tracer.output().map_err(|e| format!("contract-trace: {e}"))?;
    if out.exists() {
        seen.add(Seen::read(&out).map_err(|e| format!("{}: {e}", out.display()))?);
        let _ = std::fs::remove_file(&out);
    }
    if !output.status.success() {
        print!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        println!("contract: the tests of {package} fail when they are traced");
    }
    Ok(output.status.success())
}

/// Compares pipeline.md's tables with the list, or writes them.
pub fn tables(repo: &Repo, list: &Contract, bless: bool) -> Res<bool> {
    let path = repo.root.join("pipeline.md");
    let text = read(&path)?;
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?)));
    let (before, (_, after)) = parts.ok_or_else(|| format!("pipeline.md has no `{}`", BEGIN.trim()))?;
    let wanted = format!("{before}{BEGIN}{}{END}{after}", list.tables());
    if bless {
        std::fs::write(&path, wanted).map_err(|e| format!("pipeline.md: {e}"))?;
        return Ok(true);
    }
    if text != wanted {
        println!(
            "contract: pipeline.md's tables are not those of {FILE}: `cargo xtask contract --bless` writes them"
        );
    }
    Ok(text == wanted)
}
