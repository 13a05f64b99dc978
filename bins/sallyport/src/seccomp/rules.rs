//! The JSON of the crate `seccompiler` (rust-vmm, Firecracker): an object of filters, each with one action for calls
//! that match and one for those that do not.

use super::action::Action;
use super::arch::{Arch, X32_BIT};
use super::bpf::{Compare, Insn, LD_ABS, Program, RET_K};
use super::policy::{Condition, Policy, Rule, Table, Test, Width};
use super::source::{Loaded, Refused, Target, refuse, resolve};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    #[serde(alias = "default_action")]
    mismatch_action: FilterAction,
    #[serde(alias = "filter_action")]
    match_action: FilterAction,
    filter: Vec<CallRule>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum FilterAction {
    Allow,
    Errno(u16),
    KillThread,
    KillProcess,
    Log,
    Trace(u16),
    Trap,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallRule {
    syscall: String,
    args: Option<Vec<Arg>>,
    #[serde(rename = "comment")]
    _comment: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arg {
    index: u8,
    #[serde(rename = "type")]
    width: Len,
    op: Op,
    val: u64,
    #[serde(rename = "comment")]
    _comment: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Len {
    Dword,
    Qword,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Op {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
    MaskedEq(u64),
}

/// A map in which a name that comes twice is an error.
struct Filters(BTreeMap<String, Filter>);

impl<'de> Deserialize<'de> for Filters {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Filters, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Filters;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of filters")
            }

            fn visit_map<M: serde::de::MapAccess<'de>>(self, mut map: M) -> Result<Filters, M::Error> {
                let mut filters = BTreeMap::new();
                while let Some((name, filter)) = map.next_entry::<String, Filter>()? {
                    if filters.insert(name, filter).is_some() {
                        return Err(serde::de::Error::custom("a filter's name comes twice"));
                    }
                }
                Ok(Filters(filters))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// Reads a policy: the only filter of the file, or the one that `target` names.
pub fn parse(text: &str, name: &str, target: &Target) -> Result<Loaded, Refused> {
    let filters: Filters = match serde_json::from_str(text) {
        Ok(filters) => filters,
        Err(error) => return refuse!("{error}"),
    };
    let thread = choose(&filters.0.keys().map(String::as_str).collect::<Vec<_>>(), target)?;
    let Some(filter) = filters.0.get(thread) else { return refuse!("there is no filter \"{thread}\"") };
    filter.load(name, target)
}

/// The filter that is meant.
fn choose<'a>(names: &[&'a str], target: &Target) -> Result<&'a str, Refused> {
    match (&target.thread, names) {
        (Some(thread), _) => match names.iter().find(|name| *name == thread) {
            Some(name) => Ok(name),
            None => refuse!("there is no filter \"{thread}\" in it, but: {}", names.join(", ")),
        },
        (None, [only]) => Ok(only),
        (None, []) => refuse!("there is no filter in it"),
        (None, _) => refuse!("there are several filters in it, name one with --thread: {}", names.join(", ")),
    }
}

impl Filter {
    fn load(&self, name: &str, target: &Target) -> Result<Loaded, Refused> {
        if self.mismatch_action == self.match_action {
            return refuse!("\"mismatch_action\" and \"match_action\" are the same");
        }
        let mut notes = Vec::new();
        let default = self.mismatch_action.action()?;
        let action = self.match_action.action()?;
        let arches = target.arches.clone().unwrap_or_else(|| BTreeSet::from([Arch::X86_64]));
        let mut tables: BTreeMap<Arch, Table> =
            arches.iter().map(|arch| (*arch, Table::new(default))).collect();
        for rule in &self.filter {
            let conditions: Result<Vec<_>, _> = rule.args.iter().flatten().map(Arg::condition).collect();
            let when = conditions?;
            if rule.args.as_ref().is_some_and(Vec::is_empty) {
                return refuse!("{}: \"args\" is empty; leave it out to match every call", rule.syscall);
            }
            for (arch, nr) in resolve(&rule.syscall, arches.iter().copied(), target, &mut notes)? {
                let rules = tables.get_mut(&arch).map(|table| table.rules.entry(nr).or_default());
                rules.into_iter().for_each(|rules| rules.push(Rule { when: when.clone(), action }));
            }
            // seccompiler takes no notice of the first of them then, and whoever wrote them meant something by it.
            let of_call = self.filter.iter().filter(|other| other.syscall == rule.syscall);
            let with_args = of_call.filter(|other| other.args.is_some()).count();
            if rule.args.is_none() && with_args != 0 {
                return refuse!(
                    "{}: a rule without \"args\" and one with them exclude each other",
                    rule.syscall
                );
            }
        }
        let policy = Policy { name: name.to_owned(), tables, bad_arch: Action::KILL_PROCESS };
        Ok(Loaded { policy, notes })
    }
}

impl FilterAction {
    fn action(self) -> Result<Action, Refused> {
        Ok(match self {
            FilterAction::Allow => Action::ALLOW,
            FilterAction::Errno(number) if number > 4095 => {
                return refuse!("errno {number} is larger than 4095");
            }
            FilterAction::Errno(number) => Action::errno(number),
            FilterAction::KillThread => Action::KILL_THREAD,
            FilterAction::KillProcess => Action::KILL_PROCESS,
            FilterAction::Log => Action::LOG,
            FilterAction::Trace(number) => Action::trace(number),
            FilterAction::Trap => Action::TRAP,
        })
    }
}

impl Arg {
    fn condition(&self) -> Result<Condition, Refused> {
        if self.index > 5 {
            return refuse!("there is no argument {}", self.index);
        }
        let value = self.val;
        let test = match self.op {
            Op::Eq => Test::Eq(value),
            Op::Ne => Test::Ne(value),
            Op::Gt => Test::Gt(value),
            Op::Ge => Test::Ge(value),
            Op::Lt => Test::Lt(value),
            Op::Le => Test::Le(value),
            Op::MaskedEq(mask) => Test::Masked { mask, value },
        };
        let width = match self.width {
            Len::Dword => Width::Low,
            Len::Qword => Width::Full,
        };
        Ok(Condition { arg: self.index, width, test })
    }
}

/// The program that seccompiler itself makes of such a policy, behind a check that it does not make: x32's calls,
/// which it would answer with the action for calls that match nothing, kill the process.
pub fn by_seccompiler(text: &str, target: &Target) -> Result<Program, Refused> {
    let mut programs = match seccompiler::compile_from_json(text.as_bytes(), seccompiler::TargetArch::x86_64)
    {
        Ok(programs) => programs,
        Err(error) => return refuse!("{error}"),
    };
    let names: Vec<String> = programs.keys().cloned().collect();
    let thread = choose(&names.iter().map(String::as_str).collect::<Vec<_>>(), target)?;
    let program = programs.remove(thread).unwrap_or_default();
    let mut insns = vec![
        Insn { code: LD_ABS, jt: 0, jf: 0, k: 0 },
        Insn { code: Compare::Ge.code(), jt: 0, jf: 2, k: X32_BIT },
        Insn { code: Compare::Eq.code(), jt: 1, jf: 0, k: u32::MAX },
        Insn { code: RET_K, jt: 0, jf: 0, k: Action::KILL_PROCESS.0 },
    ];
    insns.extend(program.iter().map(|insn| Insn { code: insn.code, jt: insn.jt, jf: insn.jf, k: insn.k }));
    match Program::new(insns) {
        Ok(program) => Ok(program),
        Err(error) => refuse!("{error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::bpf::Call;
    use super::super::compile::compile;
    use super::*;

    /// Every comparison, both widths, several conditions in a rule and several rules of a call.
    fn policy() -> String {
        let mut rules = vec!["{\"syscall\": \"mount\"}".to_owned(), "{\"syscall\": \"execve\"}".to_owned()];
        let ops =
            ["\"eq\"", "\"ne\"", "\"gt\"", "\"ge\"", "\"lt\"", "\"le\"", "{\"masked_eq\": 64424509455}"];
        let calls = ["read", "write", "ioctl", "openat", "prctl", "socket", "bpf"];
        for (op, call) in ops.iter().zip(calls) {
            for (width, val) in [("dword", 5u64), ("qword", 0x5_0000_0005), ("qword", 0xffff_ffff_0000_0000)]
            {
                let arg = |index| {
                    format!("{{\"index\": {index}, \"type\": \"{width}\", \"op\": {op}, \"val\": {val}}}")
                };
                rules.push(format!("{{\"syscall\": \"{call}\", \"args\": [{}, {}]}}", arg(1), arg(2)));
                rules.push(format!("{{\"syscall\": \"{call}\", \"args\": [{}]}}", arg(3)));
            }
        }
        format!(
            "{{\"main\": {{\"mismatch_action\": {{\"errno\": 13}}, \"match_action\": \"allow\", \"filter\": [{}]}}}}",
            rules.join(", ")
        )
    }

    #[test]
    fn our_program_answers_as_seccompilers_does() {
        let (text, target) = (policy(), Target::default());
        let ours = compile(&[parse(&text, "policy", &target).unwrap().policy]).unwrap();
        let theirs = by_seccompiler(&text, &target).unwrap();
        theirs.check().unwrap();
        let values = [
            0,
            4,
            5,
            6,
            0x4_ffff_ffff,
            0x5_0000_0004,
            0x5_0000_0005,
            0x5_0000_0006,
            0xf_0000_000f,
            u64::MAX - 1,
        ];
        let mut allowed = 0;
        for arch in Arch::ALL {
            let numbers = arch.numbers().filter(|nr| nr & !X32_BIT < 330);
            for nr in numbers.chain([u32::MAX, X32_BIT - 1, 0x8000_0000]) {
                for (one, two) in values.iter().flat_map(|one| values.map(|two| (*one, two))) {
                    for three in [0, 5, 0x5_0000_0005, 0xffff_ffff_0000_0000] {
                        let call = Call::new(arch, nr, [0, one, two, three, 0, 0]);
                        let answer = ours.evaluate(&call).unwrap().action;
                        assert_eq!(answer, theirs.evaluate(&call).unwrap().action, "{call:x?}");
                        allowed += u32::from(answer.is_allowed());
                    }
                }
            }
        }
        assert!(allowed > 1000, "{allowed}");
    }
}
