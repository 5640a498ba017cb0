//! The figures, for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::crowd::{Crowd, Rate};
use super::measure::{Row, Series};
use super::subject::Subject;
use crate::output::{BAD, FAINT, GOOD, HEADING, Table};

/// What is compared with what, and how many times as long it may take, where there is a goal.
#[rustfmt::skip]
const COMPARISONS: &[(&str, Subject, Subject, Option<f64>)] = &[
    // The goal is for a cold start: a process that was made ahead is a warm one.
    ("new sandbox to Python's output / chroot", Subject::RunPython, Subject::ChrootPython, None),
    ("the same, no process ahead / chroot", Subject::UnlikePython, Subject::ChrootPython, Some(1.35)),
    ("infield run / bwrap, whole process", Subject::RunProcess, Subject::BwrapProcess, Some(1.1)),
    ("static program in a new sandbox / on the host", Subject::RunStatic, Subject::HostStatic, Some(6.0)),
    ("/bin/true in a running sandbox / on the host", Subject::ExecTrue, Subject::HostTrue, Some(2.0)),
];

/// KiB that an idle sandbox may hold.
const KIB_EACH: f64 = 1_536.0;

/// How many times as long one more may take as the first.
const ONE_MORE: f64 = 1.5;

/// Everything that was measured.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    machine: Machine,
    rounds: u32,
    latencies: Vec<Row>,
    ratios: Vec<Ratio>,
    pub(super) rates: Vec<Rate>,
    pub(super) crowd: Option<Crowd>,
    pub(super) left_out: Vec<String>,
}

/// Where it was measured.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Machine {
    cpus: usize,
    memory_gib: f64,
    kernel: String,
    cpu: String,
    load: String,
    profile: &'static str,
}

/// Two latencies, compared.
#[derive(Clone, Debug, Serialize)]
struct Ratio {
    what: &'static str,
    /// Of each round; their median. It is the one that is held to the goal: a machine whose speed
    /// changes during a run changes a ratio of medians, too.
    ratio: f64,
    /// Of the medians.
    of_medians: f64,
    /// None where it is shown for its own sake.
    goal: Option<f64>,
    /// Whether it reaches the goal.
    holds: Option<bool>,
}

impl Report {
    /// Without figures.
    pub(super) fn new(rounds: u32) -> Self {
        Self {
            machine: Machine::look(),
            rounds,
            latencies: Vec::new(),
            ratios: Vec::new(),
            rates: Vec::new(),
            crowd: None,
            left_out: Vec::new(),
        }
    }

    /// Takes what was measured, and compares it.
    pub(super) fn take(&mut self, all: &[(Subject, Series)]) {
        self.latencies = all.iter().map(|(subject, series)| series.row(*subject)).collect();
        let series = |wanted| all.iter().find(|(one, _)| *one == wanted).map(|(_, series)| series);
        let ratios = COMPARISONS.iter().filter_map(|(what, ours, theirs, goal)| {
            let (ours, theirs) = (series(*ours)?, series(*theirs)?);
            let ratio = ours.ratio(theirs);
            let of_medians = ours.quantile(0.5) / theirs.quantile(0.5);
            let holds = goal.map(|goal| ratio <= goal);
            Some(Ratio { what, ratio, of_medians, goal: *goal, holds })
        });
        self.ratios = ratios.collect();
    }

    /// Tables.
    pub(super) fn render(&self) -> String {
        let mut text = self.machine.render();
        text.push_str(&self.render_latencies());
        text.push('\n');
        text.push_str(&self.render_ratios());
        text.push('\n');
        text.push_str(&self.render_rates());
        for line in &self.left_out {
            writeln!(text, "{FAINT}left out: {line}{FAINT:#}").expect("a string takes every write");
        }
        text
    }

    fn render_latencies(&self) -> String {
        let mut table = Table::new(&["MILLISECONDS", "MIN", "MEDIAN", "P90", "ROUNDS"]);
        for row in &self.latencies {
            table.row([
                row.what.to_owned(),
                format!("{:.2}", row.min_ms),
                format!("{:.2}", row.median_ms),
                format!("{:.2}", row.p90_ms),
                row.rounds.to_string(),
            ]);
        }
        table.render()
    }

    fn render_ratios(&self) -> String {
        let mut table = Table::new(&["COMPARED", "RATIO", "OF MEDIANS", "GOAL"]);
        let mut row = |what: &str, found: String, medians: String, goal, holds: Option<bool>| {
            let plain = anstyle::Style::new();
            let style = match holds {
                Some(true) => GOOD,
                Some(false) => BAD,
                None => plain,
            };
            let cells = [(what.to_owned(), plain), (found, style), (medians, plain), (goal, plain)];
            table.styled(cells);
        };
        for ratio in &self.ratios {
            let goal = ratio.goal.map_or_else(|| "none".to_owned(), |goal| format!("{goal:.2}"));
            let [found, medians] = [ratio.ratio, ratio.of_medians].map(|n| format!("{n:.2}"));
            row(ratio.what, found, medians, goal, ratio.holds);
        }
        if let Some(crowd) = &self.crowd {
            let what = format!("one more beside {} / the first", crowd.alive);
            let holds = crowd.ratio <= ONE_MORE;
            let (found, goal) = (format!("{:.2}", crowd.ratio), format!("{ONE_MORE:.2}"));
            row(&what, found, String::new(), goal, Some(holds));
            let what = format!("memory of each of {} idle ones", crowd.alive);
            let (found, goal) = (crowd.kib_each / 1024.0, KIB_EACH / 1024.0);
            let holds = Some(found < goal);
            let [found, goal] = [found, goal].map(|mib| format!("{mib:.2} MiB"));
            row(&what, found, String::new(), goal, holds);
        }
        table.render()
    }

    fn render_rates(&self) -> String {
        let mut table = Table::new(&["MANY SANDBOXES", "PER SECOND"]);
        for rate in &self.rates {
            let what = format!("created, {} at once", rate.at_once);
            table.row([what, format!("{:.0}", rate.per_second)]);
        }
        if let Some(crowd) = &self.crowd {
            table.row(["deleted".to_owned(), format!("{:.0}", crowd.deleted_per_second)]);
        }
        if self.rates.is_empty() && self.crowd.is_none() { String::new() } else { table.render() }
    }
}

impl Machine {
    /// The lines above the figures.
    pub(super) fn render(&self) -> String {
        let mut text = format!(
            "{HEADING}{} processors ({}), {:.0} GiB, Linux {}, load {}{HEADING:#}\n\n",
            self.cpus, self.cpu, self.memory_gib, self.kernel, self.load
        );
        if self.profile != "release" {
            text.push_str("This is a debug build: its figures say nothing.\n\n");
        }
        text
    }

    /// Looks at this one.
    pub(super) fn look() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
        let kib: f64 = memory.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or_default();
        let system = rustix::system::uname();
        Self {
            cpus: std::thread::available_parallelism().map_or(0, usize::from),
            memory_gib: kib / 1_048_576.0,
            kernel: system.release().to_string_lossy().into_owned(),
            cpu: field(&read("/proc/cpuinfo"), "model name").unwrap_or_default(),
            load: read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned(),
            profile: if cfg!(debug_assertions) { "debug" } else { "release" },
        }
    }
}

#[cfg(test)]
mod tests;
