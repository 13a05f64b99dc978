//! The frame of init-reaper: what the process beside the command holds, and what it does for the command.

use super::{FdNumber, List, Signal, SignalSet, record, variants};
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
        /// What it does beside waiting; a launch in bubblewrap's manner has nothing else.
        pub control: Option<Control<'a>>,
    }
}

record! {
    /// What is done about signals, the terminal and the processes that are left.
    pub struct Control<'a> {
        /// Orphans below this process become its children where it is not pid 1 (`--subreaper`).
        pub subreaper: bool,
        /// The signals that are passed on to the command (`--forward-signals`).
        pub forward: SignalSet,
        /// What the command gets for SIGTERM, SIGINT and SIGHUP (`--stop-signal`).
        pub stop_signal: Option<Signal>,
        /// Signals go to the command's whole process group (`--group`).
        pub group: bool,
        /// The command has a process group of its own, which has the terminal if this one had it.
        pub foreground: bool,
        /// What becomes of the processes that are left when the command ends.
        pub left: Left,
        /// Exit statuses of the command that count as 0 (`--remap-exit`).
        pub remap_exit: List<'a, u32>,
        /// The signal that this process gets, and so passes on, when its parent ends (`--parent-death-signal`).
        pub parent_death_signal: Option<Signal>,
    }
}

variants! {
    /// What becomes of the processes that are left when the command ends.
    pub enum Left {
        /// They are waited for (bubblewrap's way).
        0 = Wait,
        /// They are left: as pid 1 to the kernel, which kills them, else to who reaps next.
        1 = Leave,
        /// They get SIGTERM, and after so many milliseconds SIGKILL (`--kill-left`).
        2 = Kill {
            /// Milliseconds.
            grace: u32,
        },
    }
}
