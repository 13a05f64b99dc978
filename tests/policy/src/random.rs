//! Random programs, the same ones from the same seed.

use sallyport::seccomp::bpf::{Insn, Program};

/// Xorshift.
pub struct Random(u64);

impl Random {
    /// Starts at `seed`, which is not 0.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next number.
    pub fn word(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        (self.word() >> 11) % limit
    }

    /// One of these.
    pub fn one<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        of.get(self.below(of.len() as u64) as usize).copied()
    }

    /// A constant: small, at an edge, or any.
    pub fn constant(&mut self) -> u32 {
        match self.below(4) {
            0 => self.below(40) as u32,
            1 => self.one(&[0, 31, 32, 33, 0x7fff_ffff, 0x8000_0000, u32::MAX]).unwrap_or(0),
            _ => self.word() as u32,
        }
    }

    /// One instruction out of all that look like one, some of them wrong, with `after` behind it.
    fn insn(&mut self, after: u64) -> Insn {
        const CODES: [u16; 44] = [
            0x20, 0x20, 0x20, 0x00, 0x80, 0x60, 0x60, 0x01, 0x81, 0x61, 0x02, 0x02, 0x03, 0x04, 0x0c, 0x14,
            0x1c, 0x24, 0x2c, 0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c, 0x64, 0x6c, 0x74, 0x7c, 0xa4, 0xac, 0x84,
            0x07, 0x87, 0x05, 0x15, 0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x45, 0x4d, 0x06,
        ];
        let code = self.one(&CODES).unwrap_or(0x06);
        let k = match code {
            0x20 => 4 * self.below(16) as u32,
            0x60 | 0x61 | 0x02 | 0x03 => self.below(16) as u32,
            0x64 | 0x74 => self.below(32) as u32,
            0x05 => self.below(after.max(1)) as u32,
            0x06 => 0x0005_0000 | self.below(4096) as u32,
            _ => self.constant(),
        };
        let near = |random: &mut Random| random.below(after.clamp(1, 6)) as u8;
        Insn { code, jt: near(self), jf: near(self), k }
    }

    /// A program that ends by telling the lower bits of what it has computed, as the number of an error.
    pub fn computation(&mut self) -> Program {
        let len = 3 + self.below(40);
        let mut insns: Vec<Insn> = (0..len).map(|at| self.insn(len - at + 2)).collect();
        insns.extend([
            Insn { code: 0x54, jt: 0, jf: 0, k: 0xfff },
            Insn { code: 0x44, jt: 0, jf: 0, k: 0x0005_0000 },
            Insn { code: 0x16, jt: 0, jf: 0, k: 0 },
        ]);
        Program::new(insns).unwrap_or_else(|_| std::process::abort())
    }

    /// A program with something changed that may be wrong then.
    pub fn damaged(&mut self) -> Program {
        let mut insns = self.computation().insns().to_vec();
        for _ in 0..=self.below(2) {
            let at = self.below(insns.len() as u64) as usize;
            let (code, byte, k) = (self.below(256) as u16, self.below(256) as u8, self.constant());
            let what = self.below(6);
            let Some(insn) = insns.get_mut(at) else { continue };
            match what {
                0 => insn.code = code,
                1 => insn.code ^= 1 << (code % 16),
                2 => insn.jt = byte,
                3 => insn.jf = byte,
                4 => insn.k = k,
                _ => insn.k = k % 70,
            }
        }
        if self.below(10) == 0 {
            insns.pop();
        }
        Program::new(insns).unwrap_or_else(|_| std::process::abort())
    }
}
