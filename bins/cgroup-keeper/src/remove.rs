//! Removing a cgroup and all below it, whoever made that.

use super::children::{self, Name};
use super::own::Own;
use super::place::{self, Place};
use common::chain::unsigned;
use common::errno::Errno;
use common::report::{At, Outcome};
use common::sys::{self, Fd, OwnedFd};

/// Removes the sandbox's cgroup. Nobody is in it any more, so nobody makes more below it; or `ends` says to end who is.
pub fn tree(place: &Place, own: &Own, ends: bool) -> Outcome<()> {
    let failed = || place.fault("Can't remove what is left of the sandbox's cgroup below", "");
    match below(own.dir.fd(), ends) {
        // Gone at the first try.
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(failed().errno(errno)),
    }
    match sys::rmdirat(place.dir.fd(), own.name()) {
        Err(Errno::NOENT) => Ok(()),
        other => other.at(failed),
    }
}

/// Removes all cgroups below `top`.
///
/// One leaf after another, by descriptor, and on from its parent: a tree as deep as the kernel allows needs no more room
/// than a flat one, and no more steps a cgroup. ".." leads back the way that was come: no cgroup of version 2 is ever moved
/// (cgroups(7)), and those that are counted keep it from leading beyond `top`.
fn below(top: Fd, ends: bool) -> sys::Result<()> {
    let mut here: Option<OwnedFd> = None;
    let mut depth = 0u32;
    let mut was_leaf = false;
    loop {
        let dir = here.as_ref().map_or(top, OwnedFd::fd);
        let mut name = Name::new();
        if children::first(dir, &mut name)? {
            match sys::rmdirat(dir, name.as_c_str()) {
                Ok(()) => was_leaf = false,
                // Something is below it, or somebody is in it: one that was found to be a leaf just now is not entered again.
                Err(Errno::BUSY) if !was_leaf => {
                    here = Some(sys::openat(dir, name.as_c_str(), children::DIRECTORY, 0)?);
                    depth += 1;
                }
                Err(errno) => return Err(errno),
            }
            continue;
        }
        if ends {
            end_all(dir)?;
        }
        if depth == 0 {
            return Ok(());
        }
        here = Some(sys::openat(dir, c"..", children::DIRECTORY, 0)?);
        depth -= 1;
        was_leaf = true;
    }
}

/// Ends all that is in the cgroup `dir` itself, one process after another. All are frozen, or just about to be, and start no
/// more.
fn end_all(dir: Fd) -> sys::Result<()> {
    while let Some(pid) = first_in(dir)? {
        let process = match sys::pidfd_open(pid) {
            Ok(process) => process,
            // By itself, meanwhile.
            Err(Errno::SRCH) => continue,
            Err(errno) => return Err(errno),
        };
        // Killed by somebody else between the two, it would have left its number to a stranger.
        if first_in(dir)? != Some(pid) {
            continue;
        }
        match sys::pidfd_send_signal(process.fd(), sys::SIGKILL) {
            Ok(()) | Err(Errno::SRCH) => {}
            Err(errno) => return Err(errno),
        }
        sys::retry(|| sys::poll([Some(process.fd())]))?;
    }
    Ok(())
}

/// The process that `cgroup.procs` lists first.
fn first_in(dir: Fd) -> sys::Result<Option<i32>> {
    let mut buf = [0u8; 512];
    let procs = place::read(dir, c"cgroup.procs", &mut buf)?;
    match procs.split(|byte| *byte == b'\n').next() {
        None | Some([]) => Ok(None),
        Some(first) => unsigned(first).and_then(|pid| i32::try_from(pid).ok()).ok_or(Errno::PROTO).map(Some),
    }
}
