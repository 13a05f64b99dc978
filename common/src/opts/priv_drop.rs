//! Options of priv-drop: what is given up for good.

use super::init_reaper::signal;
use super::{Context, Operands, accounts, number, options, out_of_memory};
use crate::caps::{self, CapSet, cap};
use crate::fault;
use crate::limits;
use crate::plan::{Attributes, Buffer, CapChange, FdNumber, List, ListWriter, Mode, Rlimit};
use crate::report::Outcome;
use core::ffi::CStr;

options! {
    /// Options of priv-drop's frame.
    pub enum PrivDropOption {
        /// The last user namespace.
        USERNS {
            Userns2 = "--userns2" "FD" "Join the user namespace FD once the set-up is done (for use with --userns)",
            DisableUserns = "--disable-userns" "" "Let nobody in the sandbox make another user namespace",
            AssertUsernsDisabled = "--assert-userns-disabled" "" "Refuse to run where another user namespace can be made",
        }
        /// What the command waits for.
        WAIT {
            BlockFd = "--block-fd" "FD" "Start the command only when there is something to read from FD",
        }
        /// The session.
        SESSION {
            NewSession = "--new-session" "" "Cut the sandbox off from the terminal session of its caller",
        }
        /// New privileges.
        PRIVILEGES {
            AllowNewPrivs = "--allow-new-privs" "" "Let programs gain privileges",
        }
        /// Capabilities.
        CAPS {
            CapAdd = "--cap-add" "CAP" "Let the command have capability CAP, or ALL",
            CapDrop = "--cap-drop" "CAP" "Keep capability CAP, or ALL, from the command",
        }
    }
}

options! {
    /// Options of priv-drop as a command of its own.
    pub enum PrivDropExtra {
        /// What bubblewrap has no option for.
        CHAIN {
            Reuid = "--reuid" "UID" "Become user UID, a number or a name in /etc/passwd",
            Ruid = "--ruid" "UID" "Change the real user id only",
            Euid = "--euid" "UID" "Change the effective and the saved user id only",
            Regid = "--regid" "GID" "Become group GID, a number or a name in /etc/group",
            Rgid = "--rgid" "GID" "Change the real group id only",
            Egid = "--egid" "GID" "Change the effective and the saved group id only",
            Groups = "--groups" "LIST" "Have these supplementary groups, such as 4,audio, and no others",
            ClearGroups = "--clear-groups" "" "Have no supplementary groups",
            InitGroups = "--init-groups" "" "Have the groups that /etc/passwd and /etc/group give to user --reuid",
            KeepGroups = "--keep-groups" "" "Keep the supplementary groups (the default, to be said when GID changes)",
            InhCaps = "--inh-caps" "LIST" "Change the inheritable set: +CAP adds, -CAP drops, +all, -all",
            AmbientCaps = "--ambient-caps" "LIST" "Change the ambient set",
            BoundingSet = "--bounding-set" "LIST" "Change the bounding set; nothing can be added to it",
            PermittedCaps = "--permitted-caps" "LIST" "Change the permitted set",
            EffectiveCaps = "--effective-caps" "LIST" "Change the effective set",
            Securebits = "--securebits" "LIST" "Change the securebits: +noroot, -noroot_locked, +no_setuid_fixup, …",
            NoNewPrivs = "--no-new-privs" "" "Let no program gain privileges (the default; undoes --allow-new-privs)",
            Rlimit = "--rlimit" "NAME=SOFT:HARD" "Set a resource limit: nofile=64:128, core=0 (both), as=unlimited",
            Umask = "--umask" "OCTAL" "Set the file mode mask",
            NewKeyring = "--new-keyring" "" "Have a new, empty session keyring",
            Pdeathsig = "--pdeathsig" "SIG" "Get SIG when the parent ends; clear: none",
        }
    }
}

/// What only a command of its own can change.
#[derive(Debug, Default)]
pub struct PrivDropExtras {
    any: bool,
    ruid: Option<u32>,
    euid: Option<u32>,
    rgid: Option<u32>,
    egid: Option<u32>,
    /// Of type `u32`.
    groups: Option<ListWriter>,
    init_groups: bool,
    keep_groups: bool,
    inheritable: CapChange,
    ambient: CapChange,
    bounding: CapChange,
    permitted: CapChange,
    effective: CapChange,
    securebits_drop: u32,
    securebits_add: u32,
    /// Of type [`Rlimit`].
    rlimits: Option<ListWriter>,
    umask: Option<Mode>,
    keyring: bool,
    pdeathsig: Option<u32>,
}

