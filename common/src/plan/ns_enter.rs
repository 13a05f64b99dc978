//! The frame of ns-enter: namespaces, ids, and what the monitor outside reports to whom.

use super::{BadPlan, Buffer, FdNumber, Field, Reader, Signal, SignalSet, record, variants};
use crate::caps::CapSet;
use crate::sys::Result as SysResult;
use crate::sys::clone_flags as flags;
use crate::text::Text;
use serde::{Deserialize, Serialize};

/// New namespaces, as the `CLONE_NEW*` bits of `clone(2)`; the user namespace has a field of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Namespaces(pub u32);

impl Namespaces {
    /// All that may be asked for.
    pub const ALL: Namespaces = Namespaces(
        flags::NEWNS | flags::NEWCGROUP | flags::NEWUTS | flags::NEWIPC | flags::NEWPID | flags::NEWNET,
    );

    /// Whether the namespace with this bit is new.
    pub fn has(self, flag: u32) -> bool {
        self.0 & flag != 0
    }
}

impl<'a> Field<'a> for Namespaces {
    fn decode(reader: &mut Reader<'a>, name: &'static str) -> Result<Self, BadPlan> {
        let bits = u32::decode(reader, name)?;
        if bits & !Namespaces::ALL.0 != 0 {
            return Err(reader.bad(name, "unknown namespace"));
        }
        Ok(Namespaces(bits))
    }

    fn encode(&self, out: &mut Buffer) -> SysResult<()> {
        self.0.encode(out)
    }
}

variants! {
    /// Whether there is a new user namespace.
    pub enum UserNs {
        /// None.
        0 = Keep,
        /// A new one unless the caller is root, who needs none (bwrap's default).
        1 = UnlessRoot,
        /// A new one (`--unshare-user`).
        2 = New,
        /// A new one if this host has them, else as `UnlessRoot` (`--unshare-user-try`).
        3 = Try,
    }
}

variants! {
    /// Whether priv-drop makes a second user namespace inside the first.
    pub enum SecondUserNs {
        /// No.
        0 = No,
        /// When the ids asked for are not root's: devpts has to be mounted by one who is root in the first.
        1 = UnlessRoot,
        /// Always (`--disable-userns`).
        2 = Always,
        /// Always, and the first maps root all the same (`--disable-userns` with `--dev`).
        3 = AlwaysFromRoot,
    }
}

record! {
    /// What ns-enter does.
    pub struct NsEnter<'a> {
        /// New namespaces beside the user namespace.
        pub namespaces: Namespaces,
        /// Also a new cgroup namespace if this kernel has them (`--unshare-cgroup-try`).
        pub cgroup_try: bool,
        /// A new user namespace or none.
        pub user: UserNs,
        /// Join this user namespace (`--userns`).
        pub userns_fd: Option<FdNumber>,
        /// Join this PID namespace (`--pidns`).
        pub pidns_fd: Option<FdNumber>,
        /// User id inside; the caller's without one.
        pub uid: Option<u32>,
        /// Group id inside; the caller's without one.
        pub gid: Option<u32>,
        /// Whether a second user namespace follows, so that the first maps root.
        pub second: SecondUserNs,
        /// Bring up `lo` in the new network namespace.
        pub loopback: bool,
        /// Host name in the new UTS namespace.
        pub hostname: Option<Text<'a>>,
        /// The sandbox dies with the process that started it (`--die-with-parent`).
        pub die_with_parent: bool,
        /// Where the sandbox's process id goes as JSON (`--info-fd`).
        pub info_fd: Option<FdNumber>,
        /// Where process id and exit status go as lines of JSON (`--json-status-fd`).
        pub json_status_fd: Option<FdNumber>,
        /// Wait until this one can be read for somebody else to write the id maps (`--userns-block-fd`).
        pub userns_block_fd: Option<FdNumber>,
        /// Capabilities in the new user namespace that the later stages need, over their execs.
        pub raise: CapSet,
        /// The signals that the monitor passes on into the sandbox (`--forward-signals`).
        pub forward: SignalSet,
        /// What the command gets for SIGTERM, SIGINT and SIGHUP where there is no init-reaper (`--stop-signal`).
        pub stop_signal: Option<Signal>,
        /// A pid 1 that powers off or reboots ends the launch with a status of its own (`--handle-reboot`).
        pub handle_reboot: bool,
    }
}
