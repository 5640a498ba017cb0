//! `list_sandboxes`: what there is.

use infield_domain::lifecycle::State;
use infield_engine::ListSandboxes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::call::Call;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::schema;
use crate::tools::sandbox_facts::{Line, line};
use crate::tools::{Definition, Hints};

pub(super) const DEFINITION: Definition = Definition {
    name: "list_sandboxes",
    title: "List sandboxes",
    description: "Lists your sandboxes, the newest first, also stopped ones, which start again \
        when they are used. Call it to find a sandbox of an earlier conversation.",
    hints: Hints::Reads,
    input: schema::of::<Args>,
    output: Some(schema::of_answer::<Facts>),
    example: r#"{"status": "running"}"#,
    result_chars: None,
};

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Args {
    status: Option<StatusWord>,
    /// Default 50, at most 1000
    limit: Option<u32>,
    /// next_cursor of the page before
    cursor: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum StatusWord {
    Running,
    Stopped,
    Failed,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Facts {
    #[schemars(with = "Vec<Map<String, Value>>")]
    sandboxes: Vec<Line>,
    count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

pub(super) async fn call(call: &Call, args: Args) -> Result<Reply, Failure> {
    let states = match args.status {
        None => Vec::new(),
        Some(StatusWord::Running) => vec![State::Running],
        Some(StatusWord::Stopped) => vec![State::Stopped],
        Some(StatusWord::Failed) => vec![State::Failed],
    };
    let list = ListSandboxes {
        states,
        labels: Default::default(),
        limit: args.limit.unwrap_or(50).clamp(1, 1_000),
        cursor: args.cursor,
    };
    let page = call.engine.list_sandboxes(&call.who, list).await;
    let page = page.map_err(|error| Failure::from_error(&error))?;
    let sandboxes: Vec<_> = page.items.iter().map(line).collect();
    Reply::facts(&Facts { count: sandboxes.len(), sandboxes, next_cursor: page.next_cursor })
}
