//! Arguments of a tool call, from what a model wrote to a type that cannot be wrong.
//!
//! Models misspell names, use the words of other tools, send numbers as text and `null` for
//! "nothing". What cannot be misunderstood is accepted; the rest is refused with a text that
//! names the tool, the field, what may stand there, and an example.

#[cfg(test)]
mod tests;

use rmcp::model::JsonObject;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::Failure;

/// Other words for a field. The first line whose field the tool has counts.
#[rustfmt::skip]
const ALIASES: &[(&str, &str)] = &[
    ("sandbox", "sandbox_id"), ("sandbox_name", "sandbox_id"), ("id", "sandbox_id"),
    ("execution", "execution_id"), ("id", "execution_id"),
    ("path", "file_path"), ("file", "file_path"), ("filename", "file_path"), ("file_name", "file_path"),
    ("filepath", "file_path"), ("directory", "file_path"),
    ("path", "working_directory"), ("cwd", "working_directory"), ("workdir", "working_directory"),
    ("working_dir", "working_directory"), ("directory", "working_directory"),
    ("repo_url", "repository_url"), ("repository", "repository_url"), ("url", "repository_url"), ("repo", "repository_url"),
    ("repository_url", "git_repo"), ("repo_url", "git_repo"), ("repository", "git_repo"), ("repo", "git_repo"),
    ("branch", "git_branch"), ("git_branch", "branch"), ("ref", "branch"),
    ("timeout", "timeout_seconds"), ("timeout_sec", "timeout_seconds"), ("timeout_secs", "timeout_seconds"),
    ("wait", "wait_seconds"), ("timeout_seconds", "wait_seconds"), ("timeout", "wait_seconds"),
    ("env", "environment_vars"), ("envs", "environment_vars"), ("env_vars", "environment_vars"),
    ("environment", "environment_vars"),
    ("cmd", "command"), ("shell_command", "command"), ("script", "command"), ("code", "command"),
    ("source", "code"), ("script", "code"), ("lang", "language"),
    ("input", "stdin"), ("max_chars", "max_output_chars"), ("max_output", "max_output_chars"),
    ("op", "operation"), ("action", "operation"),
    ("text", "content"), ("contents", "content"), ("data", "content"),
    ("old_string", "old_text"), ("old_str", "old_text"), ("old", "old_text"),
    ("new_string", "new_text"), ("new_str", "new_text"), ("new", "new_text"),
    ("destination", "new_path"), ("to", "new_path"), ("target", "new_path"),
    ("regex", "pattern"), ("query", "pattern"), ("name_pattern", "glob"),
    ("message", "commit_message"), ("files", "paths"), ("path", "paths"),
    ("cpu", "cpus"), ("memory", "memory_mb"), ("ttl", "ttl_minutes"), ("state", "status"),
];

/// Words for which [`unknown`] knows better than "did you mean".
#[rustfmt::skip]
const EXPLAINED: &[(&str, &str, &str)] = &[
    ("create_sandbox", "sandbox_id", "create_sandbox chooses the id and returns it; to choose a word yourself, pass `name`"),
];

/// What a tool expects.
pub(crate) struct Expected<'a> {
    /// The tool's name.
    pub(crate) tool: &'a str,
    /// Its input schema, cleaned.
    pub(crate) schema: &'a JsonObject,
    /// Arguments that work, as JSON.
    pub(crate) example: &'a str,
    /// The `sandbox_id` of a call that names none.
    pub(crate) sandbox: Option<&'a str>,
}

/// Reads the arguments of a call.
pub(crate) fn parse<T: DeserializeOwned>(
    expected: &Expected<'_>,
    raw: JsonObject,
) -> Result<T, Failure> {
    let properties = properties(expected.schema);
    let mut arguments = JsonObject::new();
    for (word, value) in raw {
        let name = canonical(&word, properties);
        let Some(schema) = properties.get(&name) else {
            return Err(unknown(expected, &word));
        };
        if value.is_null() {
            continue;
        }
        let value = accept(value, schema).map_err(|wanted| {
            refuse(expected, &format!("`{name}` must be {wanted}"), "correct it and call again")
        })?;
        if arguments.insert(name.clone(), value).is_some() {
            let problem = format!("`{name}` was given twice, also as `{word}`");
            return Err(refuse(expected, &problem, "give it once"));
        }
    }
    if let Some(sandbox) = expected.sandbox
        && properties.contains_key("sandbox_id")
    {
        arguments.entry("sandbox_id").or_insert_with(|| sandbox.into());
    }
    let missing = missing(expected.schema, &arguments);
    if !missing.is_empty() {
        let problem = format!("missing {}", quote(&missing));
        return Err(refuse(expected, &problem, "add what is missing and call again"));
    }
    serde_json::from_value(Value::Object(arguments)).map_err(|error| {
        refuse(expected, &error.to_string(), "correct the arguments and call again")
    })
}

/// Refuses a call whose arguments do not go together; says what to do.
pub(crate) fn refuse(expected: &Expected<'_>, problem: &str, mend: &str) -> Failure {
    let Expected { tool, example, .. } = expected;
    Failure::of(format!("{tool}: {problem}. Next: {mend}. Example: {example}"))
}

fn properties(schema: &JsonObject) -> &JsonObject {
    static NONE: std::sync::LazyLock<JsonObject> = std::sync::LazyLock::new(JsonObject::new);
    schema.get("properties").and_then(Value::as_object).unwrap_or(&NONE)
}

