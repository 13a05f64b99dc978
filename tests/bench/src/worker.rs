//! The process that measures, as an ordinary user. It prints its rows as JSON on standard output.

use crate::files::Files;
use crate::launch::{Launch, Res};
use crate::rows::{Row, Samples, timed};
use crate::scenario::{Rendered, Scenario};
use crate::stats::Rng;
use crate::{mounts, others, view};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// What to measure and how long.
#[derive(Clone, Serialize, Deserialize)]
pub struct Plan {
    /// Where everything is.
    pub files: Files,
    /// A short run.
    pub quick: bool,
    /// Only rows whose key contains one of these; all when empty.
    pub only: Vec<String>,
    /// Pause before each launch.
    pub gap_ms: u64,
    /// For the order of launches and for resampling.
    pub seed: u64,
}

impl Plan {
    /// Whether a row is wanted.
    pub fn wants(&self, key: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| key.contains(part.as_str()))
    }

    /// Time for one row.
    pub fn budget(&self) -> Duration {
        Duration::from_secs(if self.quick { 5 } else { 25 })
    }
}

/// How many binds the curve has; the table's rows are among them.
const BINDS: [usize; 6] = [1, 10, 100, 1000, PEER_MOST, 10_000];
/// Near the most that the reference takes.
const PEER_MOST: usize = 2900;
/// From how many microseconds on a launch leaves the kernel more to free in the background than the next one, whichever that
/// is, should pay for: thousands of mounts, after a grace period.
const LONG: f64 = 5_000.0;
/// How long that takes, by far.
const SETTLES: Duration = Duration::from_millis(5);
/// How many mounts the host has beside its own.
const MOUNTS: [usize; 6] = [0, 10, 100, 300, 1000, 3000];

/// Measures all rows that are wanted.
pub fn run(plan: &Plan) -> Res<Vec<Row>> {
    let files = &plan.files;
    let mut rows = Vec::new();
    let timed_rows = [
        (Scenario::ro_root(files), (0.50, 0.40)),
        (Scenario::unshare_all(files), (0.60, 0.50)),
        (Scenario::readme(files), (0.60, 0.50)),
        (Scenario::flatpak(files), (0.60, 0.50)),
    ];
    for (scenario, goal) in timed_rows {
        rows.extend(row(plan, &scenario, Some(goal))?);
    }
    binds(plan, &mut rows)?;
    for count in MOUNTS {
        let key = format!("mounts-{count}");
        if plan.wants(&key) && !(plan.quick && count > 1000) {
            progress(&key);
            let goal = (count == 1000).then_some((0.60, 0.40));
            let title = format!("--ro-bind / / on a host with {count} more mounts");
            let (samples, notes) = mounts::measure(plan, count)?;
            let mut row = timed(&key, &title, goal, &samples, plan.seed);
            row.notes.extend(notes);
            rows.push(row);
        }
    }
    rows.extend(row(plan, &Scenario::seccomp(files), Some((0.60, 0.50)))?);
    rows.extend(row(plan, &Scenario::stored(files), Some((0.45, 0.35)))?);
    if plan.wants("throughput") {
        progress("throughput");
        rows.push(others::throughput(plan)?);
    }
    if plan.wants("idle-memory") {
        progress("idle-memory");
        rows.push(others::idle_memory(plan)?);
    }
    if plan.wants("code-size") {
        progress("code-size");
        rows.push(others::code_size(plan)?);
    }
    Ok(rows)
}

/// The row of a scenario, if it is wanted.
fn row(plan: &Plan, scenario: &Scenario, goal: Option<(f64, f64)>) -> Res<Option<Row>> {
    if !plan.wants(&scenario.key) {
        return Ok(None);
    }
    progress(&scenario.key);
    let (samples, mut notes) = measure(plan, scenario)?;
    notes.extend(view::differences(plan, scenario)?);
    let mut row = timed(&scenario.key, &scenario.title, goal, &samples, plan.seed);
    row.notes = notes;
    Ok(Some(row))
}

/// The curve over the number of binds. The reference takes at most 9,000 arguments, which is 2,999 binds. What it would
/// need for more follows from its [`PEER_MOST`], launched in the same rounds: whatever slows those slows all.
fn binds(plan: &Plan, rows: &mut Vec<Row>) -> Res<()> {
    let mut one = None;
    for count in BINDS {
        let goal = match count {
            100 => Some((0.45, 0.45)),
            1000 | 10_000 => Some((0.40, 0.40)),
            _ => None,
        };
        let scenario = Scenario::binds(&plan.files, count);
        if count <= PEER_MOST {
            let Some(row) = row(plan, &scenario, goal)? else { continue };
            if count == 1 {
                one = row.figures.get("peer").map(|figure| figure.median);
            }
            rows.push(row);
        } else if plan.wants(&scenario.key) {
            progress(&scenario.key);
            rows.push(beyond(plan, &scenario, count, goal, one)?);
        }
    }
    Ok(())
}

