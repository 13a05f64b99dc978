//! Every path that a program can take on a call of which only some bits are known.
//!
//! A program answers what it likes by any word of `struct seccomp_data`, also by those that do not matter to the call:
//! whether it refuses a call is not seen by trying one. Where a comparison depends on bits that are not known, both ways
//! are gone, each with what it says about them.

use super::check::{DATA_SIZE, MEM_WORDS};
use super::eval::apply;
use super::{Alu, Compare, Op, Operand, Program};
use crate::seccomp::action::Action;
use crate::seccomp::arch::Arch;
use std::collections::HashSet;

/// Words of `struct seccomp_data`.
const WORDS: usize = DATA_SIZE as usize / 4;

/// How many instructions are looked at before the answer is that there is none. A program of the greatest length whose
/// comparisons all depend on one another has more paths than anybody can go.
const MOST_STEPS: usize = 1 << 15;

/// 32 bits of which some are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bits {
    /// Those that are known.
    pub known: u32,
    /// What they are; 0 where they are not known.
    pub value: u32,
}

impl Bits {
    /// Nothing is known.
    pub const FREE: Bits = Bits { known: 0, value: 0 };

    /// All are known.
    pub const fn exactly(value: u32) -> Bits {
        Bits { known: u32::MAX, value }
    }

    /// These are set, the others not known.
    pub const fn set(bits: u32) -> Bits {
        Bits { known: bits, value: bits }
    }

    fn min(self) -> u32 {
        self.value
    }

    fn max(self) -> u32 {
        self.value | !self.known
    }
}

/// A call that the caller has some choice about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    words: [Bits; WORDS],
}

impl Pattern {
    /// Call number `nr` of `arch` with any arguments, from anywhere. A 32-bit caller's arguments have 32 bits.
    pub fn new(arch: Arch, nr: u32) -> Pattern {
        let mut words = [Bits::FREE; WORDS];
        let [number, audit, _, _, args @ ..] = &mut words;
        *number = Bits::exactly(nr);
        *audit = Bits::exactly(arch.audit());
        if arch.is_32_bit() {
            args.iter_mut().skip(1).step_by(2).for_each(|upper| *upper = Bits::exactly(0));
        }
        Pattern { words }
    }

    /// With this for the halves of argument `index`; what is known already stays.
    pub fn with(mut self, index: usize, lower: Bits, upper: Bits) -> Pattern {
        let halves = self.words.iter_mut().skip(4 + 2 * index);
        for (word, bits) in halves.zip([lower, upper]) {
            if word.known == 0 {
                *word = bits;
            }
        }
        self
    }
}

/// What a register or a scratch word holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Value {
    bits: Bits,
    /// The word of the call that these are bits of, and which: what a comparison says of it is said of that.
    field: Option<(usize, u32)>,
}

impl Value {
    const FREE: Value = Value { bits: Bits::FREE, field: None };

    const fn exactly(value: u32) -> Value {
        Value { bits: Bits::exactly(value), field: None }
    }
}

/// Where a path has come to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    at: usize,
    a: Value,
    x: Value,
    mem: [Value; MEM_WORDS as usize],
    call: Pattern,
    /// What masked words of the call are known not to be.
    not: Vec<(usize, u32, u32)>,
}

