use std::collections::BTreeMap;

use rmcp::model::JsonObject;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Expected, nearest, parse};
use crate::schema;

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
struct Sample {
    sandbox_id: String,
    file_path: Option<String>,
    timeout_seconds: Option<u64>,
    cpus: Option<f64>,
    recursive: Option<bool>,
    operation: Option<Operation>,
    environment_vars: Option<BTreeMap<String, String>>,
    paths: Option<Vec<String>>,
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Operation {
    Read,
    Write,
}

fn read(arguments: Value) -> Result<Sample, String> {
    let schema = schema::of::<Sample>();
    let expected = Expected {
        tool: "sample",
        schema: &schema,
        example: r#"{"sandbox_id": "a"}"#,
        sandbox: None,
    };
    let raw: JsonObject = serde_json::from_value(arguments).expect("an object");
    parse(&expected, raw).map_err(|failure| failure.text().to_owned())
}

#[track_caller]
fn check(arguments: Value, same_as: Value) {
    let expected: Sample = serde_json::from_value(same_as).expect("plain arguments");
    assert_eq!(read(arguments), Ok(expected));
}

#[track_caller]
fn check_refused(arguments: Value, words: &[&str]) {
    let text = read(arguments).expect_err("these arguments are wrong");
    for word in words.iter().chain(&["sample:", "Next:", r#"Example: {"sandbox_id": "a"}"#]) {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
}

#[test]
fn plain_arguments_are_taken() {
    check(json!({"sandbox_id": "a"}), json!({"sandbox_id": "a"}));
}

#[test]
fn other_words_for_a_field_are_taken() {
    let same = json!({"sandbox_id": "a", "file_path": "b", "timeout_seconds": 5});
    check(json!({"sandbox": "a", "path": "b", "timeout": 5}), same.clone());
    check(json!({"sandboxId": "a", "filename": "b", "timeout-seconds": 5}), same.clone());
    check(json!({"id": "a", "filePath": "b", "timeout_secs": 5}), same);
    let same = json!({"sandbox_id": "a", "environment_vars": {"A": "1"}});
    check(json!({"sandbox_id": "a", "env": {"A": "1"}}), same);
}

#[test]
fn values_that_mean_the_same_are_taken() {
    let same = json!({"sandbox_id": "7", "timeout_seconds": 5, "cpus": 0.5, "recursive": true});
    check(
        json!({"sandbox_id": 7, "timeout_seconds": "5", "cpus": "0.5", "recursive": "True"}),
        same,
    );
    let same = json!({"sandbox_id": "a", "timeout_seconds": 5, "operation": "read"});
    let given = json!({
        "sandbox_id": "a", "timeout_seconds": 5.0, "operation": " READ ", "file_path": null
    });
    check(given, same);
    let same = json!({"sandbox_id": "a", "environment_vars": {"A": "1", "B": "true", "C": ""}});
    check(json!({"sandbox_id": "a", "env": {"A": 1, "B": true, "C": null}}), same.clone());
    check(json!({"sandbox_id": "a", "env": r#"{"A": "1", "B": "true", "C": ""}"#}), same);
    let same = json!({"sandbox_id": "a", "paths": ["x"]});
    check(json!({"sandbox_id": "a", "paths": "x"}), same);
}

#[test]
fn what_is_missing_is_named() {
    check_refused(json!({"file_path": "b"}), &["missing `sandbox_id`"]);
    check_refused(json!({"sandbox_id": null}), &["missing `sandbox_id`"]);
}

#[test]
fn unknown_arguments_are_refused_with_the_nearest() {
    let a = "a";
    check_refused(
        json!({"sandbox_id": a, "timeout_secnods": 5}),
        &["no argument `timeout_secnods`", "did you mean `timeout_seconds`?", "`file_path`"],
    );
    let text = read(json!({"sandbox_id": a, "colour": 5})).expect_err("an unknown argument");
    assert!(!text.contains("did you mean"), "{text}");
}

#[test]
fn wrong_values_are_refused_with_what_is_right() {
    let whole = "`timeout_seconds` must be a whole number, zero or more";
    check_refused(json!({"sandbox_id": "a", "timeout_seconds": "soon"}), &[whole]);
    check_refused(json!({"sandbox_id": "a", "timeout_seconds": -1}), &[whole]);
    check_refused(json!({"sandbox_id": "a", "timeout_seconds": 1.5}), &[whole]);
    check_refused(
        json!({"sandbox_id": "a", "operation": "writee"}),
        &["`operation` must be one of `read`, `write`", "did you mean `write`?"],
    );
    check_refused(json!({"sandbox_id": "a", "recursive": "perhaps"}), &["true or false"]);
    check_refused(json!({"sandbox_id": ["a"]}), &["`sandbox_id` must be a text"]);
    check_refused(json!({"sandbox_id": "a", "env": {"A": ["1"]}}), &["`A` in it is none"]);
    check_refused(json!({"sandbox_id": "a", "sandbox": "b"}), &["`sandbox_id` was given twice"]);
}

#[test]
fn the_nearest_word() {
    let words = ["execute_code", "execute_shell", "read_output"];
    assert_eq!(nearest("execute_cod", &words), Some("execute_code"));
    assert_eq!(nearest("read_outputs", &words), Some("read_output"));
    assert_eq!(nearest("frobnicate", &words), None);
    assert_eq!(nearest("", &words), None);
}
