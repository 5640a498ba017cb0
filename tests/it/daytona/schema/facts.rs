//! What the wire has and the files do not say, each with its reason. Nothing else may differ.

use serde_json::{Value, json};

/// A property of a schema that the file describes otherwise or not at all.
pub(super) struct Fact {
    schema: &'static str,
    property: &'static str,
    is: Is,
    #[expect(dead_code, reason = "it is read by people")]
    reason: &'static str,
}

/// What a property is.
#[derive(Clone, Copy)]
enum Is {
    /// It must be there, and be of this type.
    Required(&'static str),
    /// When it is there, it is of this type.
    Of(&'static str),
}

/// An answer of a route that the file does not describe.
pub(super) struct Extra {
    method: &'static str,
    path: &'static str,
    status: u16,
    /// The JSON of it, as a schema; nothing is said of a body by an empty one.
    schema: &'static str,
    #[expect(dead_code, reason = "it is read by people")]
    reason: &'static str,
}

const INTEGER: &str = "the newest Python SDK refuses a number with a fraction";
const NEWER: &str = "SDKs that are newer than the file require it";

const WHOLE: &str = "a sandbox has one shape here, in lists too, and SDKs pass over the rest";

/// Of the control API.
#[rustfmt::skip]
pub(super) const API: &[Fact] = &[
    fact("Sandbox", "kvm", Is::Required("boolean"), NEWER),
    fact("Sandbox", "cpu", Is::Required("integer"), INTEGER),
    fact("Sandbox", "gpu", Is::Required("integer"), INTEGER),
    fact("Sandbox", "memory", Is::Required("integer"), INTEGER),
    fact("Sandbox", "disk", Is::Required("integer"), INTEGER),
    fact("SandboxListItem", "cpu", Is::Required("integer"), INTEGER),
    fact("SandboxListItem", "gpu", Is::Required("integer"), INTEGER),
    fact("SandboxListItem", "memory", Is::Required("integer"), INTEGER),
    fact("SandboxListItem", "disk", Is::Required("integer"), INTEGER),
    fact("SandboxListItem", "kvm", Is::Of("boolean"), WHOLE),
    fact("SandboxListItem", "env", Is::Of("object"), WHOLE),
    fact("SandboxListItem", "volumes", Is::Of("array"), WHOLE),
    fact("Organization", "scimEnabled", Is::Required("boolean"), NEWER),
    fact("OidcConfig", "provider", Is::Required("string"), NEWER),
];

/// Of the toolbox.
#[rustfmt::skip]
pub(super) const TOOLBOX: &[Fact] = &[
];

const FOLLOWED: &str = "the file tells of the WebSocket in words, without an answer";

/// Of the control API.
#[rustfmt::skip]
pub(super) const API_ANSWERS: &[Extra] = &[
    extra("get", "/socket.io/", (101, ""), "the events that SDKs listen to are not in the file"),
];

/// Of the toolbox.
#[rustfmt::skip]
pub(super) const TOOLBOX_ANSWERS: &[Extra] = &[
    extra("get", "/project-dir", (200, r##"{"$ref":"#/definitions/WorkDirResponse"}"##), "SDKs before the file ask for the working directory so"),
    extra("post", "/files/upload", (200, r##"{"$ref":"#/definitions/UploadedFile"}"##), "SDKs before the file upload so"),
    extra("get", "/process/session/{sessionId}/command/{commandId}/logs", (101, ""), FOLLOWED),
    extra("get", "/process/session/entrypoint/logs", (101, ""), FOLLOWED),
    extra("get", "/process/pty/create-connect", (101, ""), "SDKs after the file make and attach a terminal so"),
];

const fn fact(schema: &'static str, property: &'static str, is: Is, reason: &'static str) -> Fact {
    Fact { schema, property, is, reason }
}

const fn extra(
    method: &'static str,
    path: &'static str,
    (status, schema): (u16, &'static str),
    reason: &'static str,
) -> Extra {
    Extra { method, path, status, schema, reason }
}

/// Puts facts into the schemas of a file.
pub(super) fn complete(schemas: &mut Value, facts: &[Fact]) {
    for fact in facts {
        let schema = schemas.get_mut(fact.schema).expect("the file has this schema");
        let (Is::Required(kind) | Is::Of(kind)) = fact.is;
        schema["properties"][fact.property] = json!({ "type": kind });
        let required = schema["required"].as_array_mut().expect("it has required ones");
        required.retain(|name| name != fact.property);
        if matches!(fact.is, Is::Required(_)) {
            required.push(fact.property.into());
        }
    }
}

/// Puts answers into the paths of a file.
pub(super) fn add_answers(paths: &mut Value, extras: &[Extra]) {
    for Extra { method, path, status, schema, .. } in extras {
        let described = match *schema {
            "" => json!({}),
            text => {
                let schema: Value = serde_json::from_str(text).expect("the schema is JSON");
                json!({ "schema": schema })
            }
        };
        paths[path][method]["responses"][status.to_string()] = described;
    }
}

/// Errors: the file has no schema for most, and the contract has one for all.
pub(super) fn error() -> Value {
    json!({
        "type": "object",
        "required": ["statusCode", "message", "code", "source", "path", "method", "timestamp"],
        "properties": {
            "statusCode": { "type": "integer" },
            "message": { "type": "string" },
            "error": { "type": "string" },
            "code": { "type": "string" },
            "source": { "type": "string", "enum": ["DAYTONA_API", "DAYTONA_DAEMON"] },
            "path": { "type": "string" },
            "method": { "type": "string" },
            "timestamp": { "type": "string", "format": "date-time" },
            "errors": { "type": "array", "items": { "type": "string" } },
        },
    })
}
