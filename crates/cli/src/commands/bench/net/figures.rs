//! The figures of `infield bench net`, for people and for programs.

mod opened;

use serde::Serialize;

use super::peer::{Found, Work};
use crate::commands::bench::report::Machine;
use crate::output::{BAD, GOOD, Table};

use opened::Opened;

/// The part of loopback that one stream shall reach.
const STREAM: f64 = 0.7;
/// What a new connection and a request on an open one may take more, in milliseconds.
const CONNECTION_MS: f64 = 1.0;
const REQUEST_MS: f64 = 0.2;
/// How many times as long the slowest hundredth may take.
const SLOWEST: f64 = 2.0;
/// KiB for each connection with a slow reader.
const KIB_EACH: f64 = 64.0;
/// How many times as long a sandbox with `limited` may take to create as one with `none`.
const CREATION: f64 = 1.2;

/// New connections and requests of one round.
const CONNECTIONS: u32 = 300;
const REQUESTS: u32 = 3_000;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    OneIn,
    OneOut,
    EightIn,
    Connection,
    Request,
}

impl Subject {
    /// Every one.
    pub(super) const ALL: [Self; 5] =
        [Self::OneIn, Self::OneOut, Self::EightIn, Self::Connection, Self::Request];

    fn title(self) -> &'static str {
        match self {
            Self::OneIn => "one stream into the sandbox",
            Self::OneOut => "one stream out of it",
            Self::EightIn => "eight streams into it",
            Self::Connection => "a new connection and one answer",
            Self::Request => "a request on an open connection",
        }
    }

    /// What the peer does for it.
    pub(super) fn work(self, ms: u64) -> Work {
        match self {
            Self::OneIn => Work::Pull { streams: 1, ms },
            Self::OneOut => Work::Push { streams: 1, ms },
            Self::EightIn => Work::Pull { streams: 8, ms },
            Self::Connection => Work::Connect { times: CONNECTIONS },
            Self::Request => Work::Ask { times: REQUESTS },
        }
    }

    fn goal(self) -> Option<f64> {
        match self {
            Self::OneIn | Self::OneOut => Some(STREAM),
            Self::EightIn => None,
            Self::Connection => Some(CONNECTION_MS),
            Self::Request => Some(REQUEST_MS),
        }
    }
}

/// What was found of one subject, round after round, at each place: over loopback, directly and from
/// the sandbox, or the latter two.
#[derive(Debug)]
pub(super) struct Samples<const PLACES: usize>(Vec<[Found; PLACES]>);

impl<const PLACES: usize> Default for Samples<PLACES> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<const PLACES: usize> Samples<PLACES> {
    /// Adds a round.
    pub(super) fn push(&mut self, round: [Found; PLACES]) {
        self.0.push(round);
    }

    /// The median over all rounds of what is read of each.
    fn median(&self, read: impl Fn(&[Found; PLACES]) -> f64) -> f64 {
        let mut all: Vec<f64> = self.0.iter().map(read).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or_default()
    }
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    machine: Machine,
    rounds: u32,
    streams: Vec<Streams>,
    delays: Vec<Delay>,
    pub(super) memory: Option<Memory>,
    pub(super) creation: Option<Creation>,
    pub(super) opened: Option<Opened>,
}

/// Throughput, in gigabits a second.
#[derive(Debug, Serialize)]
struct Streams {
    what: &'static str,
    loopback_gbit: f64,
    direct_gbit: f64,
    sandbox_gbit: f64,
    /// The sandbox's against loopback's, of the same round.
    ratio: f64,
    goal: Option<f64>,
    holds: Option<bool>,
}

