//! Profiles in the format of OCI runtimes and of docker and podman, as they are.
//!
//! The meaning is runc's, which the specification leaves open in places: a rule whose action is the default one is no
//! rule; conditions on the same argument in one rule are alternatives; calls newer than any that the profile names get
//! `ENOSYS`, so that programs fall back to what the profile knows. A call of an architecture that the profile does not
//! list kills the process. Where two rules answer the same call differently the stricter one counts: podman's profile both
//! allows setns and refuses it without `CAP_SYS_ADMIN`, and libseccomp takes whichever comes first. A rule on a socket
//! or IPC call counts for `socketcall` or `ipc`, too ([`multiplexed`]).

use super::action::{Action, Kind, errno_number};
use super::arch::Arch;
use super::multiplexed;
use super::policy::{Condition, Policy, Rule, Table, Test, Width};
use super::source::{Loaded, Refused, Target, Unknown, refuse, resolve};
use common::caps;
use nix::libc;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// `linux.seccomp` of an OCI configuration, and what docker adds to it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Profile {
    default_action: String,
    default_errno_ret: Option<u32>,
    default_errno: Option<String>,
    architectures: Option<Vec<String>>,
    arch_map: Option<Vec<ArchMap>>,
    flags: Option<Vec<String>>,
    listener_path: Option<String>,
    listener_metadata: Option<String>,
    syscalls: Option<Vec<Syscalls>>,
    #[serde(rename = "comment")]
    _comment: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ArchMap {
    architecture: String,
    sub_architectures: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Syscalls {
    name: Option<String>,
    names: Option<Vec<String>>,
    action: String,
    errno_ret: Option<u32>,
    errno: Option<String>,
    args: Option<Vec<Arg>>,
    includes: Option<Filter>,
    excludes: Option<Filter>,
    #[serde(rename = "comment")]
    _comment: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Arg {
    index: u8,
    value: u64,
    value_two: Option<u64>,
    op: String,
}

/// Whom a rule is for.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Filter {
    caps: Option<Vec<String>>,
    arches: Option<Vec<String>>,
    min_kernel: Option<String>,
}

/// Reads a profile.
pub fn parse(text: &str, name: &str, target: &Target) -> Result<Loaded, Refused> {
    let profile: Profile = match serde_json::from_str(text) {
        Ok(profile) => profile,
        Err(error) => return refuse!("{error}"),
    };
    let mut notes = Vec::new();
    let default =
        action(&profile.default_action, profile.default_errno_ret, profile.default_errno.as_deref())?;
    flags(&profile, &mut notes)?;
    let own = architectures(&profile)?;
    let arches = target.arches.clone().unwrap_or(own);
    let tables = arches.iter().map(|arch| (*arch, Table::new(default))).collect();
    let mut policy = Policy { name: name.to_owned(), tables, bad_arch: Action::KILL_PROCESS };
    let mut named = Vec::new();
    for rule in profile.syscalls.iter().flatten() {
        if !rule.is_for(target)? {
            continue;
        }
        let action = action(&rule.action, rule.errno_ret, rule.errno.as_deref())?;
        let conditions = rule.args.iter().flatten().map(Arg::condition).collect::<Result<Vec<_>, _>>()?;
        let rules: Vec<Rule> = match action == default {
            true => Vec::new(),
            false => alternatives(&conditions).into_iter().map(|when| Rule { when, action }).collect(),
        };
        for call in rule.name.iter().chain(rule.names.iter().flatten()) {
            named.extend(rules.iter().map(|rule| (call.clone(), rule.clone())));
            for (arch, nr) in resolve(call, arches.iter().copied(), target, &mut notes)? {
                let Some(table) = policy.tables.get_mut(&arch) else { continue };
                table.rules.entry(nr).or_default().extend(rules.iter().map(|rule| rule_of(arch, rule)));
            }
        }
    }
    if let Some(table) = policy.tables.get_mut(&Arch::I386) {
        multiplexed::add(table, &named, &mut notes);
    }
    for table in policy.tables.values_mut() {
        newer_calls(table);
    }
    Ok(Loaded { policy, notes })
}

/// The rule for calls of `arch`. Of a 32-bit call's argument there is a lower half only; as in libseccomp, masks and
/// values are cut to it, so that -1 as 64 bits is -1 there, too.
fn rule_of(arch: Arch, rule: &Rule) -> Rule {
    let mut rule = rule.clone();
    if arch.is_32_bit() {
        rule.when.iter_mut().for_each(|condition| condition.width = Width::Low);
    }
    rule
}

/// Calls newer than any that the profile knows do not exist for the command, unless the default lets calls be made.
/// A tracer may make them, so asking one counts as that, as it does in runc (`isAllowAction`).
fn newer_calls(table: &mut Table) {
    let enosys = Action::errno(libc::ENOSYS as u16);
    let newest = table.rules.keys().next_back().copied();
    let left = table.default.is_allowed() || table.default.kind() == Kind::Trace || table.default == enosys;
    if let (Some(newest), false) = (newest, left) {
        table.newer = Some((newest.saturating_add(1), enosys));
    }
}

/// The conditions of a rule as the conditions of one or more.
fn alternatives(conditions: &[Condition]) -> Vec<Vec<Condition>> {
    let arguments: BTreeSet<u8> = conditions.iter().map(|condition| condition.arg).collect();
    if arguments.len() == conditions.len() {
        return vec![conditions.to_vec()];
    }
    conditions.iter().map(|condition| vec![*condition]).collect()
}

/// What the runtime specification calls architectures. A name that is none of these is a mistake, and would leave out
/// an architecture that was meant.
const ARCHITECTURES: [&str; 23] = [
    "SCMP_ARCH_X86",
    "SCMP_ARCH_X86_64",
    "SCMP_ARCH_X32",
    "SCMP_ARCH_ARM",
    "SCMP_ARCH_AARCH64",
    "SCMP_ARCH_MIPS",
    "SCMP_ARCH_MIPS64",
    "SCMP_ARCH_MIPS64N32",
    "SCMP_ARCH_MIPSEL",
    "SCMP_ARCH_MIPSEL64",
    "SCMP_ARCH_MIPSEL64N32",
    "SCMP_ARCH_PPC",
    "SCMP_ARCH_PPC64",
    "SCMP_ARCH_PPC64LE",
    "SCMP_ARCH_S390",
    "SCMP_ARCH_S390X",
    "SCMP_ARCH_PARISC",
    "SCMP_ARCH_PARISC64",
    "SCMP_ARCH_RISCV64",
    "SCMP_ARCH_LOONGARCH64",
    "SCMP_ARCH_M68K",
    "SCMP_ARCH_SH",
    "SCMP_ARCH_SHEB",
];

/// The architecture of that name, if this is one of its kinds of system call.
fn architecture(name: &str) -> Result<Option<Arch>, Refused> {
    match Arch::from_name(name) {
        Some(arch) => Ok(Some(arch)),
        None if ARCHITECTURES.contains(&name) => Ok(None),
        None => refuse!("no architecture is called \"{name}\""),
    }
}

fn architectures(profile: &Profile) -> Result<BTreeSet<Arch>, Refused> {
    // libseccomp always has the native one.
    let mut arches = BTreeSet::from([Arch::X86_64]);
    let (list, map) = (profile.architectures.as_deref(), profile.arch_map.as_deref());
    let (list, map) = (list.unwrap_or_default(), map.unwrap_or_default());
    if !list.is_empty() && !map.is_empty() {
        return refuse!("\"architectures\" and \"archMap\" exclude each other");
    }
    for name in list {
        arches.extend(architecture(name)?);
    }
    for entry in map {
        let native = architecture(&entry.architecture)? == Some(Arch::X86_64);
        for name in entry.sub_architectures.iter().flatten() {
            arches.extend(architecture(name)?.filter(|_| native));
        }
    }
    Ok(arches)
}

/// Flags belong to the loading of a filter, which is not in its instructions.
fn flags(profile: &Profile, notes: &mut Vec<String>) -> Result<(), Refused> {
    for flag in profile.flags.iter().flatten() {
        match flag.as_str() {
            // The command has one thread when its filter is loaded.
            "SECCOMP_FILTER_FLAG_TSYNC" => {}
            "SECCOMP_FILTER_FLAG_LOG" | "SECCOMP_FILTER_FLAG_SPEC_ALLOW" => notes.push(format!(
                "{flag} is not part of a program: whoever loads it has to ask for it (seccomp-load's options)"
            )),
            "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" => {
                return refuse!("{flag} is for SCMP_ACT_NOTIFY, {NO_NOTIFY}");
            }
            _ => return refuse!("unknown flag \"{flag}\""),
        }
    }
    if profile.listener_path.is_some() || profile.listener_metadata.is_some() {
        return refuse!("\"listenerPath\" is for SCMP_ACT_NOTIFY, {NO_NOTIFY}");
    }
    Ok(())
}

const NO_NOTIFY: &str =
    "which needs a supervisor that holds the filter's descriptor and answers for each call";

fn action(name: &str, errno_ret: Option<u32>, errno: Option<&str>) -> Result<Action, Refused> {
    let named = match errno {
        Some("") | None => None,
        Some(errno) => match errno_number(errno) {
            Some(number) => Some(u32::from(number)),
            None => return refuse!("no error is called \"{errno}\""),
        },
    };
    if let (Some(ret), Some(number)) = (errno_ret, named)
        && ret != number
    {
        return refuse!("\"errnoRet\" {ret} and \"errno\" {number} are not the same");
    }
    let number = errno_ret.or(named);
    let small = |number: u32, most: u16| match u16::try_from(number) {
        Ok(number) if number <= most => Ok(number),
        _ => refuse!("\"errnoRet\" {number} is larger than {most}"),
    };
    match name {
        "SCMP_ACT_ERRNO" => Ok(Action::errno(small(number.unwrap_or(libc::EPERM as u32), 4095)?)),
        "SCMP_ACT_TRACE" => Ok(Action::trace(small(number.unwrap_or(libc::EPERM as u32), u16::MAX)?)),
        "SCMP_ACT_NOTIFY" => refuse!("SCMP_ACT_NOTIFY cannot be compiled: {NO_NOTIFY}"),
        _ => {
            let action = match name {
                "SCMP_ACT_ALLOW" => Action::ALLOW,
                "SCMP_ACT_LOG" => Action::LOG,
                "SCMP_ACT_TRAP" => Action::TRAP,
                "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => Action::KILL_THREAD,
                "SCMP_ACT_KILL_PROCESS" => Action::KILL_PROCESS,
                _ => return refuse!("unknown action \"{name}\""),
            };
            match number {
                Some(_) => refuse!("{name} takes no \"errnoRet\""),
                None => Ok(action),
            }
        }
    }
}

impl Arg {
    fn condition(&self) -> Result<Condition, Refused> {
        if self.index > 5 {
            return refuse!("there is no argument {}", self.index);
        }
        let value = self.value;
        let test = match self.op.as_str() {
            "SCMP_CMP_EQ" => Test::Eq(value),
            "SCMP_CMP_NE" => Test::Ne(value),
            "SCMP_CMP_LT" => Test::Lt(value),
            "SCMP_CMP_LE" => Test::Le(value),
            "SCMP_CMP_GT" => Test::Gt(value),
            "SCMP_CMP_GE" => Test::Ge(value),
            // The mask comes first.
            "SCMP_CMP_MASKED_EQ" => Test::Masked { mask: value, value: self.value_two.unwrap_or(0) },
            op => return refuse!("unknown comparison \"{op}\""),
        };
        Ok(Condition { arg: self.index, width: Width::Full, test })
    }
}

impl Syscalls {
    /// Whether the rule counts for what is compiled.
    fn is_for(&self, target: &Target) -> Result<bool, Refused> {
        let (none, none_too) = (Filter::default(), Filter::default());
        let includes = self.includes.as_ref().unwrap_or(&none);
        let excludes = self.excludes.as_ref().unwrap_or(&none_too);
        let here = |arches: &[String]| arches.iter().any(|arch| arch == "amd64");
        let in_caps = includes.held(target)?.into_iter().all(|held| held);
        let in_arches = includes.arches.as_deref().is_none_or(|arches| arches.is_empty() || here(arches));
        let in_kernel = includes.kernel()?.is_none_or(|least| target.kernel >= least);
        let out_caps = excludes.held(target)?.into_iter().any(|held| held);
        let out_arches = excludes.arches.as_deref().is_some_and(here);
        let out_kernel = excludes.kernel()?.is_some_and(|least| target.kernel >= least);
        Ok(in_caps && in_arches && in_kernel && !out_caps && !out_arches && !out_kernel)
    }
}

impl Filter {
    /// Whether the command has each of the capabilities.
    fn held(&self, target: &Target) -> Result<Vec<bool>, Refused> {
        let names = self.caps.iter().flatten();
        let held = names.map(|name| match caps::from_name(name.as_bytes()) {
            Some(cap) => Ok(target.caps.has(cap)),
            None if target.unknown == Unknown::Error => refuse!("no capability is called \"{name}\""),
            None => Ok(false),
        });
        held.collect()
    }

    fn kernel(&self) -> Result<Option<(u32, u32)>, Refused> {
        let Some(text) = self.min_kernel.as_deref().filter(|text| !text.is_empty()) else { return Ok(None) };
        match kernel_version(text) {
            Some(version) => Ok(Some(version)),
            None => refuse!("\"{text}\" is no kernel version"),
        }
    }
}

/// `5.12` of `5.12`, `5.12.3` or `5.12-rc1`.
pub fn kernel_version(text: &str) -> Option<(u32, u32)> {
    let (major, rest) = text.split_once('.')?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    Some((major.parse().ok()?, rest.get(..end)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::bpf::Call;
    use super::super::source::parse;
    use super::*;

    fn policy(default: &str, rest: &str) -> Result<Policy, Refused> {
        let text = format!("{{\"defaultAction\": \"{default}\", {rest}}}");
        parse(&text, "test", &Target::default()).map(|loaded| loaded.policy)
    }

    /// What the program of a policy answers.
    fn answer(policy: &Policy, arch: Arch, name: &str, args: [u64; 6]) -> Action {
        let program = super::super::compile::compile(std::slice::from_ref(policy)).unwrap();
        program.evaluate(&Call::new(arch, arch.number(name).unwrap(), args)).unwrap().action
    }

    #[test]
    fn values_are_cut_to_32_bits_for_32_bit_programs() {
        let denied = |op: &str, rest: &str| {
            let arg = format!("{{\"index\": 0, \"op\": \"SCMP_CMP_{op}\", {rest}}}");
            let rule =
                format!("{{\"names\": [\"close\"], \"action\": \"SCMP_ACT_KILL\", \"args\": [{arg}]}}");
            let rest = format!("\"architectures\": [\"SCMP_ARCH_X86\"], \"syscalls\": [{rule}]");
            let policy = policy("SCMP_ACT_ALLOW", &rest).unwrap();
            move |arch, arg| !answer(&policy, arch, "close", [arg, 0, 0, 0, 0, 0]).is_allowed()
        };
        // -1, 5 with something above, and a mask and a value that are more than 32 bits.
        for (op, rest, arg) in [
            ("EQ", "\"value\": 18446744073709551615", 0xffff_ffff),
            ("EQ", "\"value\": 4294967301", 5),
            ("GE", "\"value\": 4294967301", 5),
            ("MASKED_EQ", "\"value\": 18446744071562067968, \"valueTwo\": 75161927680", 0x8000_0000),
        ] {
            let denied = denied(op, rest);
            assert!(denied(Arch::I386, arg) && !denied(Arch::I386, 1), "{op} {rest}");
            assert!(!denied(Arch::X86_64, arg), "{op} {rest}");
        }
    }

    #[test]
    fn calls_newer_than_the_profile_do_not_exist_unless_the_default_lets_them_be_made() {
        let rest = "\"syscalls\": [{\"names\": [\"read\"], \"action\": \"SCMP_ACT_KILL\"}]";
        for (default, expected) in [
            ("SCMP_ACT_ALLOW", Action::ALLOW),
            ("SCMP_ACT_LOG", Action::LOG),
            ("SCMP_ACT_TRACE", Action::trace(1)),
            ("SCMP_ACT_ERRNO", Action::errno(38)),
            ("SCMP_ACT_TRAP", Action::errno(38)),
        ] {
            let policy = policy(default, rest).unwrap();
            assert_eq!(answer(&policy, Arch::X86_64, "mount", [0; 6]), expected, "{default}");
        }
    }

    #[test]
    fn an_architecture_that_is_none_is_refused() {
        let listed = |name: &str| policy("SCMP_ACT_ALLOW", &format!("\"architectures\": [\"{name}\"]"));
        let mapped = |name: &str, sub: &str| {
            let entry = format!("{{\"architecture\": \"{name}\", \"subArchitectures\": [\"{sub}\"]}}");
            policy("SCMP_ACT_ALLOW", &format!("\"archMap\": [{entry}]"))
        };
        for name in ARCHITECTURES {
            let arches: Vec<Arch> = listed(name).unwrap().tables.into_keys().collect();
            assert_eq!(arches.contains(&Arch::I386), name == "SCMP_ARCH_X86", "{name}");
            assert!(
                mapped(name, "SCMP_ARCH_X86").is_ok() && mapped("SCMP_ARCH_X86_64", name).is_ok(),
                "{name}"
            );
        }
        let expected = "no architecture is called \"SCMP_ARCH_X86_46\"";
        for refused in [
            listed("SCMP_ARCH_X86_46"),
            mapped("SCMP_ARCH_X86_46", "SCMP_ARCH_X86"),
            mapped("SCMP_ARCH_AARCH64", "SCMP_ARCH_X86_46"),
        ] {
            assert_eq!(refused.unwrap_err().0, expected);
        }
    }
}
