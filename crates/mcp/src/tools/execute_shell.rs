//! `execute_shell`: a line for the sandbox's shell.

use infield_engine::{CommandLine, RunCommand};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::call::Call;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::schema;
use crate::tools::running::{self, Facts, How};
use crate::tools::{Definition, Hints};

pub(super) const DEFINITION: Definition = Definition {
    name: "execute_shell",
    title: "Run a shell command",
    description: "Runs a bash command line and returns output and exit code, each call in a \
        shell of its own. No terminal; pass input as stdin. For files prefer file_operation. \
        All else is as with execute_code.",
    hints: Hints::Changes,
    input: schema::of::<Args>,
    output: Some(schema::of_answer::<Facts>),
    example: r#"{"command": "ls -la", "sandbox_id": "web"}"#,
    result_chars: None,
};

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Args {
    command: String,
    #[serde(flatten)]
    how: How,
}

pub(super) async fn call(call: &Call, args: Args) -> Result<Reply, Failure> {
    let run = RunCommand {
        target: args.how.target(call),
        command: CommandLine::Shell(args.command),
        options: args.how.options().map_err(|error| Failure::from_error(&error))?,
    };
    running::run(call, &args.how, call.engine.run_command(&call.who, run)).await
}
