//! The rules behind `limited`: package registries and public git hosts.

use super::rule::Rule;
use crate::{Error, Result};

/// What `limited` allows unless the operator says otherwise, a rule on each line.
pub const LIMITED: &str = include_str!("preset/limited.rules");

/// Reads a preset: rules, one on each line; `#` begins a remark.
pub fn limited(text: &str) -> Result<Vec<Rule>> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let numbered = lines.zip(1..).filter(|(line, _)| !line.is_empty());
    numbered
        .map(|(line, number)| {
            line.parse::<Rule>().map_err(|error| {
                let text = format!("line {number} of the preset: {}", error.message());
                let hint = error.hint().unwrap_or("write `allow NAME:PORTS`").to_owned();
                Error::invalid(text).with_hint(hint)
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;
