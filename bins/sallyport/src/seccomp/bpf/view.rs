//! What is known of the accumulator and of the call at each instruction, so that a listing can name things.
//!
//! One pass suffices: jumps go forward only. Where two paths meet, what they do not agree on is forgotten.

use super::{Alu, Compare, Op, Operand, Program};
use crate::seccomp::arch::Arch;

/// What the accumulator holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nobody knows.
    Unknown,
    /// This constant.
    Const(u32),
    /// The word at this offset of `struct seccomp_data`, of which these bits.
    Field {
        /// Offset.
        offset: u32,
        /// Bits; all of them if nothing was masked.
        mask: u32,
    },
}

/// What is known before an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The accumulator.
    pub a: Value,
    /// The architecture.
    pub arch: Option<u32>,
    /// The smallest and the largest number the call can have.
    pub nr: (u32, u32),
    /// Its name, if it can be one call only, though of several architectures.
    pub call_name: Option<&'static str>,
}

/// Offset of the number.
pub const NR: u32 = 0;
/// Offset of the architecture.
pub const ARCH: u32 = 4;

impl Known {
    const AT_START: Known = Known { a: Value::Const(0), arch: None, nr: (0, u32::MAX), call_name: None };

    fn meet(self, other: Known) -> Known {
        Known {
            a: if self.a == other.a { self.a } else { Value::Unknown },
            arch: if self.arch == other.arch { self.arch } else { None },
            nr: (self.nr.0.min(other.nr.0), self.nr.1.max(other.nr.1)),
            call_name: if self.call_name == other.call_name { self.call_name } else { None },
        }
    }

    /// What is known besides when a comparison with `k` holds, or does not.
    fn narrowed(mut self, compare: Compare, k: u32, holds: bool) -> Known {
        let Value::Field { offset, mask: u32::MAX } = self.a else { return self };
        match (offset, compare, holds) {
            (ARCH, Compare::Eq, true) => self.arch = Some(k),
            (NR, Compare::Eq, true) => self.nr = (k, k),
            (NR, Compare::Ge, true) => self.nr.0 = self.nr.0.max(k),
            (NR, Compare::Gt, true) => self.nr.0 = self.nr.0.max(k.saturating_add(1)),
            (NR, Compare::Ge, false) => self.nr.1 = self.nr.1.min(k.saturating_sub(1)),
            (NR, Compare::Gt, false) => self.nr.1 = self.nr.1.min(k),
            _ => {}
        }
        if self.nr.0 == self.nr.1 {
            let arch = self.arch.and_then(|audit| Arch::of_call(audit, self.nr.0));
            self.call_name = arch.and_then(|arch| arch.call_name(self.nr.0));
        }
        self
    }

    /// What is known after an instruction that does not jump.
    fn after(mut self, op: Op) -> Known {
        self.a = match (op, self.a) {
            (Op::Load(offset), _) => Value::Field { offset, mask: u32::MAX },
            (Op::LoadImm(k), _) => Value::Const(k),
            (Op::Alu(Alu::And, Operand::K(k)), Value::Field { offset, mask }) => {
                Value::Field { offset, mask: mask & k }
            }
            (Op::Tax | Op::Store(_) | Op::StoreX(_), a) => a,
            (Op::LoadXImm(_) | Op::LoadXLen | Op::LoadXMem(_), a) => a,
            _ => Value::Unknown,
        };
        self
    }
}

/// What is known before each instruction; `None` where no path leads.
pub fn known(program: &Program) -> Vec<Option<Known>> {
    let mut before: Vec<Option<Known>> = vec![None; program.insns().len()];
    if let Some(first) = before.first_mut() {
        *first = Some(Known::AT_START);
    }
    for (at, insn) in program.insns().iter().enumerate() {
        let Some(now) = before.get(at).copied().flatten() else { continue };
        let mut reach = |skip: usize, then: Known| {
            if let Some(slot) = before.get_mut(at + 1 + skip) {
                *slot = Some(slot.map_or(then, |known| known.meet(then)));
            }
        };
        match insn.decode() {
            Some(Op::Ja(k)) => reach(k as usize, now),
            Some(Op::Jump { compare, operand: Operand::K(k), jt, jf }) => {
                reach(usize::from(jt), now.narrowed(compare, k, true));
                reach(usize::from(jf), now.narrowed(compare, k, false));
            }
            Some(Op::Jump { jt, jf, .. }) => {
                reach(usize::from(jt), now);
                reach(usize::from(jf), now);
            }
            Some(Op::RetK(_) | Op::RetA) | None => {}
            Some(op) => reach(0, now.after(op)),
        }
    }
    before
}
