//! Counts what a launch asks of the kernel (execs, system calls) and what it is made of (bytes), which no noise
//! changes, against a committed table: what makes launches slower shows without a clock.

use crate::repo::{EXECUTABLES, Repo, Res, read};
use crate::staged::Staged;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The table, beside this crate's manifest.
const TABLE: &str = "tests/xtask/syscalls.txt";

const HEAD: &str = "\
# What a launch costs, in what no noise changes. Made by `cargo xtask syscalls --bless`; CI compares it.
# Scenarios: execs and system calls of a launch by an ordinary user with /usr/bin/true for the command, in all
# processes together, and then stage by stage. From the first exec on, without the command's own. The drops from the
# bounding set count as one: there are as many as the kernel has capabilities. Of Linux 6.15 or later.
# Executables: size in units of 4 KiB, begun ones counted; one more is no fault.
";

/// What an executable's size is counted in.
const UNIT: u64 = 4096;

/// The least kernel that takes the ways that are counted.
const KERNEL: (u32, u32) = (6, 15);

/// Name and command line of each scenario; `{rules}` and `{data}` are descriptors.
const SCENARIOS: [(&str, &str); 9] = [
    ("ro-root", "--ro-bind / /"),
    ("unshare-all", "--unshare-all --ro-bind / / --proc /proc --dev /dev"),
    (
        "readme",
        "--ro-bind /usr /usr --dir /tmp --proc /proc --dev /dev --ro-bind /etc/passwd /etc/resolv.conf \
         --symlink usr/lib /lib --symlink usr/lib64 /lib64 --symlink usr/bin /bin --symlink usr/sbin /sbin \
         --chdir / --unshare-pid --unshare-net --dir /run/user/1000 --setenv XDG_RUNTIME_DIR /run/user/1000",
    ),
    (
        "flatpak",
        "--unshare-pid --unshare-ipc --new-session --ro-bind /usr /usr --dev /dev --proc /proc --dir /tmp \
         --symlink /tmp /var/tmp --symlink usr/lib /lib --symlink usr/lib64 /lib64 --symlink usr/bin /bin \
         --dir /run/user/1000 --ro-bind /etc/passwd /run/host/monitor/resolv.conf --ro-bind /sys/bus /sys/bus \
         --ro-bind /sys/class /sys/class --file {data} /run/user/1000/flatpak-info --bind-data {data} /etc/passwd",
    ),
    ("one-bind", "--ro-bind / / --tmpfs /tmp --ro-bind /usr /tmp/a"),
    ("two-binds", "--ro-bind / / --tmpfs /tmp --ro-bind /usr /tmp/a --ro-bind /usr /tmp/b"),
    ("own-root", "--ro-bind /usr /usr --symlink usr/lib /lib --symlink usr/lib64 /lib64"),
    (
        "own-root-and-ten-binds",
        "--ro-bind /usr /usr --symlink usr/lib /lib --symlink usr/lib64 /lib64 --ro-bind /usr /d/0 \
         --ro-bind /usr /d/1 --ro-bind /usr /d/2 --ro-bind /usr /d/3 --ro-bind /usr /d/4 --ro-bind /usr /d/5 \
         --ro-bind /usr /d/6 --ro-bind /usr /d/7 --ro-bind /usr /d/8 --ro-bind /usr /d/9",
    ),
    ("seccomp", "--ro-bind / / --seccomp {rules}"),
];

/// The command; what it does itself is not counted.
const COMMAND: &str = "/usr/bin/true";

/// Counts, prints, and compares or rewrites the table.
pub fn run(repo: &Repo, bless: bool) -> Res<bool> {
    let named = std::env::var_os("SALLYPORT_BWRAP").map(PathBuf::from);
    let staged = Staged::executables(repo)?;
    let bwrap = named.unwrap_or_else(|| staged.dir.join("bwrap"));
    if !bwrap.is_file() || Command::new("strace").arg("-V").output().is_err() {
        println!("SKIP: system calls are not counted: needs strace and {}", bwrap.display());
        return Ok(!bless);
    }
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    if version(&release) < Some(KERNEL) {
        println!("SKIP: system calls are not counted: the table is of Linux 6.15 or later");
        return Ok(!bless);
    }
    let mut table = String::from(HEAD);
    let data = Data::make()?;
    for (name, line) in SCENARIOS {
        let counts = count(&bwrap, line, &data).map_err(|error| format!("{name}: {error}"))?;
        let _ = writeln!(table, "{name}: {}", counts.line());
        println!("{name}: {}", counts.line());
    }
    for name in EXECUTABLES {
        let path = bwrap.with_file_name(name);
        let bytes = fs::metadata(&path).map_err(|e| format!("{}: {e}", path.display()))?.len();
        let _ = writeln!(table, "{name}: {} units", bytes.div_ceil(UNIT));
    }
    let path = repo.root.join(TABLE);
    if bless {
        fs::write(&path, table).map_err(|e| format!("{TABLE}: {e}"))?;
        return Ok(true);
    }
    let same = compare(&read(&path)?, &table);
    if !same {
        println!("syscalls: where that is meant, `cargo xtask syscalls --bless` and say why in the commit");
    }
    Ok(same)
}

