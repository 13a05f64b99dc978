//! The frame of seccomp-load: the filters.

use super::{List, Program, record};

record! {
    /// What seccomp-load does, and init-reaper's pid 1 too.
    pub struct SeccompLoad<'a> {
        /// The filters, in the order they are loaded; the kernel asks the last one first.
        pub programs: List<'a, Program<'a>>,
        /// What they refuse is logged (`--log`).
        pub log: bool,
        /// The mitigation of speculative store bypass stays as it is (`--spec-allow`).
        pub spec_allow: bool,
    }
}
