//! Capabilities: their names, and sets of them.

use serde::{Deserialize, Serialize};

/// A set of capabilities; bit n is capability n of `capabilities(7)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CapSet(pub u64);

/// Names of capabilities 0 to 40, in the order of `include/uapi/linux/capability.h` (Linux 5.9 and later).
pub static NAMES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// Capability numbers that the stages name.
#[allow(missing_docs)]
pub mod cap {
    pub const CHOWN: u8 = 0;
    pub const DAC_OVERRIDE: u8 = 1;
    pub const DAC_READ_SEARCH: u8 = 2;
    pub const FOWNER: u8 = 3;
    pub const FSETID: u8 = 4;
    pub const SETGID: u8 = 6;
    pub const SETUID: u8 = 7;
    pub const SETPCAP: u8 = 8;
    pub const NET_ADMIN: u8 = 12;
    pub const SYS_ADMIN: u8 = 21;
    pub const SYS_RESOURCE: u8 = 24;
    pub const MKNOD: u8 = 27;
    pub const SETFCAP: u8 = 31;
}

impl CapSet {
    /// No capability.
    pub const EMPTY: CapSet = CapSet(0);
    /// All 64 that the kernel's interface has room for, known or not.
    pub const ALL: CapSet = CapSet(u64::MAX);

    /// The set of `caps`.
    pub const fn of(caps: &[u8]) -> CapSet {
        let mut set = 0;
        let mut rest = caps;
        while let [first, tail @ ..] = rest {
            set |= 1 << *first;
            rest = tail;
        }
        CapSet(set)
    }

    /// The set from its low and high 32 bits.
    pub const fn from_halves(low: u32, high: u32) -> CapSet {
        CapSet(low as u64 | (high as u64) << 32)
    }

    /// The low and the high 32 bits.
    pub const fn halves(self) -> (u32, u32) {
        (self.0 as u32, (self.0 >> 32) as u32)
    }

    /// Whether capability `cap` is in the set.
    pub const fn has(self, cap: u8) -> bool {
        cap < 64 && self.0 >> cap & 1 == 1
    }

    /// Everything in this set or in `other`.
    pub const fn union(self, other: CapSet) -> CapSet {
        CapSet(self.0 | other.0)
    }

    /// Everything in this set and in `other`.
    pub const fn intersection(self, other: CapSet) -> CapSet {
        CapSet(self.0 & other.0)
    }

    /// This set without `other`.
    pub const fn without(self, other: CapSet) -> CapSet {
        CapSet(self.0 & !other.0)
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The numbers in the set, smallest first.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (0..64u8).filter(move |&cap| self.has(cap))
    }
}

/// The number of the capability called `name`, in any case ("cap_net_admin").
pub fn from_name(name: &[u8]) -> Option<u8> {
    let n = NAMES.iter().position(|known| known.as_bytes().eq_ignore_ascii_case(name))?;
    u8::try_from(n).ok()
}

/// The number of the capability that `word` is: a name with or without `CAP_`, in any case, or a number that the
/// kernel's interface has room for.
pub fn from_short_name(word: &[u8]) -> Option<u8> {
    let short = |name: &&str| name.as_bytes().get(4..).is_some_and(|name| name.eq_ignore_ascii_case(word));
    let numbered = word.strip_prefix(b"cap_").unwrap_or(word);
    let number = || core::str::from_utf8(numbered).ok()?.parse::<u8>().ok().filter(|cap| *cap < 64);
    from_name(word).or_else(|| u8::try_from(NAMES.iter().position(short)?).ok()).or_else(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case() {
        assert_eq!(from_name(b"CAP_CHOWN"), Some(0));
        assert_eq!(from_name(b"cap_sys_admin"), Some(cap::SYS_ADMIN));
        assert_eq!(from_name(b"CAP_CHECKPOINT_RESTORE"), Some(40));
        for wrong in [&b""[..], b"CAP_", b"SYS_ADMIN", b"CAP_SYS_ADMIN ", b"ALL"] {
            assert_eq!(from_name(wrong), None);
        }
    }

    #[test]
    fn sets_hold_what_they_were_made_of() {
        let set = CapSet::of(&[cap::CHOWN, cap::SETFCAP, 40]);
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 31, 40]);
        let (low, high) = set.halves();
        assert_eq!(CapSet::from_halves(low, high), set);
        assert!(!set.has(64) && !set.has(255));
    }
}
