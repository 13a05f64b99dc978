//! Seccomp programs in classic BPF: read, checked by the kernel's rules, shown, and run on a system call.
//!
//! ```
//! use sallyport::seccomp::bpf::{Call, Program};
//! # use sallyport::seccomp::arch::Arch;
//! // ld [0]; jeq #16, 0, 1; ret ERRNO(1); ret ALLOW
//! let bytes = [
//!     0x20, 0, 0, 0, 0, 0, 0, 0, 0x15, 0, 0, 1, 16, 0, 0, 0, 6, 0, 0, 0, 1, 0, 5, 0, 6, 0, 0, 0, 0, 0, 0xff, 0x7f,
//! ];
//! let program = Program::from_bytes(&bytes)?;
//! program.check()?;
//! let answer = program.evaluate(&Call::new(Arch::X86_64, 16, [0; 6]))?;
//! assert_eq!(answer.action.to_string(), "errno EPERM");
//! for line in program.disassemble() {
//!     println!("{line}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod code;
mod disasm;
mod eval;
mod paths;
mod view;

pub use check::{Fault, Refusal};
pub use code::{AND_K, Alu, Compare, JA, LD_ABS, Op, Operand, RET_K};
pub use disasm::Line;
pub use eval::{Answer, Call, answer_of_all};
pub use paths::{Bits, Pattern};

/// The most instructions that the kernel takes (`BPF_MAXINSNS`).
pub const MAX_LEN: usize = 4096;
/// Bytes of an encoded instruction.
pub const INSN_SIZE: usize = 8;

/// One instruction, `struct sock_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Insn {
    /// Operation.
    pub code: u16,
    /// Instructions to skip when a comparison holds.
    pub jt: u8,
    /// Instructions to skip when it does not.
    pub jf: u8,
    /// Operand.
    pub k: u32,
}

/// A program: instructions, not yet known to be good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    insns: Vec<Insn>,
}

/// Why bytes are no program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Nothing at all.
    Empty,
    /// Not a whole number of instructions.
    Ragged(usize),
    /// More instructions than the kernel takes.
    TooLong(usize),
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Malformed::Empty => write!(f, "a seccomp program has at least one instruction, this one none"),
            Malformed::Ragged(bytes) => {
                write!(f, "a seccomp program is a multiple of {INSN_SIZE} bytes long, this one {bytes} bytes")
            }
            Malformed::TooLong(count) => {
                write!(f, "a seccomp program has at most {MAX_LEN} instructions, this one {count}")
            }
        }
    }
}

impl std::error::Error for Malformed {}

impl Program {
    /// A program of these instructions, which need not be good ones.
    pub fn new(insns: Vec<Insn>) -> Result<Program, Malformed> {
        match insns.len() {
            0 => Err(Malformed::Empty),
            count if count > MAX_LEN => Err(Malformed::TooLong(count)),
            _ => Ok(Program { insns }),
        }
    }

    /// Reads what `bwrap --seccomp FD` reads: an array of `struct sock_filter`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Program, Malformed> {
        let (insns, rest) = bytes.as_chunks::<INSN_SIZE>();
        if !rest.is_empty() {
            return Err(Malformed::Ragged(bytes.len()));
        }
        if insns.len() > MAX_LEN {
            return Err(Malformed::TooLong(insns.len()));
        }
        Program::new(insns.iter().map(Insn::from_bytes).collect())
    }

    /// The bytes that [`Program::from_bytes`] reads.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.insns.iter().flat_map(|insn| insn.to_bytes()).collect()
    }

    /// The instructions.
    pub fn insns(&self) -> &[Insn] {
        &self.insns
    }
}

impl Insn {
    fn from_bytes(bytes: &[u8; INSN_SIZE]) -> Insn {
        let [c0, c1, jt, jf, k0, k1, k2, k3] = *bytes;
        Insn { code: u16::from_le_bytes([c0, c1]), jt, jf, k: u32::from_le_bytes([k0, k1, k2, k3]) }
    }

