//! What the test crates share: run a program with exact descriptors, ids and signals; fixtures; the probe.
//!
//! ```no_run
//! let scratch = support::Scratch::new().unwrap();
//! let probe = scratch.install_probe().unwrap();
//! let mut job = support::Job::new("/usr/bin/env");
//! job.arg(&probe).arg("caps");
//! job.user = Some(support::USER);
//! let seen = job.run().unwrap();
//! assert_eq!(seen.status, support::End::Exit(0));
//! ```

mod diff;
mod holder;
mod job;
mod live;
mod paths;
mod pty;

pub use diff::unified;
pub use holder::NsHolder;
pub use job::{Enter, Fd, Job, Prepare, Stdin, USER, become_user, switch_to};
pub use live::{End, Live, Seen};
pub use paths::{Scratch, probe, release_bin, workspace_root};

use std::env;
use std::time::Duration;

/// Makes this process the reaper of whatever its children leave behind, and keeps its own inherited descriptors to
/// itself. Call once, before the first [`Job`]; without it left-over processes are not seen.
pub fn init() {
    // SAFETY: both calls only change attributes of this process.
    unsafe {
        libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
        libc::close_range(3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC as libc::c_int);
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
    }
}

/// `limit` as long as it is meant on this machine: times `SALLYPORT_SLOW`, a whole number, where an emulated processor
/// runs the tests (tests/kernels).
pub fn patience(limit: Duration) -> Duration {
    let factor = env::var("SALLYPORT_SLOW").ok().and_then(|text| text.parse().ok());
    limit * factor.unwrap_or(1)
}

/// Whether this process is root, and so can play both parts.
pub fn is_root() -> bool {
    // SAFETY: no arguments, cannot fail.
    unsafe { libc::geteuid() == 0 }
}
