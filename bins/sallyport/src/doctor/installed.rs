//! The executables of a launch: whether they are there, whether anybody else could change them, and a launch.

use super::Check;
use super::host::sysctl;
use super::ids::in_path;
use nix::unistd::geteuid;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The stages, in the order in which they run.
const STAGES: [&str; 5] = ["ns-enter", "fs-build", "priv-drop", "init-reaper", "seccomp-load"];

/// The programs that not every launch starts, and what does without them not work.
const HELPERS: [(&str, &str); 3] = [
    ("compose", "stages as commands of their own: ns-enter … -- fs-build … -- COMMAND"),
    ("cgroup-keeper", "--cgroup, --limit"),
    ("pty-relay", "--console"),
];

/// All of them, and whether a plain sandbox can be launched.
pub fn checks() -> (Vec<Check>, bool) {
    let Some(bwrap) = find_bwrap() else {
        let check = Check::fails(
            "bwrap",
            "not found beside this program nor in PATH",
            "install it as README.md says: bwrap in bin, the stages in libexec/sallyport",
        );
        return (vec![check], false);
    };
    let mut checks = vec![file("bwrap", &bwrap)];
    for stage in STAGES {
        checks.push(match beside(&bwrap, stage) {
            Some(path) => file(stage, &path),
            None => Check::fails(stage, "not found", "it belongs beside bwrap or in ../libexec/sallyport"),
        });
    }
    for (name, breaks) in HELPERS {
        checks.push(match beside(&bwrap, name) {
            Some(path) => file(name, &path),
            None => Check::limited(name, "not found", breaks, "it belongs beside the stages"),
        });
    }
    let (launch, launches) = launch(&bwrap);
    checks.push(launch);
    (checks, launches)
}

/// Ours before anybody's: the one beside this program, else the one a shell would find.
fn find_bwrap() -> Option<PathBuf> {
    // Without /proc nobody knows where this program is.
    let own = std::env::current_exe().ok().map(|own| own.with_file_name("bwrap"));
    own.filter(|own| own.is_file()).or_else(|| in_path("bwrap"))
}

/// A stage where bwrap looks for it.
fn beside(bwrap: &Path, stage: &str) -> Option<PathBuf> {
    let real = fs::canonicalize(bwrap).ok()?;
    let dir = real.parent()?;
    [dir.join(stage), dir.join("../libexec/sallyport").join(stage)].into_iter().find(|path| path.is_file())
}

fn file(name: &'static str, path: &Path) -> Check {
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) => return Check::fails(name, format!("{}: {error}", path.display()), "make it readable"),
    };
    let found = format!("{}, {} bytes, mode {:04o}", path.display(), meta.len(), meta.mode() & 0o7777);
    if meta.mode() & 0o6000 != 0 {
        return Check::fails(
            name,
            found + ", set-user-ID or set-group-ID",
            format!("chmod ug-s {}", path.display()),
        );
    }
    let dir = path.parent().and_then(|dir| fs::metadata(dir).ok());
    if writable_by_others(&meta) || dir.is_some_and(|dir| writable_by_others(&dir)) {
        return Check::limited(
            name,
            found + ", and others can change it",
            "nothing; but whoever changes it is in every sandbox, and outside of it too",
            format!("chown root: and chmod go-w {} and its directory", path.display()),
        );
    }
    Check::ok(name, found)
}

/// Whether somebody who is neither root nor the caller may write it.
fn writable_by_others(meta: &Metadata) -> bool {
    let sticky = meta.is_dir() && meta.mode() & 0o1000 != 0;
    // In a user namespace the host's root is nobody, and so is every other user that is not mapped.
    let unmapped = sysctl("kernel/overflowuid").is_some_and(|nobody| i64::from(meta.uid()) == nobody);
    let owner = meta.uid() != 0 && meta.uid() != geteuid().as_raw() && !unmapped;
    owner || (meta.mode() & 0o022 != 0 && !sticky)
}

/// A sandbox, in which bwrap says its version.
fn launch(bwrap: &Path) -> (Check, bool) {
    let run = |options: &[&str]| {
        Command::new(bwrap)
            .args(options)
            .args(["--ro-bind", "/", "/", "--"])
            .arg(bwrap)
            .arg("--version")
            .stdin(Stdio::inherit())
            .output()
    };
    let (version, words) = match run(&[]) {
        Ok(output) if output.status.success() => {
            (String::from_utf8_lossy(&output.stdout).trim().to_owned(), None)
        }
        Ok(output) => (String::new(), Some(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
        Err(error) => (String::new(), Some(error.to_string())),
    };
    if let Some(words) = words {
        return (Check::fails("launch", words, "see above"), false);
    }
    let check = match run(&["--unshare-all", "--new-session"]) {
        Ok(output) if output.status.success() => {
            Check::ok("launch", format!("works, with --unshare-all too ({version})"))
        }
        Ok(output) => Check::limited(
            "launch",
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            "--unshare-all",
            "see above",
        ),
        Err(error) => Check::limited("launch", error.to_string(), "--unshare-all", "see above"),
    };
    (check, true)
}
