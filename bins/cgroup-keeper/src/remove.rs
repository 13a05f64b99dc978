//! Removing a cgroup and all below it, whoever made that.

use super::children::{self, Name};
use super::own::Own;
use super::place::Place;
use common::errno::Errno;
use common::report::{At, Outcome};
use common::sys::{self, Fd, OwnedFd};

/// Removes the sandbox's cgroup. Nobody is in it any more, so nobody makes more below it.
///
/// One leaf after another, by descriptor: a tree as deep as the kernel allows needs no more room than a flat one.
pub fn tree(place: &Place, own: &Own) -> Outcome<()> {
    let failed = || place.fault("Can't remove what is left of the sandbox's cgroup below", "");
    loop {
        match remove_leaf(own.dir.fd()) {
            Ok(true) => {}
            // Gone at the first try.
            Ok(false) | Err(Errno::NOENT) => break,
            Err(errno) => return Err(failed().errno(errno)),
        }
    }
    match sys::rmdirat(place.dir.fd(), own.name()) {
        Err(Errno::NOENT) => Ok(()),
        other => other.at(failed),
    }
}

/// Removes one cgroup below `top` that has none below itself; false when there is none.
fn remove_leaf(top: Fd) -> sys::Result<bool> {
    let mut parent: Option<OwnedFd> = None;
    loop {
        let dir = parent.as_ref().map_or(top, OwnedFd::fd);
        let mut name = Name::new();
        if !children::first(dir, &mut name)? {
            return Ok(false);
        }
        let below = sys::openat(dir, name.as_c_str(), children::DIRECTORY, 0)?;
        if !children::any(below.fd(), |_| true)? {
            return sys::rmdirat(dir, name.as_c_str()).map(|()| true);
        }
        parent = Some(below);
    }
}
