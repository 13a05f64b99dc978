//! Ends a launch that hangs, so that a broken launcher costs its row and not the run.

use crate::others::descendants;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// A launch may take this many seconds.
const LIMIT: u32 = 20;

static RUNNING: AtomicI32 = AtomicI32::new(0);
static SECONDS: AtomicU32 = AtomicU32::new(0);

/// Says that this child runs and is not waited for yet; nobody else gets its id until then.
pub fn begin(pid: Pid) {
    SECONDS.store(0, Ordering::Relaxed);
    RUNNING.store(pid.as_raw(), Ordering::Release);
}

/// Says that it ended.
pub fn end() {
    RUNNING.store(0, Ordering::Release);
}

/// Starts the thread that watches; it sleeps but for a moment each second.
pub fn start() {
    thread::spawn(|| {
        loop {
            thread::sleep(Duration::from_secs(1));
            let pid = RUNNING.load(Ordering::Acquire);
            if pid != 0 && SECONDS.fetch_add(1, Ordering::Relaxed) >= LIMIT {
                eprintln!("bench: a launch took more than {LIMIT} s and is ended");
                for pid in descendants(pid) {
                    // It may have ended just now: then there is nothing to end.
                    let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
                }
            }
        }
    });
}
