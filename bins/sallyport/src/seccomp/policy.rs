//! What a policy says, whatever format it was written in: for each architecture an action for each system call,
//! some of them depending on arguments.

use super::action::Action;
use super::arch::Arch;
use super::bpf::Call;
use std::collections::BTreeMap;

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What messages call it.
    pub name: String,
    /// What it says of the architectures it knows; calls of any other are answered with `bad_arch`.
    pub tables: BTreeMap<Arch, Table>,
    /// The answer to calls of other architectures.
    pub bad_arch: Action,
}

/// A policy for one architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The answer where no rule matches.
    pub default: Action,
    /// Instead of `default`, the answer to calls from this number on.
    pub newer: Option<(u32, Action)>,
    /// The rules of each call. Of several that match, the most restrictive counts.
    pub rules: BTreeMap<u32, Vec<Rule>>,
}

/// An action, and when it is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// All of these have to hold; none means always.
    pub when: Vec<Condition>,
    /// What is done then.
    pub action: Action,
}

/// A condition on one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Which argument, from 0 to 5.
    pub arg: u8,
    /// How much of it is looked at.
    pub width: Width,
    /// What is asked of it.
    pub test: Test,
}

/// How much of an argument is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// The lower 32 bits: right for what the kernel takes as an `int`, since it ignores the others there. Looking at
    /// all 64 lets a caller past who sets one of them (CVE-2019-10063).
    Low,
    /// All 64 bits.
    Full,
}

/// A comparison, unsigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Test {
    Eq(u64),
    Ne(u64),
    Gt(u64),
    Ge(u64),
    Lt(u64),
    Le(u64),
    /// The argument's bits in `mask` are those of `value`.
    Masked {
        mask: u64,
        value: u64,
    },
}

impl Policy {
    /// What the policy says of a call, read off the policy itself. The compiled program has to say the same.
    pub fn answer(&self, call: &Call) -> Action {
        let table = Arch::of_call(call.arch, call.nr).and_then(|arch| self.tables.get(&arch));
        table.map_or(self.bad_arch, |table| table.answer(call))
    }
}

/// What several policies say together: the most restrictive, and of equal ones the first.
pub fn answer_of_all(policies: &[Policy], call: &Call) -> Action {
    let answers = policies.iter().map(|policy| policy.answer(call));
    answers.min_by_key(|action| action.rank()).unwrap_or(Action::ALLOW)
}

impl Table {
    /// Everything is answered with `default`.
    pub fn new(default: Action) -> Table {
        Table { default, newer: None, rules: BTreeMap::new() }
    }

    /// The answer to a call for which no rule is.
    pub fn fallback(&self, nr: u32) -> Action {
        match self.newer {
            Some((from, action)) if nr >= from => action,
            _ => self.default,
        }
    }

    /// The rules of a call, most restrictive first.
    pub fn sorted_rules(&self, nr: u32) -> Vec<&Rule> {
        let mut rules: Vec<&Rule> = self.rules.get(&nr).into_iter().flatten().collect();
        rules.sort_by_key(|rule| rule.action.rank());
        rules
    }

    /// The answer to a call.
    pub fn answer(&self, call: &Call) -> Action {
        let rules = self.sorted_rules(call.nr);
        let matching = rules.into_iter().find(|rule| rule.when.iter().all(|condition| condition.holds(call)));
        matching.map_or_else(|| self.fallback(call.nr), |rule| rule.action)
    }
}

impl Condition {
    fn holds(&self, call: &Call) -> bool {
        let arg = call.args.get(usize::from(self.arg)).copied().unwrap_or(0);
        let cut = |value: u64| match self.width {
            Width::Low => value & 0xffff_ffff,
            Width::Full => value,
        };
        let arg = cut(arg);
        match self.test {
            Test::Eq(value) => arg == cut(value),
            Test::Ne(value) => arg != cut(value),
            Test::Gt(value) => arg > cut(value),
            Test::Ge(value) => arg >= cut(value),
            Test::Lt(value) => arg < cut(value),
            Test::Le(value) => arg <= cut(value),
            Test::Masked { mask, value } => arg & cut(mask) == cut(value) & cut(mask),
        }
    }
}
