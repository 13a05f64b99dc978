//! Protection of init-reaper's executable, which stays in sight of the command as /proc/1/exe.

use crate::bind::restrict;
use crate::root::Root;
use common::chain::Chain;
use common::fault;
use common::plan::Stage;
use common::report::{At, Outcome};
use common::sys::{self, attr};

/// Has init-reaper run from a mount that is read-only. ORDER: after the operations, and before the old tree goes.
///
/// Pid 1 of the sandbox runs it for as long as the sandbox lives, and whoever is root inside may open /proc/1/exe
/// for writing: then the next sandbox would run what this one has written (as in CVE-2019-5736 of runc).
pub fn protect(chain: &mut Chain, root: &Root) -> Outcome<()> {
    let Some(index) =
        chain.plan.stages_after(Some(Stage::FsBuild)).position(|stage| stage == Stage::InitReaper)
    else {
        return Ok(());
    };
    let Some(next) = &mut chain.passed.next else { return Ok(()) };
    let Some(fd) = next.iter().nth(index) else { return Ok(()) };
    let failed = || fault!("Can't protect stage ", Stage::InitReaper.name());
    // In the host's own tree, restricted as a whole, it is on such a mount. One that the command could make writable
    // again, as it could all the rest, is no way to a file that the command cannot reach.
    if root.is_read_only_host() && sys::is_read_only(fd).at(failed)? {
        return Ok(());
    }
    let copy = sys::open_tree_clone(fd, false).at_mount(failed)?;
    restrict(copy.fd(), false, attr::RDONLY, 0).at_mount(failed)?;
    if !root.is_here() {
        // On itself in the old tree, with which it goes out of reach. If it were attached nowhere, closing its
        // descriptor would end it, and a mount that ends keeps its process waiting (for an RCU grace period).
        sys::move_mount(copy.fd(), fd).at_mount(failed)?;
    }
    sys::set_cloexec(copy.fd(), false).at(failed)?;
    next.replace(index, copy.leak());
    sys::close(fd).at(failed)
}
