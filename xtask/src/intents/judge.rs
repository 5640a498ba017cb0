//! When a plan or a question counts as right.

use serde_json::{Map, Value};

/// Texts that are compared without one last end of a line.
const TEXTS: &[&str] = &["code", "command", "content", "commit_message"];

/// Whether a plan has exactly the expected steps, in order.
pub(super) fn is_plan(expected: &[Value], plan: &[Value]) -> bool {
    expected.len() == plan.len()
        && expected.iter().zip(plan).all(|(expected, step)| is_step(expected, step))
}

fn is_step(expected: &Value, step: &Value) -> bool {
    let empty = Map::new();
    let wanted = expected["params"].as_object().unwrap_or(&empty);
    let given = step["params"].as_object().unwrap_or(&empty);
    let all_there = wanted
        .iter()
        .all(|(name, value)| is_value(name, value, given.get(name).unwrap_or(&Value::Null)));
    let may_be_more = |name: &str, value: &Value| {
        value.is_null()
            || (name == "language" && value == "python")
            || (name == "persistent" && value == false)
    };
    let nothing_more =
        given.iter().all(|(name, value)| wanted.contains_key(name) || may_be_more(name, value));
    expected["method"] == step["method"] && all_there && nothing_more
}

fn is_value(name: &str, wanted: &Value, given: &Value) -> bool {
    if let Some(choices) = wanted.get("$any").and_then(Value::as_array) {
        return choices.iter().any(|choice| is_value(name, choice, given));
    }
    match (wanted.as_str(), given.as_str()) {
        (Some(wanted), Some(given)) if TEXTS.contains(&name) => {
            wanted.strip_suffix('\n').unwrap_or(wanted) == given.strip_suffix('\n').unwrap_or(given)
        }
        _ => wanted == given,
    }
}

/// Whether the question is about the parameter that is missing, or another one that the line
/// names as missing, too.
pub(super) fn is_question(wanted: &str, parameter: &str) -> bool {
    let (first, more) = wanted.split_once(':').unwrap_or((wanted, ""));
    let words = more.split(|c: char| !c.is_alphanumeric() && c != '_');
    let stem = parameter.split('_').next().unwrap_or(parameter);
    first == parameter
        || words
            .into_iter()
            .any(|word| word == parameter || (parameter.ends_with("_id") && word == stem))
}
