use rmcp::model::Tool;
use serde_json::{Value, json};

use super::{Catalogue, ToolName, tool_summaries};

/// Tokens that the whole list may cost.
const MOST_TOKENS: usize = 3_000;

/// Characters of one description.
const MOST_DESCRIPTION: usize = 700;

/// Words of the description of one parameter.
const MOST_WORDS: usize = 15;

fn list() -> Vec<Tool> {
    Catalogue::new().all()
}

fn as_json(tools: &[Tool]) -> Value {
    serde_json::to_value(tools).expect("tools are JSON")
}

#[test]
fn the_list_of_tools() {
    insta::assert_json_snapshot!(as_json(&list()));
}

#[test]
fn the_list_is_short() {
    let characters = as_json(&list()).to_string().chars().count();
    // 3.5 characters a token is fewer than any tokenizer in use needs for JSON and English.
    let tokens = characters * 2 / 7;
    assert!(tokens < MOST_TOKENS, "{characters} characters are about {tokens} tokens");
}

#[test]
fn descriptions_are_of_a_good_length() {
    for tool in list() {
        let description = tool.description.clone().expect("every tool has a description");
        assert!(description.len() <= MOST_DESCRIPTION, "{}: {}", tool.name, description.len());
        assert!(tool.title.is_some(), "{} has no title", tool.name);
        let properties = tool.input_schema["properties"].as_object().expect("an object");
        for (name, schema) in properties {
            let words = schema["description"].as_str().unwrap_or_default().split_whitespace();
            assert!(words.count() < MOST_WORDS, "{}.{name} says too much", tool.name);
        }
    }
}

/// What clients are known to refuse, anywhere in a schema.
#[test]
fn schemas_have_nothing_that_clients_refuse() {
    for tool in list() {
        let schemas = [Some(&tool.input_schema), tool.output_schema.as_ref()];
        for schema in schemas.into_iter().flatten() {
            assert_eq!(schema["type"], "object", "{}", tool.name);
            for word in ["oneOf", "anyOf", "allOf"] {
                assert!(!schema.contains_key(word), "{} has {word} at its root", tool.name);
            }
            walk(&tool.name, &Value::Object(schema.as_ref().clone()));
        }
    }
}

fn walk(tool: &str, schema: &Value) {
    match schema {
        Value::Object(object) => {
            for word in ["$ref", "$defs", "$schema", "format", "oneOf", "anyOf"] {
                assert!(!object.contains_key(word), "{tool} has {word}");
            }
            assert!(!object.get("type").is_some_and(Value::is_array), "{tool} has a union");
            object.values().for_each(|inner| walk(tool, inner));
        }
        Value::Array(items) => items.iter().for_each(|inner| walk(tool, inner)),
        Value::Null => panic!("{tool} has a null"),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Read-only, destructive, idempotent, open world; the defaults of the protocol are not honest.
#[test]
fn annotations_are_complete() {
    let expected = [
        (
            "create_sandbox",
            json!({"readOnlyHint": false, "destructiveHint": false, "idempotentHint": false, "openWorldHint": false}),
        ),
        ("list_sandboxes", json!({"readOnlyHint": true, "openWorldHint": false})),
        ("get_sandbox_info", json!({"readOnlyHint": true, "openWorldHint": false})),
        (
            "delete_sandbox",
            json!({"readOnlyHint": false, "destructiveHint": true, "idempotentHint": true, "openWorldHint": false}),
        ),
        (
            "execute_code",
            json!({"readOnlyHint": false, "destructiveHint": true, "idempotentHint": false, "openWorldHint": false}),
        ),
        (
            "execute_shell",
            json!({"readOnlyHint": false, "destructiveHint": true, "idempotentHint": false, "openWorldHint": false}),
        ),
        ("read_output", json!({"readOnlyHint": true, "openWorldHint": false})),
        (
            "file_operation",
            json!({"readOnlyHint": false, "destructiveHint": true, "idempotentHint": false, "openWorldHint": false}),
        ),
        (
            "git_operation",
            json!({"readOnlyHint": false, "destructiveHint": true, "idempotentHint": false, "openWorldHint": true}),
        ),
        (
            "run_intent",
            json!({"readOnlyHint": false, "destructiveHint": true, "idempotentHint": false, "openWorldHint": true}),
        ),
    ];
    let tools = as_json(&list());
    for (tool, (name, hints)) in tools.as_array().expect("a list").iter().zip(expected) {
        assert_eq!((&tool["name"], &tool["annotations"]), (&json!(name), &hints));
    }
}

#[test]
fn every_tool_is_found_by_its_name_and_by_invented_ones() {
    let catalogue = Catalogue::new();
    for tool in ToolName::ALL {
        assert_eq!(ToolName::find(&catalogue.get(tool).name), Some(tool));
    }
    assert_eq!(ToolName::find("run_command"), Some(ToolName::ExecuteShell));
    assert_eq!(ToolName::find("run_code"), Some(ToolName::ExecuteCode));
    assert_eq!(ToolName::find("launch_missiles"), None);
    let text = Catalogue::unknown("execute_cmd");
    assert!(
        text.contains("execute_shell") && text.contains("did you mean `execute_code`"),
        "{text}"
    );
}

#[test]
fn the_document_shows_every_tool_and_parameter() {
    let document = include_str!("../../../../docs/mcp.md");
    for tool in tool_summaries() {
        let row = format!("| `{}` | {} | {} |", tool.name, tool.does, tool.parameters.join(", "));
        assert!(document.contains(&row), "docs/mcp.md lacks this line:\n{row}");
    }
}
