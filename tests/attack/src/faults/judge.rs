//! Whether what came of a launch is one of the two things that may: nothing was run, and that was said; or the command
//! ran, as confined as ever.

use super::calls;
use super::launch::{STATUS, Written};
use super::mounts;
use super::trace::{Call, Fault, Trace, proc};

/// What came of a launch where something went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing was run, the exit status tells so and a message says why. Accepted.
    NotRun,
    /// The command ran as it does when nothing goes wrong, and that is what the exit status says. Accepted.
    Same,
    /// The same, but the launcher could not find out how it ended: it says so and fails. Accepted of processes that
    /// stay beside the command.
    ReportFailed,
    /// It ran in another confinement: the difference.
    Weaker(String),
    /// It hangs: who, and where.
    Hung(Vec<String>),
    /// Processes, mounts or files are left.
    Left(Vec<String>),
    /// Nothing was run, but nobody would know: the exit status, and what was said.
    Unsaid(String),
    /// It ran, but that is not what is reported.
    Misreported(String),
    /// Nobody can be killed after a call that does not return. Accepted.
    NoSuchPoint,
    /// The call that was to go wrong was not made this time.
    NotReached,
}

impl Verdict {
    /// Whether that may come of it.
    pub fn accepted(&self) -> bool {
        matches!(self, Verdict::NotRun | Verdict::Same | Verdict::ReportFailed | Verdict::NoSuchPoint)
    }

    /// In a word.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::NotRun => "not run",
            Verdict::Same => "same",
            Verdict::ReportFailed => "report failed",
            Verdict::Weaker(_) => "weaker",
            Verdict::Hung(_) => "hung",
            Verdict::Left(_) => "left",
            Verdict::Unsaid(_) => "unsaid",
            Verdict::Misreported(_) => "misreported",
            Verdict::NoSuchPoint => "no such point",
            Verdict::NotReached => "not reached",
        }
    }

    /// The details, in a line or more.
    pub fn details(&self) -> String {
        match self {
            Verdict::Weaker(text) | Verdict::Unsaid(text) | Verdict::Misreported(text) => text.clone(),
            Verdict::Hung(who) | Verdict::Left(who) => who.join("; "),
            _ => String::new(),
        }
    }
}

/// What the host looks like before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    mounts: String,
    files: Vec<String>,
}

impl Host {
    /// As it is now; `files`: what is where launches may write.
    pub fn now(files: Vec<String>) -> Host {
        Host { mounts: proc("self/mountinfo"), files }
    }

    /// What is there that was not.
    pub fn more_than(&self, before: &Host) -> Vec<String> {
        let lines = |host: &Host| -> Vec<String> {
            host.mounts.lines().map(str::to_owned).chain(host.files.iter().cloned()).collect()
        };
        let old = lines(before);
        lines(self).into_iter().filter(|line| !old.contains(line)).collect()
    }
}

/// How a launch of the scenario is when nothing goes wrong.
#[derive(Clone, Debug)]
pub struct Clean {
    /// What was written.
    pub written: Written,
    /// Whether only the command's launcher speaks (`bwrap: …`), and each message has to be one.
    pub signed: bool,
    /// Whether the launcher's end is that of the sandbox: by --die-with-parent, or since its cgroup is cleared then.
    pub is_cut_off: bool,
    /// Whose processes the command sees.
    pub pids: Pids,
}

/// Whose processes the command sees beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pids {
    /// Its own, in the same order each time.
    Own,
    /// The host's.
    Host,
    /// Those of a namespace that goes on from one launch to the next.
    Joined,
}

/// Judges a launch in which `fault` was to happen; `left`: what the host has since that it had not before.
pub fn judge(
    clean: &Clean,
    call: &Call,
    fault: Fault,
    trace: &Trace,
    written: &Written,
    left: Vec<String>,
) -> Verdict {
    let killed = matches!(fault, Fault::KillBefore | Fault::KillAfter);
    if !trace.reached {
        // The last calls of a sandbox may be cut off; the keeper of a cgroup looks at who is in it as often as that changes, and a relay passes on what comes as it comes.
        let beside = ["cgroup-keeper", "pty-relay"].contains(&call.image.as_str());
        let varies = clean.is_cut_off || calls::waits_for_others(call.nr) || beside;
        let shown = |written: &Written| clean.shown(&written.stdout, false);
        let cut = varies && shown(written) == shown(&clean.written) && trace.ran;
        return if cut { Verdict::NoSuchPoint } else { Verdict::NotReached };
    }
    if !trace.done && fault == Fault::KillAfter {
        return Verdict::NoSuchPoint;
    }
    if trace.hung {
        return Verdict::Hung(trace.stuck.clone());
    }
    let end = trace.end.unwrap_or(-1);
    let exit = libc::WIFEXITED(end).then(|| libc::WEXITSTATUS(end));
    let failed = exit.is_none_or(|status| status != 0 && status != STATUS);
    let stderr = clean.without_warnings(&written.stderr);
    let told = failed && exit.is_some() && is_one_message(&stderr, clean.signed);
    // Of the monitor's process: it ends the sandbox when it cannot go on itself.
    let monitor = call.process == "0";
    if trace.ran {
        let orphan = monitor && (killed || told);
        let shown = |text: &str| clean.shown(text, orphan);
        let (before, after) = (shown(&clean.written.stdout), shown(&written.stdout));
        // Who is killed before it has written has said nothing, which says nothing.
        if before != after && !(after.is_empty() && (killed || told)) {
            return Verdict::Weaker(support::unified(&before, &after));
        }
    }
    if !trace.stuck.is_empty() || !left.is_empty() {
        return Verdict::Left([trace.stuck.clone(), left].concat());
    }
    let said = || format!("{}, {:?}", ended(end), written.stderr);
    if trace.ran && exit == Some(STATUS) {
        return match outs_agree(clean, written) {
            true => Verdict::Same,
            false => Verdict::Misreported(format!("{:?}, not {:?}", written.outs, clean.written.outs)),
        };
    }
    if killed {
        return if failed { Verdict::NotRun } else { Verdict::Misreported(said()) };
    }
    if trace.ran {
        return if told { Verdict::ReportFailed } else { Verdict::Misreported(said()) };
    }
    // A pid 1 that fails once the command has its go ends it, and that may be between its last word to the launcher and
    // its exec.
    let had_its_go = call.image == "init-reaper" && calls::name(call.nr) == "wait4";
    let claims = !had_its_go && written.outs.iter().any(|out| out.contains("exit-code"));
    if told && written.stdout.is_empty() && !claims { Verdict::NotRun } else { Verdict::Unsaid(said()) }
}

