//! The folder a run works in: the programs and files that sandboxes are made of, readable by an ordinary user.

use crate::launch::Res;
use serde::{Deserialize, Serialize};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// The user that measures when root starts the benchmark.
const ORDINARY: u32 = 1000;

/// The executables that make up our launcher.
pub const STAGES: [&str; 6] = ["bwrap", "ns-enter", "fs-build", "priv-drop", "init-reaper", "seccomp-load"];

/// Paths and ids that a run needs; handed from the first process to the workers.
#[derive(Clone, Serialize, Deserialize)]
pub struct Files {
    /// The folder.
    pub folder: PathBuf,
    /// The benchmark itself, for starting workers.
    pub bench: PathBuf,
    /// The no-op command.
    pub noop: String,
    /// The floor launcher.
    pub floor: String,
    /// The reference bubblewrap.
    pub peer: String,
    /// Our bwrap.
    pub ours: Option<String>,
    /// Our tool that makes plans, where it was built.
    pub sallyport: Option<String>,
    /// The user and group that measure.
    pub uid: u32,
    /// See `uid`.
    pub gid: u32,
    /// The kernel's last capability.
    pub last_cap: u32,
}

impl Files {
    /// Makes the folder and all in it.
    pub fn make(peer: &Path, ours: Option<&Path>) -> Res<Self> {
        let root = nix::unistd::Uid::effective().is_root();
        let (uid, gid) = match root {
            true => (ORDINARY, ORDINARY),
            false => (nix::unistd::Uid::effective().as_raw(), nix::unistd::Gid::effective().as_raw()),
        };
        let folder = std::env::temp_dir().join(format!("sallyport-bench-{}", std::process::id()));
        let fault = |path: &Path, e: std::io::Error| format!("{}: {e}", path.display());
        fs::create_dir(&folder).map_err(|e| fault(&folder, e))?;
        let own = std::env::current_exe().map_err(|e| format!("no path of our own: {e}"))?;
        let beside = own.parent().unwrap_or(Path::new(".")).to_path_buf();
        let text = |name: &str| folder.join(name).to_string_lossy().into_owned();
        let last_cap = fs::read_to_string("/proc/sys/kernel/cap_last_cap").unwrap_or_default();
        let mut files = Self {
            bench: folder.join("bench"),
            noop: text("bench-noop"),
            floor: text("bench-floor"),
            peer: peer.to_string_lossy().into_owned(),
            ours: None,
            sallyport: None,
            uid,
            gid,
            last_cap: last_cap.trim().parse().unwrap_or(40),
            folder: folder.clone(),
        };
        let made = (|| {
            for name in ["app", "data", "mounts", "bin"] {
                make_folder(&folder.join(name))?;
            }
            for name in ["bench", "bench-noop", "bench-floor"] {
                copy(&beside.join(name), &folder.join(name))?;
            }
            copy(&beside.join("bench-noop"), &folder.join("app/noop"))?;
            if beside.join("sallyport").is_file() {
                copy(&beside.join("sallyport"), &folder.join("sallyport"))?;
                files.sallyport = Some(text("sallyport"));
            }
            for (name, text) in [
                ("resolv.conf", "nameserver 127.0.0.1\n"),
                ("machine-id", "00000000000000000000000000000000\n"),
                ("display", ""),
            ] {
                fs::write(folder.join(name), text).map_err(|e| fault(&folder.join(name), e))?;
            }
            if let Some(ours) = ours {
                files.ours = Some(reachable(ours, &folder.join("bin"))?);
            }
            for name in ["", "app", "data", "mounts", "display"] {
                let path = folder.join(name);
                chown(&path, Some(uid), Some(gid)).map_err(|e| fault(&path, e))?;
            }
            Ok(())
        })();
        if let Err(error) = made {
            files.remove();
            return Err(error);
        }
        Ok(files)
    }

    /// A file of the folder.
    pub fn at(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }

    /// Removes the folder. Mounts were only ever made in namespaces that are gone with their last process.
    pub fn remove(&self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("bench: {} stays behind: {error}", self.folder.display());
        }
    }
}

/// Our bwrap's path if everybody may execute it there; else a copy of it and its stages in `to`.
fn reachable(ours: &Path, to: &Path) -> Res<String> {
    let ours = ours.canonicalize().map_err(|e| format!("{}: {e}", ours.display()))?;
    let open = |path: &Path, bits| fs::metadata(path).is_ok_and(|meta| meta.mode() & bits == bits);
    if open(&ours, 0o5) && ours.ancestors().skip(1).all(|folder| open(folder, 0o1)) {
        return Ok(ours.to_string_lossy().into_owned());
    }
    let from = ours.parent().unwrap_or(Path::new("."));
    // What reads stored plans comes along.
    for name in STAGES.iter().chain(&["compose"]).filter(|name| from.join(name).is_file()) {
        copy(&from.join(name), &to.join(name))?;
    }
    let name = ours.file_name().unwrap_or_default();
    copy(&ours, &to.join(name))?;
    Ok(to.join(name).to_string_lossy().into_owned())
}

fn make_folder(path: &Path) -> Res<()> {
    fs::create_dir_all(path).map_err(|e| format!("{}: {e}", path.display()))
}

fn copy(from: &Path, to: &Path) -> Res<()> {
    fs::copy(from, to).map_err(|e| format!("{} to {}: {e}", from.display(), to.display()))?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).map_err(|e| format!("{}: {e}", to.display()))
}
