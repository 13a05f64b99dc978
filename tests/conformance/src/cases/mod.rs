//! The cases, by option family.
use crate::case::Case;

mod arguments;
mod binds;
mod caps;
mod environment;
mod files;
mod general;
mod hosts;
mod mounts;
mod namespaces;
mod overlay;
mod process;
mod seccomp;
mod status;

/// All cases, in the order they run.
pub fn all() -> Vec<Case> {
    [
        general::cases(),
        arguments::cases(),
        binds::cases(),
        mounts::cases(),
        files::cases(),
        overlay::cases(),
        namespaces::cases(),
        caps::cases(),
        environment::cases(),
        process::cases(),
        status::cases(),
        seccomp::cases(),
        hosts::cases(),
    ]
    .concat()
}
