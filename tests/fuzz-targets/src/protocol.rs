//! The argument vector of a stage that somebody else has started.

use crate::message::assert_message;
use crate::room;
use common::chain::{Chain, stored};
use common::plan::Stage;
use common::report::Voice;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::OnceLock;

/// The number under which a good plan is to be had.
pub const PLAN_FD: i32 = 600;

/// The first byte says which stage, the rest are its arguments.
pub fn arguments(bytes: &[u8]) {
    static PLAN: OnceLock<OwnedFd> = OnceLock::new();
    PLAN.get_or_init(sealed_plan);
    let Some((selector, words)) = bytes.split_first() else { return };
    let stage = Stage::ALL[usize::from(*selector) % (Stage::ALL.len() - 1)];
    room::lend_words(c"stage", words, |args| {
        if let Some(fd) = stored::argument(args) {
            assert!(fd.0 >= 0 && args.len() == 2, "--stored={}", fd.0);
        }
        match Chain::enter(stage, args, room::no_words(), false) {
            Ok(chain) => {
                assert_eq!(chain.passed.plan.0, PLAN_FD, "no other descriptor is a sealed plan");
                let after = chain.plan.stages_after(Some(stage)).count();
                let passed = chain.passed;
                assert!(passed.next.is_none_or(|next| next.len() == after), "{passed:?}");
                let fds = [passed.status, passed.ready, passed.proc];
                assert!(fds.into_iter().flatten().all(|fd| fd.0 >= 0), "{passed:?}");
            }
            Err(fault) => assert_message(Voice::of(stage.name()), fault, bytes.len()),
        }
    });
}

/// The longest of the golden plans, at [`PLAN_FD`].
fn sealed_plan() -> OwnedFd {
    let plans = crate::seeds::plans();
    let plan = plans.iter().max_by_key(|plan| plan.len()).expect("golden plans");
    let sealed = common::plan::seal(plan).expect("a memfd");
    // SAFETY: a copy at a number that nothing here uses.
    let fd = unsafe { libc::fcntl(sealed.fd().0, libc::F_DUPFD_CLOEXEC, PLAN_FD) };
    assert_eq!(fd, PLAN_FD, "{}", std::io::Error::last_os_error());
    // SAFETY: just made, and owned by nobody else.
    let owned = unsafe { OwnedFd::from_raw_fd(fd) };
    assert_eq!(owned.as_raw_fd(), PLAN_FD);
    owned
}