impl Program {
    /// Whether some call of this pattern can be answered with leave to make it; `None` if there are too many paths to
    /// tell. The program is one that [`Program::check`] takes.
    ///
    /// What arithmetic makes of unknown bits is not followed, so that "can" may be wrong; that it cannot is certain.
    pub fn can_allow(&self, call: &Pattern) -> Option<bool> {
        let start = State {
            at: 0,
            a: Value::exactly(0),
            x: Value::exactly(0),
            mem: [Value::exactly(0); MEM_WORDS as usize],
            call: *call,
            not: Vec::new(),
        };
        let (mut todo, mut seen) = (vec![start], HashSet::new());
        let mut steps = 0;
        while let Some(mut state) = todo.pop() {
            loop {
                steps += 1;
                if steps > MOST_STEPS {
                    return None;
                }
                let op = self.insns.get(state.at)?.decode()?;
                state.at += 1;
                match op {
                    Op::RetK(k) if Action(k).is_allowed() => return Some(true),
                    Op::RetK(_) => break,
                    Op::RetA => {
                        if state.a.bits.known != u32::MAX || Action(state.a.bits.value).is_allowed() {
                            return Some(true);
                        }
                        break;
                    }
                    Op::Ja(k) => state.at += k as usize,
                    Op::Jump { compare, operand, jt, jf } => {
                        let operand = state.operand(operand);
                        let holds = state.assume(compare, operand, true);
                        let fails = state.assume(compare, operand, false);
                        let skip =
                            |skip: u8, state: State| State { at: state.at + usize::from(skip), ..state };
                        match (holds.map(|state| skip(jt, state)), fails.map(|state| skip(jf, state))) {
                            (Some(holds), Some(fails)) => {
                                todo.extend(
                                    [holds, fails].into_iter().filter(|way| seen.insert(way.clone())),
                                );
                                break;
                            }
                            (Some(only), None) | (None, Some(only)) => state = only,
                            (None, None) => break,
                        }
                    }
                    op => state.step(op)?,
                }
            }
        }
        Some(false)
    }
}

impl State {
    fn operand(&self, operand: Operand) -> Value {
        match operand {
            Operand::K(k) => Value::exactly(k),
            Operand::X => self.x,
        }
    }

    /// A word of the call, with what is known of it by now.
    fn refreshed(&self, value: Value) -> Value {
        let word = value.field.and_then(|(word, mask)| Some((*self.call.words.get(word)?, mask)));
        word.map_or(value, |(bits, mask)| Value { bits: masked(bits, mask), ..value })
    }

    /// An instruction that neither jumps nor returns.
    fn step(&mut self, op: Op) -> Option<()> {
        match op {
            Op::Load(k) => {
                let word = k as usize / 4;
                self.a = Value { bits: *self.call.words.get(word)?, field: Some((word, u32::MAX)) };
            }
            Op::LoadImm(k) => self.a = Value::exactly(k),
            Op::LoadLen => self.a = Value::exactly(DATA_SIZE),
            Op::LoadMem(k) => self.a = *self.mem.get(k as usize)?,
            Op::LoadXImm(k) => self.x = Value::exactly(k),
            Op::LoadXLen => self.x = Value::exactly(DATA_SIZE),
            Op::LoadXMem(k) => self.x = *self.mem.get(k as usize)?,
            Op::Store(k) => *self.mem.get_mut(k as usize)? = self.a,
            Op::StoreX(k) => *self.mem.get_mut(k as usize)? = self.x,
            Op::Alu(alu, operand) => {
                let (a, operand) = (self.refreshed(self.a), self.refreshed(self.operand(operand)));
                self.a = calculated(alu, a, operand);
            }
            Op::Neg => self.a = calculated(Alu::Sub, Value::exactly(0), self.refreshed(self.a)),
            Op::Tax => self.x = self.a,
            Op::Txa => self.a = self.x,
            Op::Ja(_) | Op::Jump { .. } | Op::RetK(_) | Op::RetA => return None,
        }
        Some(())
    }

    /// What is known then, if the comparison can come out so.
    fn assume(&self, compare: Compare, operand: Value, holds: bool) -> Option<State> {
        let (a, b) = (self.refreshed(self.a), self.refreshed(operand));
        let certain = answer(compare, a.bits, b.bits);
        if certain.is_some_and(|certain| certain != holds) {
            return None;
        }
        let mut state = self.clone();
        let (Some((word, mask)), u32::MAX) = (a.field, b.bits.known) else { return Some(state) };
        let k = b.bits.value;
        if certain.is_some() {
            return Some(state);
        }
        let slot = state.call.words.get_mut(word)?;
        match (compare, holds) {
            (Compare::Eq, true) => {
                *slot = Bits { known: slot.known | mask, value: slot.value | (k & mask) };
                let now = *slot;
                let excluded = |(other, mask, k): &(usize, u32, u32)| {
                    *other == word && now.known & mask == *mask && now.value & mask == *k
                };
                if state.not.iter().any(excluded) {
                    return None;
                }
            }
            (Compare::Eq, false) if (mask & !slot.known).is_power_of_two() => {
                let bit = mask & !slot.known;
                *slot = Bits { known: slot.known | bit, value: slot.value | (!k & bit) };
            }
            (Compare::Eq, false) => {
                let not = (word, mask, k);
                if !state.not.contains(&not) {
                    state.not.push(not);
                }
            }
            (Compare::Set, false) => slot.known |= k & mask,
            (Compare::Set, true) if (k & mask & !slot.known).is_power_of_two() => {
                let bit = k & mask & !slot.known;
                *slot = Bits { known: slot.known | bit, value: slot.value | bit };
            }
            _ => {}
        }
        Some(state)
    }
}

