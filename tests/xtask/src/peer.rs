//! Finds the reference bubblewrap, or has the installer beside the repository fetch it.

use crate::repo::{Repo, Res};
use crate::staged::is_open_to_all;
use std::path::PathBuf;
use std::process::Command;

/// The reference, if it is already here: `SALLYPORT_PEER`, then our own copy, then `/opt/peer`.
pub fn find(repo: &Repo) -> Option<PathBuf> {
    let named = std::env::var_os("SALLYPORT_PEER").map(PathBuf::from);
    let places = [named, Some(home(repo).join("bwrap")), Some("/opt/peer/bwrap".into())];
    places.into_iter().flatten().find(|path| path.is_file())
}

/// Where it is installed: below the target directory, or in a place that other users can reach, since it runs only
/// from where it was installed.
fn home(repo: &Repo) -> PathBuf {
    if is_open_to_all(&repo.root) { repo.target.join("peer") } else { "/var/tmp/sallyport-peer".into() }
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
