//! The rows that are no single launch: throughput, memory while idle, size of the code.

use crate::files::STAGES;
use crate::launch::{Launch, Res};
use crate::rows::Row;
use crate::scenario::Scenario;
use crate::stats::{Ratio, Rng, median};
use crate::worker::{Plan, Subjects, subjects};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Sandboxes a second, two at a time, everything unshared.
pub fn throughput(plan: &Plan) -> Res<Row> {
    let scenario = Scenario::unshare_all(&plan.files);
    let (mut subjects, notes) = subjects(plan, &scenario)?;
    subjects.retain(|(name, _)| *name != "alone");
    let mut row =
        Row::new("throughput", "sandboxes a second, 2 at a time, --unshare-all", "/s", Some((1.5, 2.0)));
    row.more = true;
    row.notes = notes;
    let (blocks, length) = if plan.quick { (5, 600) } else { (12, 1500) };
    let mut rates: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut rng = Rng::new(plan.seed);
    for _ in 0..blocks {
        rng.shuffle(&mut subjects);
        for (name, launch) in &subjects {
            rates.entry(name).or_default().push(two_at_a_time(launch, Duration::from_millis(length))?);
        }
    }
    for (name, list) in &rates {
        row.put(name, list);
    }
    if let (Some(ours), Some(peer)) = (rates.get("ours"), rates.get("peer")) {
        row.ratio = spread_of_blocks(ours, peer);
    }
    row.compare();
    Ok(row)
}

/// Too few blocks to resample: the interval is that of the single blocks' ratios.
fn spread_of_blocks(ours: &[f64], peer: &[f64]) -> Option<Ratio> {
    let mut each: Vec<f64> = ours.iter().zip(peer).map(|(ours, peer)| ours / peer).collect();
    each.sort_by(f64::total_cmp);
    let (low, high) = (*each.first()?, *each.last()?);
    Some(Ratio { value: median(ours) / median(peer), low, high })
}

fn two_at_a_time(launch: &Launch, length: Duration) -> Res<f64> {
    let start = Instant::now();
    let mut running = vec![launch.start()?, launch.start()?];
    let mut ended = 0_u32;
    while !running.is_empty() {
        let end = waitpid(None::<Pid>, None).map_err(|e| format!("waitpid: {e}"))?;
        let WaitStatus::Exited(pid, 0) = end else { return Err(format!("a sandbox ended with {end:?}")) };
        running.retain(|other| *other != pid);
        ended += 1;
        if start.elapsed() < length {
            running.push(launch.start()?);
        }
    }
    Ok(f64::from(ended) / start.elapsed().as_secs_f64())
}

/// What a launcher keeps running beside an idle command: process ids, the command's left out.
fn staying(first: Pid, noop: &str) -> Res<Vec<i32>> {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let tree = descendants(first.as_raw());
        let (command, rest): (Vec<i32>, Vec<i32>) = tree.into_iter().partition(|pid| is_command(*pid, noop));
        if !command.is_empty() && rest.iter().all(|pid| asleep(*pid)) {
            return Ok(rest);
        }
        if Instant::now() > deadline {
            return Err("the idle command did not start within 5 seconds".into());
        }
        std::thread::yield_now();
    }
}

/// The command is told by its first argument: another user namespace may hide its executable from us.
fn is_command(pid: i32, noop: &str) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).next() == Some(noop.as_bytes())
}

fn asleep(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'))
}

/// A process and all below it.
pub fn descendants(first: i32) -> Vec<i32> {
    let mut tree = vec![first];
    let mut next = 0;
    while let Some(pid) = tree.get(next).copied() {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        tree.extend(children.split_whitespace().filter_map(|child| child.parse::<i32>().ok()));
        next += 1;
    }
    tree
}

/// Starts a sandbox whose command waits, looks at what stays beside it, and lets it end.
fn while_idle<T>(launch: &Launch, noop: &str, look: impl Fn(&[i32]) -> Res<T>) -> Res<T> {
    let (pid, pipe) = launch.start_waiting()?;
    let seen = staying(pid, noop).and_then(|pids| look(&pids));
    drop(pipe);
    waitpid(pid, None).map_err(|e| format!("waitpid: {e}"))?;
    seen
}

fn waiting(plan: &Plan) -> Res<Subjects> {
    let scenario = Scenario::unshare_all(&plan.files).with("wait");
    let (mut subjects, notes) = subjects(plan, &scenario)?;
    subjects.retain(|(name, _)| *name != "alone");
    Ok((subjects, notes))
}

/// Private memory of all processes that stay while the command idles.
pub fn idle_memory(plan: &Plan) -> Res<Row> {
    let title = "private memory that stays while a sandbox idles";
    let mut row = Row::new("idle-memory", title, "KiB", Some((0.5, 0.25)));
    let (subjects, notes) = waiting(plan)?;
    row.notes = notes;
    for (name, launch) in &subjects {
        let mut samples = Vec::new();
        let mut processes = 0;
        for _ in 0..if plan.quick { 5 } else { 15 } {
            let (kib, count) = while_idle(launch, &plan.files.noop, |pids| {
                let each: Res<Vec<f64>> = pids.iter().map(|pid| private_kib(*pid)).collect();
                Ok((each?.iter().sum(), pids.len()))
            })?;
            samples.push(kib);
            processes = count;
        }
        row.put(name, &samples);
        row.notes.push(format!("{name}: {processes} processes stay"));
    }
    row.compare();
    Ok(row)
}

fn private_kib(pid: i32) -> Res<f64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
    let lines = text.lines().filter(|line| line.starts_with("Private_"));
    let numbers = lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    Ok(numbers.sum())
}

/// Bytes of every file with code that runs before the command: what the idle processes have mapped, and for a
/// launcher made of stages all of these, run or not.
pub fn code_size(plan: &Plan) -> Res<Row> {
    let title = "code that runs before the command, loader and libraries included";
    let mut row = Row::new("code-size", title, "bytes", Some((0.1, 0.05)));
    let (subjects, notes) = waiting(plan)?;
    row.notes = notes;
    for (name, launch) in &subjects {
        let mut files = while_idle(launch, &plan.files.noop, mapped)?;
        if *name == "ours"
            && let Some(folder) = plan.files.ours.as_deref().and_then(|path| Path::new(path).parent())
        {
            let stages = STAGES.iter().map(|stage| folder.join(stage).to_string_lossy().into_owned());
            files.extend(stages.filter(|stage| Path::new(stage).is_file()));
        }
        // Pid 1's own executable, on a root long detached, has the name "/": a stage, and among those above.
        let found = files.iter().filter_map(|file| fs::metadata(file).ok()).filter(fs::Metadata::is_file);
        let sizes: Vec<u64> = found.map(|meta| meta.len()).collect();
        row.put(name, &[sizes.iter().sum::<u64>() as f64]);
        row.notes.push(format!("{name}: {} files", sizes.len()));
    }
    row.compare();
    Ok(row)
}

/// Files mapped with execute permission by any of the processes.
fn mapped(pids: &[i32]) -> Res<BTreeSet<String>> {
    let mut files = BTreeSet::new();
    for pid in pids {
        let path = format!("/proc/{pid}/maps");
        let text = fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
        for line in
            text.lines().filter(|line| line.split(' ').nth(1).is_some_and(|flags| flags.contains('x')))
        {
            files.extend(line.find('/').map(|at| line[at..].to_owned()));
        }
    }
    Ok(files)
}