/// A row of more binds than the reference takes; `one` is its time for one, which does not grow with their number.
fn beyond(
    plan: &Plan,
    scenario: &Scenario,
    count: usize,
    goal: Option<(f64, f64)>,
    one: Option<f64>,
) -> Res<Row> {
    let (mut subjects, notes) = subjects(plan, scenario)?;
    subjects.retain(|(name, _)| *name != "peer");
    let most = Scenario::binds(&plan.files, PEER_MOST);
    subjects.push(("peer", Launch::new(&plan.files.peer, &most.bwrap())?));
    let mut samples = time(plan, &subjects)?;
    let fixed = one.unwrap_or(0.0);
    for sample in samples.get_mut("peer").into_iter().flatten() {
        *sample = beyond_most(*sample, fixed, count);
    }
    let mut row = timed(&scenario.key, &scenario.title, goal, &samples, plan.seed);
    if let Some(figure) = row.figures.get_mut("peer") {
        figure.estimated = true;
    }
    row.notes = notes;
    row.notes.extend(view::differences(plan, scenario)?);
    row.notes.push(format!(
        "peer: estimated from {PEER_MOST} binds in the same rounds: it refuses more arguments"
    ));
    Ok(row)
}

/// What `count` binds take whose first [`PEER_MOST`] take `most`, `fixed` of which is for the launch and the first.
fn beyond_most(most: f64, fixed: f64, count: usize) -> f64 {
    fixed + (most - fixed) * (count - 1) as f64 / (PEER_MOST - 1) as f64
}

/// Launchers by name, and what kept others out.
pub type Subjects = (Vec<(&'static str, Launch)>, Vec<String>);

/// The launchers to compare in a scenario; one that cannot do it is left out, with its words.
pub fn subjects(plan: &Plan, scenario: &Scenario) -> Res<Subjects> {
    let files = &plan.files;
    let alone = Launch::new(&files.noop, &Rendered::default())?;
    let mut list = vec![("alone", alone)];
    let mut notes = Vec::new();
    let bwrap = scenario.bwrap();
    let ours = match &files.ours {
        Some(ours) if scenario.stored => match stored(files, ours, &bwrap) {
            Ok(launch) => Some(launch),
            Err(error) => {
                notes.push(format!("SKIP: {error}"));
                None
            }
        },
        Some(ours) => Some(Launch::new(ours, &bwrap)?),
        None => None,
    };
    let mut add = |name, launch: Launch| match launch.capture() {
        Ok(_) => list.push((name, launch)),
        Err(error) => notes.push(format!("{name}: {error}")),
    };
    add("peer", Launch::new(&files.peer, &bwrap)?);
    if let Some(launch) = ours {
        add("ours", launch);
    }
    add("floor", Launch::new(&files.floor, &scenario.floor(files))?);
    Ok((list, notes))
}

/// Our launch of a plan made of `bwrap`'s arguments and sealed in memory, as `sallyport hold` hands it to whoever launches
/// it again and again.
fn stored(files: &Files, ours: &str, bwrap: &Rendered) -> Res<Launch> {
    let compiler =
        files.sallyport.as_ref().ok_or("no `sallyport` beside the benchmark to store a plan with")?;
    let mut command = Command::new(compiler);
    let output = command.args(["compile", "--"]).args(&bwrap.args).output();
    let output = output.map_err(|e| format!("{compiler}: {e}"))?;
    if !output.status.success() {
        return Err(format!("{compiler}: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let mut rendered = Rendered::default();
    let fd = rendered.fd(output.stdout);
    rendered.args.push(format!("--plan={fd}"));
    let first = Path::new(ours).with_file_name("ns-enter");
    Launch::new(&first.to_string_lossy(), &rendered)
}

/// Times all launchers of a scenario, one of each a round, in an order drawn anew for every round; and what kept others out.
pub fn measure(plan: &Plan, scenario: &Scenario) -> Res<(Samples, Vec<String>)> {
    let (subjects, notes) = subjects(plan, scenario)?;
    Ok((time(plan, &subjects)?, notes))
}

/// The times of all launchers, by name.
fn time(plan: &Plan, subjects: &[(&'static str, Launch)]) -> Res<Samples> {
    let mut samples: Samples = subjects.iter().map(|(name, _)| ((*name).to_owned(), Vec::new())).collect();
    let mut order: Vec<usize> = (0..subjects.len()).collect();
    let mut rng = Rng::new(plan.seed);
    let (least, most) = if plan.quick { (7, 400) } else { (15, 2000) };
    let start = Instant::now();
    // Rounds below zero warm up and do not count.
    for round in -3..most {
        rng.shuffle(&mut order);
        for &index in &order {
            let (name, launch) = &subjects[index];
            if plan.gap_ms > 0 {
                std::thread::sleep(Duration::from_millis(plan.gap_ms));
            }
            let took = launch.time()?;
            if took > LONG {
                std::thread::sleep(SETTLES);
            }
            if round >= 0
                && let Some(list) = samples.get_mut(*name)
            {
                list.push(took);
            }
        }
        let (took, budget) = (start.elapsed(), plan.budget());
        // Long rounds get more time: of a few, the median is the luck of a moment.
        if round >= least && took >= if round < 100 { budget * 5 / 2 } else { budget } {
            break;
        }
    }
    Ok(samples)
}

/// One line for whoever waits.
pub fn progress(key: &str) {
    eprintln!("bench: {key}");
}

#[cfg(test)]
mod tests {
    use super::{PEER_MOST, beyond_most};

    #[test]
    fn what_is_beyond_the_most_grows_by_the_bind() {
        let fixed = 2000.0;
        let of = |count: usize| fixed + 40.0 * (count - 1) as f64;
        for count in [PEER_MOST, 5000, 10_000] {
            assert!((beyond_most(of(PEER_MOST), fixed, count) - of(count)).abs() < 1e-6);
        }
    }
}
