//! A program in words: one line an instruction, with labels where jumps arrive and names for what is compared.

use super::view::{ARCH, Known, NR, Value, known};
use super::{Alu, Compare, Insn, Op, Operand, Program};
use crate::seccomp::action::Action;
use crate::seccomp::arch::{Arch, X32_BIT, audit_name};
use crate::seccomp::names;
use std::collections::BTreeMap;
use std::fmt;

/// One line of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Number of the instruction, from 0.
    pub at: usize,
    /// `L3`, if a jump arrives here.
    pub label: Option<String>,
    /// What the instruction does.
    pub text: String,
    /// The call that this part of the program is about, where it can be one only.
    pub about: Option<&'static str>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = self.label.as_ref().map_or(String::new(), |label| format!("{label}:"));
        let Line { at, text, .. } = self;
        match self.about {
            Some(about) => write!(f, "{label:>6} {at:>4}  {text:<48} # {about}"),
            None => write!(f, "{label:>6} {at:>4}  {text}"),
        }
    }
}

impl Program {
    /// The program in words. Works for programs that the kernel would refuse, too.
    pub fn disassemble(&self) -> Vec<Line> {
        let known = known(self);
        let labels = labels(self);
        let lines = self.insns().iter().zip(&known).enumerate();
        lines
            .map(|(at, (insn, known))| {
                let text = match known {
                    Some(known) => Words { at, known, labels: &labels }.text(insn),
                    None => format!(
                        "{} (never reached)",
                        Words { at, known: &NOTHING, labels: &labels }.text(insn)
                    ),
                };
                // Worth a remark where the call's arguments are looked at and where the program ends.
                let about = known
                    .as_ref()
                    .and_then(|known| known.call_name)
                    .filter(|_| !matches!(insn.decode(), Some(Op::Ja(_))));
                Line { at, label: labels.get(&at).cloned(), text, about }
            })
            .collect()
    }
}

const NOTHING: Known = Known { a: Value::Unknown, arch: None, nr: (0, u32::MAX), call_name: None };

/// Where jumps arrive that do not just go on, named in the order of the places.
fn labels(program: &Program) -> BTreeMap<usize, String> {
    let mut places = BTreeMap::new();
    for (at, insn) in program.insns().iter().enumerate() {
        let mut arrive = |skip: usize| {
            if skip != 0 {
                places.insert(at + 1 + skip, String::new());
            }
        };
        match insn.decode() {
            Some(Op::Ja(k)) => {
                places.insert(at + 1 + k as usize, String::new());
            }
            Some(Op::Jump { jt, jf, .. }) => {
                arrive(usize::from(jt));
                arrive(usize::from(jf));
            }
            _ => {}
        }
    }
    for (number, name) in places.values_mut().enumerate() {
        *name = format!("L{}", number + 1);
    }
    places
}

/// One instruction and what is known before it.
struct Words<'a> {
    at: usize,
    known: &'a Known,
    labels: &'a BTreeMap<usize, String>,
}

