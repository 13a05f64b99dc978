//! Where things are: the workspace, the release binaries, the probe, scratch directories.
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The root of the workspace these tests belong to.
pub fn workspace_root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize();
    own.ok().and_then(|path| Some(path.parent()?.parent()?.to_owned())).unwrap_or_default()
}

/// A release binary of the workspace, in `CARGO_TARGET_DIR` or `target`.
pub fn release_bin(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from).unwrap_or_else(|| "target".into());
    workspace_root().join(target).join("release").join(name)
}

/// The statically linked probe, as built with this crate. Readable for the builder; see [`Scratch::install_probe`].
pub fn probe() -> &'static Path {
    Path::new(env!("SUPPORT_PROBE"))
}

/// A directory in /tmp that every user can enter; removed when dropped.
pub struct Scratch(tempfile::TempDir);

impl Scratch {
    /// A new empty directory, mode 0755.
    pub fn new() -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix("sallyport-").tempdir_in("/tmp")?;
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755))?;
        Ok(Self(dir))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Copies the probe here, executable for all.
    pub fn install_probe(&self) -> io::Result<PathBuf> {
        let target = self.path().join("probe");
        fs::copy(probe(), &target)?;
        fs::set_permissions(&target, fs::Permissions::from_mode(0o755))?;
        Ok(target)
    }
}
