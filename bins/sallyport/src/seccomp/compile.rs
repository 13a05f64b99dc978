//! Policies to one program.
//!
//! The number is looked up in a balanced tree, so that a call costs about log2 of the number of ranges with the same
//! answer; what follows for a call or a range is there once, however many calls share it. Other compilers walk a list
//! of comparisons. Several policies become one program that answers what they would answer as filters of their own.

use super::action::Action;
use super::arch::{Arch, X32_BIT};
use super::bpf::{Compare, Malformed, Program};
use super::graph::{Graph, Node};
use super::policy::{Condition, Policy, Rule, Table, Test, Width};
use std::collections::{BTreeSet, HashMap};

/// Offset of the number in `struct seccomp_data`.
const NR: u32 = 0;
/// Offset of the architecture.
const ARCH: u32 = 4;

/// The program that answers as `policies` do together: the most restrictive action counts, and of equal ones the
/// first policy's.
pub fn compile(policies: &[Policy]) -> Result<Program, Malformed> {
    let mut graph = Graph::default();
    let refuse = policies.iter().map(|policy| policy.bad_arch).fold(Action::ALLOW, stricter);
    let refuse = graph.answer(refuse);

    let mut native = numbers(&mut graph, policies, Arch::X86_64);
    native.retain(|(from, _)| *from < X32_BIT);
    let skipped = native.last().map_or(refuse, |(_, node)| *node);
    native.extend(numbers(&mut graph, policies, Arch::X32).into_iter().filter(|(from, _)| *from != u32::MAX));
    // A tracer's way to have a call not made: not x32's, and nothing to be afraid of.
    native.push((u32::MAX, skipped));
    let native = lookup(&mut graph, native);
    let i386 = numbers(&mut graph, policies, Arch::I386);
    let i386 = lookup(&mut graph, i386);

    let i386 = graph.branch(Compare::Eq, Arch::I386.audit(), i386, refuse);
    let start = graph.branch(Compare::Eq, Arch::X86_64.audit(), native, i386);
    let start = graph.load(ARCH, start);
    graph.assemble(start)
}

/// Where the answers change, and what is done from there on.
fn numbers(graph: &mut Graph, policies: &[Policy], arch: Arch) -> Vec<(u32, Node)> {
    let unknown: Vec<Table> = policies.iter().map(|policy| Table::new(policy.bad_arch)).collect();
    let tables = policies.iter().zip(&unknown);
    let tables: Vec<&Table> =
        tables.map(|(policy, unknown)| policy.tables.get(&arch).unwrap_or(unknown)).collect();
    let first = if arch == Arch::X32 { X32_BIT } else { 0 };
    let mut changes = BTreeSet::from([first]);
    for table in &tables {
        changes.extend(table.rules.keys().flat_map(|nr| [*nr, nr.saturating_add(1)]));
        changes.extend(table.newer.map(|(from, _)| from));
    }
    changes.into_iter().map(|nr| (nr, answers(graph, &tables, nr))).collect()
}

/// What is done for call `nr`.
fn answers(graph: &mut Graph, tables: &[&Table], nr: u32) -> Node {
    let rules: Vec<(Vec<&Rule>, Action)> =
        tables.iter().map(|table| (table.sorted_rules(nr), table.fallback(nr))).collect();
    Several { graph, rules, made: HashMap::new() }.from(0, Action::ALLOW)
}

/// What several policies do for one call.
struct Several<'a> {
    graph: &'a mut Graph,
    rules: Vec<(Vec<&'a Rule>, Action)>,
    made: HashMap<(usize, Action), Node>,
}

impl Several<'_> {
    /// What is done when the policies before `at` have come to `so_far`.
    fn from(&mut self, at: usize, so_far: Action) -> Node {
        if let Some(node) = self.made.get(&(at, so_far)) {
            return *node;
        }
        let Some((rules, fallback)) = self.rules.get(at).cloned() else { return self.graph.answer(so_far) };
        let mut node = self.from(at + 1, stricter(so_far, fallback));
        // From the last rule to the first: each goes on with what comes after it.
        for rule in rules.iter().rev() {
            let matched = self.from(at + 1, stricter(so_far, rule.action));
            let otherwise = node;
            let all = rule.when.iter().rev();
            node = all.fold(matched, |then, condition| when(self.graph, condition, then, otherwise));
        }
        self.made.insert((at, so_far), node);
        node
    }
}

/// The stricter of two, and the first of equal ones.
fn stricter(first: Action, second: Action) -> Action {
    if second.rank() < first.rank() { second } else { first }
}

/// The tree that finds the range a number is in.
fn lookup(graph: &mut Graph, mut ranges: Vec<(u32, Node)>) -> Node {
    ranges.dedup_by_key(|(_, node)| *node);
    let tree = search(graph, &ranges);
    graph.load(NR, tree)
}

fn search(graph: &mut Graph, ranges: &[(u32, Node)]) -> Node {
    match ranges {
        [] => graph.answer(Action::KILL_PROCESS),
        [(_, node)] => *node,
        // One number among others that are all alike.
        [(_, before), (nr, one), (next, after)] if before == after && nr.checked_add(1) == Some(*next) => {
            graph.branch(Compare::Eq, *nr, *one, *before)
        }
        _ => {
            let (below, above) = ranges.split_at(ranges.len() / 2);
            let from = above.first().map_or(0, |(from, _)| *from);
            let (below, above) = (search(graph, below), search(graph, above));
            graph.branch(Compare::Ge, from, above, below)
        }
    }
}

