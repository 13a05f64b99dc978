//! The frame of init-reaper: what the process beside the command holds.

use super::{FdNumber, List, record};
use crate::text::Path;

record! {
    /// What init-reaper does.
    pub struct InitReaper<'a> {
        /// Files to hold a shared lock on, inside the sandbox (`--lock-file`).
        pub locks: List<'a, Path<'a>>,
        /// Descriptors to keep open (`--sync-fd`).
        pub sync_fds: List<'a, FdNumber>,
        /// The command dies with this process, and so with the one that started the sandbox.
        pub die_with_parent: bool,
    }
}
