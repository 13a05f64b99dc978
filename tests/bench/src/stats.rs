//! Medians, spread, and how sure a ratio is.

use serde::{Deserialize, Serialize};

/// A small generator (xorshift64*): shuffling and resampling want speed, not secrets.
pub struct Rng(u64);

impl Rng {
    /// Always the same sequence for the same seed; zero is no seed.
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        (high as usize) % bound
    }

    /// Fisher and Yates.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }
}

/// Median; not a number for nothing.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

/// Median of the distances from the median.
pub fn spread(values: &[f64]) -> f64 {
    let middle = median(values);
    median(&values.iter().map(|value| (value - middle).abs()).collect::<Vec<_>>())
}

/// A ratio with the interval that holds it in 95 of 100 resamplings.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Ratio {
    /// The ratio of the medians.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Overhead of `ours` over overhead of `theirs`, both over `alone`. The samples of one round lie at the same
/// index and are drawn together, so that what slowed a whole round slows all three.
pub fn ratio(ours: &[f64], theirs: &[f64], alone: &[f64], rng: &mut Rng) -> Option<Ratio> {
    let rounds = ours.len().min(theirs.len()).min(alone.len());
    if rounds == 0 {
        return None;
    }
    let of = |a: &[f64], b: &[f64], c: &[f64]| (median(a) - median(c)) / (median(b) - median(c));
    let mut drawn = Vec::new();
    // Resampling costs rounds × draws; 1000 draws pin the ends well enough.
    for _ in 0..1000 {
        let picks: Vec<usize> = (0..rounds).map(|_| rng.below(rounds)).collect();
        let pick = |from: &[f64]| picks.iter().map(|&at| from[at]).collect::<Vec<_>>();
        drawn.push(of(&pick(ours), &pick(theirs), &pick(alone)));
    }
    drawn.sort_by(f64::total_cmp);
    Some(Ratio { value: of(ours, theirs, alone), low: drawn[25], high: drawn[974] })
}

#[cfg(test)]
mod tests {
    use super::{Rng, median, ratio, spread};

    #[test]
    fn median_and_spread_of_small_lists() {
        assert!(median(&[]).is_nan());
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(spread(&[1.0, 2.0, 9.0]), 1.0);
    }

    #[test]
    fn a_ratio_lies_in_its_interval() {
        let alone: Vec<f64> = (0..50).map(|i| 100.0 + f64::from(i % 7)).collect();
        let theirs: Vec<f64> = (0..50).map(|i| 1100.0 + f64::from(i % 11)).collect();
        let ours: Vec<f64> = (0..50).map(|i| 600.0 + f64::from(i % 5)).collect();
        let ratio = ratio(&ours, &theirs, &alone, &mut Rng::new(1)).unwrap();
        assert!((ratio.value - 0.5).abs() < 0.01, "{ratio:?}");
        assert!(ratio.low <= ratio.value && ratio.value <= ratio.high, "{ratio:?}");
    }

    #[test]
    fn shuffling_keeps_every_element() {
        let mut list: Vec<u32> = (0..20).collect();
        Rng::new(7).shuffle(&mut list);
        assert_ne!(list, (0..20).collect::<Vec<_>>());
        list.sort_unstable();
        assert_eq!(list, (0..20).collect::<Vec<_>>());
    }
}
