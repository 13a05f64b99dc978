//! The files of a case before a run, and what is there after it.
use crate::case::{Make, Who};
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, lchown, symlink};
use std::path::Path;

/// Makes the case's directory, owned by whoever runs the case.
pub fn make(dir: &Path, steps: &[Make], who: Who) -> io::Result<()> {
    fs::create_dir(dir)?;
    let owner = if who == Who::User && support::is_root() { Some(support::USER) } else { None };
    let own = |path: &Path| lchown(path, owner, owner);
    own(dir)?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?;
    let chmod = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    for step in steps {
        match step {
            Make::Dir(path, mode) => {
                let path = dir.join(path);
                fs::create_dir(&path)?;
                chmod(&path, *mode)?;
                own(&path)?;
            }
            Make::File(path, contents, mode) => {
                let path = dir.join(path);
                fs::write(&path, contents)?;
                chmod(&path, *mode)?;
                own(&path)?;
            }
            Make::Link(target, path) => {
                let target = target.replace("{dir}", &dir.display().to_string());
                symlink(target, dir.join(path))?;
                own(&dir.join(path))?;
            }
            Make::Fifo(path) => {
                let path = dir.join(path);
                let name = std::ffi::CString::new(path.display().to_string())?;
                // SAFETY: a NUL-ended path.
                if unsafe { libc::mkfifo(name.as_ptr(), 0o644) } != 0 {
                    return Err(io::Error::last_os_error());
                }
                own(&path)?;
            }
            Make::Socket(path) => {
                drop(std::os::unix::net::UnixListener::bind(dir.join(path))?);
                own(&dir.join(path))?;
            }
            Make::RootOwned(path) => lchown(dir.join(path), Some(0), Some(0))?,
            Make::Mode(path, mode) => chmod(&dir.join(path), *mode)?,
        }
    }
    Ok(())
}

/// What no case may change on the machine: mounts, device nodes, limits, the host's name.
pub fn host() -> String {
    let mut out = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    for path in [
        "/",
        "/tmp",
        "/usr",
        "/dev",
        "/dev/null",
        "/dev/zero",
        "/dev/full",
        "/dev/random",
        "/dev/urandom",
        "/dev/tty",
        "/dev/ptmx",
        "/dev/fuse",
        "/dev/shm",
    ] {
        if let Ok(meta) = fs::symlink_metadata(path) {
            out.push_str(&format!("{path} {:o} {}:{}\n", meta.mode(), meta.uid(), meta.gid()));
        }
    }
    for name in [
        "user/max_user_namespaces",
        "user/max_net_namespaces",
        "user/max_mnt_namespaces",
        "user/max_cgroup_namespaces",
        "kernel/hostname",
    ] {
        let value = fs::read_to_string(format!("/proc/sys/{name}")).unwrap_or_default();
        out.push_str(&format!("{name} {value}"));
    }
    out
}

/// Every file below the directory: type, mode, owner, contents.
pub fn listing(dir: &Path) -> String {
    let mut out = String::new();
    walk(dir, dir, &mut out);
    out
}

fn walk(top: &Path, path: &Path, out: &mut String) {
    let Ok(meta) = fs::symlink_metadata(path) else { return };
    let kind = meta.file_type();
    let more = if kind.is_symlink() {
        format!("link to {}", fs::read_link(path).unwrap_or_default().display())
    } else if kind.is_dir() {
        "dir".to_owned()
    } else if kind.is_file() {
        let bytes = fs::read(path).unwrap_or_default();
        format!("file {} bytes {:?}", meta.len(), String::from_utf8_lossy(&bytes[..bytes.len().min(80)]))
    } else if kind.is_char_device() || kind.is_block_device() {
        format!("device {:#x}", meta.rdev())
    } else {
        "special".to_owned()
    };
    let name = path.strip_prefix(top).unwrap_or(path).display().to_string();
    // overlayfs numbers what it keeps in its work directory.
    let name = match name.split_once("/#") {
        Some((parent, _)) => format!("{parent}/#N"),
        None => name,
    };
    out.push_str(&format!("./{name} {:04o} {}:{} {more}\n", meta.mode() & 0o7777, meta.uid(), meta.gid()));
    if kind.is_dir() {
        let mut entries: Vec<_> =
            fs::read_dir(path).into_iter().flatten().flatten().map(|e| e.path()).collect();
        entries.sort();
        entries.iter().for_each(|entry| walk(top, entry, out));
    }
}

/// Removes the case's directory, closed directories included.
pub fn remove(dir: &Path) -> io::Result<()> {
    if fs::symlink_metadata(dir).is_err() || fs::remove_dir_all(dir).is_ok() {
        return Ok(());
    }
    open_up(dir);
    fs::remove_dir_all(dir)
}

fn open_up(path: &Path) {
    if fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir()) {
        let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o700));
        fs::read_dir(path).into_iter().flatten().flatten().for_each(|entry| open_up(&entry.path()));
    }
}
