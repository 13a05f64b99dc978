//! Executables where every user can run them: half of the tests run as an ordinary user, and a checkout may lie in
//! a directory that only its owner can enter.

use crate::repo::{EXECUTABLES, Repo, Res};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Directories of the host that the conformance tests bind into sandboxes, to run a bwrap inside one.
const IN_SANDBOXES: [&str; 3] = ["/work", "/opt", "/usr"];

/// A directory with the executables of a sandbox; a copy goes when this does.
pub struct Staged {
    /// The directory.
    pub dir: PathBuf,
    is_copy: bool,
}

impl Staged {
    /// The release build, or a copy of it in /tmp when others cannot reach it.
    pub fn executables(repo: &Repo) -> Res<Self> {
        let release = repo.target.join("release");
        if is_open_to_all(&release) && IN_SANDBOXES.iter().any(|top| release.starts_with(top)) {
            return Ok(Self { dir: release, is_copy: false });
        }
        Self::copy(&release, "bin", &EXECUTABLES)
    }

    fn copy(from: &Path, name: &str, files: &[&str]) -> Res<Self> {
        // Only root can write to the first, and only root's tests need it.
        let top: PathBuf = if is_root() { "/opt".into() } else { std::env::temp_dir() };
        let dir = top.join(format!("sallyport-{name}-{}", std::process::id()));
        let fault = |e: std::io::Error| format!("{}: {e}", dir.display());
        fs::create_dir(&dir).map_err(fault)?;
        let staged = Self { dir: dir.clone(), is_copy: true };
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).map_err(fault)?;
        for file in files {
            let to = dir.join(file);
            fs::copy(from.join(file), &to).map_err(fault)?;
            fs::set_permissions(&to, fs::Permissions::from_mode(0o755)).map_err(fault)?;
        }
        Ok(staged)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if self.is_copy
            && let Err(error) = fs::remove_dir_all(&self.dir)
        {
            eprintln!("xtask: {}: {error}", self.dir.display());
        }
    }
}

/// Whether this is root.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0)
}

/// Whether every user can enter `dir` and all above it.
pub fn is_open_to_all(dir: &Path) -> bool {
    dir.ancestors().all(|dir| fs::metadata(dir).is_ok_and(|meta| meta.permissions().mode() & 0o001 != 0))
}