/// Latency, in milliseconds.
#[derive(Debug, Serialize)]
struct Delay {
    what: &'static str,
    loopback_ms: f64,
    direct_ms: f64,
    sandbox_ms: f64,
    /// What the sandbox's takes more than the direct one.
    added_ms: f64,
    goal_ms: Option<f64>,
    holds: Option<bool>,
    /// The slowest hundredth, and how it compares.
    direct_p99_ms: f64,
    sandbox_p99_ms: f64,
    p99_ratio: f64,
    p99_holds: bool,
}

/// What each connection with a slow reader holds, in KiB.
#[derive(Debug, Serialize)]
pub(super) struct Memory {
    connections: u32,
    /// Of the network process.
    process_kib: f64,
    /// Of the kernel, beyond what reader and server have without the network.
    kernel_kib: f64,
    /// That.
    direct_kib: f64,
    holds: bool,
}

/// What creating a sandbox takes, in milliseconds.
#[derive(Debug, Serialize)]
pub(super) struct Creation {
    limited_ms: f64,
    none_ms: f64,
    ratio: f64,
    holds: bool,
}

impl Memory {
    pub(super) fn new(
        connections: u32,
        process_kib: f64,
        kernel_kib: f64,
        direct_kib: f64,
    ) -> Self {
        let holds = process_kib + kernel_kib <= KIB_EACH;
        Self { connections, process_kib, kernel_kib, direct_kib, holds }
    }
}

impl Creation {
    pub(super) fn new(limited_ms: f64, none_ms: f64) -> Self {
        let ratio = limited_ms / none_ms;
        Self { limited_ms, none_ms, ratio, holds: ratio <= CREATION }
    }
}

impl Figures {
    /// Without figures.
    pub(super) fn new(rounds: u32) -> Self {
        let machine = Machine::look();
        let (streams, delays) = (Vec::new(), Vec::new());
        Self { machine, rounds, streams, delays, memory: None, creation: None, opened: None }
    }

    /// Takes what the rounds gave.
    pub(super) fn take(&mut self, all: &[(Subject, Samples<3>)]) {
        for (subject, samples) in all {
            match subject {
                Subject::OneIn | Subject::OneOut | Subject::EightIn => {
                    self.streams.push(Streams::new(*subject, samples));
                }
                Subject::Connection | Subject::Request => {
                    self.delays.push(Delay::new(*subject, samples));
                }
            }
        }
    }

    /// Tables.
    pub(super) fn render(&self) -> String {
        let mut text = self.machine.render();
        if !self.streams.is_empty() {
            text.push_str(&self.render_plain());
        }
        if let Some(opened) = &self.opened {
            text.push_str(&opened.render());
        }
        text
    }

    fn render_plain(&self) -> String {
        let mut table = Table::new(&["GBIT/S", "LOOPBACK", "DIRECT", "SANDBOX", "RATIO", "GOAL"]);
        for row in &self.streams {
            let goal = row.goal.map_or_else(|| "none".to_owned(), |goal| format!("{goal:.2}"));
            let numbers = [row.loopback_gbit, row.direct_gbit, row.sandbox_gbit];
            line(&mut table, row.what, &numbers, (row.ratio, goal, row.holds));
        }
        let mut text = table.render();
        text.push('\n');
        let mut table =
            Table::new(&["MILLISECONDS", "LOOPBACK", "DIRECT", "SANDBOX", "ADDED", "GOAL"]);
        for row in &self.delays {
            let goal = row.goal_ms.map_or_else(|| "none".to_owned(), |goal| format!("{goal:.1}"));
            let numbers = [row.loopback_ms, row.direct_ms, row.sandbox_ms];
            line(&mut table, row.what, &numbers, (row.added_ms, goal, row.holds));
        }
        text.push_str(&table.render());
        text.push('\n');
        text.push_str(&self.render_rest());
        text.push('\n');
        text
    }

