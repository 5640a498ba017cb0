//! `execute_code`: a program in one of the languages.

use infield_domain::language::Language;
use infield_engine::RunCode;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::call::Call;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::schema;
use crate::tools::running::{self, Facts, How};
use crate::tools::{Definition, Hints};

pub(super) const DEFINITION: Definition = Definition {
    name: "execute_code",
    title: "Run code",
    description: "Runs a program and returns its output, exit code and matplotlib figures. \
        Without sandbox_id it runs in a throw-away sandbox and nothing survives; for several \
        steps, create a sandbox first. After 45 s status is `running`: go on with read_output.",
    hints: Hints::Changes,
    input: schema::of::<Args>,
    output: Some(schema::of_answer::<Facts>),
    example: r#"{"code": "print(6 * 7)", "language": "python"}"#,
    result_chars: None,
};

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Args {
    code: String,
    /// python, javascript, typescript, bash, c or go; default: the sandbox's
    language: Option<String>,
    #[serde(flatten)]
    how: How,
}

pub(super) async fn call(call: &Call, args: Args) -> Result<Reply, Failure> {
    let language: Option<Language> = match args.language.as_deref().map(str::parse).transpose() {
        Ok(language) => language,
        Err(error) => return Err(Failure::from_error(&error)),
    };
    let run = RunCode {
        target: args.how.target(call),
        code: args.code,
        language,
        arguments: Vec::new(),
        options: args.how.options().map_err(|error| Failure::from_error(&error))?,
    };
    running::run(call, &args.how, call.engine.run_code(&call.who, run)).await
}
