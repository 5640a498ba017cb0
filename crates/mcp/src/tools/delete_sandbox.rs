//! `delete_sandbox`: removes one for good.

use infield_domain::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::schema;
use crate::tools::{Definition, Hints};

pub(super) const DEFINITION: Definition = Definition {
    name: "delete_sandbox",
    title: "Delete a sandbox",
    description: "Deletes a sandbox with its files and running commands, for good, in any state.",
    hints: Hints::Removes,
    input: schema::of::<Args>,
    output: Some(schema::of_answer::<Facts>),
    example: r#"{"sandbox_id": "web"}"#,
    result_chars: None,
};

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Args {
    /// Id or name
    sandbox_id: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Facts {
    sandbox_id: String,
    success: bool,
    message: String,
}

pub(super) async fn call(call: &Call, args: Args) -> Result<Reply, Failure> {
    let reference = args.sandbox_id;
    match call.engine.delete_sandbox(&call.who, &reference).await {
        Ok(sandbox) => Reply::facts(&Facts {
            sandbox_id: sandbox.id.to_string(),
            success: true,
            message: format!("Deleted {} and its files.", sandbox.spec.name),
        }),
        // Not an error: a model that repeats the call would only see it again.
        Err(error) if error.kind() == Kind::NotFound => Reply::facts(&Facts {
            success: false,
            message: format!("Nothing was deleted: {}", call.no_sandbox(&reference).await),
            sandbox_id: reference,
        }),
        Err(error) => Err(Failure::from_error(&error)),
    }
}