/// priv-drop's frame while it is put together.
#[derive(Debug, Default)]
pub struct PrivDropDraft {
    /// `--userns2`.
    pub userns2_fd: Option<FdNumber>,
    /// `--block-fd`.
    pub block_fd: Option<FdNumber>,
    /// `--disable-userns`.
    pub disable_userns: bool,
    /// `--assert-userns-disabled`.
    pub assert_userns_disabled: bool,
    /// What `--cap-add` has added and no later `--cap-drop` has taken.
    pub cap_add: CapSet,
    /// What `--cap-drop` has taken and no later `--cap-add` has given back.
    pub cap_drop: CapSet,
    /// `--allow-new-privs`.
    pub allow_new_privs: bool,
    /// The rest of the frame.
    pub extra: PrivDropExtras,
    /// `--new-session`.
    pub new_session: bool,
}

impl PrivDropDraft {
    /// Puts `option` into the draft.
    pub fn apply_extra(
        &mut self,
        option: PrivDropExtra,
        operands: Operands,
        context: &mut Context<'_>,
    ) -> Outcome<()> {
        let [first, ..] = operands;
        if option == PrivDropExtra::NoNewPrivs {
            self.allow_new_privs = false;
            return Ok(());
        }
        self.extra.any = true;
        self.extra.apply(option, first, context)
    }

    /// Checks what has been said as a whole, and looks up what depends on it.
    pub fn finish(&mut self, context: &mut Context<'_>) -> Outcome<()> {
        self.extra.finish(context)
    }

    /// The rest of the frame. In a chain a new session may need more than bubblewrap's way of making one.
    pub fn attributes(&self) -> Option<Attributes<'_>> {
        let extra = &self.extra;
        if !(extra.any || self.new_session) {
            return None;
        }
        Some(Attributes {
            rlimits: extra.rlimits.as_ref().map_or(List::EMPTY, ListWriter::list),
            groups: extra.groups.as_ref().map(ListWriter::list),
            rgid: extra.rgid,
            egid: extra.egid,
            ruid: extra.ruid,
            euid: extra.euid,
            bounding: extra.bounding,
            securebits_drop: extra.securebits_drop,
            securebits_add: extra.securebits_add,
            inheritable: extra.inheritable,
            permitted: extra.permitted,
            effective: extra.effective,
            ambient: extra.ambient,
            keyring: extra.keyring,
            umask: extra.umask,
            pdeathsig: extra.pdeathsig,
        })
    }

    /// Puts `option` into the draft.
    ///
    /// The two capability sets stay disjoint, so that `(start without cap_drop) with cap_add` is what the
    /// options do one after another, whatever the start.
    pub fn apply(
        &mut self,
        option: PrivDropOption,
        operands: Operands,
        context: &mut Context<'_>,
    ) -> Outcome<()> {
        let [first, ..] = operands;
        match option {
            PrivDropOption::Userns2 | PrivDropOption::BlockFd => {
                let joins = option == PrivDropOption::Userns2;
                let slot = if joins { &mut self.userns2_fd } else { &mut self.block_fd };
                context.only_last(option.name(), slot.is_some());
                *slot = Some(context.name(number::fd(first)?)?);
            }
            PrivDropOption::DisableUserns => self.disable_userns = true,
            PrivDropOption::AssertUsernsDisabled => self.assert_userns_disabled = true,
            PrivDropOption::NewSession => self.new_session = true,
            PrivDropOption::AllowNewPrivs => {
                self.allow_new_privs = true;
                context.host.warn(context.voice, fault!("--allow-new-privs: setuid programs work"));
            }
            PrivDropOption::CapAdd | PrivDropOption::CapDrop => {
                let set = capabilities(first)?;
                let adds = option == PrivDropOption::CapAdd;
                let (to, from) = if adds {
                    (&mut self.cap_add, &mut self.cap_drop)
                } else {
                    (&mut self.cap_drop, &mut self.cap_add)
                };
                *to = to.union(set);
                *from = from.without(set);
            }
        }
        Ok(())
    }
}

impl PrivDropExtras {
    /// The capabilities that these changes are made with, or are to end with.
    pub fn needs(&self) -> CapSet {
        let if_so = |condition, cap| if condition { CapSet::of(&[cap]) } else { CapSet::EMPTY };
        if_so(self.ruid.is_some() || self.euid.is_some(), cap::SETUID)
            .union(if_so(self.rgid.is_some() || self.egid.is_some() || self.groups.is_some(), cap::SETGID))
            .union(self.inheritable.add)
            .union(self.ambient.add)
            .union(self.permitted.add)
            .union(self.effective.add)
    }

