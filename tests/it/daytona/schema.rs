//! Whether an answer is what the published specifications say of it.
//!
//! Both files are read as they are; where the server differs from them on purpose, [`facts`] says
//! what the wire has instead, and why. A key that nobody described is a complaint as much as one
//! that is missing.

mod check;
mod facts;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use anyhow::{Result, bail};
use serde_json::Value;

use check::Checker;

/// One answer, and what it answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) method: &'a str,
    /// With its query.
    pub(crate) target: &'a str,
    pub(crate) status: u16,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

/// A specification, with the facts that it lacks.
struct Specification {
    /// Below which every path of it is, as parts; a part in braces stands for any.
    base: &'static [&'static str],
    text: Value,
}

static SPECIFICATIONS: OnceLock<[Specification; 2]> = OnceLock::new();

fn specifications() -> &'static [Specification; 2] {
    SPECIFICATIONS.get_or_init(|| {
        let read = |text: &str| serde_json::from_str(text).expect("the specification is JSON");
        let mut api: Value = read(include_str!("../../../crates/daytona/openapi/api.json"));
        let mut toolbox = read(include_str!("../../../crates/daytona/openapi/toolbox.json"));
        facts::complete(&mut api["components"]["schemas"], facts::API);
        facts::complete(&mut toolbox["definitions"], facts::TOOLBOX);
        facts::add_answers(&mut api["paths"], facts::API_ANSWERS);
        facts::add_answers(&mut toolbox["paths"], facts::TOOLBOX_ANSWERS);
        [
            Specification { base: &["api"], text: api },
            Specification { base: &["toolbox", "{sandboxId}"], text: toolbox },
        ]
    })
}

/// Fails with everything that is wrong with an answer. What neither API answered is none of it.
pub(crate) fn check(answer: &Answer<'_>) -> Result<()> {
    let path = answer.target.split('?').next().unwrap_or_default();
    let parts: Vec<_> = path.split('/').skip(1).collect();
    let Some((specification, below)) = belongs_to(&parts) else { return Ok(()) };
    let complaints = match answer.status {
        400.. => error(answer),
        _ => success(specification, below, answer),
    };
    if !complaints.is_empty() {
        let shown = String::from_utf8_lossy(&answer.body[..answer.body.len().min(2_000)]);
        let (method, target, status) = (answer.method, answer.target, answer.status);
        bail!("{method} {target} answers {status} {shown}\n  {}", complaints.join("\n  "));
    }
    Ok(())
}

fn belongs_to<'a>(parts: &'a [&'a str]) -> Option<(&'static Specification, &'a [&'a str])> {
    if parts == ["api", "health"] {
        return None;
    }
    specifications().iter().find_map(|one| {
        let base = one.base.len();
        let below = parts.get(base..).filter(|below| !below.is_empty())?;
        fits(one.base, &parts[..base]).then_some((one, below))
    })
}

fn fits(pattern: &[&str], parts: &[&str]) -> bool {
    let same = |(pattern, part): (&&str, &&str)| pattern.starts_with('{') || pattern == part;
    pattern.len() == parts.len() && pattern.iter().zip(parts).all(same)
}

/// Errors are described for some routes alone, and are the same for all.
fn error(answer: &Answer<'_>) -> Vec<String> {
    let Ok(body) = serde_json::from_slice::<Value>(answer.body) else {
        return vec!["an error is no JSON".to_owned()];
    };
    let none = Value::Null;
    let mut complaints = Checker::new(&none).complaints(&facts::error(), &body);
    if body["statusCode"] != answer.status {
        complaints.push("/statusCode: another status than the answer has".to_owned());
    }
    complaints
}

fn success(specification: &Specification, below: &[&str], answer: &Answer<'_>) -> Vec<String> {
    let Some(operation) = operation(&specification.text, below, answer.method) else {
        return vec!["neither the specification nor a fact describes this route".to_owned()];
    };
    let Some(described) = operation["responses"].get(answer.status.to_string()) else {
        return vec!["this status is not described".to_owned()];
    };
    // Swagger 2 and OpenAPI 3 have it at different places.
    let media = described["content"].get("application/json").unwrap_or(described);
    let Some(schema) = media.get("schema") else { return Vec::new() };
    let makes_json = operation["produces"]
        .as_array()
        .is_none_or(|kinds| kinds.first().is_some_and(|kind| kind == "application/json"));
    if !makes_json || answer.status == 101 {
        return Vec::new();
    }
    if !answer.content_type.is_some_and(|kind| kind.starts_with("application/json")) {
        return vec!["JSON is described, and the content type is another".to_owned()];
    }
    match serde_json::from_slice::<Value>(answer.body) {
        Ok(body) => Checker::new(&specification.text).complaints(schema, &body),
        Err(error) => vec![format!("JSON is described, and this is none: {error}")],
    }
}

/// What is said of a route: where two fit, of the one with fewer open parts.
fn operation<'a>(text: &'a Value, below: &[&str], method: &str) -> Option<&'a Value> {
    let paths = text["paths"].as_object()?;
    let candidates = paths.iter().filter_map(|(path, item)| {
        let pattern: Vec<_> = path.split('/').skip(1).collect();
        let operation = item.get(method.to_ascii_lowercase())?;
        let open = pattern.iter().filter(|part| part.starts_with('{')).count();
        fits(&pattern, below).then_some((open, operation))
    });
    candidates.min_by_key(|(open, _)| *open).map(|(_, operation)| operation)
}