fn masked(bits: Bits, mask: u32) -> Bits {
    Bits { known: bits.known | !mask, value: bits.value & mask }
}

/// How a comparison comes out, whatever the unknown bits are; `None` if that depends on them.
fn answer(compare: Compare, a: Bits, b: Bits) -> Option<bool> {
    let both = a.known & b.known;
    match compare {
        Compare::Eq if (a.value ^ b.value) & both != 0 => Some(false),
        Compare::Eq => (both == u32::MAX).then_some(true),
        Compare::Set if a.value & b.value != 0 => Some(true),
        Compare::Set => (a.max() & b.max() == 0).then_some(false),
        Compare::Gt | Compare::Ge => {
            let least = compare.holds(a.min(), b.max());
            (least == compare.holds(a.max(), b.min())).then_some(least)
        }
    }
}

/// Of bits that are not known only masks are followed.
fn calculated(alu: Alu, a: Value, b: Value) -> Value {
    if a.bits.known == u32::MAX && b.bits.known == u32::MAX {
        // By 0 the kernel ends the program with a refusal: what is claimed beyond that is not that it refuses.
        return apply(alu, a.bits.value, b.bits.value).map_or(Value::FREE, Value::exactly);
    }
    match (alu, b.bits.known) {
        (Alu::And, u32::MAX) => Value {
            bits: masked(a.bits, b.bits.value),
            field: a.field.map(|(word, mask)| (word, mask & b.bits.value)),
        },
        _ => Value::FREE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seccomp::bpf::{Call, Insn, LD_ABS, RET_K};
    use crate::seccomp::random::Random;

    const EPERM: u32 = 0x0005_0001;

    fn program(insns: &[(u16, u8, u8, u32)]) -> Program {
        let insns = insns.iter().map(|(code, jt, jf, k)| Insn { code: *code, jt: *jt, jf: *jf, k: *k });
        let program = Program::new(insns.collect()).unwrap();
        program.check().unwrap();
        program
    }

    fn can(insns: &[(u16, u8, u8, u32)]) -> bool {
        program(insns).can_allow(&Pattern::new(Arch::X86_64, 16)).unwrap()
    }

    const ALLOW: (u16, u8, u8, u32) = (RET_K, 0, 0, Action::ALLOW.0);
    const REFUSE: (u16, u8, u8, u32) = (RET_K, 0, 0, EPERM);

    #[test]
    fn both_ways_are_gone_where_a_word_is_not_known() {
        for offset in (8..64).step_by(4) {
            assert!(can(&[(LD_ABS, 0, 0, offset), (0x15, 0, 1, 7), ALLOW, REFUSE]), "{offset}");
            assert!(can(&[(LD_ABS, 0, 0, offset), (0x15, 1, 0, 7), ALLOW, REFUSE]), "{offset}");
        }
        // The number is known.
        assert!(!can(&[(LD_ABS, 0, 0, 0), (0x15, 0, 1, 17), ALLOW, REFUSE]));
        assert!(can(&[(LD_ABS, 0, 0, 0), (0x15, 0, 1, 16), ALLOW, REFUSE]));
    }

    #[test]
    fn what_one_comparison_says_the_next_one_knows() {
        // Twice the same question, with different answers.
        let twice = |first: (u16, u32), second: (u16, u32)| {
            can(&[
                (LD_ABS, 0, 0, 16),
                (first.0, 0, 3, first.1),
                (LD_ABS, 0, 0, 16),
                (second.0, 1, 0, second.1),
                ALLOW,
                REFUSE,
            ])
        };
        assert!(!twice((0x15, 7), (0x15, 7)));
        assert!(!twice((0x45, 8), (0x45, 8)));
        assert!(twice((0x15, 7), (0x15, 8)));
        assert!(twice((0x45, 8), (0x45, 4)));
        // A mask does not lose the word.
        let mask =
            [(LD_ABS, 0, 0, 16), (0x54, 0, 0, 8), (0x15, 0, 3, 8), (LD_ABS, 0, 0, 16), (0x45, 1, 0, 8)];
        assert!(!can(&[&mask[..], &[ALLOW, REFUSE]].concat()));
        // Nor does its not being something.
        let not = [(LD_ABS, 0, 0, 16), (0x15, 3, 0, 7), (LD_ABS, 0, 0, 16), (0x15, 0, 1, 7), ALLOW, REFUSE];
        assert!(!can(&not));
    }

    /// Loads, masks, sums and comparisons of words, of which half are the request's or the number.
    fn random_program(random: &mut Random) -> Program {
        let len = 3 + random.below(12);
        let mut insns: Vec<Insn> = Vec::new();
        for left in (1..len).rev() {
            let k = [0x5412, 16, 0, 1, 0x5412_0000, u32::MAX][random.below(6) as usize];
            let code = [LD_ABS, LD_ABS, 0x15, 0x15, 0x25, 0x35, 0x45, 0x54, 0x04, 0x07, 0x87, 0x1d]
                [random.below(12) as usize];
            let k = if code == LD_ABS { [0, 24, 24, 16, 28, 8][random.below(6) as usize] } else { k };
            let mut skip = || random.below(left) as u8;
            let (jt, jf) = if code & 7 == 5 { (skip(), skip()) } else { (0, 0) };
            let ret = Insn {
                code: RET_K,
                jt: 0,
                jf: 0,
                k: if random.below(4) == 0 { Action::ALLOW.0 } else { EPERM },
            };
            insns.push(if random.below(5) == 0 { ret } else { Insn { code, jt, jf, k } });
        }
        insns.push(Insn { code: RET_K, jt: 0, jf: 0, k: EPERM });
        Program::new(insns).unwrap()
    }

    #[test]
    fn what_is_said_to_be_refused_is_refused_whatever_the_call() {
        let mut random = Random::new(5);
        let (mut refused, mut allowed) = (0, 0);
        for _ in 0..4000 {
            let program = random_program(&mut random);
            program.check().unwrap();
            let pattern = Pattern::new(Arch::X86_64, 16).with(1, Bits::exactly(0x5412), Bits::FREE);
            let can = program.can_allow(&pattern).unwrap();
            let mut made = false;
            for _ in 0..20 {
                let mut word =
                    || [0, 1, 16, 0x5412, u32::MAX, random.next() as u32][random.below(6) as usize];
                let mut args = [0; 6].map(|_: u64| u64::from(word()) | u64::from(word()) << 32);
                args[1] = args[1] & !0xffff_ffff | 0x5412;
                let call =
                    Call { instruction_pointer: u64::from(word()), ..Call::new(Arch::X86_64, 16, args) };
                made |= program.evaluate(&call).unwrap().action.is_allowed();
            }
            assert!(can || !made, "{program:?}");
            refused += u32::from(!can);
            allowed += u32::from(made);
        }
        assert!(refused > 100 && allowed > 100, "{refused} {allowed}");
    }

    #[test]
    fn a_program_with_too_many_paths_has_no_answer() {
        // Each comparison has two ways, and what is known after one is not what is known after the other.
        let mut insns = Vec::new();
        for bit in 0..24 {
            insns.extend([(LD_ABS, 0, 0, 16), (0x45, 0, 0, 1 << bit)]);
        }
        insns.push(REFUSE);
        assert_eq!(program(&insns).can_allow(&Pattern::new(Arch::X86_64, 16)), None);
    }
}