/// Major and minor number of a kernel release.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(['.', '-']).map(|part| part.trim().parse::<u32>().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// Tells every line that changed for the worse, or at all where it is one of counts.
fn compare(committed: &str, counted: &str) -> bool {
    let lines = |text: &str| -> BTreeMap<String, String> {
        let lines =
            text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(": "));
        lines.map(|(name, what)| (name.to_owned(), what.to_owned())).collect()
    };
    let (mut old, new) = (lines(committed), lines(counted));
    let mut same = true;
    for (name, now) in &new {
        let was = old.remove(name).unwrap_or_else(|| "nothing".to_owned());
        let fits = match (units(&was), units(now)) {
            (Some(was), Some(now)) => now <= was.saturating_add(1),
            _ => was == *now,
        };
        if !fits {
            println!("syscalls: {name}: now       {now}\nsyscalls: {name}: committed {was}");
            same = false;
        }
    }
    for (name, was) in &old {
        println!("syscalls: {name}: committed {was}, not met any more");
        same = false;
    }
    same
}

/// The number of a line about a size.
fn units(line: &str) -> Option<u64> {
    line.strip_suffix(" units")?.parse().ok()
}

/// What the scenarios read, in files that go when this does.
struct Data {
    dir: PathBuf,
}

impl Data {
    fn make() -> Res<Self> {
        let data =
            Self { dir: std::env::temp_dir().join(format!("sallyport-syscalls-{}", std::process::id())) };
        let fault = |e: std::io::Error| format!("{}: {e}", data.dir.display());
        fs::create_dir(&data.dir).map_err(fault)?;
        fs::write(data.dir.join("data"), "text\n").map_err(fault)?;
        // BPF_RET | BPF_K, SECCOMP_RET_ALLOW.
        fs::write(data.dir.join("rules"), [6u8, 0, 0, 0, 0, 0, 0xff, 0x7f]).map_err(fault)?;
        Ok(data)
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.dir) {
            eprintln!("xtask: {}: {error}", self.dir.display());
        }
    }
}

