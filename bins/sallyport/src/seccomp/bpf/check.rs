//! The kernel's rules: what `seccomp(2)` would refuse, and why, which the kernel does not say.

use super::{Alu, Insn, Op, Operand, Program};
use std::fmt;

/// Bytes of `struct seccomp_data`.
pub const DATA_SIZE: u32 = 64;
/// Words of scratch memory (`BPF_MEMWORDS`).
pub const MEM_WORDS: u32 = 16;

/// Why the kernel would answer `EINVAL`: the instruction's number and what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Number of the instruction, from 0.
    pub at: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What can be wrong with an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Seccomp knows no such code.
    Code(u16),
    /// Not a whole word of `struct seccomp_data`.
    Offset(u32),
    /// No such word of scratch memory.
    Scratch(u32),
    /// A scratch word that no path has written.
    Unwritten(u32),
    /// Division by the constant 0.
    DivideByZero,
    /// A shift by the constant 32 or more.
    Shift(u32),
    /// A jump behind the end.
    Jump,
    /// The last instruction is no return.
    NoReturn,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "instruction {}: ", self.at)?;
        match self.fault {
            Fault::Code(code) => write!(f, "operation {code:#04x} is not one that seccomp takes"),
            Fault::Offset(k) => write!(f, "offset {k} is not a word of struct seccomp_data"),
            Fault::Scratch(k) => write!(f, "there is no scratch word {k}"),
            Fault::Unwritten(k) => write!(f, "scratch word {k} is read where it may not have been written"),
            Fault::DivideByZero => write!(f, "division by 0"),
            Fault::Shift(k) => write!(f, "shift by {k} bits"),
            Fault::Jump => write!(f, "jumps behind the end of the program"),
            Fault::NoReturn => write!(f, "the program does not end with a return"),
        }
    }
}

impl std::error::Error for Refusal {}

impl Program {
    /// Whether the kernel takes the program: `bpf_check_classic()` and `seccomp_check_filter()`.
    pub fn check(&self) -> Result<(), Refusal> {
        let len = self.insns.len();
        for (at, insn) in self.insns.iter().enumerate() {
            check_one(insn, len - at - 1).map_err(|fault| Refusal { at, fault })?;
        }
        let last = self.insns.last().and_then(Insn::decode);
        if !matches!(last, Some(Op::RetK(_) | Op::RetA)) {
            return Err(Refusal { at: len.saturating_sub(1), fault: Fault::NoReturn });
        }
        self.check_scratch()
    }

    /// The kernel's `check_load_and_stores()`: a scratch word is written on every path that leads to its reading.
    fn check_scratch(&self) -> Result<(), Refusal> {
        let mut written_at: Vec<u16> = vec![u16::MAX; self.insns.len()];
        let mut written: u16 = 0;
        let mut meet = |at: usize, written: u16| {
            if let Some(mask) = written_at.get_mut(at) {
                *mask &= written;
            }
            written_at.get(at).copied().unwrap_or(0)
        };
        for (at, insn) in self.insns.iter().enumerate() {
            written = meet(at, written);
            match insn.decode() {
                Some(Op::Store(k) | Op::StoreX(k)) => written |= 1 << k,
                Some(Op::LoadMem(k) | Op::LoadXMem(k)) if written & (1 << k) == 0 => {
                    return Err(Refusal { at, fault: Fault::Unwritten(k) });
                }
                Some(Op::Ja(k)) => {
                    meet(at + 1 + k as usize, written);
                    // What follows is reached by jumps alone.
                    written = u16::MAX;
                }
                Some(Op::Jump { jt, jf, .. }) => {
                    meet(at + 1 + usize::from(jt), written);
                    meet(at + 1 + usize::from(jf), written);
                    written = u16::MAX;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// One instruction with `after` more behind it.
fn check_one(insn: &Insn, after: usize) -> Result<(), Fault> {
    let op = insn.decode().ok_or(Fault::Code(insn.code))?;
    match op {
        Op::Load(k) if k >= DATA_SIZE || k % 4 != 0 => Err(Fault::Offset(k)),
        Op::LoadMem(k) | Op::LoadXMem(k) | Op::Store(k) | Op::StoreX(k) if k >= MEM_WORDS => {
            Err(Fault::Scratch(k))
        }
        Op::Alu(Alu::Div, Operand::K(0)) => Err(Fault::DivideByZero),
        Op::Alu(Alu::Lsh | Alu::Rsh, Operand::K(k)) if k >= 32 => Err(Fault::Shift(k)),
        Op::Ja(k) if k as usize >= after => Err(Fault::Jump),
        Op::Jump { jt, jf, .. } if usize::from(jt.max(jf)) >= after => Err(Fault::Jump),
        _ => Ok(()),
    }
}