    fn to_bytes(self) -> [u8; INSN_SIZE] {
        let [c0, c1] = self.code.to_le_bytes();
        let [k0, k1, k2, k3] = self.k.to_le_bytes();
        [c0, c1, self.jt, self.jf, k0, k1, k2, k3]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seccomp::action::Action;
    use crate::seccomp::arch::Arch;

    fn insn(code: u16, jt: u8, jf: u8, k: u32) -> Insn {
        Insn { code, jt, jf, k }
    }

    fn refusal(insns: &[Insn]) -> Option<Refusal> {
        Program::new(insns.to_vec()).unwrap().check().err()
    }

    #[test]
    fn bytes_are_whole_instructions_and_not_too_many() {
        assert_eq!(Program::from_bytes(&[]), Err(Malformed::Empty));
        assert_eq!(Program::from_bytes(&[0; 12]), Err(Malformed::Ragged(12)));
        assert_eq!(Program::from_bytes(&[0; 8 * 4097]), Err(Malformed::TooLong(4097)));
        let bytes = [6, 0, 1, 2, 0x12, 0x34, 0x56, 0x78];
        let program = Program::from_bytes(&bytes).unwrap();
        assert_eq!(program.insns(), [insn(6, 1, 2, 0x7856_3412)]);
        assert_eq!(program.to_bytes(), bytes);
    }

    #[test]
    fn a_refusal_says_which_instruction_and_why() {
        let ret = insn(RET_K, 0, 0, 0);
        for (insns, at, fault) in [
            (vec![insn(0x28, 0, 0, 0), ret], 0, Fault::Code(0x28)),
            (vec![ret, insn(0x94, 0, 0, 3), ret], 1, Fault::Code(0x94)),
            (vec![insn(LD_ABS, 0, 0, 2), ret], 0, Fault::Offset(2)),
            (vec![insn(LD_ABS, 0, 0, 64), ret], 0, Fault::Offset(64)),
            (vec![insn(LD_ABS, 0, 0, 0xffff_f000), ret], 0, Fault::Offset(0xffff_f000)),
            (vec![insn(0x60, 0, 0, 16), ret], 0, Fault::Scratch(16)),
            (vec![insn(0x60, 0, 0, 3), ret], 0, Fault::Unwritten(3)),
            (
                vec![insn(0x15, 1, 0, 3), insn(0x02, 0, 0, 3), insn(0x60, 0, 0, 3), ret],
                2,
                Fault::Unwritten(3),
            ),
            (vec![insn(0x34, 0, 0, 0), ret], 0, Fault::DivideByZero),
            (vec![insn(0x64, 0, 0, 32), ret], 0, Fault::Shift(32)),
            (vec![insn(JA, 0, 0, 1), ret], 0, Fault::Jump),
            (vec![insn(JA, 0, 0, u32::MAX), ret], 0, Fault::Jump),
            (vec![insn(0x15, 0, 1, 0), ret], 0, Fault::Jump),
            (vec![ret, insn(0x20, 0, 0, 0)], 1, Fault::NoReturn),
        ] {
            assert_eq!(refusal(&insns), Some(Refusal { at, fault }), "{insns:?}");
        }
        assert_eq!(refusal(&[insn(0x02, 0, 0, 3), insn(0x60, 0, 0, 3), insn(0x16, 0, 0, 0)]), None);
    }

    #[test]
    fn the_most_restrictive_answer_counts_and_of_equal_ones_the_last_filters() {
        let answers = [Action::errno(1), Action::ALLOW, Action::errno(38), Action::LOG];
        let programs = answers.map(|action| Program::new(vec![insn(RET_K, 0, 0, action.0)]).unwrap());
        let call = Call::new(Arch::X86_64, 0, [0; 6]);
        let (number, answer) = answer_of_all(&programs, &call).unwrap().unwrap();
        assert_eq!((number, answer.action), (2, Action::errno(38)));
        assert_eq!(answer_of_all(&[], &call), Ok(None));
    }

    #[test]
    fn a_listing_names_what_is_compared() {
        let program = Program::new(vec![
            insn(LD_ABS, 0, 0, 4),
            insn(0x15, 1, 0, 0xc000_003e),
            insn(RET_K, 0, 0, 0x8000_0000),
            insn(LD_ABS, 0, 0, 0),
            insn(0x35, 0, 1, 0x4000_0000),
            insn(RET_K, 0, 0, 0x8000_0000),
            insn(0x15, 0, 3, 16),
            insn(LD_ABS, 0, 0, 24),
            insn(0x15, 0, 1, 0x5412),
            insn(RET_K, 0, 0, 0x0005_0001),
            insn(RET_K, 0, 0, 0x7fff_0000),
        ]);
        let lines: Vec<String> = program.unwrap().disassemble().iter().map(Line::to_string).collect();
        let expected = "          0  A = arch
          1  if arch == x86_64 (0xc000003e) goto L1
          2  return kill process
   L1:    3  A = nr
          4  if nr < 0x40000000 (x32) goto L2
          5  return kill process
   L2:    6  if nr != 16 (ioctl) goto L3
          7  A = arg1.lo                                      # ioctl
          8  if arg1.lo != TIOCSTI (0x5412) goto L3           # ioctl
          9  return errno EPERM                               # ioctl
   L3:   10  return allow";
        assert_eq!(lines.join("\n"), expected);
    }
}