/// `yes` when the condition holds, else `no`.
fn when(graph: &mut Graph, condition: &Condition, yes: Node, no: Node) -> Node {
    let argument = Argument { low: 16 + 8 * u32::from(condition.arg), width: condition.width };
    match condition.test {
        Test::Eq(value) => argument.masked(graph, u64::MAX, value, yes, no),
        Test::Ne(value) => argument.masked(graph, u64::MAX, value, no, yes),
        Test::Gt(value) => argument.above(graph, Compare::Gt, value, yes, no),
        Test::Ge(value) => argument.above(graph, Compare::Ge, value, yes, no),
        Test::Lt(value) => argument.above(graph, Compare::Ge, value, no, yes),
        Test::Le(value) => argument.above(graph, Compare::Gt, value, no, yes),
        Test::Masked { mask, value } => argument.masked(graph, mask, value, yes, no),
    }
}

/// An argument: the offset of its lower half, and how much of it counts.
#[derive(Clone, Copy)]
struct Argument {
    low: u32,
    width: Width,
}

/// The halves of a 64-bit number, the lower one first.
fn halves(value: u64) -> (u32, u32) {
    (value as u32, (value >> 32) as u32)
}

impl Argument {
    fn masked(self, graph: &mut Graph, mask: u64, value: u64, yes: Node, no: Node) -> Node {
        let ((low_mask, high_mask), (low, high)) = (halves(mask), halves(value & mask));
        let node = half(graph, self.low, low_mask, low, yes, no);
        match self.width {
            Width::Low => node,
            Width::Full => half(graph, self.low + 4, high_mask, high, node, no),
        }
    }

    /// `compare` is the one of the lower halves: greater, or greater or equal.
    fn above(self, graph: &mut Graph, compare: Compare, value: u64, yes: Node, no: Node) -> Node {
        let (low, high) = halves(value);
        let (then, otherwise) = (graph.with_loaded(self.low, yes), graph.with_loaded(self.low, no));
        let node = graph.branch(compare, low, then, otherwise);
        let node = if yes == no { yes } else { graph.load(self.low, node) };
        if self.width == Width::Low {
            return node;
        }
        let offset = self.low + 4;
        let (then, otherwise) = (graph.with_loaded(offset, yes), graph.with_loaded(offset, no));
        // Not above 0 is 0.
        let equal = if high == 0 { node } else { graph.branch(Compare::Eq, high, node, otherwise) };
        let node = graph.branch(Compare::Gt, high, then, equal);
        graph.load(offset, node)
    }
}

/// `yes` when the bits of `mask` in the word at `offset` are `value`.
fn half(graph: &mut Graph, offset: u32, mask: u32, value: u32, yes: Node, no: Node) -> Node {
    if mask == 0 || yes == no {
        return yes;
    }
    let (then, otherwise) = match mask {
        u32::MAX => (graph.with_loaded(offset, yes), graph.with_loaded(offset, no)),
        _ => (yes, no),
    };
    let node = graph.branch(Compare::Eq, value, then, otherwise);
    let node = graph.and(mask, node);
    graph.load(offset, node)
}

#[cfg(test)]
mod tests {
    use super::super::policy::answer_of_all;
    use super::super::random::Random;
    use super::*;

    #[test]
    fn random_policies_and_their_programs_answer_alike() {
        let mut random = Random::new(0x5a11_1907);
        let (mut longest, mut compared) = (0, 0);
        for round in 0..150 {
            let policies: Vec<Policy> = (0..random.below(3) + 1).map(|_| random.policy()).collect();
            // Several long ones at once may be more than a program can be.
            let program = match compile(&policies) {
                Err(Malformed::TooLong(_)) => continue,
                program => program.unwrap(),
            };
            program.check().unwrap();
            compared += 1;
            longest = longest.max(program.insns().len());
            for _ in 0..500 {
                let call = random.call(&policies);
                let expected = answer_of_all(&policies, &call);
                assert_eq!(
                    program.evaluate(&call).unwrap().action,
                    expected,
                    "round {round}: {call:x?} {policies:#?}"
                );
            }
        }
        assert!(compared > 100, "{compared}");
        assert!(longest > 600, "long enough for jumps that do not fit into a byte: {longest}");
    }

    #[test]
    fn what_is_too_long_for_the_kernel_is_refused() {
        let when = |value| vec![Condition { arg: 0, width: Width::Full, test: Test::Eq(value) }];
        let rules =
            (0..3000).map(|n| Rule { when: when(n << 32 | n), action: Action::errno(n as u16) }).collect();
        let table = Table { rules: [(0, rules)].into(), ..Table::new(Action::ALLOW) };
        let policy =
            Policy { name: "long".into(), tables: [(Arch::X86_64, table)].into(), bad_arch: Action::TRAP };
        assert!(matches!(compile(&[policy]), Err(Malformed::TooLong(_))));
    }
}
