//! The frame of priv-drop: what is given up for good.

use super::{FdNumber, record};
use crate::caps::CapSet;

record! {
    /// What priv-drop does.
    pub struct PrivDrop {
        /// Join this user namespace after the mounts (`--userns2`).
        pub userns2_fd: Option<FdNumber>,
        /// No user namespace can be made inside any more (`--disable-userns`).
        pub disable_userns: bool,
        /// Fail if one can (`--assert-userns-disabled`).
        pub assert_userns_disabled: bool,
        /// Capabilities the command gets beside the caller's, if the caller is root (`--cap-add`).
        pub cap_add: CapSet,
        /// Capabilities the command does not get (`--cap-drop`).
        pub cap_drop: CapSet,
        /// Wait for a byte here when all is set up and given up, before the command runs (`--block-fd`).
        pub block_fd: Option<FdNumber>,
        /// A session of its own, without the terminal (`--new-session`).
        pub new_session: bool,
        /// The command dies with the process that started the sandbox.
        pub die_with_parent: bool,
    }
}
