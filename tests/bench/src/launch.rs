//! Starts a launcher the cheap way (posix_spawn shares memory until the exec) and times it to its end.

use crate::scenario::{FIRST_FD, Rendered};
use crate::watch;
use nix::fcntl::{FcntlArg, OFlag, SealFlag, fcntl};
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, posix_spawn};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, Whence, lseek, pipe2, write};
use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Instant;

/// Errors are texts for a person.
pub type Res<T> = Result<T, String>;

/// Our own copies of passed descriptors lie above any number a child is given.
const ABOVE: RawFd = 200;

/// A command line ready to be started again and again.
pub struct Launch {
    argv: Vec<CString>,
    env: Vec<CString>,
    data: Vec<OwnedFd>,
    actions: PosixSpawnFileActions,
    attr: PosixSpawnAttr,
}

impl Launch {
    /// The program with its rendered arguments and data descriptors.
    pub fn new(program: &str, rendered: &Rendered) -> Res<Self> {
        let c = |text: &str| CString::new(text).map_err(|e| format!("{text:?}: {e}"));
        let mut argv = vec![c(program)?];
        for arg in &rendered.args {
            argv.push(c(arg)?);
        }
        let mut data = Vec::new();
        for bytes in &rendered.data {
            data.push(memory(bytes).map_err(|e| format!("memfd: {e}"))?);
        }
        let actions = actions(&data, &[])?;
        let attr = PosixSpawnAttr::init().map_err(|e| format!("posix_spawnattr_init: {e}"))?;
        Ok(Self { argv, env: vec![c("PATH=/usr/bin:/bin")?], data, actions, attr })
    }

    /// Starts it. Data descriptors are read from their beginning each time.
    pub fn start(&self) -> Res<Pid> {
        self.start_with(&self.actions)
    }

    fn start_with(&self, actions: &PosixSpawnFileActions) -> Res<Pid> {
        for fd in &self.data {
            lseek(fd, 0, Whence::SeekSet).map_err(|e| format!("lseek: {e}"))?;
        }
        posix_spawn(self.argv[0].as_c_str(), actions, &self.attr, &self.argv, &self.env)
            .map_err(|e| format!("{}: {e}", self.argv[0].to_string_lossy()))
    }

    /// Runs it to its end: microseconds.
    pub fn time(&self) -> Res<f64> {
        let before = Instant::now();
        let pid = self.start()?;
        watch::begin(pid);
        let end = waitpid(pid, None).map_err(|e| format!("waitpid: {e}"))?;
        watch::end();
        let took = before.elapsed();
        match end {
            WaitStatus::Exited(_, 0) => Ok(took.as_secs_f64() * 1e6),
            other => Err(format!("{} ended with {other:?}", self.argv[0].to_string_lossy())),
        }
    }

    /// Runs it and returns what it printed; a failure is an error with its words.
    pub fn capture(&self) -> Res<String> {
        let (read, write) = pipe2(OFlag::O_CLOEXEC).map_err(|e| format!("pipe: {e}"))?;
        let to = actions(&self.data, &[(write.as_raw_fd(), 1), (write.as_raw_fd(), 2)])?;
        let pid = self.start_with(&to)?;
        watch::begin(pid);
        drop(write);
        let mut text = Vec::new();
        File::from(read).read_to_end(&mut text).map_err(|e| format!("reading: {e}"))?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let end = waitpid(pid, None);
        watch::end();
        match end {
            Ok(WaitStatus::Exited(_, 0)) => Ok(text),
            Ok(WaitStatus::Exited(_, status)) => Err(format!("exit {status}: {}", text.trim())),
            other => Err(format!("{other:?}: {}", text.trim())),
        }
    }

    /// Starts it with a pipe for standard input; it lives until the pipe's end is dropped.
    pub fn start_waiting(&self) -> Res<(Pid, OwnedFd)> {
        let (read, write) = pipe2(OFlag::O_CLOEXEC).map_err(|e| format!("pipe: {e}"))?;
        Ok((self.start_with(&actions(&self.data, &[(read.as_raw_fd(), 0)])?)?, write))
    }
}

fn actions(data: &[OwnedFd], more: &[(RawFd, RawFd)]) -> Res<PosixSpawnFileActions> {
    let fault = |e| format!("posix_spawn_file_actions: {e}");
    let mut actions = PosixSpawnFileActions::init().map_err(fault)?;
    for &(from, to) in more {
        actions.add_dup2(from, to).map_err(fault)?;
    }
    for (number, fd) in data.iter().enumerate() {
        let to = RawFd::try_from(FIRST_FD + number).map_err(|e| e.to_string())?;
        actions.add_dup2(fd.as_raw_fd(), to).map_err(fault)?;
    }
    Ok(actions)
}

/// An unnamed file with these bytes that nobody can change, at a high number.
fn memory(bytes: &[u8]) -> nix::Result<OwnedFd> {
    let low = memfd_create(c"bench", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
    let mut rest = bytes;
    while !rest.is_empty() {
        rest = &rest[write(&low, rest)?..];
    }
    let all =
        SealFlag::F_SEAL_SEAL | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_WRITE;
    fcntl(&low, FcntlArg::F_ADD_SEALS(all))?;
    duplicate(&low)
}

fn duplicate(fd: &OwnedFd) -> nix::Result<OwnedFd> {
    let high = fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(ABOVE))?;
    // SAFETY: F_DUPFD_CLOEXEC returned this descriptor to us just now, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(high) })
}
