//! Where the reference is, and where ours is.
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The reference: `SALLYPORT_PEER`, else /opt/peer/bwrap, else installed into target/peer.
pub fn reference() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("SALLYPORT_PEER") {
        let path = PathBuf::from(path);
        return if path.exists() { Ok(path) } else { Err(format!("SALLYPORT_PEER: no {}", path.display())) };
    }
    let installed = PathBuf::from("/opt/peer/bwrap");
    if installed.exists() {
        return Ok(installed);
    }
    let root = support::workspace_root();
    let tool = root.join("../shared/tools/peer-bwrap");
    let target = root.join("target/peer");
    let output = Command::new(&tool).arg(&target).stderr(Stdio::inherit()).output();
    match output {
        Ok(output) if output.status.success() => Ok(target.join("bwrap")),
        Ok(output) => Err(format!("{} failed: {}", tool.display(), output.status)),
        Err(error) => Err(format!("{}: {error}", tool.display())),
    }
}

/// The program under test: `SALLYPORT_BWRAP`, else the workspace's release build.
pub fn ours() -> Result<PathBuf, String> {
    let path =
        std::env::var_os("SALLYPORT_BWRAP").map_or_else(|| support::release_bin("bwrap"), PathBuf::from);
    path.canonicalize()
        .map_err(|error| format!("{}: {error} (cargo build --release makes it)", path.display()))
}
