//! Measures what a sandbox costs: our bwrap, bubblewrap's, and a floor that makes only the unavoidable calls.
//!
//! Overhead is the time of the sandboxed command less the time of the command alone, as an ordinary user.
//! The first process makes a folder, starts a worker without privileges, and turns its rows into a table,
//! JSON and a plot; nothing is left behind.

mod files;
mod filter;
mod launch;
mod mounts;
mod others;
mod report;
mod rows;
mod scenario;
mod script;
mod stats;
mod svg;
mod view;
mod watch;
mod worker;

use clap::Parser;
use files::Files;
use launch::Res;
use rows::Row;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use worker::Plan;

/// Measure our bwrap against bubblewrap and against the floor.
#[derive(Parser)]
#[command(name = "bench")]
struct Cli {
    /// The bubblewrap to compare with.
    #[arg(long, env = "SALLYPORT_PEER", default_value = "/opt/peer/bwrap")]
    peer: PathBuf,
    /// Our bwrap; without one only the peer and the floor are measured.
    #[arg(long, env = "SALLYPORT_BWRAP")]
    ours: Option<PathBuf>,
    /// About two minutes in all, with wider intervals.
    #[arg(long)]
    quick: bool,
    /// Only rows whose short name contains this; may be given several times.
    #[arg(long, value_name = "ROW")]
    only: Vec<String>,
    /// Write all figures as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw cost against number of binds and of host mounts.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Exit with 1 when a row misses its ratio to reach.
    #[arg(long)]
    require: bool,
    /// Pause before each launch, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    gap: u64,
    /// Seed for the order of launches and for resampling; by default a new one each run.
    #[arg(long)]
    seed: Option<u64>,
    /// What a worker is to do, as JSON.
    #[arg(long, hide = true)]
    plan: Option<String>,
    /// The worker that makes mounts.
    #[arg(long, hide = true)]
    make_mounts: Option<usize>,
    /// The worker that measures among them.
    #[arg(long, hide = true)]
    among_mounts: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.plan {
        Some(plan) => work(&cli, plan).map(|()| true),
        None => run(&cli),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A worker: ends with its parent, measures, prints JSON.
fn work(cli: &Cli, plan: &str) -> Res<()> {
    let plan: Plan = serde_json::from_str(plan).map_err(|e| format!("--plan: {e}"))?;
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL).map_err(|e| format!("prctl: {e}"))?;
    match cli.make_mounts {
        Some(count) => mounts::make(&plan, count),
        None if cli.among_mounts => {
            watch::start();
            mounts::among(&plan)
        }
        None => {
            watch::start();
            let rows = worker::run(&plan)?;
            println!("{}", serde_json::to_string(&rows).map_err(|e| e.to_string())?);
            Ok(())
        }
    }
}

fn run(cli: &Cli) -> Res<bool> {
    if !cli.peer.is_file() {
        return Err(format!("no reference bubblewrap at {}: give --peer PATH", cli.peer.display()));
    }
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |t| t.as_secs());
    let files = Files::make(&cli.peer, cli.ours.as_deref())?;
    let (quick, only, seed) = (cli.quick, cli.only.clone(), cli.seed.unwrap_or(clock));
    let plan = Plan { files, quick, only, gap_ms: cli.gap, seed };
    let rows = measure(&plan);
    plan.files.remove();
    let rows = rows?;
    print!("{}", report::table(&rows));
    if let Some(path) = &cli.json {
        let json = report::json(&rows, &plan)?;
        std::fs::write(path, json).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    if let Some(path) = &cli.svg {
        std::fs::write(path, svg::plot(&rows)).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(!cli.require || rows.iter().all(|row| row.reached() != Some(false)))
}

/// Starts the worker as an ordinary user without any privilege and reads its rows.
fn measure(plan: &Plan) -> Res<Vec<Row>> {
    outlive_interrupt()?;
    let json = serde_json::to_string(plan).map_err(|e| e.to_string())?;
    let mut worker = Command::new(&plan.files.bench);
    worker.args(["--plan", &json]).current_dir("/").env_clear().stdin(Stdio::null()).stdout(Stdio::piped());
    if nix::unistd::Uid::effective().is_root() {
        // Dropped here, in the parent, which needs them no more; the child inherits the empty sets. Setting
        // ids as root also empties the child's supplementary groups and its other sets.
        for set in [caps::CapSet::Bounding, caps::CapSet::Inheritable, caps::CapSet::Ambient] {
            caps::clear(None, set).map_err(|e| format!("capabilities: {e}"))?;
        }
        worker.uid(plan.files.uid).gid(plan.files.gid);
    }
    let worker = worker.spawn().map_err(|e| format!("starting the worker: {e}"))?;
    let output = worker.wait_with_output().map_err(|e| format!("waiting for the worker: {e}"))?;
    if !output.status.success() {
        return Err(format!("the worker: {}", output.status));
    }
    serde_json::from_slice(&output.stdout).map_err(|e| format!("what the worker printed: {e}"))
}

/// Ctrl-C ends the worker and what it runs; this process then still has a folder to remove.
fn outlive_interrupt() -> Res<()> {
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
    extern "C" fn nothing(_: i32) {}
    let action = SigAction::new(SigHandler::Handler(nothing), SaFlags::SA_RESTART, SigSet::empty());
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        // SAFETY: the handler does nothing, so it may run at any time; unlike an ignored signal, a handled one
        // is back to its default in the worker.
        unsafe { sigaction(signal, &action) }.map_err(|e| format!("sigaction: {e}"))?;
    }
    Ok(())
}
