//! The descriptors that the user named: checked before any is made here, closed before the command runs.

use crate::bind;
use common::chain::Chain;
use common::errno::Errno;
use common::fault;
use common::plan::{FdNumber, FsBuild, MountOp};
use common::report::{At, Fault, Outcome};
use common::sys;

/// The descriptor that `op` takes data or a directory from.
fn named(op: MountOp<'static>) -> Option<FdNumber> {
    match op {
        MountOp::BindFd { fd, .. } | MountOp::File { fd, .. } | MountOp::BindData { fd, .. } => Some(fd),
        _ => None,
    }
}

/// What one look at all operations tells.
#[derive(Clone, Copy, Debug, Default)]
pub struct Found {
    /// There are descriptors that the user named.
    pub fds: bool,
    /// There is data to be bound, for which the new tree's tmpfs has a place.
    pub data: bool,
    /// There are mounts that have to be attached at once: overlays, which mount(2) makes, and those that change
    /// their flags later.
    pub attached: bool,
    /// There is a sysfs to be mounted.
    pub sysfs: bool,
}

/// Makes sure that every descriptor the user named is open, and not one that sallyport opened on the way here:
/// a mistyped number must not show the plan to the command.
pub fn check(frame: &FsBuild<'static>, chain: &Chain) -> Outcome<Found> {
    let passed = &chain.passed;
    let mut found = Found::default();
    for (index, op) in frame.ops.iter().enumerate() {
        found.data |= matches!(op, MountOp::BindData { .. });
        found.attached |= matches!(op, MountOp::OverlaySrc { .. } | MountOp::RemountRo { .. });
        found.sysfs |= matches!(op, MountOp::Sys { .. });
        let Some(number) = named(op) else { continue };
        found.fds = true;
        let fd = number.fd();
        // What has no offset, as a pipe, is empty after its first use.
        let used_up = || {
            sys::offset(fd) == Err(Errno::SPIPE)
                && frame.ops.iter().take(index).filter_map(named).any(|earlier| earlier == number)
        };
        if passed.has(fd) || !sys::is_open(fd).at(|| fault!("fcntl"))? || used_up() {
            return Err(refusal(op, number));
        }
    }
    Ok(found)
}

fn refusal(op: MountOp<'static>, number: FdNumber) -> Fault {
    match op {
        MountOp::File { dest, .. } | MountOp::BindData { dest, .. } => {
            fault!("Can't write data to file ", dest).errno(Errno::BADF)
        }
        _ => bind::missing_fd(number).errno(Errno::NOENT),
    }
}

/// Closes them all.
///
/// DIFFERS: bubblewrap closes each after its operation, so that one descriptor cannot serve two.
pub fn close(frame: &FsBuild<'static>) -> Outcome<()> {
    frame.ops.iter().filter_map(named).try_for_each(|number| {
        // One that served twice is closed already.
        sys::close_named(number.fd()).at(|| fault!("close"))
    })
}