    fn render_rest(&self) -> String {
        let mut table = Table::new(&["COMPARED", "FOUND", "GOAL"]);
        for row in &self.delays {
            let what = format!("the slowest hundredth of {}, sandbox / direct", row.what);
            let found = format!("{:.2}", row.p99_ratio);
            verdict(&mut table, what, found, (format!("{SLOWEST:.2}"), row.p99_holds));
        }
        if let Some(memory) = &self.memory {
            let Memory { connections, process_kib, kernel_kib, direct_kib, holds } = memory;
            let what = format!(
                "memory for each of {connections} slow readers, of the process and the kernel; \
                 {direct_kib:.0} KiB without a sandbox"
            );
            let found = format!("{process_kib:.1} + {kernel_kib:.1} KiB");
            verdict(&mut table, what, found, (format!("{KIB_EACH:.0} KiB"), *holds));
        }
        if let Some(creation) = &self.creation {
            let Creation { limited_ms, none_ms, ratio, holds } = creation;
            let what = format!(
                "creation with `limited` / with `none` ({limited_ms:.2} and {none_ms:.2} ms)"
            );
            verdict(&mut table, what, format!("{ratio:.2}"), (format!("{CREATION:.2}"), *holds));
        }
        table.render()
    }
}

/// A row of numbers, what is made of them, and its goal.
fn line<const NUMBERS: usize>(
    table: &mut Table,
    what: &str,
    numbers: &[f64; NUMBERS],
    (compared, goal, holds): (f64, String, Option<bool>),
) {
    let plain = anstyle::Style::new();
    let style = holds.map_or(plain, |holds| if holds { GOOD } else { BAD });
    let numbers = numbers.map(|number| (format!("{number:.3}"), plain));
    let compared = [(format!("{compared:.3}"), style), (goal, plain)];
    table.styled([(what.to_owned(), plain)].into_iter().chain(numbers).chain(compared));
}

fn verdict(table: &mut Table, what: String, found: String, (goal, holds): (String, bool)) {
    let plain = anstyle::Style::new();
    let style = if holds { GOOD } else { BAD };
    table.styled([(what, plain), (found, style), (goal, plain)]);
}

impl Streams {
    fn new(subject: Subject, samples: &Samples<3>) -> Self {
        let gbit = |at: usize| samples.median(|round| rate(round[at]) * 8.0 / 1e9);
        let ratio = samples.median(|round| rate(round[2]) / rate(round[0]));
        let goal = subject.goal();
        Self {
            what: subject.title(),
            loopback_gbit: gbit(0),
            direct_gbit: gbit(1),
            sandbox_gbit: gbit(2),
            ratio,
            goal,
            holds: goal.map(|goal| ratio >= goal),
        }
    }
}

impl Delay {
    fn new(subject: Subject, samples: &Samples<3>) -> Self {
        let median = |at: usize| samples.median(|round| times(round[at]).0);
        let slowest = |at: usize| samples.median(|round| times(round[at]).1);
        let added_ms = samples.median(|round| times(round[2]).0 - times(round[1]).0);
        let p99_ratio = samples.median(|round| times(round[2]).1 / times(round[1]).1);
        let goal_ms = subject.goal();
        Self {
            what: subject.title(),
            loopback_ms: median(0),
            direct_ms: median(1),
            sandbox_ms: median(2),
            added_ms,
            goal_ms,
            holds: goal_ms.map(|goal| added_ms <= goal),
            direct_p99_ms: slowest(1),
            sandbox_p99_ms: slowest(2),
            p99_ratio,
            p99_holds: p99_ratio <= SLOWEST,
        }
    }
}

/// Bytes in a second; not a number where something else was found.
fn rate(found: Found) -> f64 {
    match found {
        Found::Rate(rate) => rate,
        Found::Times { .. } | Found::Held(_) => f64::NAN,
    }
}

/// Median and slowest hundredth.
fn times(found: Found) -> (f64, f64) {
    match found {
        Found::Times { median_ms, p99_ms } => (median_ms, p99_ms),
        Found::Rate(_) | Found::Held(_) => (f64::NAN, f64::NAN),
    }
}
