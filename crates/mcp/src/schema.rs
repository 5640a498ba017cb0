//! JSON schemas of tools, made of Rust types and cleaned for the clients there are.
//!
//! What schemars makes of a Rust type is correct and still refused in the field: `$ref` by
//! managed agents, unions with `null` by Gemini, Rust formats such as `uint32` by strict
//! validators. So each schema is inlined and cleaned once, when the tool list is made. The order
//! of the properties is the order of the fields, because models fill arguments in that order.

#[cfg(test)]
mod tests;

use rmcp::model::JsonObject;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// Words of a schema that say nothing to a client.
const NOISE: [&str; 5] = ["$schema", "$defs", "title", "format", "default"];

/// The cleaned schema of `T`, which must be a flat object.
pub(crate) fn of<T: JsonSchema>() -> JsonObject {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    clean(&mut schema);
    match schema {
        Value::Object(mut object) => {
            // The tool has a description of its own.
            object.remove("description");
            object
        }
        // schemars gives `true` for a type that holds anything; no argument type does.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            JsonObject::new()
        }
    }
}

/// The schema of an answer: what [`of`] gives, without what only a reader of the list would want.
/// Every client pays for the list in every conversation.
pub(crate) fn of_answer<T: JsonSchema>() -> JsonObject {
    let mut schema = Value::Object(of::<T>());
    shorten(&mut schema);
    match schema {
        Value::Object(object) => object,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            JsonObject::new()
        }
    }
}

fn shorten(schema: &mut Value) {
    let Value::Object(object) = schema else { return };
    for word in ["description", "required", "additionalProperties"] {
        object.remove(word);
    }
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        properties.values_mut().for_each(shorten);
    }
    if let Some(items) = object.get_mut("items") {
        shorten(items);
    }
}

fn clean(schema: &mut Value) {
    let Value::Object(object) = schema else { return };
    for word in NOISE {
        object.remove(word);
    }
    // A zero minimum only repeats that the Rust type is unsigned.
    if object.get("minimum").is_some_and(|minimum| minimum.as_u64() == Some(0)) {
        object.remove("minimum");
    }
    // Aliases are accepted, and unknown names are refused with a better text than a validator's.
    if object.get("additionalProperties") == Some(&Value::Bool(false)) {
        object.remove("additionalProperties");
    }
    drop_null_type(object);
    drop_null_alternative(object);
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        properties.values_mut().for_each(clean);
    }
    for word in ["items", "additionalProperties"] {
        if let Some(inner) = object.get_mut(word) {
            clean(inner);
        }
    }
}

fn drop_null_type(object: &mut JsonObject) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|word| word != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
}

/// Turns `anyOf: [X, null]` into X, keeping the description beside it.
fn drop_null_alternative(object: &mut JsonObject) {
    let Some(Value::Array(alternatives)) = object.get_mut("anyOf") else { return };
    alternatives.retain(|one| one.get("type").is_none_or(|word| word != "null"));
    if alternatives.len() != 1 {
        return;
    }
    let Some(Value::Object(only)) = alternatives.pop() else { return };
    object.remove("anyOf");
    for (word, value) in only {
        object.entry(word).or_insert(value);
    }
}
