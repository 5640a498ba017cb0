//! Shaping output for people and models: safe characters, no progress bars, a bounded length.
//!
//! ```text
//! bytes ─▶ UTF-8, ANSI, control characters ─▶ lines (`\r` collapsed) ─▶ head and tail
//! ```
//!
//! Everything here is a guest's word. It is read once, as it comes, and memory is bounded by the
//! number of characters that can be shown.

mod head_tail;
mod plain;

use infield_domain::ExecutionId;
use infield_domain::command::Stream;

use crate::output::head_tail::HeadTail;
use crate::output::plain::Plain;

/// Characters of both streams together when nobody says otherwise.
pub const DEFAULT_MAX_CHARS: usize = 10_000;

/// Characters of both streams together that a caller can ask for.
pub const HIGHEST_MAX_CHARS: usize = 200_000;

/// What to show of one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Safe text; a marker stands in place of what was left out.
    pub text: String,
    /// Bytes of the stream in all.
    pub total_bytes: u64,
    /// Whether something was left out of `text`.
    pub truncated: bool,
}

/// Makes guest bytes safe to show: invalid UTF-8 replaced, ANSI sequences and control characters
/// taken out, lines that a program wrote over with `\r` reduced to their last state.
pub fn plain_text(bytes: &[u8]) -> String {
    let mut shaper = Shaper::new(usize::MAX);
    shaper.push(bytes);
    shaper.plain.finish(&mut shaper.kept);
    shaper.kept.whole()
}

/// The length up to which bytes end between two characters and between two escape sequences;
/// the rest is for the next piece.
pub(crate) fn whole_length(bytes: &[u8]) -> usize {
    plain::whole_length(bytes)
}

/// Shapes one stream as it comes.
pub(crate) struct Shaper {
    plain: Plain,
    kept: HeadTail,
    total_bytes: u64,
}

impl Shaper {
    pub(crate) fn new(max_chars: usize) -> Self {
        Self { plain: Plain::new(), kept: HeadTail::new(max_chars), total_bytes: 0 }
    }

    /// Takes the next bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.total_bytes = self.total_bytes.saturating_add(bytes.len() as u64);
        self.plain.push(bytes, &mut self.kept);
    }

    /// The last line so far, cut to this many characters.
    pub(crate) fn last_line(&self, most: usize) -> String {
        let line = self.plain.line();
        let line = if line.trim().is_empty() { self.kept.last_line() } else { line };
        line.trim_end().chars().take(most).collect()
    }
}

/// What to show of both streams of a command, within `max_chars` together.
pub(crate) fn show(
    mut stdout: Shaper,
    mut stderr: Shaper,
    max_chars: usize,
    id: &ExecutionId,
) -> (Shown, Shown) {
    stdout.plain.finish(&mut stdout.kept);
    stderr.plain.finish(&mut stderr.kept);
    let (out, err) = share(stdout.kept.total(), stderr.kept.total(), max_chars);
    let shown = |shaper: Shaper, budget: usize, stream: Stream| {
        let truncated = shaper.kept.total() > budget;
        let text = shaper.kept.cut(budget, |left_out, offset| {
            let stream = match stream {
                Stream::Stdout => "stdout",
                Stream::Stderr => "stderr",
            };
            format!(
                "\n… {} characters left out; read_output execution_id={id} stream={stream} \
                 offset={offset} …\n",
                grouped(left_out)
            )
        });
        Shown { text, total_bytes: shaper.total_bytes, truncated }
    };
    (shown(stdout, out, Stream::Stdout), shown(stderr, err, Stream::Stderr))
}

/// Shares the characters out: a short stream leaves what it does not need to the other.
fn share(stdout: usize, stderr: usize, most: usize) -> (usize, usize) {
    let half = most / 2;
    if stdout.saturating_add(stderr) <= most {
        (stdout, stderr)
    } else if stderr <= half {
        (most - stderr, stderr)
    } else if stdout <= half {
        (stdout, most - stdout)
    } else {
        (most - half, half)
    }
}

/// `48213` as `48,213`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests;
