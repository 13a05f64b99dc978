//! What an instruction means, by the part of classic BPF that seccomp takes.

use super::Insn;

/// Right-hand side of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A constant.
    K(u32),
    /// The index register.
    X,
}

/// Arithmetic on the accumulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Alu {
    Add,
    Sub,
    Mul,
    Div,
    Or,
    And,
    Lsh,
    Rsh,
    Xor,
}

/// What a conditional jump asks of the accumulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compare {
    /// Equal.
    Eq,
    /// Greater, unsigned.
    Gt,
    /// Greater or equal, unsigned.
    Ge,
    /// Any bit of the operand is set.
    Set,
}

/// An instruction, decoded. Distances count from the next instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// A = the word at this offset of `struct seccomp_data`.
    Load(u32),
    /// A = constant.
    LoadImm(u32),
    /// A = length of `struct seccomp_data`.
    LoadLen,
    /// A = scratch word.
    LoadMem(u32),
    /// X = constant.
    LoadXImm(u32),
    /// X = length of `struct seccomp_data`.
    LoadXLen,
    /// X = scratch word.
    LoadXMem(u32),
    /// Scratch word = A.
    Store(u32),
    /// Scratch word = X.
    StoreX(u32),
    /// A = A op operand.
    Alu(Alu, Operand),
    /// A = -A.
    Neg,
    /// X = A.
    Tax,
    /// A = X.
    Txa,
    /// Skip that many.
    Ja(u32),
    /// Skip one or the other number.
    Jump {
        /// What is asked.
        compare: Compare,
        /// Against what.
        operand: Operand,
        /// Skipped when it holds.
        jt: u8,
        /// Skipped when it does not.
        jf: u8,
    },
    /// The answer.
    RetK(u32),
    /// A is the answer.
    RetA,
}

/// `BPF_LD | BPF_W | BPF_ABS`.
pub const LD_ABS: u16 = 0x20;
/// `BPF_ALU | BPF_AND | BPF_K`.
pub const AND_K: u16 = 0x54;
/// `BPF_JMP | BPF_JA`.
pub const JA: u16 = 0x05;
/// `BPF_RET | BPF_K`.
pub const RET_K: u16 = 0x06;

impl Compare {
    /// `BPF_JMP | this | BPF_K`.
    pub const fn code(self) -> u16 {
        match self {
            Compare::Eq => 0x15,
            Compare::Gt => 0x25,
            Compare::Ge => 0x35,
            Compare::Set => 0x45,
        }
    }

    /// Whether it holds.
    pub const fn holds(self, a: u32, b: u32) -> bool {
        match self {
            Compare::Eq => a == b,
            Compare::Gt => a > b,
            Compare::Ge => a >= b,
            Compare::Set => a & b != 0,
        }
    }
}

impl Insn {
    /// What the instruction means; `None` if seccomp knows no such code.
    ///
    /// The list is the one of the kernel's `seccomp_check_filter()`: no loads of bytes or half words, no indirect
    /// loads, no modulo, none of the packet filter's extensions.
    pub fn decode(&self) -> Option<Op> {
        let operand = if self.code & 0x08 == 0 { Operand::K(self.k) } else { Operand::X };
        let jump = |compare| Some(Op::Jump { compare, operand, jt: self.jt, jf: self.jf });
        let alu = |op| Some(Op::Alu(op, operand));
        match self.code {
            LD_ABS => Some(Op::Load(self.k)),
            0x00 => Some(Op::LoadImm(self.k)),
            0x80 => Some(Op::LoadLen),
            0x60 => Some(Op::LoadMem(self.k)),
            0x01 => Some(Op::LoadXImm(self.k)),
            0x81 => Some(Op::LoadXLen),
            0x61 => Some(Op::LoadXMem(self.k)),
            0x02 => Some(Op::Store(self.k)),
            0x03 => Some(Op::StoreX(self.k)),
            0x04 | 0x0c => alu(Alu::Add),
            0x14 | 0x1c => alu(Alu::Sub),
            0x24 | 0x2c => alu(Alu::Mul),
            0x34 | 0x3c => alu(Alu::Div),
            0x44 | 0x4c => alu(Alu::Or),
            AND_K | 0x5c => alu(Alu::And),
            0x64 | 0x6c => alu(Alu::Lsh),
            0x74 | 0x7c => alu(Alu::Rsh),
            0xa4 | 0xac => alu(Alu::Xor),
            0x84 => Some(Op::Neg),
            0x07 => Some(Op::Tax),
            0x87 => Some(Op::Txa),
            JA => Some(Op::Ja(self.k)),
            0x15 | 0x1d => jump(Compare::Eq),
            0x25 | 0x2d => jump(Compare::Gt),
            0x35 | 0x3d => jump(Compare::Ge),
            0x45 | 0x4d => jump(Compare::Set),
            RET_K => Some(Op::RetK(self.k)),
            0x16 => Some(Op::RetA),
            _ => None,
        }
    }
}
