use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::json;

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is looked at")]
#[schemars(deny_unknown_fields)]
struct Sample {
    /// Comes first although it is late in the alphabet.
    zebra: String,
    count: Option<u32>,
    /// One of two.
    kind: Option<Kind>,
    nested: Option<Nested>,
    many: Option<Vec<Nested>>,
    variables: Option<BTreeMap<String, String>>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is looked at")]
#[serde(rename_all = "snake_case")]
enum Kind {
    First,
    Second,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is looked at")]
struct Nested {
    size: u64,
}

#[test]
fn schemas_are_flat_and_without_noise() {
    let nested = json!({
        "type": "object", "properties": {"size": {"type": "integer"}}, "required": ["size"]
    });
    let expected = json!({
        "type": "object",
        "properties": {
            "zebra": {
                "description": "Comes first although it is late in the alphabet.", "type": "string"
            },
            "count": {"type": "integer"},
            "kind": {"description": "One of two.", "type": "string", "enum": ["first", "second"]},
            "nested": nested,
            "many": {"type": "array", "items": nested},
            "variables": {"type": "object", "additionalProperties": {"type": "string"}}
        },
        "required": ["zebra"]
    });
    let schema = serde_json::Value::Object(super::of::<Sample>());
    assert_eq!(schema, expected);
    let names: Vec<_> = schema["properties"].as_object().expect("an object").keys().collect();
    assert_eq!(names, ["zebra", "count", "kind", "nested", "many", "variables"]);
}
