//! The new time namespace, and what its clocks are ahead by.

use super::namespaces;
use common::chain::Argument;
use common::errno::Errno;
use common::fault;
use common::plan::{NsEnter, Seconds};
use common::report::{At, Outcome};
use common::sys::{self, clone_flags, o};

/// Makes the namespace, sets its clocks and enters it.
///
/// unshare(2) makes one for children only, and clone(2) has no flag for it; but the process may join what it has made for
/// them. The clocks can be set until somebody is in there (time_namespaces(7)).
pub fn enter(frame: &NsEnter<'static>) -> Outcome<()> {
    let failed = || fault!("Creating new time namespace failed");
    sys::unshare(clone_flags::NEWTIME).map_err(|errno| match errno {
        Errno::NOSPC => namespaces::exceeded(),
        errno => failed().errno(errno),
    })?;
    let clocks = frame.extra.map(|extra| [("monotonic ", extra.monotonic), ("boottime ", extra.boottime)]);
    for (clock, offset) in clocks.into_iter().flatten() {
        if let Some(offset) = offset {
            set(clock, offset)?;
        }
    }
    let made =
        sys::openat(sys::CWD, c"/proc/self/ns/time_for_children", o::RDONLY | o::CLOEXEC, 0).at(failed)?;
    sys::setns(made.fd(), clone_flags::NEWTIME).at(failed)
}

fn set(clock: &'static str, offset: Seconds) -> Outcome<()> {
    let mut line = Argument::new(clock);
    if offset.negative {
        line.text(b"-");
    }
    let failed = || fault!("Can't set clock ", clock, "of the time namespace");
    line.decimal(u32::try_from(offset.count).map_err(|_| failed().errno(Errno::RANGE))?);
    line.text(b" 0\n");
    let file = sys::openat(sys::CWD, c"/proc/self/timens_offsets", o::WRONLY | o::CLOEXEC, 0);
    file.and_then(|file| sys::write_all(file.fd(), line.as_c_str().to_bytes())).at(failed)
}
