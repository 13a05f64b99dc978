//! Counts what a launch asks of the kernel (execs, system calls), which no noise changes, against a committed table.

use crate::repo::{Repo, Res, read};
use crate::staged::Staged;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The table, beside this crate's manifest.
const TABLE: &str = "tests/xtask/syscalls.txt";

/// Name and command line of each scenario; the command is always `/usr/bin/true`.
const SCENARIOS: [(&str, &str); 5] = [
    ("ro-root", "--ro-bind / /"),
    ("unshare-all", "--unshare-all --ro-bind / / --proc /proc --dev /dev"),
    (
        "readme",
        "--ro-bind /usr /usr --symlink usr/lib /lib --symlink usr/lib64 /lib64 --proc /proc --dev /dev --unshare-pid --new-session",
    ),
    ("one-bind", "--ro-bind / / --tmpfs /tmp --ro-bind /usr /tmp/a"),
    ("two-binds", "--ro-bind / / --tmpfs /tmp --ro-bind /usr /tmp/a --ro-bind /usr /tmp/b"),
];

/// Counts, prints, and compares or rewrites the table.
pub fn run(repo: &Repo, bless: bool) -> Res<bool> {
    let named = std::env::var_os("SALLYPORT_BWRAP").map(PathBuf::from);
    let staged = Staged::executables(repo)?;
    let bwrap = named.unwrap_or_else(|| staged.dir.join("bwrap"));
    if !bwrap.is_file() || Command::new("strace").arg("-V").output().is_err() {
        println!("SKIP: system calls are not counted: needs strace and {}", bwrap.display());
        return Ok(!bless);
    }
    let mut table = String::from(
        "# scenario: execs, then system calls, of a launch by an ordinary user up to the command's exec and after\n\
         # its end, all processes together. Made by `cargo xtask syscalls --bless`; CI compares it.\n",
    );
    for (name, line) in SCENARIOS {
        let counts = match count(&bwrap, line) {
            Ok(counts) => counts,
            Err(error) => return Err(format!("{name}: {error}")),
        };
        let execs: u64 = counts.iter().filter(|(call, _)| call.starts_with("exec")).map(|(_, n)| n).sum();
        let all: u64 = counts.values().sum();
        let _ = writeln!(table, "{name}: {execs} execs, {all} calls");
        let each: Vec<String> = counts.iter().map(|(call, n)| format!("{call} {n}")).collect();
        println!("{name}: {execs} execs, {all} calls: {}", each.join(", "));
    }
    let path = repo.root.join(TABLE);
    if bless {
        std::fs::write(&path, table).map_err(|e| format!("{TABLE}: {e}"))?;
        return Ok(true);
    }
    if !path.exists() {
        println!("syscalls: no {TABLE} yet: `cargo xtask syscalls --bless` makes it");
        return Ok(true);
    }
    Ok(compare(&read(&path)?, &table))
}

/// Tells every scenario whose line changed.
fn compare(committed: &str, counted: &str) -> bool {
    let lines = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    };
    let (old, new) = (lines(committed), lines(counted));
    for line in new.iter().filter(|line| !old.contains(line)) {
        let name = line.split(':').next().unwrap_or("");
        let was = old.iter().find(|line| line.split(':').next() == Some(name));
        println!("syscalls: now {line}; committed {}", was.map_or("nothing", String::as_str));
    }
    for line in old.iter().filter(|line| !new.contains(line)) {
        println!("syscalls: committed {line}, not met any more");
    }
    old == new
}

/// System calls by name of one launch, without those of the command itself.
fn count(bwrap: &Path, line: &str) -> Res<BTreeMap<String, u64>> {
    let command = "/usr/bin/true";
    let mut strace = Command::new("timeout");
    strace.arg("20");
    if std::fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0) {
        strace.args(["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "--inh-caps=-all"]);
        strace.args(["--ambient-caps=-all", "--bounding-set=-all"]);
    }
    // -o |cat: the log comes through our pipe, not through a file the user may have no place for.
    strace.args(["strace", "-f", "-qq", "--output=|cat >&2", "--signal=none"]).arg(bwrap);
    strace.args(line.split(' ')).args(["--", command]);
    let output = strace
        .stdin(Stdio::null())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .output()
        .map_err(|e| format!("strace: {e}"))?;
    let log = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!(
            "strace of bwrap {line}: {}: {}",
            output.status,
            log.lines().last().unwrap_or("")
        ));
    }
    Ok(tally(&log, command))
}

/// Reads strace's log: a process that has exec'd the command counts no more. Calls that merely wait and are
/// restarted are counted when they start.
fn tally(log: &str, command: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    let mut over = Vec::new();
    for line in log.lines() {
        let (pid, rest) = match line.split_once(' ') {
            Some((pid, rest)) if pid.bytes().all(|byte| byte.is_ascii_digit()) => (pid, rest.trim_start()),
            _ => ("", line),
        };
        let Some((call, args)) = rest.split_once('(') else { continue };
        let is_name =
            !call.is_empty() && call.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_name || over.contains(&pid) {
            continue;
        }
        *counts.entry(call.to_owned()).or_insert(0) += 1;
        if call.starts_with("exec") && args.contains(&format!("\"{command}\"")) && !args.contains("bwrap") {
            over.push(pid);
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_commands_own_calls_do_not_count() {
        let log = "10 execve(\"/x/bwrap\", [\"bwrap\", \"/bin/true\"], 0x1) = 0\n10 clone(flags) = 11\n\
                   11 execve(\"/bin/true\", [\"/bin/true\"], 0x1) = 0\n11 brk(NULL) = 1\n\
                   10 wait4(11, <unfinished ...>\n11 exit_group(0) = ?\n10 <... wait4 resumed>) = 11\n\
                   10 exit_group(0) = ?\n";
        let counts = super::tally(log, "/bin/true");
        let all: Vec<_> = counts.iter().map(|(call, n)| format!("{call} {n}")).collect();
        assert_eq!(all, ["clone 1", "execve 2", "exit_group 1", "wait4 1"]);
    }

    #[test]
    fn a_changed_scenario_is_noticed() {
        assert!(super::compare("# c\na: 1 execs\n", "a: 1 execs\n"));
        assert!(!super::compare("a: 1 execs\n", "a: 2 execs\n"));
    }
}
