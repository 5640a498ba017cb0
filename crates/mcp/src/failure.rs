//! Why a call did nothing, in words that a model can act on.
//!
//! A failure means that nothing ran. A program that ends with an error or is out of time is a
//! success of the tool, which tells so in its result.

use infield_domain::{Error, Kind};
use rmcp::model::{CallToolResult, ContentBlock};

/// A tool error: the text that the model sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    text: String,
}

impl Failure {
    /// A failure with a finished text.
    pub(crate) fn of(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// A failure of the engine. Its source goes to the log, never into the text.
    pub(crate) fn from_error(error: &Error) -> Self {
        if error.kind() == Kind::Internal {
            let source = std::error::Error::source(error).map(ToString::to_string);
            tracing::error!(message = error.message(), source, "a tool call failed inside");
        }
        let next = error.hint().unwrap_or_else(|| next_step(error.kind()));
        Self::of(format!("{}. Next: {next}.", error.message()))
    }

    /// The text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The failure as an answer to the call.
    pub(crate) fn into_result(self) -> CallToolResult {
        CallToolResult::error(vec![ContentBlock::text(self.text)])
    }
}

/// What to do about an error that brings no hint of its own.
fn next_step(kind: Kind) -> &'static str {
    match kind {
        Kind::NotFound => "call list_sandboxes to see what exists",
        Kind::Conflict => "call get_sandbox_info to see the present state",
        Kind::Invalid => "correct the arguments and call again",
        Kind::Quota => "delete what is not needed with delete_sandbox, or ask for less",
        Kind::Unavailable | Kind::Timeout => "call get_sandbox_info, then try again",
        Kind::Unauthenticated => "ask the operator for a valid key",
        Kind::Denied => "ask the operator for the permission",
        Kind::Unsupported => "do it another way; this host or image cannot",
        Kind::Internal => "try again; if it stays, ask the operator to look into the log",
    }
}
