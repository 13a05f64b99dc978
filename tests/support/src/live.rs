//! A running job: its pipes, its end, and what it leaves behind.
use crate::job::{check, high};
use crate::patience;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::process::Child;
use std::time::{Duration, Instant};

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With this status.
    Exit(i32),
    /// By this signal.
    Signal(i32),
    /// It was still running when its time was up, and was killed.
    TimedOut,
}

/// What a job did.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its end.
    pub status: End,
    /// Everything on descriptor 1 (or the terminal).
    pub stdout: Vec<u8>,
    /// Everything on descriptor 2.
    pub stderr: Vec<u8>,
    /// Everything on each `Fd::Out`.
    pub outs: BTreeMap<RawFd, Vec<u8>>,
    /// Names of processes that outlived it by more than half a second (they were then killed).
    pub leftovers: Vec<String>,
}

/// A running job.
pub struct Live {
    child: Option<Child>,
    pidfd: Option<OwnedFd>,
    end: Option<End>,
    readers: BTreeMap<RawFd, Option<File>>,
    got: BTreeMap<RawFd, Vec<u8>>,
    writers: BTreeMap<RawFd, (File, Vec<u8>, bool)>,
    deadline: Instant,
}

impl Live {
    pub(crate) fn new(time: Duration) -> Self {
        Self {
            child: None,
            pidfd: None,
            end: None,
            readers: BTreeMap::new(),
            got: BTreeMap::new(),
            writers: BTreeMap::new(),
            deadline: Instant::now() + time,
        }
    }

    /// A pipe whose read end this side keeps.
    pub(crate) fn collect(&mut self, number: RawFd) -> io::Result<OwnedFd> {
        let (reader, writer) = io::pipe()?;
        let writer = high(&writer)?;
        let reader = File::from(OwnedFd::from(reader));
        nonblocking(&reader)?;
        self.readers.insert(number, Some(reader));
        self.got.insert(number, Vec::new());
        Ok(writer)
    }

    /// A pipe that gives `bytes` and then ends.
    pub(crate) fn feed(&mut self, number: RawFd, bytes: &[u8]) -> io::Result<OwnedFd> {
        let reader = self.hold_open(number)?;
        if let Some((_, pending, close)) = self.writers.get_mut(&number) {
            pending.extend_from_slice(bytes);
            *close = true;
        }
        // Small data is there before the program starts, as with a shell's here-document.
        self.flush();
        Ok(reader)
    }

    /// A pipe whose write end this side keeps.
    pub(crate) fn hold_open(&mut self, number: RawFd) -> io::Result<OwnedFd> {
        let (reader, writer) = io::pipe()?;
        let writer = File::from(OwnedFd::from(writer));
        nonblocking(&writer)?;
        self.writers.insert(number, (writer, Vec::new(), false));
        high(&reader)
    }

    pub(crate) fn terminal(&mut self, master: OwnedFd) -> io::Result<()> {
        let reader = File::from(master);
        nonblocking(&reader)?;
        self.writers.insert(-1, (reader.try_clone()?, Vec::new(), false));
        self.readers.insert(-1, Some(reader));
        self.got.insert(-1, Vec::new());
        Ok(())
    }

    pub(crate) fn started(&mut self, child: Child) -> io::Result<()> {
        self.pidfd = Some(pidfd(child.id() as i32)?);
        self.child = Some(child);
        Ok(())
    }

    /// The process id.
    pub fn pid(&self) -> i32 {
        self.child.as_ref().map_or(0, |child| child.id() as i32)
    }

    /// What came on a descriptor so far (-1: the terminal).
    pub fn output(&self, fd: RawFd) -> &[u8] {
        self.got.get(&fd).map_or(&[], Vec::as_slice)
    }

    /// Queues bytes for an `Fd::In` (-1: the terminal).
    pub fn write(&mut self, fd: RawFd, bytes: &[u8]) {
        if let Some((_, pending, _)) = self.writers.get_mut(&fd) {
            pending.extend_from_slice(bytes);
        }
        self.flush();
    }

    /// Gives the job's terminal another size.
    pub fn resize(&self, rows: u16, columns: u16) {
        let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        if let Some((master, ..)) = self.writers.get(&-1) {
            // SAFETY: TIOCSWINSZ reads one struct winsize, a live local.
            unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
        }
    }

    /// Takes the job's terminal away, as closing its window does.
    pub fn hang_up(&mut self) {
        self.writers.remove(&-1);
        self.readers.remove(&-1);
    }

