//! Builds the executables once more, somewhere else and differently, and compares every byte.

use crate::repo::{EXECUTABLES, Repo, Res};
use crate::size;
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds here and in a copy of the sources with another path, home and number of jobs; the same bytes have to come out.
pub fn run(repo: &Repo) -> Res<bool> {
    if !size::build(repo)? {
        return Ok(false);
    }
    let elsewhere = Elsewhere::make()?;
    let copy = elsewhere.0.join("another/checkout of the sources");
    copy_sources(&repo.root, &copy)?;
    let home = elsewhere.0.join("cargo-home");
    same_downloads(&home)?;
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.current_dir(&copy).args(["build", "--release", "--locked", "--offline", "--jobs=1"]);
    build.env("CARGO_HOME", &home).env("CARGO_TARGET_DIR", elsewhere.0.join("out"));
    build.env("TZ", "Pacific/Chatham").env("LC_ALL", "C.UTF-8").env("USER", "somebody");
    for (key, _) in std::env::vars_os() {
        if key.to_str().is_some_and(|key| key.starts_with("CARGO_PKG_") || key == "CARGO_MANIFEST_DIR") {
            build.env_remove(key);
        }
    }
    if !repo.status(&mut build)? {
        return Ok(false);
    }
    let mut same = true;
    for name in EXECUTABLES.into_iter().filter(|name| repo.has(name)) {
        let read = |path: PathBuf| fs::read(&path).map_err(|e| format!("{}: {e}", path.display()));
        let here = read(repo.target.join("release").join(name))?;
        let there = read(elsewhere.0.join("out/release").join(name))?;
        if here == there {
            println!("{name:<14} {}", sha256(&here));
        } else {
            println!("reproduce: {name}: {}", difference(&here, &there));
            same = false;
        }
    }
    Ok(same)
}

/// The hash that sha256sum(1) prints.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn difference(here: &[u8], there: &[u8]) -> String {
    let at = here.iter().zip(there).position(|(a, b)| a != b);
    match at {
        Some(at) => format!(
            "differs from a build elsewhere from byte {at} on ({} and {} bytes)",
            here.len(),
            there.len()
        ),
        None => format!("{} bytes here, {} elsewhere", here.len(), there.len()),
    }
}

/// A directory that goes with its value.
struct Elsewhere(PathBuf);

impl Elsewhere {
    fn make() -> Res<Elsewhere> {
        let dir = std::env::temp_dir().join(format!("sallyport-reproduce-{}", std::process::id()));
        fs::create_dir(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        Ok(Elsewhere(dir))
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("xtask: {}: {error}", self.0.display());
        }
    }
}

/// Everything but what is built, and what git keeps.
fn copy_sources(from: &Path, to: &Path) -> Res<()> {
    let fault = |path: &Path| {
        let path = path.display().to_string();
        move |e: std::io::Error| format!("{path}: {e}")
    };
    fs::create_dir_all(to).map_err(fault(to))?;
    for entry in fs::read_dir(from).map_err(fault(from))? {
        let entry = entry.map_err(fault(from))?;
        let (path, name) = (entry.path(), entry.file_name());
        if name == "target" || name == ".git" {
            continue;
        }
        let kind = entry.file_type().map_err(fault(&path))?;
        let copied = to.join(&name);
        if kind.is_dir() {
            copy_sources(&path, &copied)?;
        } else if kind.is_file() {
            fs::copy(&path, &copied).map_err(fault(&path))?;
        }
    }
    Ok(())
}

/// Another cargo home that has all that was downloaded: the sources are unpacked in it anew.
fn same_downloads(home: &Path) -> Res<()> {
    let own = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let own = own.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let own = own.ok_or("neither CARGO_HOME nor HOME is set")?;
    fs::create_dir_all(home.join("registry")).map_err(|e| format!("{}: {e}", home.display()))?;
    for part in ["registry/cache", "registry/index", "config.toml"] {
        if own.join(part).exists() {
            symlink(own.join(part), home.join(part)).map_err(|e| format!("{}: {e}", home.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{difference, sha256};

    #[test]
    fn differences_are_told_by_their_place() {
        assert!(difference(b"abc", b"abd").contains("from byte 2 on"));
        assert!(difference(b"ab", b"abd").contains("2 bytes here, 3 elsewhere"));
    }

    #[test]
    fn hashes_are_those_of_sha256sum() {
        assert_eq!(&sha256(b"")[..16], "e3b0c44298fc1c14");
    }
}