    fn apply(
        &mut self,
        option: PrivDropExtra,
        word: &'static CStr,
        context: &mut Context<'_>,
    ) -> Outcome<()> {
        use PrivDropExtra as Opt;
        match option {
            Opt::Reuid => {
                self.ruid = Some(accounts::user(word, context)?);
                self.euid = self.ruid;
            }
            Opt::Ruid => self.ruid = Some(accounts::user(word, context)?),
            Opt::Euid => self.euid = Some(accounts::user(word, context)?),
            Opt::Regid => {
                self.rgid = Some(accounts::group(word, context)?);
                self.egid = self.rgid;
            }
            Opt::Rgid => self.rgid = Some(accounts::group(word, context)?),
            Opt::Egid => self.egid = Some(accounts::group(word, context)?),
            Opt::Groups => self.set_groups(word, context)?,
            Opt::ClearGroups => self.groups = Some(out_of_memory(ListWriter::new(1))?),
            Opt::InitGroups => self.init_groups = true,
            Opt::KeepGroups => self.keep_groups = true,
            Opt::InhCaps => change(&mut self.inheritable, word)?,
            Opt::AmbientCaps => change(&mut self.ambient, word)?,
            Opt::BoundingSet => change(&mut self.bounding, word)?,
            Opt::PermittedCaps => change(&mut self.permitted, word)?,
            Opt::EffectiveCaps => change(&mut self.effective, word)?,
            Opt::Securebits => self.change_securebits(word)?,
            Opt::Rlimit => self.add_limit(word)?,
            Opt::Umask => {
                let mask = number::mode(option.name(), word).ok().filter(|mask| mask.bits() <= 0o777);
                self.umask = Some(mask.ok_or_else(|| fault!("--umask takes an octal argument <= 0777"))?);
            }
            Opt::NewKeyring => self.keyring = true,
            Opt::Pdeathsig if word == c"clear" => self.pdeathsig = Some(0),
            Opt::Pdeathsig => self.pdeathsig = Some(u32::from(signal(word)?.number())),
            Opt::NoNewPrivs => {}
        }
        Ok(())
    }

    fn set_groups(&mut self, list: &'static CStr, context: &mut Context<'_>) -> Outcome<()> {
        let mut groups = out_of_memory(ListWriter::new(64))?;
        for word in list.to_bytes().split(|byte| *byte == b',') {
            // A word of its own, with the NUL that a name needs.
            let mut copy = out_of_memory(Buffer::new(64))?;
            out_of_memory(copy.extend(word))?;
            out_of_memory(copy.extend(b"\0"))?;
            let word = CStr::from_bytes_until_nul(out_of_memory(copy.leak())?).unwrap_or(c"");
            out_of_memory(groups.push(&accounts::group(word, context)?))?;
        }
        self.groups = Some(groups);
        Ok(())
    }

    fn change_securebits(&mut self, list: &'static CStr) -> Outcome<()> {
        /// Bits 0 to 7 (include/uapi/linux/securebits.h) but `keep_caps`, which every exec clears.
        const NAMES: &str = "noroot noroot_locked no_setuid_fixup no_setuid_fixup_locked - keep_caps_locked \
                             no_cap_ambient_raise no_cap_ambient_raise_locked";
        for word in list.to_bytes().split(|byte| *byte == b',') {
            let wrong = || fault!("Invalid securebits: ", list);
            let (sign, name) = word.split_first().ok_or_else(wrong)?;
            let bits = match name {
                b"all" => 0xef,
                b"-" => return Err(wrong()),
                name => {
                    let bit = NAMES.split_ascii_whitespace().position(|known| known.as_bytes() == name);
                    1u32.checked_shl(bit.ok_or_else(wrong)? as u32).unwrap_or(0)
                }
            };
            let (to, from) = match sign {
                b'+' => (&mut self.securebits_add, &mut self.securebits_drop),
                b'-' => (&mut self.securebits_drop, &mut self.securebits_add),
                _ => return Err(wrong()),
            };
            *to |= bits;
            *from &= !bits;
        }
        Ok(())
    }

