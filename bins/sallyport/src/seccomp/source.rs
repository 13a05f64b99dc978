//! Where policies come from: a file in one of two formats, or one of ours by name; and what is the same for all.

use super::arch::{Arch, is_known_somewhere};
use super::policy::Policy;
use super::{multiplexed, oci, ready, rules};
use common::caps::CapSet;
use std::collections::BTreeSet;
use std::fmt;

/// What is done with the name of a system call that no table has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Unknown {
    /// Refuse the policy.
    #[default]
    Error,
    /// Leave the name out, silently.
    Ignore,
    /// Leave the name out and list it on standard error.
    List,
}

/// What a policy is compiled for.
#[derive(Clone, Debug)]
pub struct Target {
    /// Architectures to allow, where the policy leaves it open; none means the policy's own choice.
    pub arches: Option<BTreeSet<Arch>>,
    /// Capabilities that the command will have.
    pub caps: CapSet,
    /// The oldest kernel that it will run on.
    pub kernel: (u32, u32),
    /// Names that no table has.
    pub unknown: Unknown,
    /// Which filter of a file that holds several.
    pub thread: Option<String>,
}

/// The oldest kernel that runs sallyport.
pub const OLDEST_KERNEL: (u32, u32) = (5, 12);

impl Default for Target {
    fn default() -> Target {
        Target {
            arches: None,
            caps: CapSet::EMPTY,
            kernel: OLDEST_KERNEL,
            unknown: Unknown::Error,
            thread: None,
        }
    }
}

/// A policy, and what is to be said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The policy.
    pub policy: Policy,
    /// Remarks for whoever compiles it.
    pub notes: Vec<String>,
}

/// Why a policy is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// Shorthand for a refusal in words.
macro_rules! refuse {
    ($($word:tt)*) => { Err(super::source::Refused(format!($($word)*))) };
}
pub(crate) use refuse;

/// A policy of ours.
pub fn ready_made(name: &str, target: &Target) -> Option<Result<Loaded, Refused>> {
    ready::find(name).map(|policy| policy.load(target))
}

/// A policy in either format; `name` is what messages call it.
pub fn parse(text: &str, name: &str, target: &Target) -> Result<Loaded, Refused> {
    let value: serde_json::Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => return refuse!("not JSON: {error}"),
    };
    let has = |key: &str| value.get(key).is_some();
    let mut loaded = if has("defaultAction") {
        oci::parse(text, name, target)?
    } else if let Some(seccomp) = value.pointer("/linux/seccomp") {
        // A whole OCI configuration: its seccomp part.
        oci::parse(&seccomp.to_string(), name, target)?
    } else if value.as_object().is_some_and(|filters| filters.values().all(serde_json::Value::is_object)) {
        rules::parse(text, name, target)?
    } else {
        return refuse!(
            "neither an OCI or docker profile (an object with \"defaultAction\") nor seccompiler's JSON (an object \
             of filters)"
        );
    };
    if let Some(table) = loaded.policy.tables.get(&Arch::I386) {
        loaded.notes.extend(multiplexed::notes(table));
    }
    Ok(loaded)
}

/// The number of a call for each architecture that has it, or what is to be done about its name.
pub fn resolve(
    name: &str,
    arches: impl Iterator<Item = Arch>,
    target: &Target,
    notes: &mut Vec<String>,
) -> Result<Vec<(Arch, u32)>, Refused> {
    let found: Vec<(Arch, u32)> = arches.filter_map(|arch| Some((arch, arch.number(name)?))).collect();
    if found.is_empty() && !is_known_somewhere(name) {
        match target.unknown {
            Unknown::Error => {
                return refuse!(
                    "no system call is called \"{name}\" (--unknown=ignore leaves such names out, --unknown=list says \
                     which)"
                );
            }
            Unknown::List => notes.push(format!("left out: \"{name}\", which is no system call known here")),
            Unknown::Ignore => {}
        }
    }
    Ok(found)
}
