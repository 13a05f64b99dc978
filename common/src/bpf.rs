//! Seccomp programs looked at before they are loaded: whether the kernel will take one, and if not, which instruction is wrong.
//!
//! The rules are those of `bpf_check_classic` (net/core/filter.c) and `seccomp_check_filter` (kernel/seccomp.c).

/// The most instructions that a filter has (`BPF_MAXINSNS`).
pub const MOST: usize = 4096;

/// What is wrong with a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The instruction, counted from 0; `None` for the program as a whole.
    pub at: Option<u32>,
    /// Why.
    pub why: &'static str,
}

/// One `struct sock_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Instruction {
    code: u16,
    jt: u8,
    jf: u8,
    k: u32,
}

impl Instruction {
    fn of(entry: &[u8; 8]) -> Instruction {
        let [c0, c1, jt, jf, k0, k1, k2, k3] = *entry;
        Instruction { code: u16::from_le_bytes([c0, c1]), jt, jf, k: u32::from_le_bytes([k0, k1, k2, k3]) }
    }
}

/// How many words of scratch memory there are (`BPF_MEMWORDS`).
const MEMORY: u32 = 16;
/// The size of `struct seccomp_data`.
const DATA: u32 = 64;

const RET_K: u16 = 0x06;
const RET_A: u16 = 0x16;
const JUMP: u16 = 0x05;

fn instructions(program: &[u8]) -> impl Iterator<Item = Instruction> {
    let (entries, _) = program.as_chunks::<8>();
    entries.iter().map(Instruction::of)
}

/// Whether the kernel takes `program`, which is whole 8-byte entries.
pub fn check(program: &[u8]) -> Result<(), Wrong> {
    let whole = |why| Wrong { at: None, why };
    let count = program.len() / 8;
    if count == 0 {
        return Err(whole("no instruction"));
    }
    if count > MOST {
        return Err(whole("more than 4096 instructions"));
    }
    // Cells of scratch memory that are written on every way to this instruction; what jumps bring is kept by target.
    let mut known = [u16::MAX; MOST];
    let mut valid = 0u16;
    let mut last = None;
    for (at, instruction) in instructions(program).enumerate() {
        let wrong = |why| Wrong { at: Some(at as u32), why };
        let rest = (count - at - 1) as u64;
        check_one(instruction, rest).map_err(wrong)?;
        valid &= known.get(at).copied().unwrap_or_default();
        let cell = 1u16.checked_shl(instruction.k).unwrap_or(0);
        let mut jump = |over: u64| {
            if let Some(slot) = known.get_mut((at as u64 + 1 + over) as usize) {
                *slot &= valid;
            }
        };
        match instruction.code {
            // ST, STX
            0x02 | 0x03 => valid |= cell,
            // LD and LDX of scratch memory
            0x60 | 0x61 if valid & cell == 0 => {
                return Err(wrong("reads scratch memory that was not written"));
            }
            JUMP => {
                jump(u64::from(instruction.k));
                valid = u16::MAX;
            }
            code if code & 0x07 == 0x05 => {
                jump(u64::from(instruction.jt));
                jump(u64::from(instruction.jf));
                valid = u16::MAX;
            }
            _ => {}
        }
        last = Some(instruction);
    }
    match last {
        Some(Instruction { code: RET_K | RET_A, .. }) => Ok(()),
        _ => Err(Wrong { at: Some((count - 1) as u32), why: "the last instruction is not a return" }),
    }
}

/// One instruction with `rest` instructions behind it.
fn check_one(instruction: Instruction, rest: u64) -> Result<(), &'static str> {
    let k = instruction.k;
    match instruction.code {
        // LD | W | ABS
        0x20 if !k.is_multiple_of(4) => Err("loads from an offset that is not a multiple of 4"),
        0x20 if k >= DATA => Err("loads from behind the 64 bytes of struct seccomp_data"),
        0x20 => Ok(()),
        // LD and LDX of an immediate and of the length; TAX, TXA; returns
        0x00 | 0x01 | 0x80 | 0x81 | 0x07 | 0x87 | RET_K | RET_A => Ok(()),
        // LD, LDX, ST, STX of scratch memory
        0x60 | 0x61 | 0x02 | 0x03 if k < MEMORY => Ok(()),
        0x60 | 0x61 | 0x02 | 0x03 => Err("names scratch memory that there is not (16 words)"),
        // DIV | K
        0x34 if k == 0 => Err("divides by 0"),
        // LSH | K, RSH | K
        0x64 | 0x74 if k >= 32 => Err("shifts by 32 bits or more"),
        // ADD, SUB, MUL, DIV, AND, OR, XOR, LSH, RSH with K and with X; NEG
        0x04 | 0x0c | 0x14 | 0x1c | 0x24 | 0x2c | 0x34 | 0x3c | 0x54 | 0x5c | 0x44 | 0x4c | 0xa4 | 0xac
        | 0x64 | 0x6c | 0x74 | 0x7c | 0x84 => Ok(()),
        JUMP if u64::from(k) < rest => Ok(()),
        // JEQ, JGT, JGE, JSET with K and with X
        0x15 | 0x1d | 0x25 | 0x2d | 0x35 | 0x3d | 0x45 | 0x4d
            if u64::from(instruction.jt) < rest && u64::from(instruction.jf) < rest =>
        {
            Ok(())
        }
        JUMP | 0x15 | 0x1d | 0x25 | 0x2d | 0x35 | 0x3d | 0x45 | 0x4d => Err("jumps behind the end"),
        _ => Err("no instruction that a seccomp filter may have"),
    }
}

