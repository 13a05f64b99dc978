//! `cargo xtask`: every chore of this repository, in the cargo calls that keep std and no_std crates apart.
//!
//! Cargo unifies features inside one call. A std crate built next to a stage would switch on serde's `std`
//! for the stage too, and the stage would no longer link; so each task here makes its own calls.

mod contract;
mod deps;
mod docs;
mod fuzz;
mod harden;
mod lint;
mod peer;
mod repo;
mod reproduce;
mod sbom;
mod size;
mod staged;
mod syscalls;
mod testing;
mod unsafety;
mod watch;

use clap::{Parser, Subcommand};
use repo::{Repo, Res};
use std::path::PathBuf;
use std::process::ExitCode;
use watch::Watch;

/// Build, test, measure and check sallyport.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the six executables a sandbox consists of and check their size and shape; build the tool for people.
    Build,
    /// Run the tests of one level, or all; ends with `N passed, N failed, N skipped`.
    Test {
        /// The level to run.
        #[arg(value_enum, default_value = "all")]
        level: testing::Level,
        /// Only tests whose name contains this (given on to each test crate).
        filter: Option<String>,
    },
    /// Measure against bubblewrap: overhead, scaling, throughput, memory, code size.
    Bench {
        /// The bubblewrap to compare with; by default the installed one, see `cargo xtask peer`.
        #[arg(long)]
        peer: Option<PathBuf>,
        /// Options of the benchmark itself, such as `--quick` or `--json FILE`; `-- --help` lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Trace the tests and compare every system call and file of every stage with the list of what it may do.
    Contract {
        /// Write the tables of pipeline.md anew from the list, and trace nothing.
        #[arg(long)]
        bless: bool,
        /// Leave out the conformance cases; what is never done is not looked for then.
        #[arg(long)]
        quick: bool,
    },
    /// Check the built executables' size.
    Size,
    /// Check what the built executables are made like: position-independent, nothing writable, nothing of the builder.
    Harden,
    /// Build the executables a second time, elsewhere and differently, and compare every byte.
    Reproduce,
    /// Write a bill of materials for each executable (CycloneDX, target/sbom).
    Sbom,
    /// Format, clippy (a call for each kind of crate), where unsafe may be, what SAFETY lines may not say.
    Lint,
    /// Check that each executable is made of nothing but the crates that its Cargo.toml lists, with reasons in .deny.toml.
    Deps,
    /// Check that pipeline.md has a page for each stage, all with the same headings.
    Docs,
    /// Count execs and system calls of fixed scenarios and compare with the committed table.
    Syscalls {
        /// Write the table anew instead of comparing.
        #[arg(long)]
        bless: bool,
    },
    /// Print the path of the reference bubblewrap, installing it under the target directory when possible.
    Peer,
    /// Run the fuzz targets (or one) under libFuzzer for a bounded time; needs a nightly toolchain and cargo-fuzz.
    Fuzz {
        /// How long each target runs.
        #[arg(long, default_value_t = 60)]
        secs: u64,
        /// The target; all of them if none is named.
        target: Option<String>,
    },
    /// Make every system call of a launch go wrong: nothing may run then, or the command as confined as ever.
    Faults {
        /// Only scenarios whose names contain this.
        #[arg(long)]
        scenario: Option<String>,
        /// Only calls of this executable.
        #[arg(long)]
        stage: Option<String>,
        /// A few scenarios, one errno, calls without effect, no kills but those of --die-with-parent: what CI runs.
        #[arg(long, conflicts_with = "long")]
        quick: bool,
        /// Everything (the default): some minutes.
        #[arg(long)]
        long: bool,
        /// Launches at the same time.
        #[arg(long, default_value_t = 2)]
        jobs: usize,
        /// Do it to bubblewrap instead (by default the installed one, see `cargo xtask peer`), and only count.
        #[arg(long, num_args = 0..=1)]
        peer: Option<Option<PathBuf>>,
    },
    /// Everything CI runs, in its order.
    Ci,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match Repo::find().and_then(|repo| run(&repo, cli.task)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(repo: &Repo, task: Task) -> Res<bool> {
    match task {
        Task::Build => Ok(size::build(repo)? && size::check(repo)? && tool(repo)?),
        Task::Test { level, filter } => testing::run(repo, level, filter.as_deref(), Vec::new()),
        Task::Bench { peer, args } => bench(repo, peer, &args),
        Task::Size => size::check(repo),
        Task::Contract { bless, quick } => contract::run(repo, bless, quick),
        Task::Harden => harden::run(repo),
        Task::Reproduce => reproduce::run(repo),
        Task::Sbom => sbom::run(repo),
        Task::Lint => lint::run(repo),
        Task::Deps => deps::run(repo),
        Task::Docs => docs::run(repo),
        Task::Syscalls { bless } => syscalls::run(repo, bless),
        Task::Peer => {
            println!("{}", peer::find_or_install(repo)?.display());
            Ok(true)
        }
        Task::Fuzz { secs, target } => fuzz::run(repo, secs, target.as_deref()),
        Task::Faults { scenario, stage, quick, long: _, jobs, peer } => {
            let options = [("--scenario", scenario), ("--stage", stage), ("--jobs", Some(jobs.to_string()))];
            faults(repo, &options, quick, peer)
        }
        Task::Ci => ci(repo),
    }
}

/// Builds `sallyport`, which links std and so has a call of its own.
fn tool(repo: &Repo) -> Res<bool> {
    repo.status(&mut repo.cargo(&["build", "--release", "--package", "sallyport"]))
}

/// Runs every check even after one failed, so that one CI run tells all there is to mend.
fn ci(repo: &Repo) -> Res<bool> {
    type Check = fn(&Repo) -> Res<bool>;
    let checks: [(&str, Check); 10] = [
        ("lint", lint::run),
        ("build", size::build),
        ("size", size::check),
        ("harden", harden::run),
        ("reproduce", reproduce::run),
        ("deps", deps::run),
        ("sbom", sbom::run),
        ("docs", docs::run),
        ("contract", |repo| contract::run(repo, false, true)),
        ("syscalls", |repo| syscalls::run(repo, false)),
    ];
    let (mut failed, mut skipped) = (Vec::new(), Vec::new());
    for (name, check) in checks {
        println!("== {name}");
        let watch = Watch::over(name, if name == "contract" { 6 } else { 12 });
        match check(repo) {
            Ok(true) => {}
            // A tracer that is never done (it takes a minute) says nothing about the stages: their tests run below without one.
            _ if name == "contract" && watch.has_fired() => {
                skipped
                    .push(format!("SKIP: {name}: not compared, the traced tests came to no end, see above"));
            }
            Ok(false) => failed.push(name),
            Err(error) => {
                println!("{name}: {error}");
                failed.push(name);
            }
        }
    }
    println!("== test");
    // Last, so that the runner's closing line ends the log.
    let passed = testing::run(repo, testing::Level::All, None, skipped)?;
    if !failed.is_empty() {
        eprintln!("xtask: besides the tests, these failed: {}", failed.join(", "));
    }
    Ok(passed && failed.is_empty())
}

fn bench(repo: &Repo, peer: Option<PathBuf>, args: &[String]) -> Res<bool> {
    let help = args.iter().any(|arg| arg == "--help" || arg == "-h");
    let mut command = repo.cargo(&["build", "--release", "--package", "bench", "--package", "sallyport"]);
    if !repo.status(&mut command)? {
        return Ok(false);
    }
    let mut bench = std::process::Command::new(repo.target.join("release/bench"));
    bench.args(args).current_dir(&repo.started_in);
    if !help {
        if !args.iter().any(|arg| arg == "--ours") && std::env::var_os("SALLYPORT_BWRAP").is_none() {
            if !size::build(repo)? {
                return Ok(false);
            }
            bench.env("SALLYPORT_BWRAP", repo.target.join("release/bwrap"));
        }
        let peer = match peer {
            Some(path) => path,
            None => peer::find_or_install(repo)?,
        };
        bench.arg("--peer").arg(peer);
    }
    repo.status(&mut bench)
}

fn faults(
    repo: &Repo,
    options: &[(&str, Option<String>)],
    quick: bool,
    peer: Option<Option<PathBuf>>,
) -> Res<bool> {
    if !repo.status(&mut repo.cargo(&["build", "--release", "--package", "attack"]))? {
        return Ok(false);
    }
    let mut faults = std::process::Command::new(repo.target.join("release/faults"));
    for (name, value) in options {
        faults.args(value.iter().flat_map(|value| [*name, value]));
    }
    if quick {
        faults.arg("--quick");
    }
    match peer {
        Some(named) => {
            faults.arg("--peer").arg(named.map_or_else(|| peer::find_or_install(repo), Ok)?);
        }
        None if !size::build(repo)? => return Ok(false),
        None => {
            faults.env("SALLYPORT_BIN_DIR", repo.target.join("release"));
        }
    }
    repo.status(&mut faults)
}
