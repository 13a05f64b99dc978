//! Where the repository and its build output are, which crates it has, and how cargo is called.

use serde_json::Value;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One list of what is built, sized, hardened and reproduced, and traced: none of ours can be in one and not the other.
pub use ::contract::EXECUTABLES;

/// What a task returns: a finding (`Ok(false)`) is not an error, the task could not run (`Err`) is.
pub type Res<T> = Result<T, String>;

/// The no_std crates, which are the workspace's default members and share cargo calls with nothing else.
pub const NO_STD: [&str; 10] = [
    "common",
    "bwrap",
    "ns-enter",
    "fs-build",
    "priv-drop",
    "init-reaper",
    "seccomp-load",
    "compose",
    "cgroup-keeper",
    "pty-relay",
];

/// The repository this xtask was built in.
pub struct Repo {
    /// Its top folder.
    pub root: PathBuf,
    /// Cargo's target directory.
    pub target: PathBuf,
    /// Where the user called from: relative paths given to a task mean this folder.
    pub started_in: PathBuf,
    /// Every workspace member: package name and folder.
    pub members: Vec<(String, PathBuf)>,
}

impl Repo {
    /// Finds the workspace around this crate.
    pub fn find() -> Res<Self> {
        // `cargo run` says where; the folder it was built in is right only until a checkout moves.
        let here = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let here = Path::new(&here);
        let root = here.ancestors().nth(2).ok_or("xtask does not lie in tests/xtask")?.to_path_buf();
        let started_in = env::current_dir().map_err(|e| format!("no current directory: {e}"))?;
        let mut repo = Self { root, target: PathBuf::new(), started_in, members: Vec::new() };
        let json = repo.output(repo.bare_cargo().args(["metadata", "--format-version=1", "--no-deps"]))?;
        let meta: Value = serde_json::from_str(&json).map_err(|e| format!("cargo metadata: {e}"))?;
        repo.target = meta["target_directory"].as_str().ok_or("cargo metadata names no target")?.into();
        for package in meta["packages"].as_array().into_iter().flatten() {
            if let (Some(name), Some(manifest)) =
                (package["name"].as_str(), package["manifest_path"].as_str())
            {
                let folder = Path::new(manifest).parent().unwrap_or(Path::new("."));
                repo.members.push((name.to_owned(), folder.to_path_buf()));
            }
        }
        Ok(repo)
    }

    /// Whether the workspace has this package (they arrive one after the other).
    pub fn has(&self, package: &str) -> bool {
        self.members.iter().any(|(name, _)| name == package)
    }

    /// The std packages: all members that are not part of a sandbox.
    pub fn std_packages(&self) -> Vec<&str> {
        let names = self.members.iter().map(|(name, _)| name.as_str());
        names.filter(|name| !NO_STD.contains(name)).collect()
    }

    fn bare_cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root);
        // `cargo run` sets these for us; handed on they would make cargo rebuild what depends on them.
        for (key, _) in env::vars_os() {
            if key.to_str().is_some_and(|key| key.starts_with("CARGO_PKG_") || key == "CARGO_MANIFEST_DIR") {
                command.env_remove(key);
            }
        }
        command
    }

    /// A cargo call: the subcommand first; `--locked` wherever a lock file says what to build.
    pub fn cargo(&self, args: &[&str]) -> Command {
        let mut command = self.bare_cargo();
        let (first, rest) = args.split_at(args.len().min(1));
        command.args(first);
        if self.root.join("Cargo.lock").exists() && first != ["fmt"] {
            command.arg("--locked");
        }
        command.args(rest);
        command
    }

    /// Runs a command with our own output and tells whether it succeeded.
    pub fn status(&self, command: &mut Command) -> Res<bool> {
        println!("$ {}", show(command));
        let status = command.status().map_err(|e| format!("{}: {e}", show(command)))?;
        Ok(status.success())
    }

    /// Runs a command and returns what it printed; failing is an error with its own words.
    pub fn output(&self, command: &mut Command) -> Res<String> {
        let output = command.output().map_err(|e| format!("{}: {e}", show(command)))?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{} failed: {}", show(command), words.trim()));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// A command as one would type it, without the folders before the program's name.
pub fn show(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy();
    let args = command.get_args().map(|arg| arg.to_string_lossy().into_owned());
    std::iter::once(program.into_owned()).chain(args).collect::<Vec<_>>().join(" ")
}

/// Reads a text file of the repository; the error names it.
pub fn read(path: &Path) -> Res<String> {
    std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}
