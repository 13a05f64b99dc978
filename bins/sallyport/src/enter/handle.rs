//! A process by its directory in /proc, opened. Once the process has ended nothing can be read there, whoever has its number
//! by then.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// See the module.
pub struct Process {
    /// Its number as seen from here.
    pub pid: i32,
    /// Keeps `path` what it is.
    _dir: File,
    path: PathBuf,
}

/// What a process says by its name that it does in a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Starts sandboxes and waits for them, outside.
    Launcher,
    /// Waits inside for the command, or is still about to become it.
    Reaper,
    /// Sets the sandbox up: it is not as confined yet as it will be, or not in there yet.
    Stage,
    /// Beside the launcher.
    Helper,
    /// None of these.
    Other,
}

impl Process {
    /// Opens the directory of process `pid`.
    pub fn open(pid: i32) -> io::Result<Process> {
        let dir = match open_dir(Path::new(&format!("/proc/{pid}"))) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                return Err(io::Error::from_raw_os_error(nix::libc::ESRCH));
            }
            opened => opened?,
        };
        let path = PathBuf::from(format!("/proc/self/fd/{}", dir.as_raw_fd()));
        Ok(Process { pid, _dir: dir, path })
    }

    /// The directory, for this process alone and as long as the host's /proc is there.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens one of its links to a directory (`root`, `cwd`). Only the place is opened: a file system of the sandbox's own
    /// (FUSE) is not asked.
    pub fn open_dir(&self, name: &str) -> io::Result<File> {
        open_dir(&self.path.join(name))
    }

    /// The text of one of its files.
    pub fn text(&self, name: &str) -> io::Result<String> {
        fs::read_to_string(self.path.join(name))
    }

    /// What it says that it is. Anybody can say anything: what follows from it must not be more than what follows from
    /// [`Role::Other`].
    pub fn role(&self) -> io::Result<Role> {
        // ORDER: the name first. An exec changes the line before the name: with a new name the line is new as well, and
        // with an old one a stage is seen that has just gone, which is looked at again.
        let comm = fs::read(self.path.join("comm"))?;
        let line = fs::read(self.path.join("cmdline"))?;
        // Before Linux 6.14 a stage, which is run by descriptor, has that one's number as its name.
        let first = line.split(|byte| *byte == 0).next().unwrap_or_default();
        let first = first.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let names = [comm.strip_suffix(b"\n").unwrap_or(&comm), first];
        let is_any = |all: &[&[u8]]| names.iter().any(|name| all.contains(name));
        // In the middle of an exec there is no line yet.
        Ok(if line.is_empty() || is_any(&[b"compose", b"fs-build", b"priv-drop", b"seccomp-load"]) {
            Role::Stage
        } else if is_any(&[b"ns-enter", b"bwrap"]) {
            Role::Launcher
        } else if is_any(&[b"init-reaper"]) {
            Role::Reaper
        } else if is_any(&[b"cgroup-keeper", b"pty-relay"]) {
            Role::Helper
        } else {
            Role::Other
        })
    }

    /// Its children, those that are still there.
    pub fn children(&self) -> io::Result<Vec<Process>> {
        let mut numbers = String::new();
        for task in fs::read_dir(self.path.join("task"))? {
            // A thread that has ended has none.
            numbers += &fs::read_to_string(task?.path().join("children")).unwrap_or_default();
        }
        let opened = numbers.split_whitespace().filter_map(|pid| Process::open(pid.parse().ok()?).ok());
        // One that was reaped meanwhile may have left its number to a stranger.
        let children = opened.filter(|child| child.number("PPid") == Some(self.pid)).collect();
        // Nor has this one ended, after which its own number is anybody's.
        self.text("status").map(|_| children)
    }

    /// Its parent; none for one whose parent is not seen from here.
    pub fn parent(&self) -> io::Result<Option<Process>> {
        loop {
            let Some(pid) = self.number("PPid").filter(|pid| *pid > 0) else { return Ok(None) };
            let parent = Process::open(pid);
            // As long as its child says so it is its parent, and not another of that number.
            if self.number("PPid") == Some(pid) {
                return parent.map(Some);
            }
        }
    }

    /// A field of its status that is a number.
    pub fn number<N: std::str::FromStr>(&self, name: &str) -> Option<N> {
        field(&self.text("status").ok()?, name)?.parse().ok()
    }
}

/// A field of the status of a process (proc_pid_status(5)).
pub fn field<'t>(status: &'t str, name: &str) -> Option<&'t str> {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// Opens the place of a directory.
fn open_dir(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(nix::libc::O_PATH | nix::libc::O_DIRECTORY).open(path)
}

#[cfg(test)]
mod tests {
    use super::{Process, Role};
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    #[test]
    fn one_that_has_ended_is_nobody() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let own = Process::open(std::process::id() as i32).unwrap();
        let process = Process::open(child.id() as i32).unwrap();
        assert!(own.children().unwrap().iter().any(|found| found.pid == process.pid));
        assert_eq!(process.parent().unwrap().unwrap().pid, own.pid);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(process.text("status").is_err() && process.open_dir("root").is_err());
        assert!(process.children().is_err() && process.role().is_err());
        assert!(own.children().unwrap().iter().all(|found| found.pid != process.pid));
        assert!(Process::open(process.pid).is_err());
    }

    #[test]
    fn a_stage_is_known_by_its_name_and_by_its_first_word() {
        for (first, role) in [
            ("/x/priv-drop", Role::Stage),
            ("fs-build", Role::Stage),
            ("/y/ns-enter", Role::Launcher),
            ("init-reaper", Role::Reaper),
            ("pty-relay", Role::Helper),
            ("priv-dropper", Role::Other),
        ] {
            let mut child = Command::new("cat").arg0(first).stdin(Stdio::piped()).spawn().unwrap();
            let process = Process::open(child.id() as i32).unwrap();
            // spawn comes back in the middle of the exec, when there is no line yet.
            while process.text("cmdline").unwrap().is_empty() {
                std::thread::yield_now();
            }
            assert_eq!(process.role().unwrap(), role, "{first}");
            drop(child.stdin.take());
            child.wait().unwrap();
        }
    }
}
