//! Protection of the executables that the sandbox gets to see, as /proc/PID/exe.

use crate::bind::restrict;
use crate::root::Root;
use common::chain::{Chain, OwnUserNs};
use common::fault;
use common::plan::Stage;
use common::report::{At, Outcome};
use common::sys::{self, attr};

/// Has later stages run from mounts that are read-only. ORDER: after the operations, and before the old tree goes.
///
/// Pid 1 of the sandbox runs init-reaper for as long as the sandbox lives, and whoever is root inside may open /proc/1/exe
/// for writing: then the next sandbox would run what this one has written (as in CVE-2019-5736 of runc). In a user namespace
/// that was joined, or in the host's, others with the command's own credentials run already: they may open the executable of
/// each stage that has no more capabilities than they have.
pub fn protect(chain: &mut Chain, root: &Root) -> Outcome<()> {
    let is_shared = matches!(chain.passed.own_userns, None | Some(OwnUserNs::Joined));
    let Some(next) = &mut chain.passed.next else { return Ok(()) };
    for (index, stage) in chain.plan.stages_after(Some(Stage::FsBuild)).enumerate() {
        if !is_shared && stage != Stage::InitReaper {
            continue;
        }
        let Some(fd) = next.iter().nth(index) else { return Ok(()) };
        let failed = || fault!("Can't protect stage ", stage.name());
        // In the host's own tree, restricted as a whole, it is on such a mount. One that the command could make writable
        // again, as it could all the rest, is no way to a file that the command cannot reach.
        if root.is_read_only_host() && sys::is_read_only(fd).at(failed)? {
            continue;
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
        sys::close(fd).at(failed)?;
    }
    Ok(())
}