/// `SECCOMP_RET_ACTION_FULL`.
const ACTION: u32 = 0xffff_0000;
/// `SECCOMP_RET_KILL_PROCESS`; `SECCOMP_RET_KILL_THREAD` is 0.
const KILL_PROCESS: u32 = 0x8000_0000;

/// Makes every return in `program` that would kill the calling thread kill the whole process. A return of what was computed
/// cannot be known, and is refused.
pub fn kill_process(program: &mut [u8]) -> Result<(), Wrong> {
    let (entries, _) = program.as_chunks_mut::<8>();
    for (at, entry) in entries.iter_mut().enumerate() {
        let instruction = Instruction::of(entry);
        match instruction.code {
            RET_A => {
                return Err(Wrong {
                    at: Some(at as u32),
                    why: "returns what it has computed, so nobody can say what that is",
                });
            }
            RET_K if instruction.k & ACTION == 0 => {
                let [.., k0, k1, k2, k3] = entry;
                [*k0, *k1, *k2, *k3] = (instruction.k | KILL_PROCESS).to_le_bytes();
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(instructions: &[(u16, u8, u8, u32)]) -> Vec<u8> {
        let entry = |(code, jt, jf, k): &(u16, u8, u8, u32)| {
            let ([c0, c1], [k0, k1, k2, k3]) = (code.to_le_bytes(), k.to_le_bytes());
            [c0, c1, *jt, *jf, k0, k1, k2, k3]
        };
        instructions.iter().flat_map(entry).collect()
    }

    const ALLOW: (u16, u8, u8, u32) = (RET_K, 0, 0, 0x7fff_0000);

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let wrong = |at, why| Err(Wrong { at, why });
        let jump_over = [(0x15, 1, 0, 5), (0x02, 0, 0, 3), (0x60, 0, 0, 3), ALLOW];
        for (instructions, expected) in [
            (&[ALLOW][..], Ok(())),
            (&[(0x20, 0, 0, 60), ALLOW], Ok(())),
            (&[(0x02, 0, 0, 3), (0x60, 0, 0, 3), (RET_A, 0, 0, 0)], Ok(())),
            (&[], wrong(None, "no instruction")),
            (&[(0x20, 0, 0, 2), ALLOW], wrong(Some(0), "loads from an offset that is not a multiple of 4")),
            (
                &[(0x20, 0, 0, 64), ALLOW],
                wrong(Some(0), "loads from behind the 64 bytes of struct seccomp_data"),
            ),
            (&[(0x28, 0, 0, 0), ALLOW], wrong(Some(0), "no instruction that a seccomp filter may have")),
            (&[ALLOW, (0x15, 0, 1, 0), ALLOW], wrong(Some(1), "jumps behind the end")),
            (&[(JUMP, 0, 0, 0)], wrong(Some(0), "jumps behind the end")),
            (&[(0x34, 0, 0, 0), ALLOW], wrong(Some(0), "divides by 0")),
            (&[(0x64, 0, 0, 32), ALLOW], wrong(Some(0), "shifts by 32 bits or more")),
            (&[(0x02, 0, 0, 16), ALLOW], wrong(Some(0), "names scratch memory that there is not (16 words)")),
            (&[(0x60, 0, 0, 3), ALLOW], wrong(Some(0), "reads scratch memory that was not written")),
            (&jump_over, wrong(Some(2), "reads scratch memory that was not written")),
            (&[ALLOW, (0x20, 0, 0, 0)], wrong(Some(1), "the last instruction is not a return")),
        ] {
            assert_eq!(check(&program(instructions)), expected, "{instructions:?}");
        }
        let many = |count| program(&vec![ALLOW; count]);
        assert_eq!((check(&many(4096)), check(&many(4097)).is_err()), (Ok(()), true));
    }

    #[test]
    fn kills_become_kills_of_the_process() {
        let mut rewritten = program(&[(0x15, 0, 1, 0), (RET_K, 0, 0, 5), (RET_K, 0, 0, 0x0005_0001), ALLOW]);
        kill_process(&mut rewritten).unwrap();
        let expected =
            program(&[(0x15, 0, 1, 0), (RET_K, 0, 0, 0x8000_0005), (RET_K, 0, 0, 0x0005_0001), ALLOW]);
        assert_eq!(rewritten, expected);
        let computed =
            Wrong { at: Some(0), why: "returns what it has computed, so nobody can say what that is" };
        assert_eq!(kill_process(&mut program(&[(RET_A, 0, 0, 0)])), Err(computed));
    }
}