    /// The local modes of the job's terminal (`ICANON`, `ECHO`, …).
    pub fn local_modes(&self) -> libc::tcflag_t {
        // SAFETY: all zero is a valid struct termios.
        let mut termios: libc::termios = unsafe { std::mem::zeroed() };
        if let Some((master, ..)) = self.writers.get(&-1) {
            // SAFETY: one struct termios is written; on a master these are the slave's.
            unsafe { libc::tcgetattr(master.as_raw_fd(), &raw mut termios) };
        }
        termios.c_lflag
    }

    /// Ends an `Fd::In` after what is queued.
    pub fn close(&mut self, fd: RawFd) {
        if let Some((_, _, close)) = self.writers.get_mut(&fd) {
            *close = true;
        }
        self.flush();
    }

    /// Stops reading an output, so that the next write to it meets a broken pipe.
    pub fn stop_reading(&mut self, fd: RawFd) {
        self.readers.insert(fd, None);
    }

    /// Sends a signal to the job's first process.
    pub fn kill(&self, signal: i32) {
        // SAFETY: our own child, not yet waited for.
        unsafe { libc::kill(self.pid(), signal) };
    }

    /// Waits until `text` occurs in the output of `fd`; false if the job ended or time ran out before.
    pub fn wait_for(&mut self, fd: RawFd, text: &str) -> bool {
        loop {
            if find(self.output(fd), text.as_bytes()) {
                return true;
            }
            let open = self.readers.get(&fd).is_some_and(Option::is_some);
            if !open || !self.turn(self.deadline) {
                return find(self.output(fd), text.as_bytes());
            }
        }
    }

    /// Waits until the first process is stopped; false if it ended or time ran out before.
    pub fn wait_stopped(&mut self) -> bool {
        while self.end.is_none() && Instant::now() < self.deadline {
            // SAFETY: an all-zero siginfo_t is a valid one.
            let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
            let options = libc::WSTOPPED | libc::WNOHANG;
            // SAFETY: waitid writes one siginfo_t. What it asks for is not the end of the child, which stays to be asked for.
            let result = unsafe { libc::waitid(libc::P_PID, self.pid() as u32, &mut info, options) };
            // SAFETY: the kernel sets the process id, or leaves it 0 when there is nothing to tell.
            if result == 0 && unsafe { info.si_pid() } == self.pid() {
                return true;
            }
            // No descriptor tells of a stop.
            self.turn(self.deadline.min(Instant::now() + Duration::from_millis(2)));
        }
        false
    }

    /// Waits for the end of the first process; false if time ran out.
    pub fn wait_end(&mut self) -> bool {
        while self.end.is_none() {
            if !self.turn(self.deadline) {
                return false;
            }
        }
        true
    }

    /// Waits for the end, then up to half a second for what it left behind; gives how many processes still run.
    pub fn settle(&mut self) -> usize {
        self.wait_end();
        let soon = Instant::now() + patience(Duration::from_millis(500));
        loop {
            let children = children();
            if children.is_empty() || Instant::now() >= soon {
                return children.len();
            }
            for pid in children {
                wait_for_process(pid, soon);
            }
        }
    }

    /// Lets the job end, waits for what it left behind, and gives everything seen.
    pub fn finish(mut self) -> io::Result<Seen> {
        for number in self.writers.keys().copied().collect::<Vec<_>>() {
            if number >= 0 {
                self.close(number);
            }
        }
        if !self.wait_end() {
            self.kill(libc::SIGKILL);
            self.deadline = Instant::now() + patience(Duration::from_secs(5));
            while self.end.is_none() && self.turn(self.deadline) {}
            self.end = Some(End::TimedOut);
        }
        let leftovers = self.sweep();
        // Nothing holds the pipes now, but for processes that escaped the sweep: do not wait for those.
        self.deadline = Instant::now() + patience(Duration::from_secs(1));
        while self.readers.iter().any(|(fd, r)| r.is_some() && *fd >= 0) && self.turn(self.deadline) {}
        let stdout = self.got.remove(&-1).or_else(|| self.got.remove(&1)).unwrap_or_default();
        let stderr = self.got.remove(&2).unwrap_or_default();
        self.got.remove(&1);
        Ok(Seen {
            status: self.end.unwrap_or(End::TimedOut),
            stdout,
            stderr,
            outs: std::mem::take(&mut self.got),
            leftovers,
        })
    }

