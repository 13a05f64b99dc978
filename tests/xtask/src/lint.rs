//! rustfmt, clippy in calls that keep std and no_std apart, and the rules no linter knows.

use crate::repo::{Repo, Res, read};
use crate::unsafety;
use std::path::{Path, PathBuf};

/// Where the shipped code may be unsafe.
const UNSAFE_MAY_BE_IN: [&str; 2] = ["common/src/rt", "common/src/sys"];

/// Runs every lint, each even when an earlier one found something.
pub fn run(repo: &Repo) -> Res<bool> {
    let mut good = repo.status(&mut repo.cargo(&["fmt", "--all", "--check"]))?;
    let deny = ["--", "-D", "warnings"];
    good &= repo.status(repo.cargo(&["clippy", "--release"]).args(deny))?;
    if repo.has("common") {
        // `common` has its unit tests with std: a call of its own.
        good &= repo.status(repo.cargo(&["clippy", "--package", "common", "--tests"]).args(deny))?;
    }
    for package in repo.std_packages() {
        let call = ["clippy", "--package", package, "--all-targets"];
        good &= repo.status(repo.cargo(&call).args(deny))?;
    }
    good &= rules(repo)?;
    Ok(good)
}

/// Unsafe code stays in its two folders; SAFETY lines say something.
fn rules(repo: &Repo) -> Res<bool> {
    let mut files = Vec::new();
    for top in ["common", "bins", "tests"] {
        rust_files(&repo.root.join(top), &mut files)?;
    }
    let mut faults = 0;
    for path in &files {
        let text = read(path)?;
        let name = path.strip_prefix(&repo.root).unwrap_or(path);
        // tests/ does not ship: probes and measuring tools there make system calls of their own.
        let free = name.starts_with("tests") || UNSAFE_MAY_BE_IN.iter().any(|place| within(name, place));
        if !free {
            for line in unsafety::unsafe_lines(&text) {
                let places = UNSAFE_MAY_BE_IN.join(" and ");
                println!("lint: {}:{line}: unsafe code outside {places}", name.display());
                faults += 1;
            }
        }
        // The rule's own file has to spell the slogans out.
        if !name.ends_with("xtask/src/unsafety.rs") {
            for (line, slogan) in unsafety::slogans(&text) {
                println!("lint: {}:{line}: SAFETY line says `{slogan}`: say what holds here", name.display());
                faults += 1;
            }
        }
    }
    println!("lint: {} files, {faults} faults against the unsafe rules", files.len());
    Ok(faults == 0)
}

/// Whether a file is `place.rs` or lies in the folder `place`.
fn within(file: &Path, place: &str) -> bool {
    file.starts_with(place) || file == Path::new(&format!("{place}.rs"))
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) -> Res<()> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry.map_err(|e| format!("{}: {e}", folder.display()))?.path();
        if path.is_dir() {
            rust_files(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}