fn ended(status: i32) -> String {
    if libc::WIFEXITED(status) {
        format!("exit status {}", libc::WEXITSTATUS(status))
    } else {
        format!("signal {}", libc::WTERMSIG(status))
    }
}

/// Whether it is one line, and one of ours.
fn is_one_message(text: &str, signed: bool) -> bool {
    // What newuidmap has to say comes before what is said of it.
    let text =
        text.lines().filter(|line| !line.starts_with("newuidmap: ") && !line.starts_with("newgidmap: "));
    let text: String = text.map(|line| format!("{line}\n")).collect();
    let one_line = text.lines().count() == 1;
    // A stage that has not read the plan yet does not know that it is part of bwrap, and one that cannot start has no
    // name at all.
    let by_us = text
        .split_once(": ")
        .is_some_and(|(name, _)| stage::EXECUTABLES.contains(&name) || name == "sallyport");
    if signed { one_line && by_us } else { !text.is_empty() }
}

impl Clean {
    /// What is said beside the warnings that a launch of this kind has in any case.
    fn without_warnings(&self, stderr: &str) -> String {
        stderr.lines().filter(|line| !self.written.stderr.lines().any(|warning| warning == *line)).fold(
            String::new(),
            |mut text, line| {
                text.push_str(line);
                text.push('\n');
                text
            },
        )
    }

    /// A command's view without what differs by itself, from one launch to the next and where a stage does by other
    /// means what it could not do by the first; `orphan`: its launcher may be gone.
    pub fn shown(&self, text: &str, orphan: bool) -> String {
        let own: &[&str] = match self.pids {
            // Pid 1 blocks signals for as long as it waits for them.
            Pids::Own => &["pid1 SigBlk"],
            Pids::Host => &["pid1 "],
            Pids::Joined => &["pid1 ", "pid ", "ppid ", "pgid ", "sid ", "process ", "reach ", "tree"],
        };
        let launchers: &[&str] = if orphan { &["ppid ", "pgid ", "sid ", "reach "] } else { &[] };
        let keep = |line: &&str| !own.iter().chain(launchers).any(|start| line.starts_with(start));
        let mut out = String::new();
        for line in text.lines().filter(keep) {
            // A pipe of pid 1's has the first number that is free.
            if line.starts_with("pid1 fd ") && line.ends_with(" pipe") {
                out.push_str("pid1 fd pipe\n");
                continue;
            }
            if !line.starts_with("mount ") {
                out.push_str(&without_numbers(&without_numbers(line, "/dev/pts/"), " tty="));
                out.push('\n');
            }
        }
        for line in mounts::sorted(text.lines()) {
            // The root's directory in the file system that it is made in, which nobody else has; and the numbers of
            // the descriptors that an overlay was made of.
            let mut line = without_numbers(&line, "/proc/self/fd/").replacen(" /newroot ", " / ", 1);
            // A terminal has the first number that is free on the host.
            if line.starts_with("mount on /dev/console ") {
                line = without_numbers(&line, ": D").replacen(char::is_numeric, "", 2);
            }
            out.push_str(&line);
        }
        out
    }
}

/// `line` without the digits that follow `name`.
fn without_numbers(line: &str, name: &str) -> String {
    let mut parts = line.split(name);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(name);
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    out
}

/// Whether the same was reported, but for numbers of processes and namespaces.
fn outs_agree(clean: &Clean, written: &Written) -> bool {
    let blank = |outs: &[String]| -> Vec<String> {
        let hide = |out: &String| {
            let code = out.split("exit-code").nth(1).unwrap_or_default().to_owned();
            out.chars().filter(|c| !c.is_ascii_digit()).collect::<String>() + &code
        };
        outs.iter().map(hide).collect()
    };
    blank(&clean.written.outs) == blank(&written.outs)
}
