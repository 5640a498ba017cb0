//! A value against a schema, in the part of JSON Schema that the two specifications use. A word
//! that is not known here is a complaint, so that none is passed over.

use serde_json::{Map, Value};

/// Words that say nothing about a value.
const SILENT: &[&str] = &[
    "default",
    "deprecated",
    "description",
    "example",
    "title",
    "x-enum-comments",
    "x-enum-varnames",
];

/// What holds schemas against values.
pub(super) struct Checker<'a> {
    /// The file, in which references point.
    root: &'a Value,
    complaints: Vec<String>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(root: &'a Value) -> Self {
        Self { root, complaints: Vec::new() }
    }

    /// Everything that is wrong with the value.
    pub(super) fn complaints(mut self, schema: &Value, value: &Value) -> Vec<String> {
        self.check(schema, value, "");
        self.complaints
    }

    fn check(&mut self, schema: &Value, value: &Value, at: &str) {
        let Some(words) = schema.as_object() else {
            return self.complain(at, "the schema is no object");
        };
        if value.is_null() && words.get("nullable") == Some(&Value::Bool(true)) {
            return;
        }
        for (word, said) in words {
            match word.as_str() {
                "$ref" => self.check_referred(said, value, at),
                "allOf" => {
                    said.as_array()
                        .into_iter()
                        .flatten()
                        .for_each(|one| self.check(one, value, at));
                }
                "type" => self.check_type(said, value, at),
                "enum" if !said.as_array().is_some_and(|all| all.contains(value)) => {
                    self.complain(at, &format!("{value} is not one of {said}"));
                }
                "minimum" if value.as_f64() < said.as_f64() => self.complain(at, "too small"),
                "maximum" if value.as_f64() > said.as_f64() => self.complain(at, "too large"),
                "format" => self.check_format(said, value, at),
                "required" => self.check_required(said, value, at),
                "properties" => self.check_properties(said, value, at),
                "items" => {
                    for (number, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(said, item, &format!("{at}/{number}"));
                    }
                }
                "nullable" | "enum" | "minimum" | "maximum" | "additionalProperties" => {}
                word if SILENT.contains(&word) => {}
                word => self.complain(at, &format!("the schema's word `{word}` is not known")),
            }
        }
        self.check_others(words, value, at);
    }

    fn check_referred(&mut self, reference: &Value, value: &Value, at: &str) {
        let pointer = reference.as_str().and_then(|text| text.strip_prefix('#'));
        match pointer.and_then(|pointer| self.root.pointer(pointer)) {
            Some(schema) => self.check(schema, value, at),
            None => self.complain(at, &format!("{reference} leads nowhere")),
        }
    }

    fn check_type(&mut self, kind: &Value, value: &Value, at: &str) {
        let is = match kind.as_str() {
            Some("string") => value.is_string(),
            Some("boolean") => value.is_boolean(),
            Some("number") => value.is_number(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("array") => value.is_array(),
            Some("object") => value.is_object(),
            Some(_) | None => false,
        };
        if !is {
            self.complain(at, &format!("{value} is not of type {kind}"));
        }
    }

    fn check_format(&mut self, format: &Value, value: &Value, at: &str) {
        // Of numbers it tells how large they may be, which serde_json has seen.
        if format == "date-time" && !value.as_str().is_some_and(is_moment) {
            self.complain(at, &format!("{value} is no moment"));
        }
    }

    fn check_required(&mut self, names: &Value, value: &Value, at: &str) {
        for name in names.as_array().into_iter().flatten().filter_map(Value::as_str) {
            if value.as_object().is_some_and(|object| !object.contains_key(name)) {
                self.complain(at, &format!("`{name}` is missing"));
            }
        }
    }

    fn check_properties(&mut self, properties: &Value, value: &Value, at: &str) {
        for (name, schema) in properties.as_object().into_iter().flatten() {
            if let Some(value) = value.get(name) {
                self.check(schema, value, &format!("{at}/{name}"));
            }
        }
    }

    /// Keys that no property describes.
    fn check_others(&mut self, words: &Map<String, Value>, value: &Value, at: &str) {
        let described = words.get("properties").and_then(Value::as_object);
        for (name, value) in value.as_object().into_iter().flatten() {
            if described.is_some_and(|described| described.contains_key(name)) {
                continue;
            }
            match words.get("additionalProperties") {
                Some(Value::Bool(true)) => {}
                Some(schema @ Value::Object(_)) => {
                    self.check(schema, value, &format!("{at}/{name}"))
                }
                Some(_) => self.complain(at, &format!("`{name}` is not described")),
                None if described.is_some() => {
                    self.complain(at, &format!("`{name}` is not described"));
                }
                None => {}
            }
        }
    }

    fn complain(&mut self, at: &str, what: &str) {
        let place = if at.is_empty() { "the answer" } else { at };
        self.complaints.push(format!("{place}: {what}"));
    }
}

/// Whether a text is a date and a time, as RFC 3339 writes them.
fn is_moment(text: &str) -> bool {
    const PATTERN: &[u8] = b"0000-00-00T00:00:00";
    let (moment, rest) = text.as_bytes().split_at(text.len().min(PATTERN.len()));
    let fits = |(byte, pattern): (&u8, &u8)| match pattern {
        b'0' => byte.is_ascii_digit(),
        pattern => byte == pattern,
    };
    let zone = rest.iter().position(|byte| b"Z+-".contains(byte));
    let is_fraction = |part: &[u8]| match part.split_first() {
        Some((b'.', digits)) => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
        Some(_) => false,
        None => true,
    };
    moment.len() == PATTERN.len()
        && moment.iter().zip(PATTERN).all(fits)
        && zone.is_some_and(|zone| is_fraction(&rest[..zone]))
}
