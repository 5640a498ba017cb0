//! The figures of `infield bench api`, for people and for programs.

use serde::Serialize;

use super::{ApiArgs, Subject};
use crate::commands::bench::measure::Series;
use crate::commands::bench::report::Machine;
use crate::output::{BAD, GOOD, Table};

/// How many times as long a sandbox may take over the API as the engine takes.
const CREATION: f64 = 1.5;
/// Megabytes in a second that one file shall reach.
const MEGABYTES: f64 = 500.0;
/// Seconds that many small files may take.
const FILES_SECONDS: f64 = 1.0;

/// Milliseconds until something that was said is heard.
const HEARD_MS: f64 = 5.0;

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    machine: Machine,
    rounds: u32,
    rows: Vec<Row>,
}

/// One figure, at the median of the rounds.
#[derive(Debug, Serialize)]
struct Row {
    what: String,
    found: f64,
    unit: &'static str,
    /// The same of what it is compared with.
    beside: Option<f64>,
    /// How many times as long it takes, of each round.
    ratio: Option<f64>,
    /// What shall be reached, in words.
    goal: Option<String>,
    holds: Option<bool>,
}

impl Figures {
    pub(super) fn new(args: &ApiArgs, all: &[(Subject, Series)]) -> Self {
        let rows = vec![
            creation(all),
            unknown(args.unknown, all),
            transfer("up", args.file_mib, [Subject::FileUp, Subject::FileIsWritten], all),
            transfer("down", args.file_mib, [Subject::FileDown, Subject::FileIsRead], all),
            files("up", args.files, Subject::FilesUp, all),
            files("down", args.files, Subject::FilesDown, all),
            heard("a line of a log until who follows it has it", Subject::LogLine, all),
            heard("a letter in a terminal until it is shown", Subject::Echo, all),
        ];
        Self { machine: Machine::look(), rounds: args.rounds, rows }
    }

    /// A table.
    pub(super) fn render(&self) -> String {
        let plain = anstyle::Style::new();
        let mut table = Table::new(&["MEASURED", "FOUND", "UNIT", "BESIDE", "RATIO", "GOAL"]);
        for row in &self.rows {
            let style = row.holds.map_or(plain, |holds| if holds { GOOD } else { BAD });
            let number = |value: Option<f64>| {
                value.map_or_else(|| "none".to_owned(), |value| format!("{value:.2}"))
            };
            table.styled([
                (row.what.clone(), plain),
                (number(Some(row.found)), style),
                (row.unit.to_owned(), plain),
                (number(row.beside), plain),
                (number(row.ratio), plain),
                (row.goal.clone().unwrap_or_else(|| "none".to_owned()), plain),
            ]);
        }
        self.machine.render() + &table.render()
    }
}

fn series(all: &[(Subject, Series)], wanted: Subject) -> &Series {
    let found = all.iter().find(|(subject, _)| *subject == wanted);
    &found.expect("every subject is measured").1
}

fn creation(all: &[(Subject, Series)]) -> Row {
    let (api, engine) = (series(all, Subject::ApiCreates), series(all, Subject::EngineCreates));
    let ratio = api.ratio(engine);
    Row {
        what: "a sandbox over the API until `started` / by the engine".to_owned(),
        found: api.quantile(0.5),
        unit: "ms",
        beside: Some(engine.quantile(0.5)),
        ratio: Some(ratio),
        goal: Some(format!("{CREATION:.2} times")),
        holds: Some(ratio <= CREATION),
    }
}

/// That each was answered with 404 is a condition of the figure.
fn unknown(count: u32, all: &[(Subject, Series)]) -> Row {
    Row {
        what: format!("{count} sandboxes that do not exist at once, until all were 404"),
        found: series(all, Subject::Unknown).quantile(0.5),
        unit: "ms",
        beside: None,
        ratio: None,
        goal: Some("all 404".to_owned()),
        holds: Some(true),
    }
}

fn transfer(way: &str, mib: u64, subjects: [Subject; 2], all: &[(Subject, Series)]) -> Row {
    let [api, host] = subjects.map(|subject| series(all, subject));
    let rate = |series: &Series| (mib << 20) as f64 / 1e3 / series.quantile(0.5);
    let found = rate(api);
    Row {
        what: format!("a file of {mib} MiB {way} / over loopback by the host"),
        found,
        unit: "MB/s",
        beside: Some(rate(host)),
        ratio: Some(api.ratio(host)),
        goal: Some(format!("{MEGABYTES:.0} MB/s")),
        holds: Some(found >= MEGABYTES),
    }
}

fn files(way: &str, count: u32, subject: Subject, all: &[(Subject, Series)]) -> Row {
    let (api, host) = (series(all, subject), series(all, Subject::FilesAreWritten));
    let found = api.quantile(0.5) / 1e3;
    Row {
        what: format!("{count} small files {way} in one call / written by the host"),
        found,
        unit: "s",
        beside: Some(host.quantile(0.5) / 1e3),
        ratio: Some(api.ratio(host)),
        goal: Some(format!("about {FILES_SECONDS:.0} s")),
        holds: Some(found <= FILES_SECONDS * 1.1),
    }
}

fn heard(what: &str, subject: Subject, all: &[(Subject, Series)]) -> Row {
    let found = series(all, subject).quantile(0.5);
    Row {
        what: what.to_owned(),
        found,
        unit: "ms",
        beside: None,
        ratio: None,
        goal: Some(format!("{HEARD_MS:.0} ms")),
        holds: Some(found <= HEARD_MS),
    }
}
