//! What becomes of the processes that are left when the command ends.

use common::errno::Errno;
use common::fault;
use common::plan;
use common::report::{At, Outcome};
use common::sys::{self, Fd, OwnedFd, o};

/// How many children are remembered to have been signalled; one beyond that may be signalled more than once.
const MOST: usize = 128;

/// See the module.
pub struct Left {
    plan: plan::Left,
    /// Of the kernel's list of our children; `None` for pid 1, which reaches all there are without it.
    pub children: Option<Fd>,
    /// When the grace time is over, in milliseconds; `None` before the command's end.
    deadline: Option<u64>,
    signalled: [i32; MOST],
}

/// Opens the kernel's list of our children.
///
/// Only in procfs, from its root on: in a tree that somebody hostile has filled, /proc may be his, and whom he lists
/// there would be killed.
fn open_children() -> sys::Result<OwnedFd> {
    let proc = sys::openat(sys::CWD, c"/proc", o::PATH | o::DIRECTORY | o::CLOEXEC, 0)?;
    if sys::fstatfs_type(proc.fd())? != sys::PROC_SUPER_MAGIC {
        return Err(Errno::OPNOTSUPP);
    }
    sys::openat(proc.fd(), c"thread-self/children", o::RDONLY | o::CLOEXEC, 0)
}

impl Left {
    /// Opens what will be needed, so that it is not missing at the end.
    pub fn prepare(plan: plan::Left, is_pid_1: bool) -> Outcome<Left> {
        let kills = matches!(plan, plan::Left::Kill { .. });
        let children = if kills && !is_pid_1 {
            Some(open_children().at(|| fault!("Can't open /proc/thread-self/children"))?.leak())
        } else {
            None
        };
        Ok(Left { plan, children, deadline: None, signalled: [0; MOST] })
    }

    /// Whether nothing becomes of them here.
    pub fn leaves(&self) -> bool {
        self.plan == plan::Left::Leave
    }

    /// Whether they are killed.
    pub fn kills(&self) -> bool {
        matches!(self.plan, plan::Left::Kill { .. })
    }

    /// The command has ended.
    pub fn begin(&mut self) -> Outcome<()> {
        let plan::Left::Kill { grace } = self.plan else { return Ok(()) };
        let now = sys::monotonic_ms().at(|| fault!("clock_gettime"))?;
        self.deadline = Some(now.saturating_add(u64::from(grace)));
        if self.children.is_none() && grace > 0 {
            everybody(sys::SIGTERM);
            // What is stopped cannot end by itself.
            everybody(sys::SIGCONT);
        }
        Ok(())
    }

    /// Sends those that are left what they are to get by now; how long to wait for the next one to end.
    ///
    /// Below a process that is not pid 1 the children's children come to it one by one as their parents end, and each is
    /// signalled then.
    pub fn signal(&mut self) -> Outcome<Option<[i64; 2]>> {
        let Some(deadline) = self.deadline else { return Ok(None) };
        let now = sys::monotonic_ms().at(|| fault!("clock_gettime"))?;
        let rest = deadline.saturating_sub(now);
        match (self.children, rest) {
            (None, 0) => everybody(sys::SIGKILL),
            (None, _) => {}
            (Some(list), 0) => each_child(list, |child| {
                let _ = sys::send_signal(child, sys::SIGKILL);
            })?,
            (Some(list), _) => each_child(list, |child| self.end(child))?,
        }
        // Killed, they end without further doing; a new one that comes to us is met at the next end.
        if rest == 0 {
            return Ok(None);
        }
        Ok(Some([(rest / 1000) as i64, (rest % 1000 * 1_000_000) as i64]))
    }

    /// Asks a child to end, once.
    fn end(&mut self, child: i32) {
        if self.signalled.contains(&child) {
            return;
        }
        if let Some(slot) = self.signalled.iter_mut().find(|slot| **slot == 0) {
            *slot = child;
        }
        let _ = sys::send_signal(child, sys::SIGTERM);
        let _ = sys::send_signal(child, sys::SIGCONT);
    }

    /// A child has been waited for: its number may be another's.
    pub fn reaped(&mut self, child: i32) {
        if let Some(slot) = self.signalled.iter_mut().find(|slot| **slot == child) {
            *slot = 0;
        }
    }
}

/// Signals every process of our PID namespace, whose pid 1 this is. That there is none is no failure.
fn everybody(signal: u8) {
    let _ = sys::send_signal(-1, signal);
}

/// Calls `then` with each child. None of them can be somebody else by then: they are ours, and not waited for.
fn each_child(list: Fd, mut then: impl FnMut(i32)) -> Outcome<()> {
    let mut at = 0u64;
    let mut child = 0i32;
    let mut buf = [0u8; 512];
    loop {
        let read =
            sys::retry(|| sys::pread(list, &mut buf, at)).at(|| fault!("Can't read the list of children"))?;
        if read == 0 {
            return Ok(());
        }
        at = at.saturating_add(read as u64);
        for byte in buf.get(..read).unwrap_or_default() {
            match byte.checked_sub(b'0').filter(|digit| *digit < 10) {
                Some(digit) => child = child.saturating_mul(10).saturating_add(i32::from(digit)),
                None if child > 0 => then(core::mem::take(&mut child)),
                None => {}
            }
        }
    }
}
