//! The figures of TLS that is opened for a secret.

use serde::Serialize;

use super::{Samples, line, rate, times};
use crate::commands::bench::net::opened::{Outcome, Subject};
use crate::output::Table;

/// How many times as long a whole request may take.
const PROGRAM: f64 = 1.25;

/// All of them.
#[derive(Debug, Serialize)]
pub(in super::super) struct Opened {
    delays: Vec<Delay>,
    streams: Vec<Stream>,
    left_out: Vec<String>,
}

/// Latency, in milliseconds.
#[derive(Debug, Serialize)]
struct Delay {
    what: &'static str,
    direct_ms: f64,
    opened_ms: f64,
    /// What the opened one takes more.
    added_ms: f64,
    /// The opened one's against the direct one's, of the same round.
    ratio: f64,
    goal: Option<f64>,
    holds: Option<bool>,
    /// The slowest hundredth, and how it compares.
    direct_p99_ms: f64,
    opened_p99_ms: f64,
    p99_ratio: f64,
}

/// Throughput, in gigabits a second.
#[derive(Debug, Serialize)]
struct Stream {
    what: &'static str,
    direct_gbit: f64,
    opened_gbit: f64,
    ratio: f64,
}

impl From<Outcome> for Opened {
    fn from(outcome: Outcome) -> Self {
        let Outcome { rows, left_out } = outcome;
        let (mut delays, mut streams) = (Vec::new(), Vec::new());
        for (subject, samples) in &rows {
            match subject {
                Subject::In | Subject::Out => streams.push(Stream::new(*subject, samples)),
                Subject::Program | Subject::Connection | Subject::Resumed | Subject::Request => {
                    delays.push(Delay::new(*subject, samples));
                }
            }
        }
        Self { delays, streams, left_out }
    }
}

impl Opened {
    /// Tables.
    pub(super) fn render(&self) -> String {
        let headings = [
            "MILLISECONDS, TLS OPENED FOR A SECRET",
            "DIRECT",
            "OPENED",
            "ADDED",
            "P99 RATIO",
            "RATIO",
            "GOAL",
        ];
        let mut table = Table::new(&headings);
        for row in &self.delays {
            let goal = row.goal.map_or_else(|| "none".to_owned(), |goal| format!("{goal:.2}"));
            let numbers = [row.direct_ms, row.opened_ms, row.added_ms, row.p99_ratio];
            line(&mut table, row.what, &numbers, (row.ratio, goal, row.holds));
        }
        let mut text = table.render();
        text.push('\n');
        let mut table = Table::new(&["GBIT/S", "DIRECT", "OPENED", "RATIO", "GOAL"]);
        for row in &self.streams {
            let numbers = [row.direct_gbit, row.opened_gbit];
            line(&mut table, row.what, &numbers, (row.ratio, "none".to_owned(), None));
        }
        text.push_str(&table.render());
        for left_out in &self.left_out {
            text.push_str(&format!("left out: {left_out}\n"));
        }
        text
    }
}

impl Delay {
    fn new(subject: Subject, samples: &Samples<2>) -> Self {
        let median = |at: usize| samples.median(|round| times(round[at]).0);
        let slowest = |at: usize| samples.median(|round| times(round[at]).1);
        let ratio = samples.median(|round| times(round[1]).0 / times(round[0]).0);
        let goal = (subject == Subject::Program).then_some(PROGRAM);
        Self {
            what: subject.title(),
            direct_ms: median(0),
            opened_ms: median(1),
            added_ms: samples.median(|round| times(round[1]).0 - times(round[0]).0),
            ratio,
            goal,
            holds: goal.map(|goal| ratio <= goal),
            direct_p99_ms: slowest(0),
            opened_p99_ms: slowest(1),
            p99_ratio: samples.median(|round| times(round[1]).1 / times(round[0]).1),
        }
    }
}

impl Stream {
    fn new(subject: Subject, samples: &Samples<2>) -> Self {
        let gbit = |at: usize| samples.median(|round| rate(round[at]) * 8.0 / 1e9);
        Self {
            what: subject.title(),
            direct_gbit: gbit(0),
            opened_gbit: gbit(1),
            ratio: samples.median(|round| rate(round[1]) / rate(round[0])),
        }
    }
}