    fn add_limit(&mut self, word: &'static CStr) -> Outcome<()> {
        let wrong = || fault!("Invalid resource limit: ", word);
        let bytes = word.to_bytes();
        let at = bytes.iter().position(|byte| *byte == b'=').ok_or_else(wrong)?;
        let resource = bytes.get(..at).and_then(limits::from_name).ok_or_else(wrong)?;
        let value = |word: &[u8]| match word {
            b"unlimited" | b"infinity" | b"-1" => Some(u64::MAX),
            digits => number::unsigned(digits).filter(|n| *n != u64::MAX),
        };
        let values = bytes.get(at + 1..).unwrap_or_default();
        let (soft, hard) = match values.iter().position(|byte| *byte == b':') {
            None => (Some(value(values).ok_or_else(wrong)?), Some(value(values).ok_or_else(wrong)?)),
            Some(colon) => {
                let one = |word: &[u8]| match word {
                    [] => Ok(None),
                    word => value(word).map(Some).ok_or_else(wrong),
                };
                (
                    one(values.get(..colon).unwrap_or_default())?,
                    one(values.get(colon + 1..).unwrap_or_default())?,
                )
            }
        };
        if let (Some(soft), Some(hard)) = (soft, hard)
            && soft > hard
        {
            return Err(wrong());
        }
        if self.rlimits.is_none() {
            self.rlimits = Some(out_of_memory(ListWriter::new(64))?);
        }
        match &mut self.rlimits {
            Some(limits) => out_of_memory(limits.push(&Rlimit { resource, soft, hard })),
            None => Ok(()),
        }
    }

    fn finish(&mut self, context: &mut Context<'_>) -> Outcome<()> {
        let said = [self.groups.is_some(), self.init_groups, self.keep_groups];
        let said = said.into_iter().filter(|one| *one).count();
        if said > 1 {
            return Err(fault!(
                "--groups, --clear-groups, --init-groups and --keep-groups exclude each other"
            ));
        }
        if said == 0 && (self.rgid.is_some() || self.egid.is_some()) {
            // The groups of whom the process was would stay with it, which is seldom meant.
            return Err(fault!(
                "A change of group needs --groups, --clear-groups, --init-groups or --keep-groups"
            ));
        }
        if self.init_groups {
            let uid = self.ruid.ok_or_else(|| fault!("--init-groups needs --reuid or --ruid"))?;
            self.groups = Some(accounts::groups_of(uid, context)?);
        }
        Ok(())
    }
}

/// Changes a set as `list` says, one part after the other: `+net_raw,-all`.
fn change(set: &mut CapChange, list: &'static CStr) -> Outcome<()> {
    for word in list.to_bytes().split(|byte| *byte == b',') {
        let wrong = || fault!("Invalid capabilities: ", list);
        let (sign, name) = word.split_first().ok_or_else(wrong)?;
        let caps = if name.eq_ignore_ascii_case(b"all") {
            CapSet::ALL
        } else {
            CapSet::of(&[caps::from_short_name(name).ok_or_else(wrong)?])
        };
        match sign {
            b'+' => *set = CapChange { drop: set.drop.without(caps), add: set.add.union(caps) },
            b'-' => *set = CapChange { drop: set.drop.union(caps), add: set.add.without(caps) },
            _ => return Err(wrong()),
        }
    }
    Ok(())
}

/// What `word` names: all capabilities, or one by name or number.
fn capabilities(word: &'static CStr) -> Outcome<CapSet> {
    let bytes = word.to_bytes();
    if bytes.eq_ignore_ascii_case(b"ALL") {
        return Ok(CapSet::ALL);
    }
    // cap_from_name(3) reads letters and underscores and does not look at what follows them.
    let end =
        bytes.iter().position(|byte| !byte.is_ascii_alphabetic() && *byte != b'_').unwrap_or(bytes.len());
    let named = bytes.get(..end).and_then(caps::from_name);
    let cap = named.or_else(|| number::capability(bytes)).ok_or_else(|| fault!("unknown cap: ", word))?;
    Ok(CapSet::of(&[cap]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_named_as_libcap_names_them() {
        let table: &[(u64, &'static CStr)] = &[
            (u64::MAX, c"ALL"),
            (u64::MAX, c"all"),
            (1, c"CAP_CHOWN"),
            (1, c"cap_chown"),
            (1, c"cap_chown,cap_kill"),
            (1, c"cap_chown="),
            (1, c"Cap_Chown1"),
            (1 << 21, c"0x15"),
            (1 << 63, c"63"),
            (1 << 40, c"cap_checkpoint_restore"),
        ];
        for (bits, word) in table {
            assert_eq!(capabilities(word).unwrap().0, *bits, "{word:?}");
        }
        for word in [c"", c"x", c"CAP_CHOWNx", c"chown", c"64", c"-1", c"ALL,", c" cap_chown"] {
            assert_eq!(capabilities(word), Err(fault!("unknown cap: ", word)));
        }
    }
}