impl Words<'_> {
    fn text(&self, insn: &Insn) -> String {
        let Some(op) = insn.decode() else {
            return format!(
                "refused by the kernel: code {:#06x} {} {} {:#x}",
                insn.code, insn.jt, insn.jf, insn.k
            );
        };
        match op {
            Op::Load(k) => format!("A = {}", field(k)),
            Op::LoadImm(k) => format!("A = {k:#x}"),
            Op::LoadLen => "A = sizeof(struct seccomp_data)".into(),
            Op::LoadMem(k) => format!("A = M[{k}]"),
            Op::LoadXImm(k) => format!("X = {k:#x}"),
            Op::LoadXLen => "X = sizeof(struct seccomp_data)".into(),
            Op::LoadXMem(k) => format!("X = M[{k}]"),
            Op::Store(k) => format!("M[{k}] = A"),
            Op::StoreX(k) => format!("M[{k}] = X"),
            Op::Alu(alu, operand) => format!("A {}= {}", sign(alu), plain(operand)),
            Op::Neg => "A = -A".into(),
            Op::Tax => "X = A".into(),
            Op::Txa => "A = X".into(),
            Op::Ja(k) => format!("goto {}", self.label(k as usize)),
            Op::Jump { compare, operand, jt, jf } => self.jump(compare, operand, jt.into(), jf.into()),
            Op::RetK(k) => format!("return {}", Action(k)),
            Op::RetA => "return A".into(),
        }
    }

    fn label(&self, skip: usize) -> String {
        let place = self.at + 1 + skip;
        self.labels.get(&place).cloned().unwrap_or_else(|| format!("instruction {place}"))
    }

    fn jump(&self, compare: Compare, operand: Operand, jt: usize, jf: usize) -> String {
        match (jt, jf) {
            (0, 0) => format!("if {} go on, else too", self.condition(compare, operand, true)),
            (_, 0) => format!("if {} goto {}", self.condition(compare, operand, true), self.label(jt)),
            (0, _) => format!("if {} goto {}", self.condition(compare, operand, false), self.label(jf)),
            _ => format!(
                "if {} goto {} else {}",
                self.condition(compare, operand, true),
                self.label(jt),
                self.label(jf)
            ),
        }
    }

    fn condition(&self, compare: Compare, operand: Operand, holds: bool) -> String {
        let left = match self.known.a {
            Value::Unknown | Value::Const(_) => "A".to_owned(),
            Value::Field { offset, mask: u32::MAX } => field(offset),
            Value::Field { offset, mask } => format!("({} & {mask:#x})", field(offset)),
        };
        let right = match operand {
            Operand::K(k) => self.constant(k),
            Operand::X => "X".to_owned(),
        };
        match (compare, holds) {
            (Compare::Eq, true) => format!("{left} == {right}"),
            (Compare::Eq, false) => format!("{left} != {right}"),
            (Compare::Gt, true) => format!("{left} > {right}"),
            (Compare::Gt, false) => format!("{left} <= {right}"),
            (Compare::Ge, true) => format!("{left} >= {right}"),
            (Compare::Ge, false) => format!("{left} < {right}"),
            (Compare::Set, true) => format!("{left} & {right}"),
            (Compare::Set, false) => format!("!({left} & {right})"),
        }
    }

    /// A constant that the accumulator is compared with, by what the accumulator holds.
    fn constant(&self, k: u32) -> String {
        match self.known.a {
            Value::Field { offset: ARCH, .. } => {
                audit_name(k).map_or_else(|| format!("{k:#010x}"), |name| format!("{name} ({k:#010x})"))
            }
            Value::Field { offset: NR, .. } => self.number(k),
            Value::Field { offset: offset @ 16..64, .. } => {
                let (arg, high) = ((offset - 16) / 8, offset % 8 != 0);
                let name = self.known.call_name.filter(|_| !high);
                let meaning = name.and_then(|name| names::meaning(name, arg, k.into()));
                meaning.map_or_else(|| number(k), |meaning| format!("{meaning} ({k:#x})"))
            }
            _ => number(k),
        }
    }

    /// A system call's number, with its name if there is one.
    fn number(&self, nr: u32) -> String {
        if nr == X32_BIT {
            return format!("{nr:#x} (x32)");
        }
        let arch = self.known.arch.map(|audit| Arch::of_call(audit, nr));
        match arch {
            Some(arch) => match arch.and_then(|arch| arch.call_name(nr)) {
                Some(name) => format!("{} ({name})", number(nr)),
                None => number(nr),
            },
            // The program has not asked which architecture it is; most mean this one.
            None => match Arch::X86_64.call_name(nr) {
                Some(name) => format!("{} ({name} if x86_64)", number(nr)),
                None => number(nr),
            },
        }
    }
}

fn number(k: u32) -> String {
    if k < 4096 { k.to_string() } else { format!("{k:#x}") }
}

fn plain(operand: Operand) -> String {
    match operand {
        Operand::K(k) => format!("{k:#x}"),
        Operand::X => "X".to_owned(),
    }
}

fn sign(alu: Alu) -> &'static str {
    match alu {
        Alu::Add => "+",
        Alu::Sub => "-",
        Alu::Mul => "*",
        Alu::Div => "/",
        Alu::Or => "|",
        Alu::And => "&",
        Alu::Lsh => "<<",
        Alu::Rsh => ">>",
        Alu::Xor => "^",
    }
}

/// A word of `struct seccomp_data`.
fn field(offset: u32) -> String {
    let half = if offset.is_multiple_of(8) { "lo" } else { "hi" };
    match offset {
        NR => "nr".into(),
        ARCH => "arch".into(),
        8 | 12 => format!("ip.{half}"),
        16..64 if offset.is_multiple_of(4) => format!("arg{}.{half}", (offset - 16) / 8),
        _ => format!("data[{offset}]"),
    }
}
