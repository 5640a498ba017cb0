//! What a successful call answers.
//!
//! Clients differ in which half of an answer they show to the model, so the text half is the
//! compact JSON of the structured half: the same facts, without nulls.

use rmcp::model::{CallToolResult, ContentBlock};
use serde::Serialize;
use serde_json::Value;

use crate::failure::Failure;

/// The answer of a tool.
pub(crate) enum Reply {
    /// Facts for both halves, and blocks beside the text, such as images.
    Facts(Value, Vec<ContentBlock>),
    /// Content alone, of a tool without an output schema.
    Content(Vec<ContentBlock>),
}

impl Reply {
    /// Facts alone.
    pub(crate) fn facts(facts: &impl Serialize) -> Result<Self, Failure> {
        Self::facts_and(facts, Vec::new())
    }

    /// Facts, and blocks beside their text.
    pub(crate) fn facts_and(
        facts: &impl Serialize,
        blocks: Vec<ContentBlock>,
    ) -> Result<Self, Failure> {
        Ok(Self::Facts(to_value(facts)?, blocks))
    }

    /// Facts as text alone, of a tool without an output schema.
    pub(crate) fn text_of(facts: &impl Serialize) -> Result<Self, Failure> {
        Ok(Self::Content(vec![ContentBlock::text(to_value(facts)?.to_string())]))
    }

    /// The answer on the wire.
    pub(crate) fn into_result(self) -> CallToolResult {
        match self {
            Self::Content(blocks) => CallToolResult::success(blocks),
            Self::Facts(facts, blocks) => {
                let mut content = vec![ContentBlock::text(facts.to_string())];
                content.extend(blocks);
                let mut result = CallToolResult::success(content);
                result.structured_content = Some(facts);
                result
            }
        }
    }
}

fn to_value(facts: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(facts).map_err(|error| {
        tracing::error!(%error, "an answer is no JSON");
        Failure::of("the answer could not be written down. Next: ask the operator to read the log.")
    })
}

/// Seconds with three digits, for people and models.
pub(crate) fn seconds(milliseconds: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a few days in milliseconds are exact")]
    let seconds = milliseconds as f64 / 1000.0;
    seconds
}

/// A moment as RFC 3339 text, such as `2026-11-23T01:24:28Z`.
pub(crate) fn moment(at: infield_domain::sandbox::Millis) -> String {
    let moment = i64::try_from(at).ok().and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
    moment.map_or_else(
        || "out of range".to_owned(),
        |moment| moment.round(jiff::Unit::Second).unwrap_or(moment).to_string(),
    )
}

/// A span for people: `45 s`, `29 min`, `5 h`, `3 days`.
pub(crate) fn span(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
