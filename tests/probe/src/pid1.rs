//! The other processes of the sandbox, as far as /proc shows them.
use std::fs;

/// One line a process: parent, session, ids, capabilities, filters. Names are left out: they are the launcher's own.
pub fn tree() -> String {
    let mut pids: Vec<u32> = match fs::read_dir("/proc") {
        Ok(entries) => entries.flatten().filter_map(|e| e.file_name().to_str()?.parse().ok()).collect(),
        Err(error) => return format!("tree: {error}\n"),
    };
    pids.sort_unstable();
    if pids.is_empty() || std::process::id() > 50 {
        return format!(
            "tree: {}\n",
            if pids.is_empty() { "no processes shown" } else { "not in a pid namespace" }
        );
    }
    let mut out = String::new();
    for pid in pids {
        let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else { continue };
        let field = |name: &str| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
                .map(|value| value.split_whitespace().collect::<Vec<_>>().join(","))
                .unwrap_or_default()
        };
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
        let word = |i: usize| after.get(i).copied().unwrap_or("?");
        out.push_str(&format!(
            "process {pid} ppid={} pgid={} sid={} tty={}",
            word(1),
            word(2),
            word(3),
            word(4)
        ));
        for name in [
            "Uid",
            "Gid",
            "Groups",
            "Threads",
            "NoNewPrivs",
            "Seccomp",
            "Seccomp_filters",
            "CapInh",
            "CapPrm",
            "CapEff",
            "CapBnd",
            "CapAmb",
        ] {
            out.push_str(&format!(" {name}={}", field(name)));
        }
        out.push('\n');
    }
    out
}

/// What pid 1 shows of itself to the command: its environment or its descriptors, directories and score.
pub fn pid1(what: &[&str]) -> String {
    match what.first().copied() {
        Some("env") => match fs::read("/proc/1/environ") {
            Ok(bytes) => bytes
                .split(|b| *b == 0)
                .filter(|entry| !entry.is_empty())
                .map(|entry| format!("pid1 env {}\n", String::from_utf8_lossy(entry)))
                .collect(),
            Err(error) => format!("pid1 env: {error}\n"),
        },
        Some("signals") => fs::read_to_string("/proc/1/status")
            .unwrap_or_default()
            .lines()
            .filter(|line| ["SigBlk", "SigIgn", "SigCgt"].iter().any(|name| line.starts_with(name)))
            .map(|line| format!("pid1 {}\n", line.split_whitespace().collect::<Vec<_>>().join(" ")))
            .collect(),
        _ => {
            let link = |name: &str| match fs::read_link(format!("/proc/1/{name}")) {
                Ok(target) => target.display().to_string(),
                Err(error) => error.to_string(),
            };
            let mut out = format!("pid1 cwd {}\npid1 root {}\n", link("cwd"), link("root"));
            match fs::read_dir("/proc/1/fd") {
                Err(error) => out.push_str(&format!("pid1 fds: {error}\n")),
                Ok(entries) => {
                    let mut names: Vec<u32> =
                        entries.flatten().filter_map(|e| e.file_name().to_str()?.parse().ok()).collect();
                    names.sort_unstable();
                    for name in names {
                        let target = link(&format!("fd/{name}"));
                        let kind = target.split(":[").next().unwrap_or("").to_owned();
                        out.push_str(&format!("pid1 fd {name} {kind}\n"));
                    }
                }
            }
            out
        }
    }
}

/// Whether this process may look into its parent and the parent of that, as who may trace them may: their roots and
/// descriptors lead out of the sandbox where they are not in it.
pub fn reach() -> String {
    let mut out = String::new();
    let mut pid = "self".to_owned();
    for name in ["parent", "grandparent"] {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let above =
            status.lines().find_map(|line| line.strip_prefix("PPid:")).map(|pid| pid.trim().to_owned());
        match above {
            Some(above) if above != "0" => pid = above,
            _ => {
                out.push_str(&format!("reach {name} none\n"));
                break;
            }
        }
        let look = |path: String| match fs::metadata(path) {
            Ok(_) => "yes".to_owned(),
            Err(error) => error.to_string(),
        };
        let (root, fds) = (look(format!("/proc/{pid}/root/")), look(format!("/proc/{pid}/fd/0")));
        out.push_str(&format!("reach {name} root {root} fd {fds}\n"));
    }
    out
}