    /// One round of reading, writing and waiting. False when nothing happened until `until`.
    fn turn(&mut self, until: Instant) -> bool {
        self.flush();
        let mut polled: Vec<libc::pollfd> = Vec::new();
        let mut push = |fd: RawFd, events: i16| polled.push(libc::pollfd { fd, events, revents: 0 });
        self.readers.values().flatten().for_each(|file| push(file.as_raw_fd(), libc::POLLIN));
        self.writers
            .values()
            .filter(|(_, pending, _)| !pending.is_empty())
            .for_each(|(file, ..)| push(file.as_raw_fd(), libc::POLLOUT));
        if let (None, Some(pidfd)) = (self.end, &self.pidfd) {
            push(pidfd.as_raw_fd(), libc::POLLIN);
        }
        let left = until.saturating_duration_since(Instant::now()).as_millis() as i32;
        // SAFETY: a slice of pollfd that outlives the call.
        let count = unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, left) };
        if count <= 0 || left <= 0 {
            return false;
        }
        for (number, reader) in &mut self.readers {
            let Some(file) = reader else { continue };
            let mut buffer = [0; 65536];
            match file.read(&mut buffer) {
                Ok(0) => *reader = None,
                Ok(count) => self.got.entry(*number).or_default().extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // A terminal whose other side is closed reads as EIO.
                Err(_) => *reader = None,
            }
        }
        self.reap();
        true
    }

    fn reap(&mut self) {
        if self.end.is_some() {
            return;
        }
        use std::os::unix::process::ExitStatusExt;
        match self.child.as_mut().map(Child::try_wait) {
            Some(Ok(Some(status))) => {
                self.end = Some(match (status.code(), status.signal()) {
                    (Some(code), _) => End::Exit(code),
                    (None, signal) => End::Signal(signal.unwrap_or(0)),
                });
            }
            // Somebody else waited for it: never so, but it must not become an endless loop.
            Some(Err(_)) => self.end = Some(End::TimedOut),
            Some(Ok(None)) | None => {}
        }
    }

    fn flush(&mut self) {
        self.writers.retain(|number, (file, pending, close)| {
            while !pending.is_empty() {
                match file.write(pending) {
                    Ok(count) => drop(pending.drain(..count)),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(_) => pending.clear(),
                }
            }
            !(*close && pending.is_empty() && *number >= 0)
        });
    }

    /// Gives processes that were handed to us half a second to end, then names and kills them.
    fn sweep(&mut self) -> Vec<String> {
        let soon = Instant::now() + patience(Duration::from_millis(500));
        let mut named = Vec::new();
        loop {
            let children = children();
            if children.is_empty() {
                return named;
            }
            let late = Instant::now() >= soon;
            for pid in children {
                if late {
                    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
                    named.push(name.trim_end().to_owned());
                    // SAFETY: a child of ours, not yet waited for, so the number cannot have been reused.
                    unsafe { libc::kill(pid, libc::SIGKILL) };
                }
                wait_for_process(
                    pid,
                    if late { Instant::now() + patience(Duration::from_secs(5)) } else { soon },
                );
            }
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if self.end.is_none() && self.child.is_some() {
            self.kill(libc::SIGKILL);
            if let Some(child) = &mut self.child {
                let _ = child.wait();
            }
            // What a test that has failed leaves would go on without anybody who looks.
            if std::thread::panicking() {
                self.writers.clear();
                self.sweep();
            }
        }
    }
}

/// Children of this process, but for those another part of the test owns (see [`crate::NsHolder`]).
fn children() -> Vec<i32> {
    let own = std::process::id();
    let list = fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap_or_default();
    list.split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .filter(|pid| !crate::holder::is_ours(*pid))
        .collect()
}

/// Waits for one of our children until a moment, and reaps it.
fn wait_for_process(pid: i32, until: Instant) {
    if let Ok(fd) = pidfd(pid) {
        let left = until.saturating_duration_since(Instant::now()).as_millis() as i32;
        let mut polled = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one pollfd that outlives the call.
        unsafe { libc::poll(&mut polled, 1, left) };
    }
    // SAFETY: no status is asked for.
    unsafe { libc::waitpid(pid, std::ptr::null_mut(), libc::WNOHANG) };
}

fn pidfd(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_open takes a pid and flags and gives a new descriptor.
    unsafe { Ok(OwnedFd::from_raw_fd(check(libc::syscall(libc::SYS_pidfd_open, pid, 0) as libc::c_int)?)) }
}

fn nonblocking(file: &File) -> io::Result<()> {
    // SAFETY: sets a status flag of a descriptor we own.
    check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) }).map(drop)
}

fn find(haystack: &[u8], needle: &[u8]) -> bool {
    needle.is_empty() || haystack.windows(needle.len()).any(|window| window == needle)
}
