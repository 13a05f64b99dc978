//! A campaign: all launches of the scenarios chosen, shared out to several processes, and what was found.

use super::calls::{fault_name, faults, operation, waits_for_others};
use super::judge::{Clean, Host, Pids, Verdict, judge};
use super::known::Known;
use super::launch::{Held, Pad, STATUS, Subject, is_possible, launch};
use super::scenario::{SCENARIOS, Scenario};
use super::trace::{Call, Fault, check, start_ticking};
use stage::{EXECUTABLES, Who};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Instant;

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Whose launches.
    pub subject: Subject,
    /// Only scenarios whose names contain this.
    pub scenario: Option<String>,
    /// Only calls of this executable.
    pub stage: Option<String>,
    /// One errno, few kills, not all scenarios.
    pub quick: bool,
    /// How many processes launch at the same time.
    pub jobs: usize,
}

/// How many launches came to what.
pub type Counts = BTreeMap<String, u64>;

/// What a campaign came to.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Verdicts.
    pub counts: Counts,
    /// What may not be, a text each.
    pub findings: Vec<String>,
    /// Rows of [`super::known`] that were met, by number.
    pub known: Counts,
}

impl Summary {
    /// All launches.
    pub fn launches(&self) -> u64 {
        self.counts.values().sum()
    }
}

/// Makes this process fit to launch from.
pub fn prepare() -> io::Result<()> {
    support::init();
    if support::is_root() {
        // SAFETY: moves this process, which has one thread, into a mount namespace of its own.
        check(unsafe { libc::unshare(libc::CLONE_NEWNS) }.into())?;
        set_propagation(libc::MS_PRIVATE)?;
        let scratch = support::Scratch::new()?;
        boot::Etc::write(scratch.path())?.cover()?;
    }
    Ok(())
}

fn set_propagation(kind: libc::c_ulong) -> io::Result<()> {
    let (none, root) = (c"none".as_ptr(), c"/".as_ptr());
    // SAFETY: both strings are constants; the other pointers may be null for a change of propagation.
    let result = unsafe { libc::mount(none, root, std::ptr::null(), libc::MS_REC | kind, std::ptr::null()) };
    check(result.into())
}

/// A mount namespace to launch from: what launches mount in it by mistake shows, as all mounts are shared with theirs,
/// and goes no further.
struct MountNamespace {
    pristine: Option<File>,
    /// Those that were left; kept, or the kernel would give their numbers to others and the command could not tell
    /// which one it is in.
    spoilt: Vec<File>,
}

const OWN: &str = "/proc/self/ns/mnt";

impl MountNamespace {
    fn enter() -> io::Result<MountNamespace> {
        let pristine = if support::is_root() { Some(File::open(OWN)?) } else { None };
        let mut namespace = MountNamespace { pristine, spoilt: Vec::new() };
        namespace.renew()?;
        Ok(namespace)
    }

    /// Another, as this one was.
    fn renew(&mut self) -> io::Result<()> {
        let Some(pristine) = &self.pristine else { return Ok(()) };
        // SAFETY: joins a namespace that this process, which has one thread, was in before.
        check(unsafe { libc::setns(pristine.as_raw_fd(), libc::CLONE_NEWNS) }.into())?;
        // SAFETY: moves it into a copy of that.
        check(unsafe { libc::unshare(libc::CLONE_NEWNS) }.into())?;
        set_propagation(libc::MS_SHARED)?;
        self.spoilt.push(File::open(OWN)?);
        Ok(())
    }
}

/// Runs it, saying how it goes.
pub fn run(plan: &Plan) -> io::Result<Summary> {
    let mut all = Summary::default();
    let callers = stage::everyone();
    for scenario in SCENARIOS {
        let wanted = plan.scenario.as_ref().is_none_or(|part| scenario.name.contains(part.as_str()));
        if !wanted || (plan.quick && !scenario.quick) {
            continue;
        }
        if !is_possible(scenario)? {
            continue;
        }
        for who in scenario.who.iter().copied().filter(|who| callers.contains(who)) {
            let started = Instant::now();
            let part = run_scenario(plan, scenario, who)?;
            let counts: Vec<String> =
                part.counts.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
            println!(
                "{} as {}: {} launches in {:.1} s: {}",
                scenario.name,
                caller(who),
                part.launches(),
                started.elapsed().as_secs_f32(),
                counts.join(", ")
            );
            for finding in &part.findings {
                println!("{finding}");
            }
            for (verdict, count) in part.counts {
                *all.counts.entry(verdict).or_default() += count;
            }
            for (row, count) in part.known {
                *all.known.entry(row).or_default() += count;
            }
            all.findings.extend(part.findings);
        }
    }
    Ok(all)
}

