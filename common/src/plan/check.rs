//! Checking a whole plan before any of it runs: for plans that were stored, whose maker is not the launcher.

use super::{
    BadPlan, Command, FdNumber, FsBuild, InitReaper, MountOp, NsEnter, Plan, PrivDrop, SeccompLoad, Stage,
};

/// Decodes every frame of `plan`, and hands each descriptor that it names to `named`.
pub fn check<'a>(plan: &Plan<'a>, mut named: impl FnMut(FdNumber)) -> Result<(), BadPlan> {
    if plan.has(Stage::NsEnter) {
        plan.decode(Stage::NsEnter, NsEnter::decode)?.descriptors().for_each(&mut named);
    }
    if plan.has(Stage::FsBuild) {
        let frame = plan.decode(Stage::FsBuild, FsBuild::decode)?;
        for op in frame.ops.iter() {
            if let MountOp::BindFd { fd, .. } | MountOp::File { fd, .. } | MountOp::BindData { fd, .. } = op {
                named(fd);
            }
        }
    }
    if plan.has(Stage::PrivDrop) {
        let frame = plan.decode(Stage::PrivDrop, PrivDrop::decode)?;
        [frame.userns2_fd, frame.block_fd].into_iter().flatten().for_each(&mut named);
    }
    if plan.has(Stage::InitReaper) {
        plan.decode(Stage::InitReaper, InitReaper::decode)?.sync_fds.iter().for_each(&mut named);
    }
    if plan.has(Stage::SeccompLoad) {
        plan.decode(Stage::SeccompLoad, SeccompLoad::decode)?;
    }
    let command = plan.decode(Stage::Command, Command::decode)?;
    if command.args.is_empty() {
        return Err(BadPlan { stage: Stage::Command.name(), field: "args", why: "no program" });
    }
    Ok(())
}
