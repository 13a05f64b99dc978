//! Namespaces made by another process, for the options that take a descriptor of one.
use crate::job::{Fd, Job, check};
use crate::live::Live;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

static OURS: Mutex<Vec<i32>> = Mutex::new(Vec::new());

/// Whether a child is one of the holders, which end with their own values.
pub(crate) fn is_ours(pid: i32) -> bool {
    OURS.lock().is_ok_and(|list| list.contains(&pid))
}

/// A process that keeps namespaces alive until this value is dropped.
pub struct NsHolder(Live);

impl NsHolder {
    /// Runs the probe's `hold` with each group of namespace names (`user,pid`) unshared in turn, as `user`. Each new
    /// user namespace maps `inside` to the id the level above has.
    pub fn new(probe: &Path, groups: &[&str], user: Option<u32>, inside: u32) -> io::Result<Self> {
        let mut job = Job::new(probe);
        job.arg("hold").arg(inside.to_string()).args(groups);
        job.user = user;
        job.fds.insert(0, Fd::In);
        job.stdin = crate::Stdin::Closed;
        let mut live = job.start()?;
        let pid = live.pid();
        OURS.lock().map_err(|_| io::Error::other("a test panicked"))?.push(pid);
        if !live.wait_for(1, "ready\n") {
            let text = String::from_utf8_lossy(live.output(1)).into_owned();
            return Err(io::Error::other(format!("cannot hold {groups:?}: {text}")));
        }
        Ok(Self(live))
    }

    /// The path of one of its namespaces, by its name in /proc/PID/ns.
    pub fn path(&self, name: &str) -> PathBuf {
        format!("/proc/{}/ns/{name}", self.0.pid()).into()
    }

    /// A descriptor of one of its namespaces, by its name in /proc/PID/ns; with `^` after it, of that one's parent.
    pub fn open(&self, name: &str) -> io::Result<OwnedFd> {
        let file = File::open(self.path(name.trim_end_matches('^')))?;
        if !name.ends_with('^') {
            return Ok(file.into());
        }
        const NS_GET_PARENT: libc::c_ulong = 0xb702;
        // SAFETY: the ioctl takes no argument and gives a new descriptor.
        unsafe { Ok(OwnedFd::from_raw_fd(check(libc::ioctl(file.as_raw_fd(), NS_GET_PARENT))?)) }
    }
}

impl Drop for NsHolder {
    fn drop(&mut self) {
        let pid = self.0.pid();
        self.0.close(0);
        self.0.wait_end();
        if let Ok(mut list) = OURS.lock() {
            list.retain(|other| *other != pid);
        }
    }
}
