//! Changes of inputs, from a seed: the same at every run and on every machine.

/// Makes new inputs of old ones.
pub struct Mutator {
    state: u64,
    words: Vec<Vec<u8>>,
}

impl Mutator {
    /// One that starts from `seed` and knows `words`.
    pub fn new(seed: u64, words: Vec<Vec<u8>>) -> Mutator {
        Mutator { state: seed, words }
    }

    /// splitmix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 when there is none.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// A piece of `bytes`.
    fn piece<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let start = self.below(bytes.len() + 1);
        let len = self.below((bytes.len() - start).min(64) + 1);
        &bytes[start..start + len]
    }

    /// Changes `input` in one to four places; `other` is another input to take pieces from.
    pub fn change(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        for _ in 0..1 + self.below(4) {
            let at = self.below(input.len() + 1);
            match self.below(8) {
                0 => input.insert(at, self.next() as u8),
                1 => drop(input.drain(at..(at + 1 + self.below(8)).min(input.len()))),
                2 if !input.is_empty() => {
                    let at = self.below(input.len());
                    input[at] ^= 1 << self.below(8);
                }
                3 if !input.is_empty() => {
                    let at = self.below(input.len());
                    input[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)];
                }
                4 => {
                    let piece = self.piece(other).to_vec();
                    input.splice(at..at, piece);
                }
                5 => {
                    let piece = self.piece(input).to_vec();
                    input.splice(at..at, piece);
                }
                6 if !self.words.is_empty() => {
                    let index = self.below(self.words.len());
                    let word = self.words[index].clone();
                    input.splice(at..at, word);
                }
                _ => input.truncate(at),
            }
        }
        input.truncate(1 << 14);
    }
}
