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
    #[serde(skip)]
    pub(super) subject: Subject,
    /// What was done, for readers.
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
            subject,
            what: subject.title(),
            rounds: self.0.len(),
            min_ms: self.quantile(0.0),
            median_ms: self.quantile(0.5),
            p90_ms: self.quantile(0.9),
        }
    }

    /// The sample below which this part of all lies, in milliseconds.
    pub(super) fn quantile(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort();
        let last = sorted.len().saturating_sub(1);
        let index = (last as f64 * part).round() as usize;
        sorted.get(index).map_or(0.0, |took| took.as_secs_f64() * 1e3)
    }
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
}
