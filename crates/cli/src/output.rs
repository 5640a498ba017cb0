//! What people see: tables, colours, sizes and times; and JSON for programs.
//!
//! Every text that comes from a sandbox is cleaned of control characters before it is shown in a
//! table or a message. Bytes of a program that runs are passed through as they are, and only by
//! `run`, `exec`, `logs` and `cp`, whose work that is. Colours are dropped by the stream where
//! there is no terminal or `NO_COLOR` is set.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use infield_domain::lifecycle::State;
use infield_domain::{Error, Result};
use serde::Serialize;

mod table;

pub(crate) use table::Table;

/// The word `error:`.
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// The word `hint:`.
pub(crate) const HINT: Style = AnsiColor::Cyan.on_default().bold();
/// What holds.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// What is weaker than it could be.
pub(crate) const WEAK: Style = AnsiColor::Yellow.on_default();
/// What does not hold.
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
/// What is of less interest.
pub(crate) const FAINT: Style = Style::new().dimmed();
/// A heading.
pub(crate) const HEADING: Style = Style::new().bold();

/// Writes text for people to standard output.
pub(crate) fn say(text: &str) -> Result<()> {
    let mut stream = anstream::stdout().lock();
    finish(stream.write_all(text.as_bytes()).and_then(|()| stream.flush()))
}

/// Writes text for people to standard error. That it cannot be written is nobody's business.
pub(crate) fn complain(text: &str) {
    let mut stream = anstream::stderr().lock();
    drop(stream.write_all(text.as_bytes()));
}

/// Writes JSON to standard output, with a line end.
pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|source| Error::internal("cannot write JSON").with_source(source))?;
    text.push('\n');
    let mut stream = std::io::stdout().lock();
    finish(stream.write_all(text.as_bytes()).and_then(|()| stream.flush()))
}

/// A reader that went away, such as `head`, is no failure.
fn finish(written: std::io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::unavailable(format!("cannot write to standard output: {error}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// One line without control characters, bidirectional overrides and line ends.
pub(crate) fn clean(text: &str) -> String {
    text.chars().filter(|letter| !hidden(*letter)).collect()
}

/// Like [`clean`], and keeps line ends and tabs.
pub(crate) fn clean_lines(text: &str) -> String {
    text.chars().filter(|letter| matches!(letter, '\n' | '\t') || !hidden(*letter)).collect()
}

fn hidden(letter: char) -> bool {
    // Bidirectional controls reorder what a person reads ("Trojan Source", CVE-2021-42574).
    letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A number of bytes, such as `1.5 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: &[&str] = &["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in UNITS {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    let digits = usize::from(unit != "B" && value < 10.0);
    format!("{value:.digits$} {unit}")
}

/// A span of time in its largest sensible unit, such as `3 min`.
pub(crate) fn span(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{} s", ms / 1_000),
        60_000..3_600_000 => format!("{} min", ms / 60_000),
        3_600_000..172_800_000 => format!("{} h", ms / 3_600_000),
        _ => format!("{} d", ms / 86_400_000),
    }
}

/// How long ago a moment was.
pub(crate) fn ago(then_ms: u64) -> String {
    format!("{} ago", span(now_ms().saturating_sub(then_ms)))
}

/// A moment in the machine's own time zone, to the second.
pub(crate) fn moment(at_ms: u64) -> String {
    let at = i64::try_from(at_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    at.map_or_else(
        || at_ms.to_string(),
        |at| at.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
    )
}

/// Milliseconds since the epoch.
pub(crate) fn now_ms() -> u64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The colour of a state.
pub(crate) fn state_style(state: State) -> Style {
    match state {
        State::Running => GOOD,
        State::Creating
        | State::Starting
        | State::Pausing
        | State::Paused
        | State::Resuming
        | State::Stopping
        | State::Deleting => WEAK,
        State::Failed => BAD,
        State::Stopped | State::Archived | State::Deleted => FAINT,
    }
}

#[cfg(test)]
mod tests;