/// Counts the calls of one launch, without those of the command itself.
fn count(bwrap: &Path, line: &str, data: &Data) -> Res<Counts> {
    let mut strace = Command::new("timeout");
    strace.arg("20");
    if crate::staged::is_root() {
        strace.args(["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "--inh-caps=-all"]);
        strace.args(["--ambient-caps=-all", "--bounding-set=-all"]);
    }
    // -o |cat: the log comes through our pipe, not through a file the user may have no place for.
    strace.args(["strace", "-f", "-qq", "-s", "200", "--output=|cat >&2", "--signal=none"]);
    // The shell opens what the options read.
    strace.args(["sh", "-c", "exec \"$@\" 8<\"$RULES\" 9<\"$DATA\"", "sh"]).arg(bwrap);
    strace.args(line.replace("{rules}", "8").replace("{data}", "9").split_whitespace()).args(["--", COMMAND]);
    let output = strace
        .stdin(Stdio::null())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("RULES", data.dir.join("rules"))
        .env("DATA", data.dir.join("data"))
        .current_dir("/")
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
    Ok(Counts::of(&log))
}

/// What was counted.
#[derive(Default)]
struct Counts {
    execs: u64,
    calls: BTreeMap<String, u64>,
}

impl Counts {
    /// Reads strace's log. A process that has exec'd the command counts no more, nor does what comes before the first
    /// of ours. Calls that merely wait and are restarted are counted when they start.
    fn of(log: &str) -> Counts {
        let mut counts = Counts::default();
        // What each process runs: `None` when it is the command.
        let mut stages: BTreeMap<String, Option<&'static str>> = BTreeMap::new();
        let mut last = "";
        for line in log.lines() {
            let (pid, rest) = match line.split_once(' ') {
                Some((pid, rest)) if pid.bytes().all(|byte| byte.is_ascii_digit()) => {
                    (pid, rest.trim_start())
                }
                _ => ("", line),
            };
            let Some((call, args)) = rest.split_once('(') else { continue };
            let is_name =
                !call.is_empty() && call.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !is_name {
                continue;
            }
            if call.starts_with("exec") {
                counts.exec(&mut stages, pid, args);
                continue;
            }
            // A new process is what the one before it was: only ours make any.
            let stage = match stages.get(pid) {
                Some(stage) => *stage,
                None if last.is_empty() => continue,
                None => *stages.entry(pid.to_owned()).or_insert(Some(last)),
            };
            let Some(stage) = stage else { continue };
            last = stage;
            let again = call == "prctl" && args.starts_with("PR_CAPBSET_DROP") && !args.contains("CAP_CHOWN");
            if !again {
                *counts.calls.entry(stage.to_owned()).or_insert(0) += 1;
            }
        }
        counts
    }

    /// An exec that is tried, by its first argument: of one of ours, or of the command.
    fn exec(&mut self, stages: &mut BTreeMap<String, Option<&'static str>>, pid: &str, args: &str) {
        let argv0 = args.split_once("[\"").and_then(|(_, rest)| rest.split('"').next()).unwrap_or("");
        let name = argv0.rsplit('/').next().unwrap_or("");
        let to = EXECUTABLES.into_iter().find(|known| *known == name);
        if to.is_none() && argv0 != COMMAND {
            return;
        }
        // It is the stage before that makes the call; bwrap's own exec is nobody's.
        if let Some(Some(from)) = stages.get(pid) {
            *self.calls.entry((*from).to_owned()).or_insert(0) += 1;
        }
        self.execs += 1;
        stages.insert(pid.to_owned(), to);
    }

    fn line(&self) -> String {
        let all: u64 = self.calls.values().sum();
        let mut line = format!("{} execs, {all} calls:", self.execs);
        let each = EXECUTABLES.into_iter().filter_map(|name| Some((name, self.calls.get(name)?)));
        for (at, (name, calls)) in each.enumerate() {
            let _ = write!(line, "{} {name} {calls}", if at == 0 { "" } else { "," });
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::{Counts, compare, version};

    #[test]
    fn calls_count_for_the_stage_that_makes_them_and_the_commands_own_do_not() {
        let log = "9 execve(\"/bin/sh\", [\"sh\"], 0x1) = 0\n9 brk(NULL) = 1\n\
                   9 execve(\"/x/bwrap\", [\"/x/bwrap\", \"/usr/bin/true\"], 0x1) = 0\n9 getuid() = 1\n\
                   9 execve(\"/x/ns-enter\", [\"ns-enter\", \"--plan=3\"], 0x1) = 0\n9 clone(flags) = 11\n\
                   11 prctl(PR_CAPBSET_DROP, CAP_CHOWN) = 0\n11 prctl(PR_CAPBSET_DROP, CAP_KILL) = 0\n\
                   11 execveat(4, \"\", [\"fs-build\", \"--plan=3\"], 0x1 <unfinished ...>\n\
                   9 wait4(11, <unfinished ...>\n11 <... execveat resumed>) = 0\n11 umask(0) = 022\n\
                   11 execve(\"/usr/bin/true\", [\"/usr/bin/true\"], 0x1) = 0\n11 brk(NULL) = 1\n\
                   9 <... wait4 resumed>) = 11\n9 exit_group(0) = ?\n";
        let line = Counts::of(log).line();
        assert_eq!(line, "4 execs, 9 calls: bwrap 2, ns-enter 5, fs-build 2");
    }

    #[test]
    fn a_changed_line_is_noticed() {
        assert!(compare("# c\na: 1 execs\n", "a: 1 execs\n"));
        assert!(!compare("a: 1 execs\n", "a: 2 execs\n"));
        assert!(!compare("a: 1 execs\nb: 3 units\n", "a: 1 execs\n"));
        assert!(!compare("a: 1 execs\n", "a: 1 execs\nb: 3 units\n"));
    }

    #[test]
    fn an_executable_may_shrink_and_grow_by_one_unit() {
        assert!(compare("b: 3 units\n", "b: 2 units\n"));
        assert!(compare("b: 3 units\n", "b: 4 units\n"));
        assert!(!compare("b: 3 units\n", "b: 5 units\n"));
    }

    #[test]
    fn kernels_are_told_apart() {
        assert_eq!(version("6.18.44-x\n"), Some((6, 18)));
        assert!(version("6.9.1") < version("6.15-rc1"));
        assert_eq!(version("nonsense"), None);
    }
}
