//! Samples and what they say.

use std::time::Duration;

use serde::Serialize;

use super::subject::Subject;

/// Durations of one thing, done again and again.
pub(super) struct Series(Vec<Duration>);

/// One line of figures, in milliseconds.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    /// What was done.
    pub(super) what: &'static str,
    /// How often.
    pub(super) rounds: usize,
    /// The honest cost of it.
    pub(super) min_ms: f64,
    /// What one meets.
    pub(super) median_ms: f64,
    /// What other load makes of it.
    pub(super) p90_ms: f64,
}

impl Series {
    /// Without samples.
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds one.
    pub(super) fn push(&mut self, took: Duration) {
        self.0.push(took);
    }

    /// The figures.
    pub(super) fn row(&self, subject: Subject) -> Row {
        Row {
            what: subject.title(),
            rounds: self.0.len(),
            min_ms: self.quantile(0.0),
            median_ms: self.quantile(0.5),
            p90_ms: self.quantile(0.9),
        }
    }

    /// The sample below which this part of all lies, in milliseconds.
    pub(super) fn quantile(&self, part: f64) -> f64 {
        quantile(self.milliseconds().collect(), part)
    }

    /// How many times as long this took as `other`, at the median of the rounds. Both are taken in
    /// each round, one soon after the other.
    pub(super) fn ratio(&self, other: &Self) -> f64 {
        let pairs = self.milliseconds().zip(other.milliseconds());
        quantile(pairs.map(|(own, other)| own / other).collect(), 0.5)
    }

    fn milliseconds(&self) -> impl Iterator<Item = f64> {
        self.0.iter().map(|took| took.as_secs_f64() * 1e3)
    }
}

fn quantile(mut values: Vec<f64>, part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    let index = (last as f64 * part).round() as usize;
    values.get(index).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_samples() {
        let mut series = Series::new();
        assert_eq!(series.quantile(0.5), 0.0);
        for ms in [5, 1, 3, 2, 4] {
            series.push(Duration::from_millis(ms));
        }
        let found = [0.0, 0.5, 0.9, 1.0].map(|part| series.quantile(part));
        assert_eq!(found, [1.0, 3.0, 5.0, 5.0]);
    }

    #[test]
    fn a_ratio_is_one_of_a_round() {
        let series = |samples: [u64; 3]| Series(samples.map(Duration::from_millis).to_vec());
        // A machine that was slow in the second round: the medians would say 14 / 10.
        assert_eq!(series([12, 24, 14]).ratio(&series([10, 20, 10])), 1.2);
        assert_eq!(Series::new().ratio(&Series::new()), 0.0);
    }
}