fn caller(who: Who) -> &'static str {
    if who == Who::Root { "root" } else { "a user" }
}

/// Shares the launches of one scenario out to processes of their own: each is the reaper of what its launches leave.
fn run_scenario(plan: &Plan, scenario: &Scenario, who: Who) -> io::Result<Summary> {
    let held = Held::of(scenario, who)?;
    let mut workers = Vec::new();
    for share in 0..plan.jobs {
        let (said, says) = io::pipe()?;
        // SAFETY: this process has one thread, so the child may do whatever it could have done itself.
        let pid = unsafe { libc::fork() };
        check(pid.into())?;
        if pid == 0 {
            drop(said);
            let mut says = File::from(OwnedFd::from(says));
            if let Err(error) = work(plan, scenario, who, &held, share, &mut says) {
                let _ = writeln!(says, "broken\t{} as {}: {error}", scenario.name, caller(who));
            }
            // SAFETY: ends this process; what the parent holds too must not be dropped here.
            unsafe { libc::_exit(0) };
        }
        drop(says);
        workers.push((pid, BufReader::new(File::from(OwnedFd::from(said)))));
    }
    let mut summary = Summary::default();
    for (pid, said) in workers {
        for line in said.lines() {
            let line = line?;
            match line.split_once('\t') {
                Some(("count", verdict)) => *summary.counts.entry(verdict.to_owned()).or_default() += 1,
                Some(("known", row)) => *summary.known.entry(row.to_owned()).or_default() += 1,
                Some((_, text)) => summary.findings.push(text.replace('\u{1}', "\n")),
                None => {}
            }
        }
        // SAFETY: a child of ours; no status is asked for.
        unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
    }
    Ok(summary)
}

/// One process's share.
fn work(
    plan: &Plan,
    scenario: &Scenario,
    who: Who,
    held: &Held,
    share: usize,
    says: &mut File,
) -> io::Result<()> {
    support::init();
    start_ticking()?;
    let mut namespace = MountNamespace::enter()?;
    let ours = matches!(plan.subject, Subject::Ours(_));
    let mut index = 0;
    for waits in [false, true] {
        // With --die-with-parent those that are killed have a command that would stay.
        let kills = scenario.kills && waits == scenario.dies_with_parent() && (waits || !plan.quick);
        if waits && !kills {
            continue;
        }
        let mut pad = Pad::new(&plan.subject, scenario, who, held, waits)?;
        let (clean, calls) = clean(plan, &pad, scenario, waits)?;
        let mut host = Host::now(pad.files());
        for (at, call) in calls.iter().enumerate() {
            // Not newuidmap, which is somebody else's.
            let ours_to_judge = !ours || EXECUTABLES.contains(&call.image.as_str());
            if !ours_to_judge || plan.stage.as_ref().is_some_and(|stage| *stage != call.image) {
                continue;
            }
            let mut wrong = if waits { Vec::new() } else { faults(call, plan.quick) };
            if plan.quick && is_repeated(call, calls.get(at + 1)) {
                wrong.clear();
            }
            if kills {
                wrong.push(Fault::KillBefore);
            }
            if kills && !plan.quick {
                wrong.push(Fault::KillAfter);
            }
            for fault in wrong {
                index += 1;
                if index % plan.jobs != share {
                    continue;
                }
                let (trace, written) = launch(&pad, Some((call, fault)))?;
                let left = Host::now(pad.files()).more_than(&host);
                if !left.is_empty() {
                    namespace.renew()?;
                    pad.tidy()?;
                    host = Host::now(pad.files());
                }
                let verdict = judge(&clean, call, fault, &trace, &written, left);
                tell(says, (ours, scenario, who), call, fault, &verdict)?;
            }
        }
    }
    Ok(())
}

