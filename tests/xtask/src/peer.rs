//! Finds the reference bubblewrap, or has the installer beside the repository fetch it.

use crate::repo::{Repo, Res};
use crate::staged::is_root;
use std::path::PathBuf;
use std::process::Command;

/// The reference, if it is already here: `SALLYPORT_PEER`, then our own copy, then `/opt/peer`.
pub fn find(repo: &Repo) -> Option<PathBuf> {
    let named = std::env::var_os("SALLYPORT_PEER").map(PathBuf::from);
    let places = [named, Some(home(repo).join("bwrap")), Some("/opt/peer/bwrap".into())];
    places.into_iter().flatten().find(|path| path.is_file())
}

/// Where it is installed, and runs from: a place that other users can reach and tests bind into sandboxes.
fn home(repo: &Repo) -> PathBuf {
    if is_root() { "/opt/sallyport-peer".into() } else { repo.target.join("peer") }
}

/// As [`find`], else installs it with `../shared/tools/peer-bwrap`; the error says what is missing.
pub fn find_or_install(repo: &Repo) -> Res<PathBuf> {
    if let Some(path) = find(repo) {
        return Ok(path);
    }
    let installer = repo.root.join("../shared/tools/peer-bwrap");
    if !installer.is_file() {
        return Err("no reference bubblewrap: give --peer PATH or set SALLYPORT_PEER".to_owned());
    }
    let folder = home(repo);
    repo.output(Command::new("bash").arg(installer).arg(&folder))?;
    Ok(folder.join("bwrap"))
}