fn canonical(word: &str, properties: &JsonObject) -> String {
    let snake = snake_case(word);
    if properties.contains_key(&snake) {
        return snake;
    }
    let alias =
        ALIASES.iter().find(|(alias, name)| *alias == snake && properties.contains_key(*name));
    alias.map_or(snake, |(_, name)| (*name).to_owned())
}

/// `filePath` and `file-path` to `file_path`.
fn snake_case(word: &str) -> String {
    let mut snake = String::with_capacity(word.len() + 4);
    for letter in word.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(if letter == '-' { '_' } else { letter.to_ascii_lowercase() });
    }
    snake
}

/// Takes a value of the wanted type, or one that means the same; else says what was wanted.
fn accept(value: Value, schema: &Value) -> Result<Value, String> {
    let wanted = schema["type"].as_str().unwrap_or_default();
    let value = match (wanted, value) {
        ("string", Value::String(text)) => return one_of(text, schema),
        ("string", Value::Number(number)) => return one_of(number.to_string(), schema),
        ("integer" | "number", Value::String(text)) => serde_json::from_str(text.trim())
            .ok()
            .filter(Value::is_number)
            .ok_or(article(wanted))?,
        ("boolean", Value::String(text)) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Value::Bool(true),
            "false" | "no" | "0" => Value::Bool(false),
            _ => return Err("true or false".to_owned()),
        },
        ("object", Value::String(text)) => {
            serde_json::from_str(&text).map_err(|_| article(wanted))?
        }
        ("array", Value::String(text)) => Value::Array(vec![Value::String(text)]),
        (_, value) => value,
    };
    match (wanted, value) {
        // A float that is whole, as JavaScript clients write every number.
        ("integer", Value::Number(number)) => whole(&number),
        ("number", Value::Number(number)) => Ok(Value::Number(number)),
        ("boolean", Value::Bool(flag)) => Ok(Value::Bool(flag)),
        ("object", Value::Object(object)) => Ok(Value::Object(texts(object)?)),
        ("array", Value::Array(items)) => Ok(Value::Array(items)),
        (wanted, _) => Err(article(wanted)),
    }
}

fn one_of(text: String, schema: &Value) -> Result<Value, String> {
    let Some(choices) = schema["enum"].as_array() else { return Ok(Value::String(text)) };
    let choices: Vec<_> = choices.iter().filter_map(Value::as_str).collect();
    let word = text.trim().to_ascii_lowercase();
    match choices.iter().find(|choice| **choice == word) {
        Some(choice) => Ok(Value::String((*choice).to_owned())),
        None => Err(format!("one of {}{}", quote(&choices), did_you_mean(&word, &choices))),
    }
}

fn whole(number: &serde_json::Number) -> Result<Value, String> {
    // 2^53: beyond it a float does not say which whole number it stands for.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.as_u64().is_some() {
        return Ok(Value::Number(number.clone()));
    }
    match number.as_f64() {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
        Some(float) if float.fract() == 0.0 && (0.0..EXACT).contains(&float) => {
            Ok(Value::from(float as u64))
        }
        _ => Err("a whole number, zero or more".to_owned()),
    }
}

/// The values of variables are text; models send numbers and flags too.
fn texts(object: JsonObject) -> Result<JsonObject, String> {
    object
        .into_iter()
        .map(|(name, value)| match value {
            Value::String(_) => Ok((name, value)),
            Value::Number(_) | Value::Bool(_) => Ok((name, Value::String(value.to_string()))),
            Value::Null => Ok((name, Value::String(String::new()))),
            Value::Array(_) | Value::Object(_) => {
                Err(format!("an object of texts, and `{name}` in it is none"))
            }
        })
        .collect()
}

fn article(wanted: &str) -> String {
    match wanted {
        "integer" => "a whole number, zero or more".to_owned(),
        "boolean" => "true or false".to_owned(),
        "object" => "an object such as {\"KEY\": \"value\"}".to_owned(),
        "array" => "a list of texts".to_owned(),
        "string" => "a text".to_owned(),
        other => format!("a {other}"),
    }
}

fn missing<'a>(schema: &'a JsonObject, arguments: &JsonObject) -> Vec<&'a str> {
    let required = schema.get("required").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    required
        .iter()
        .filter_map(Value::as_str)
        .filter(|name| !arguments.contains_key(*name))
        .collect()
}

fn unknown(expected: &Expected<'_>, word: &str) -> Failure {
    let explained =
        EXPLAINED.iter().find(|(tool, name, _)| *tool == expected.tool && *name == word);
    if let Some((_, _, why)) = explained {
        return refuse(expected, &format!("there is no argument `{word}`: {why}"), "leave it out");
    }
    let names: Vec<_> = properties(expected.schema).keys().map(String::as_str).collect();
    let shown: String = word.chars().filter(|letter| !letter.is_control()).take(64).collect();
    let near = did_you_mean(&snake_case(word), &names);
    let problem = format!("there is no argument `{shown}`{near}");
    refuse(expected, &problem, &format!("use only {}", quote(&names)))
}

fn did_you_mean(word: &str, choices: &[&str]) -> String {
    nearest(word, choices).map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"))
}

/// The choice that a slip of the pen away from `word`, if one is.
pub(crate) fn nearest<'a>(word: &str, choices: &[&'a str]) -> Option<&'a str> {
    let best = choices.iter().map(|choice| (distance(word, choice), *choice)).min()?;
    let slips = word.len().max(best.1.len()) / 3;
    (best.0 <= slips.max(1)).then_some(best.1)
}

/// Levenshtein's edit distance, row by row.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, left) in one.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, right) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

fn quote(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
