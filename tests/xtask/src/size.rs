//! Builds the executables of a launch and checks that they are small.

use crate::repo::{EXECUTABLES, Repo, Res};

/// Most bytes one executable may have.
const ONE: u64 = 84 * 1024;
/// Most bytes the six of a launch may have together.
const ALL: u64 = 320 * 1024;
/// Those that are no part of every launch, and the most bytes each may have: the one that reads chains, and those that
/// run beside a sandbox that asks for it.
const BESIDE: [(&str, u64); 3] =
    [("compose", 128 * 1024), ("cgroup-keeper", 44 * 1024), ("pty-relay", 40 * 1024)];

/// Builds the default members: all that a sandbox needs and nothing else.
pub fn build(repo: &Repo) -> Res<bool> {
    repo.status(&mut repo.cargo(&["build", "--release"]))
}

/// Prints a table of the executables and tells whether all are within their limits.
pub fn check(repo: &Repo) -> Res<bool> {
    let mut faults = Vec::new();
    let mut total = 0;
    println!("{:<14} {:>8} {:>9}", "executable", "bytes", "of most");
    for name in EXECUTABLES {
        let path = repo.target.join("release").join(name);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) => {
                println!("{name:<14} {:>8}", "missing");
                faults.push(format!("{}: {error}", path.display()));
                continue;
            }
        };
        let size = bytes.len() as u64;
        let beside = BESIDE.iter().find(|(other, _)| *other == name);
        let most = beside.map_or(ONE, |(_, most)| *most);
        if beside.is_none() {
            total += size;
        }
        println!("{name:<14} {size:>8} {:>8}%", size * 100 / most);
        if size > most {
            faults.push(format!("{name}: {size} bytes, more than {most}"));
        }
    }
    println!("{:<14} {total:>8} {:>8}% of {ALL}", "of a launch", total * 100 / ALL);
    if total > ALL {
        faults.push(format!("a launch: {total} bytes, more than {ALL}"));
    }
    for fault in &faults {
        println!("size: {fault}");
    }
    Ok(faults.is_empty())
}
