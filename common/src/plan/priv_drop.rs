//! The frame of priv-drop: what is given up for good.

use super::{Buffer, FdNumber, Field, List, Mode, record};
use crate::caps::CapSet;
use crate::sys::Result as SysResult;

record! {
    /// What priv-drop does.
    pub struct PrivDrop<'a> {
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
        /// An exec may still give the command privileges (`--allow-new-privs`).
        pub allow_new_privs: bool,
        /// What else is changed of the process; a launch in bubblewrap's manner changes nothing else.
        pub attributes: Option<Attributes<'a>>,
    }
}

impl PrivDrop<'_> {
    /// Appends the encoding without the last field, for one who has no code for that: it is 0 where there is none.
    pub fn encode_head(&self, out: &mut Buffer) -> SysResult<()> {
        self.userns2_fd.encode(out)?;
        self.disable_userns.encode(out)?;
        self.assert_userns_disabled.encode(out)?;
        self.cap_add.encode(out)?;
        self.cap_drop.encode(out)?;
        self.block_fd.encode(out)?;
        self.new_session.encode(out)?;
        self.die_with_parent.encode(out)?;
        self.allow_new_privs.encode(out)
    }
}

record! {
    /// Attributes of the process, in the order in which they are changed.
    pub struct Attributes<'a> {
        /// Resource limits (`--rlimit`).
        pub rlimits: List<'a, Rlimit>,
        /// The supplementary groups, all of them (`--groups`, `--clear-groups`, `--init-groups`).
        pub groups: Option<List<'a, u32>>,
        /// Real group id (`--rgid`, `--regid`).
        pub rgid: Option<u32>,
        /// Effective, saved and file system group id (`--egid`, `--regid`).
        pub egid: Option<u32>,
        /// Real user id (`--ruid`, `--reuid`).
        pub ruid: Option<u32>,
        /// Effective, saved and file system user id (`--euid`, `--reuid`).
        pub euid: Option<u32>,
        /// What an exec can give at most (`--bounding-set`).
        pub bounding: CapChange,
        /// The securebits flags that are cleared (`--securebits`).
        pub securebits_drop: u32,
        /// The securebits flags that are set then.
        pub securebits_add: u32,
        /// What an exec may keep (`--inh-caps`).
        pub inheritable: CapChange,
        /// What may become effective (`--permitted-caps`).
        pub permitted: CapChange,
        /// What the kernel checks (`--effective-caps`).
        pub effective: CapChange,
        /// What an exec keeps (`--ambient-caps`).
        pub ambient: CapChange,
        /// A new session keyring, empty (`--new-keyring`).
        pub keyring: bool,
        /// The file mode mask (`--umask`).
        pub umask: Option<Mode>,
        /// The signal that the command gets when its parent ends; 0 is none (`--pdeathsig`).
        pub pdeathsig: Option<u32>,
    }
}

record! {
    /// A change of a set of capabilities: first what goes, then what comes.
    pub struct CapChange {
        /// What goes.
        pub drop: CapSet,
        /// What comes.
        pub add: CapSet,
    }
}

impl Default for CapChange {
    fn default() -> CapChange {
        CapChange::NONE
    }
}

impl CapChange {
    /// No change.
    pub const NONE: CapChange = CapChange { drop: CapSet::EMPTY, add: CapSet::EMPTY };

    /// `set` changed.
    pub const fn of(self, set: CapSet) -> CapSet {
        set.without(self.drop).union(self.add)
    }

    /// Whether it changes no set.
    pub const fn is_none(self) -> bool {
        self.drop.is_empty() && self.add.is_empty()
    }
}

record! {
    /// A resource limit.
    pub struct Rlimit {
        /// `RLIMIT_*` by its number.
        pub resource: u32,
        /// The soft limit; unlimited is the largest number. Without one it stays.
        pub soft: Option<u64>,
        /// The hard limit, likewise.
        pub hard: Option<u64>,
    }
}
