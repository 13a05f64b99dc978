//! Options of priv-drop: what is given up for good.

use super::{Context, Operands, number, options};
use crate::caps::{self, CapSet};
use crate::fault;
use crate::plan::FdNumber;
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
        }
    }
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
    /// `--new-session`.
    pub new_session: bool,
}

impl PrivDropDraft {
    /// Puts `option` into the draft.
    pub fn apply_extra(
        &mut self,
        option: PrivDropExtra,
        _operands: Operands,
        _context: &mut Context<'_>,
    ) -> Outcome<()> {
        match option {}
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