/// Whether more of the same follow, as when one capability after the other is dropped.
fn is_repeated(call: &Call, next: Option<&Call>) -> bool {
    let what = |call: &Call| operation(call).split(' ').next().unwrap_or_default().to_owned();
    next.is_some_and(|next| call.nth > 0 && next.process == call.process && what(next) == what(call))
}

/// What is in the first list alone.
fn only<T: PartialEq + Clone>(in_this: &[T], not_in: &[T]) -> Vec<T> {
    in_this.iter().filter(|item| !not_in.contains(item)).cloned().collect()
}

/// The launch without a fault, twice: what differs between the two could not tell anything later.
fn clean(plan: &Plan, pad: &Pad<'_>, scenario: &Scenario, waits: bool) -> io::Result<(Clean, Vec<Call>)> {
    let mut runs = Vec::new();
    for _ in 0..3 {
        let (trace, written) = launch(pad, None)?;
        let ended = trace.end.map(|end| libc::WIFEXITED(end) && libc::WEXITSTATUS(end) == STATUS);
        if !trace.ran || (!waits && ended != Some(true)) || (trace.hung != waits) {
            let why = format!("does not work: {:?}, {:?}, {:?}", trace.end, trace.stuck, written.stderr);
            return Err(io::Error::other(why));
        }
        runs.push((trace, written));
    }
    let (trace, written) = runs.pop().unwrap_or_default();
    let clean = Clean {
        written,
        signed: matches!(plan.subject, Subject::Ours(_)),
        is_cut_off: scenario.dies_with_parent() || scenario.needs_cgroup(),
        pids: match (scenario.joins_pids(), scenario.owns_pids()) {
            (true, _) => Pids::Joined,
            (_, true) => Pids::Own,
            _ => Pids::Host,
        },
    };
    let Some((before, other)) = runs.pop() else { return Err(io::Error::other("not launched")) };
    let differ =
        support::unified(&clean.shown(&other.stdout, false), &clean.shown(&clean.written.stdout, false));
    let key = |call: &Call| (call.process.clone(), call.image.clone(), call.nr, call.nth);
    let sorted = |calls: &[Call]| {
        let mut keys: Vec<_> = calls.iter().filter(|call| !waits_for_others(call.nr)).map(key).collect();
        keys.sort();
        keys
    };
    let calls = sorted(&before.calls);
    // Who is killed along with the launcher may be so before its last calls.
    // So may the keeper of a cgroup look once more at who is in it, and the relay of a terminal pass on in two pieces what
    // else has come in one.
    let varies = scenario.dies_with_parent() || scenario.needs_cgroup() || scenario.has_console();
    let steady = varies || calls == sorted(&trace.calls);
    if !differ.is_empty() || !steady {
        let other = sorted(&trace.calls);
        let calls = [only(&calls, &other), only(&other, &calls)].concat();
        return Err(io::Error::other(format!("two clean launches differ: {calls:?} {differ}")));
    }
    let both = trace.calls.into_iter().filter(|call| waits_for_others(call.nr) || calls.contains(&key(call)));
    Ok((clean, both.collect()))
}

fn tell(
    says: &mut File,
    (ours, scenario, who): (bool, &Scenario, Who),
    call: &Call,
    fault: Fault,
    verdict: &Verdict,
) -> io::Result<()> {
    if verdict.accepted() {
        return writeln!(says, "count\t{}", verdict.word());
    }
    // The list is about our stages.
    let known = if ours { Known::find(scenario.name, call, fault, verdict) } else { None };
    if let Some(row) = known {
        writeln!(says, "count\tknown")?;
        return writeln!(says, "known\t{}", row.shown());
    }
    let kind = match fault {
        Fault::Errno(_) => " after an error",
        Fault::NoEffect => " after no effect",
        _ => "",
    };
    writeln!(says, "count\t{}{kind}", verdict.word())?;
    let text = format!(
        "FOUND {}: {} as {}: process {} {}: {} #{} {}: {}",
        verdict.word(),
        scenario.name,
        caller(who),
        call.process,
        call.image,
        operation(call),
        call.nth,
        fault_name(fault),
        verdict.details()
    );
    writeln!(says, "found\t{}", text.trim_end().replace('\n', "\u{1}"))
}
