//! Trees for fs-build to build: operations in short, and what came of them.

use crate::{
    Bench, FS_BUILD, NS_ENTER, Records, View, Who, ended, entry, list, path, refused, script, through,
};
use common::plan::{Access, FdNumber, FsBuild, Mode, MountOp, Namespaces, NsEnter, Stage};
use common::sys::clone_flags as flags;
use std::path::Path;
use support::Job;

/// Permissions.
pub fn mode(bits: u32) -> Mode {
    Mode::new(bits).expect("at most 07777")
}

/// A descriptor that the plan names.
pub fn fd(number: i32) -> FdNumber {
    FdNumber::new(number).expect("not negative")
}

/// A bind of what has to be there.
pub fn bind(source: impl AsRef<Path>, dest: &str, access: Access) -> MountOp<'static> {
    MountOp::Bind { source: path(source), dest: path(dest), access, allow_missing: false }
}

/// A directory.
pub fn dir(dest: &str, bits: u32) -> MountOp<'static> {
    MountOp::Dir { dest: path(dest), mode: mode(bits) }
}

/// A tmpfs of the usual size, mode 0755.
pub fn tmpfs(dest: &str) -> MountOp<'static> {
    MountOp::Tmpfs { dest: path(dest), mode: mode(0o755), size: None }
}

/// /proc.
pub fn proc() -> MountOp<'static> {
    MountOp::Proc { dest: path("/proc") }
}

/// fs-build with these operations, as ns-enter would have exec'd it, and a successor in the place of the first of
/// `after`.
pub fn job_before(bench: &Bench, after: &[Stage], ops: &[MountOp<'static>], who: Who, steps: &str) -> Job {
    through(bare_job(bench, after, ops, who, steps), &entry::sandbox(who))
}

/// The same with priv-drop alone to follow.
pub fn job(bench: &Bench, ops: &[MountOp<'static>], who: Who, steps: &str) -> Job {
    job_before(bench, &[Stage::PrivDrop], ops, who, steps)
}

/// The same in no entry state but the caller's own.
pub fn bare_job(bench: &Bench, after: &[Stage], ops: &[MountOp<'static>], who: Who, steps: &str) -> Job {
    // fs-build looks there whether /proc has to be a new one.
    let namespaces = Namespaces(flags::NEWNS | flags::NEWPID | flags::NEWIPC);
    let plan = Records {
        ns_enter: Some(NsEnter { namespaces, ..NS_ENTER }),
        fs_build: Some(FsBuild { ops: list(ops), ..FS_BUILD }),
        ..Records::with(after)
    };
    let mut job = bench.stage(Stage::FsBuild, &plan, who);
    // Else all later stages are protected, which takes descriptors that were opened in the new mount namespace.
    job.arg("--own-userns=new");
    script(job, steps)
}

/// What a successor in the tree of these operations says.
#[track_caller]
pub fn view(bench: &Bench, ops: &[MountOp<'static>], who: Who, steps: &str) -> View {
    ended(&job(bench, ops, who, steps).run().expect("a process"), 0)
}

/// Why these operations are refused, without the name before it.
#[track_caller]
pub fn refusal(bench: &Bench, ops: &[MountOp<'static>], who: Who) -> String {
    let message = refused(&job(bench, ops, who, "argv").run().expect("a process"));
    message.strip_prefix("fs-build: ").unwrap_or_else(|| panic!("{message}")).to_owned()
}
