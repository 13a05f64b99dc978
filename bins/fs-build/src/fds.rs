//! The descriptors that the user named: checked before any is made here, closed before the command runs.

use crate::bind;
use common::chain::{Chain, Next};
use common::errno::Errno;
use common::fault;
use common::plan::{FdNumber, FsBuild, MountOp};
use common::report::{Fault, Outcome};
use common::sys;

/// The descriptor that `op` takes data or a directory from.
fn named(op: MountOp<'static>) -> Option<FdNumber> {
    match op {
        MountOp::BindFd { fd, .. } | MountOp::File { fd, .. } | MountOp::BindData { fd, .. } => Some(fd),
        _ => None,
    }
}

/// Makes sure that every descriptor the user named is open, and not one that sallyport opened on the way here:
/// a mistyped number must not show the plan to the command. Says whether there is any.
pub fn check(frame: &FsBuild<'static>, chain: &Chain) -> Outcome<bool> {
    let passed = &chain.passed;
    let mut any = false;
    for (index, op) in frame.ops.iter().enumerate() {
        let Some(number) = named(op) else { continue };
        any = true;
        let fd = number.fd();
        let ours = [Some(passed.plan), passed.status, passed.proc].contains(&Some(fd))
            || passed.next.is_some_and(|next: Next| next.iter().any(|next| next == fd));
        // What has no offset, as a pipe, is empty after its first use.
        let used_up = || {
            sys::offset(fd) == Err(Errno::SPIPE)
                && frame.ops.iter().take(index).filter_map(named).any(|earlier| earlier == number)
        };
        if ours || !sys::is_open(fd) || used_up() {
            return Err(refusal(op, number));
        }
    }
    Ok(any)
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
pub fn close(frame: &FsBuild<'static>) {
    for number in frame.ops.iter().filter_map(named) {
        // One that served twice is closed already.
        let _ = sys::close(number.fd());
    }
}
