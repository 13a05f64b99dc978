//! Fault injection over the whole launch; `cargo xtask faults` builds and runs this.

use attack::faults::campaign::{self, Plan, Summary};
use attack::faults::launch::Subject;
use attack::faults::scenario::SCENARIOS;
use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;

/// Makes every system call of a launch go wrong, and accepts two outcomes: nothing was run, or the command ran as
/// confined as ever.
#[derive(Parser)]
struct Cli {
    /// Only scenarios whose names contain this.
    #[arg(long)]
    scenario: Option<String>,
    /// Only calls of this executable.
    #[arg(long)]
    stage: Option<String>,
    /// A few scenarios, one errno, calls without effect, no kills but those of --die-with-parent: what CI runs.
    #[arg(long, conflicts_with = "long")]
    quick: bool,
    /// Everything (the default).
    #[arg(long)]
    long: bool,
    /// Launches at the same time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// The reference bubblewrap instead of ours: count, and find fault with nothing.
    #[arg(long)]
    peer: Option<PathBuf>,
    /// Only name the scenarios.
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.list {
        SCENARIOS.iter().for_each(|scenario| println!("{}: {}", scenario.name, scenario.args));
        return ExitCode::SUCCESS;
    }
    let is_peer = cli.peer.is_some();
    let subject = match cli.peer {
        Some(path) => Subject::Peer(path),
        None => Subject::Ours(match std::env::var_os("SALLYPORT_BIN_DIR") {
            Some(dir) => dir.into(),
            None => support::workspace_root().join("target/release"),
        }),
    };
    let plan =
        Plan { subject, scenario: cli.scenario, stage: cli.stage, quick: cli.quick, jobs: cli.jobs.max(1) };
    match campaign::prepare().and_then(|()| campaign::run(&plan)) {
        Ok(summary) if summary.launches() == 0 => {
            eprintln!("faults: no such scenario, or nothing that can go wrong in it");
            ExitCode::FAILURE
        }
        Ok(summary) => report(&summary, is_peer),
        Err(error) => {
            eprintln!("faults: {error}");
            ExitCode::FAILURE
        }
    }
}

fn report(summary: &Summary, is_peer: bool) -> ExitCode {
    for (row, count) in &summary.known {
        println!("known, {count} times: {row}");
    }
    let all = summary.launches();
    for (title, kind) in
        [("a call failed", " after an error"), ("a call did nothing", " after no effect"), ("else", "")]
    {
        let count = |verdict: &str| summary.counts.get(&format!("{verdict}{kind}")).copied().unwrap_or(0);
        println!(
            "{title}: the command still ran weaker: {} of {all} launches; hung: {}; left: {}; said nothing or wrong: {}",
            count("weaker"),
            count("hung"),
            count("left"),
            count("unsaid") + count("misreported"),
        );
    }
    let failed = summary.findings.len() as u64;
    println!("{} passed, {failed} failed, 0 skipped", all.saturating_sub(failed));
    if is_peer || failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
