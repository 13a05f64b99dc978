//! Checking a whole plan before any of it runs: for plans that were stored, whose maker is not the launcher.

use super::{
    BadPlan, Command, EnvOp, FdNumber, FsBuild, InitReaper, MountOp, NsEnter, Plan, PrivDrop, SeccompLoad,
    Stage,
};
use crate::sys::clone_flags as flags;

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

/// Refuses what no command line makes but who edits a plan can write: fields that are without effect for want of another,
/// and would be taken for being in force; and values that fail at the launch.
///
/// For who shows and edits plans. A stage looks at its own frame once more where it would do harm.
pub fn check_relations(plan: &Plan<'_>) -> Result<(), BadPlan> {
    let bad = |stage: Stage, field, why| Err(BadPlan { stage: stage.name(), field, why });
    if plan.has(Stage::NsEnter) {
        let frame = plan.decode(Stage::NsEnter, NsEnter::decode)?;
        if frame.hostname.is_some() && !frame.namespaces.has(flags::NEWUTS) {
            return bad(Stage::NsEnter, "hostname", "without a new UTS namespace it would be the host's");
        }
        if let Some(extra) = frame.extra.filter(|_| !frame.namespaces.has(flags::NEWTIME)) {
            for (field, offset) in [("monotonic", extra.monotonic), ("boottime", extra.boottime)] {
                if offset.is_some() {
                    return bad(Stage::NsEnter, field, "there is no new time namespace");
                }
            }
        }
        if !frame.limits().is_empty() && !frame.own_cgroup() {
            return bad(Stage::NsEnter, "limits", "there is no cgroup of the sandbox's own");
        }
    }
    if plan.has(Stage::SeccompLoad) {
        let frame = plan.decode(Stage::SeccompLoad, SeccompLoad::decode)?;
        if frame.programs.iter().any(|program| program.bytes().is_empty()) {
            return bad(Stage::SeccompLoad, "programs", "a filter has at least one instruction");
        }
    }
    let command = plan.decode(Stage::Command, Command::decode)?;
    if !command.env.iter().all(EnvOp::has_valid_name) {
        return bad(Stage::Command, "name", EnvOp::BAD_NAME);
    }
    Ok(())
}
