//! The rows of the table: what each one is called, what it should reach, and what was measured.

use crate::stats::Ratio;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Samples by subject: `alone`, `peer`, `ours`, `floor`.
pub type Samples = BTreeMap<String, Vec<f64>>;

/// One subject's figure in a row.
#[derive(Clone, Serialize, Deserialize)]
pub struct Figure {
    /// The figure that is compared: overhead for times, the value itself otherwise.
    pub value: f64,
    /// Median of the samples; for times the command's own share is still in it.
    pub median: f64,
    /// Median distance from the median.
    pub spread: f64,
    /// How many samples.
    pub samples: usize,
    /// Worked out from other rows, not measured.
    pub estimated: bool,
}

/// One row.
#[derive(Clone, Serialize, Deserialize)]
pub struct Row {
    /// Short name, for `--only` and the JSON.
    pub key: String,
    /// What the table says.
    pub title: String,
    /// Unit of the figures.
    pub unit: String,
    /// Ratio to reach and to aim for; greater is better when `more` is set.
    pub goal: Option<(f64, f64)>,
    /// Greater figures are better.
    pub more: bool,
    /// Figures by subject.
    pub figures: BTreeMap<String, Figure>,
    /// Ours over the peer's.
    pub ratio: Option<Ratio>,
    /// Ours over the floor's.
    pub over_floor: Option<f64>,
    /// What a reader must know: skips, estimates, differences.
    pub notes: Vec<String>,
}

impl Row {
    /// An empty row.
    pub fn new(key: &str, title: &str, unit: &str, goal: Option<(f64, f64)>) -> Self {
        Self {
            key: key.into(),
            title: title.into(),
            unit: unit.into(),
            goal,
            more: false,
            figures: BTreeMap::new(),
            ratio: None,
            over_floor: None,
            notes: Vec::new(),
        }
    }

    /// Puts in a figure that is compared as it is.
    pub fn put(&mut self, subject: &str, samples: &[f64]) {
        let (median, spread) = (crate::stats::median(samples), crate::stats::spread(samples));
        let figure = Figure { value: median, median, spread, samples: samples.len(), estimated: false };
        self.figures.insert(subject.into(), figure);
    }

    /// The figure compared, if the subject has one.
    pub fn value(&self, subject: &str) -> Option<f64> {
        self.figures.get(subject).map(|figure| figure.value).filter(|value| value.is_finite())
    }

    /// Fills in the ratios from the figures, where resampling has not given a better one.
    pub fn compare(&mut self) {
        let (ours, peer, floor) = (self.value("ours"), self.value("peer"), self.value("floor"));
        if let (None, Some(ours), Some(peer)) = (self.ratio, ours, peer) {
            let value = ours / peer;
            self.ratio = Some(Ratio { value, low: value, high: value });
        }
        self.over_floor = ours.zip(floor).map(|(ours, floor)| ours / floor);
    }

    /// Whether the row reaches its goal; none without a goal or a ratio.
    pub fn reached(&self) -> Option<bool> {
        let ((reach, _), ratio) = (self.goal?, self.ratio?);
        Some(if self.more { ratio.value >= reach } else { ratio.value <= reach })
    }
}

/// A row of times: overheads, and the ratio with its interval.
pub fn timed(key: &str, title: &str, goal: Option<(f64, f64)>, samples: &Samples, seed: u64) -> Row {
    let mut row = Row::new(key, title, "µs", goal);
    let alone = samples.get("alone").map_or(&[][..], Vec::as_slice);
    for (subject, taken) in samples {
        row.put(subject, taken);
        if let Some(figure) = row.figures.get_mut(subject).filter(|_| subject != "alone") {
            figure.value = figure.median - crate::stats::median(alone);
        }
    }
    if let (Some(ours), Some(peer)) = (samples.get("ours"), samples.get("peer")) {
        row.ratio = crate::stats::ratio(ours, peer, alone, &mut crate::stats::Rng::new(seed));
    }
    row.compare();
    row
}
