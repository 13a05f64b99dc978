//! Runs a program on a system call, step for step what the kernel does.

use super::check::{DATA_SIZE, Fault, MEM_WORDS};
use super::{Alu, Op, Operand, Program, Refusal};
use crate::seccomp::action::Action;
use crate::seccomp::arch::Arch;

/// A system call as a filter sees it, `struct seccomp_data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Number, with x32's bit if it is one of those.
    pub nr: u32,
    /// `AUDIT_ARCH_…`.
    pub arch: u32,
    /// Where it was called from.
    pub instruction_pointer: u64,
    /// Arguments.
    pub args: [u64; 6],
}

impl Call {
    /// Call number `nr` of `arch`, called from nowhere in particular. The number is the one of the
    /// [tables](crate::seccomp::arch), so x32's have their bit; a 32-bit caller's arguments are cut to 32 bits.
    pub fn new(arch: Arch, nr: u32, args: [u64; 6]) -> Call {
        let args = if arch.is_32_bit() { args.map(|arg| arg & 0xffff_ffff) } else { args };
        Call { nr, arch: arch.audit(), instruction_pointer: 0, args }
    }

    /// The word at `offset` of the structure.
    fn word(&self, offset: u32) -> Option<u32> {
        let half = |value: u64| if offset.is_multiple_of(8) { value as u32 } else { (value >> 32) as u32 };
        match offset {
            0 => Some(self.nr),
            4 => Some(self.arch),
            8 | 12 => Some(half(self.instruction_pointer)),
            16..DATA_SIZE if offset.is_multiple_of(4) => {
                self.args.get((offset as usize - 16) / 8).map(|arg| half(*arg))
            }
            _ => None,
        }
    }
}

/// What a program answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What the kernel does then.
    pub action: Action,
    /// Number of the instruction that said so.
    pub at: usize,
    /// How many instructions were run.
    pub steps: usize,
}

/// The registers.
#[derive(Default)]
struct Machine {
    a: u32,
    x: u32,
    mem: [u32; MEM_WORDS as usize],
}

impl Program {
    /// Runs the program on `call`. Refused is only what [`Program::check`] refuses.
    pub fn evaluate(&self, call: &Call) -> Result<Answer, Refusal> {
        let mut machine = Machine::default();
        let (mut at, mut steps) = (0, 0);
        loop {
            let insn = self.insns.get(at).ok_or(Refusal { at, fault: Fault::NoReturn })?;
            steps += 1;
            let op = insn.decode().ok_or(Refusal { at, fault: Fault::Code(insn.code) })?;
            match machine.step(op, call).map_err(|fault| Refusal { at, fault })? {
                Step::Skip(count) => at += 1 + count,
                Step::Return(value) => return Ok(Answer { action: Action(value), at, steps }),
            }
        }
    }
}

enum Step {
    Skip(usize),
    Return(u32),
}

impl Machine {
    fn step(&mut self, op: Op, call: &Call) -> Result<Step, Fault> {
        match op {
            Op::Load(k) => self.a = call.word(k).ok_or(Fault::Offset(k))?,
            Op::LoadImm(k) => self.a = k,
            Op::LoadLen => self.a = DATA_SIZE,
            Op::LoadMem(k) => self.a = *self.mem.get(k as usize).ok_or(Fault::Scratch(k))?,
            Op::LoadXImm(k) => self.x = k,
            Op::LoadXLen => self.x = DATA_SIZE,
            Op::LoadXMem(k) => self.x = *self.mem.get(k as usize).ok_or(Fault::Scratch(k))?,
            Op::Store(k) => *self.mem.get_mut(k as usize).ok_or(Fault::Scratch(k))? = self.a,
            Op::StoreX(k) => *self.mem.get_mut(k as usize).ok_or(Fault::Scratch(k))? = self.x,
            Op::Alu(alu, operand) => {
                let value = self.operand(operand);
                // The kernel ends the program with 0 when it would divide by an X of 0.
                let Some(a) = apply(alu, self.a, value) else { return Ok(Step::Return(0)) };
                self.a = a;
            }
            Op::Neg => self.a = self.a.wrapping_neg(),
            Op::Tax => self.x = self.a,
            Op::Txa => self.a = self.x,
            Op::Ja(k) => return Ok(Step::Skip(k as usize)),
            Op::Jump { compare, operand, jt, jf } => {
                let holds = compare.holds(self.a, self.operand(operand));
                return Ok(Step::Skip(usize::from(if holds { jt } else { jf })));
            }
            Op::RetK(k) => return Ok(Step::Return(k)),
            Op::RetA => return Ok(Step::Return(self.a)),
        }
        Ok(Step::Skip(0))
    }

    fn operand(&self, operand: Operand) -> u32 {
        match operand {
            Operand::K(k) => k,
            Operand::X => self.x,
        }
    }
}

/// 32-bit arithmetic that wraps; shifts look at five bits, as the processor's do.
pub(super) fn apply(alu: Alu, a: u32, b: u32) -> Option<u32> {
    match alu {
        Alu::Add => Some(a.wrapping_add(b)),
        Alu::Sub => Some(a.wrapping_sub(b)),
        Alu::Mul => Some(a.wrapping_mul(b)),
        Alu::Div => a.checked_div(b),
        Alu::Or => Some(a | b),
        Alu::And => Some(a & b),
        Alu::Lsh => Some(a.wrapping_shl(b)),
        Alu::Rsh => Some(a.wrapping_shr(b)),
        Alu::Xor => Some(a ^ b),
    }
}

/// What several filters answer together, in the order they were loaded: the most restrictive action, and of equal
/// ones the one of the filter loaded last. The number tells which filter that was.
pub fn answer_of_all(programs: &[Program], call: &Call) -> Result<Option<(usize, Answer)>, Refusal> {
    let mut decided: Option<(usize, Answer)> = None;
    for (number, program) in programs.iter().enumerate().rev() {
        let answer = program.evaluate(call)?;
        if decided.is_none_or(|(_, so_far)| answer.action.rank() < so_far.action.rank()) {
            decided = Some((number, answer));
        }
    }
    Ok(decided)
}
