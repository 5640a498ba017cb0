//! The plain door: one JSON object in, one out, for clients that speak something like MCP.
//!
//! LangSwarm's client posts JSON-RPC without `jsonrpc`, without a conversation that was opened, and
//! reads plain JSON; its older one posts `{"name", "arguments"}` alone and takes the body of the answer
//! for the result. What they ask for is what every other client asks for: the same tools, under the
//! same checks.

use infield_domain::{Error, Principal, Result as DomainResult};
use infield_engine::Engine;
use rmcp::ServerHandler as _;
use rmcp::model::{CallToolRequestParams, CallToolResult, JsonObject};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::call::{Call, Report};
use crate::door::{Door, answer};
use crate::session::Defaults;
use crate::tools::{Catalogue, IntentRequest, ToolName, run_intent};

/// How long a call waits for a command before it hands over: LangSwarm gives up after 30 seconds.
const FOREGROUND_MS: u64 = 25_000;
/// Codes of JSON-RPC 2.0, section 5.1.
const INVALID_REQUEST: i32 = -32600;
const METHOD_NOT_FOUND: i32 = -32601;

/// Answers single messages. Cheap to clone.
#[derive(Clone)]
pub struct PlainDoor(Door);

/// What a message asks for.
#[derive(Debug, PartialEq)]
enum Asked {
    Initialize,
    Tools,
    /// A tool, as JSON-RPC or bare.
    Call {
        tool: String,
        arguments: JsonObject,
        form: Form,
    },
    /// A notification or a ping.
    Nothing,
}

/// How a call came, and how its result goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Within `result`, with text, facts and images.
    Rpc,
    /// The facts alone, or `{"error"}`.
    Bare,
}

impl PlainDoor {
    /// A door for everybody who comes over HTTP.
    pub fn new(engine: Engine, mut defaults: Defaults) -> Self {
        defaults.foreground_ms = FOREGROUND_MS;
        Self(Door::over_http(engine, defaults))
    }

    /// Carries out a request in plain language for somebody whom the layer in front has let in.
    pub async fn intent(&self, who: Principal, request: IntentRequest) -> DomainResult<Value> {
        let catalogue = self.0.catalogue().clone();
        self.under_call(who, move |call| async move {
            let facts = run_intent::carry_out(&catalogue, &call, request).await?;
            serde_json::to_value(&facts)
                .map_err(|error| Error::internal("the answer is no JSON").with_source(error))
        })
        .await?
    }

    /// Answers a message of somebody whom the layer in front has let in. A call ends when the
    /// answer is dropped.
    pub async fn answer(&self, who: Principal, message: Value) -> Value {
        let id = message.get("id").cloned();
        let result = match read(message) {
            Ok(Asked::Initialize) => serde_json::to_value(self.0.get_info()).map_err(|error| {
                tracing::error!(%error, "what the server says of itself is no JSON");
                (INVALID_REQUEST, "the server cannot say what it is".to_owned())
            }),
            Ok(Asked::Tools) => Ok(json!({ "tools": self.0.tools() })),
            Ok(Asked::Nothing) => Ok(json!({})),
            Ok(Asked::Call { tool, arguments, form: Form::Bare }) => {
                return bare(self.call(who, &tool, arguments).await);
            }
            Ok(Asked::Call { tool, arguments, form: Form::Rpc }) => {
                let called = self.call(who, &tool, arguments).await;
                called.map(|result| json!(result)).map_err(|text| (METHOD_NOT_FOUND, text))
            }
            Err(text) => Err((INVALID_REQUEST, text)),
        };
        let mut answer = json!({ "jsonrpc": "2.0", "id": id });
        match result {
            Ok(result) => answer["result"] = result,
            Err((code, message)) => answer["error"] = json!({ "code": code, "message": message }),
        }
        answer
    }

    async fn call(
        &self,
        who: Principal,
        tool: &str,
        arguments: JsonObject,
    ) -> Result<CallToolResult, String> {
        let named = ToolName::find(tool).ok_or_else(|| Catalogue::unknown(tool))?;
        let catalogue = self.0.catalogue().clone();
        let request = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        let called = self.under_call(who, move |call| async move {
            answer(&catalogue, named, &call, request).await
        });
        called.await.map_err(|error| error.to_string())
    }

    /// Does the work of a call, which ends when the answer is dropped.
    async fn under_call<T, F>(
        &self,
        who: Principal,
        work: impl FnOnce(Call) -> F,
    ) -> DomainResult<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let stop = CancellationToken::new();
        let _ends_with_the_answer = stop.clone().drop_guard();
        self.0.until_ready(&stop).await;
        let (_reports, receiver) = watch::channel(Report::Nowhere);
        let call = self.0.call(self.0.for_request(who), stop.clone(), receiver);
        let called = tokio::spawn(work(call));
        called.await.map_err(|error| {
            Error::internal("the tool broke down; the daemon's log says why").with_source(error)
        })
    }
}

/// Reads a message, whatever is missing of it.
fn read(message: Value) -> Result<Asked, String> {
    let Value::Object(mut message) = message else {
        return Err(format!("a message is a JSON object. {EXAMPLE}"));
    };
    if message.contains_key("intent") && !message.contains_key("method") {
        let tool = "run_intent".to_owned();
        return Ok(Asked::Call { tool, arguments: message, form: Form::Bare });
    }
    let mut take = |name: &str| message.remove(name).unwrap_or_default();
    let (method, name, params) = (take("method"), take("name"), take("params"));
    match (method.as_str(), name.as_str()) {
        (Some("initialize"), _) => Ok(Asked::Initialize),
        (Some("tools/list"), _) => Ok(Asked::Tools),
        (Some("tools/call"), _) => {
            let mut params = object(params)?;
            let tool = params.remove("name").unwrap_or_default();
            let tool = tool.as_str().ok_or("`params` has no `name` of a tool")?.to_owned();
            let arguments = object(params.remove("arguments").unwrap_or_default())?;
            Ok(Asked::Call { tool, arguments, form: Form::Rpc })
        }
        (Some("ping"), _) => Ok(Asked::Nothing),
        (Some(method), _) if method.starts_with("notifications/") => Ok(Asked::Nothing),
        (Some(tool), _) => {
            let (tool, arguments) = (tool.to_owned(), object(params)?);
            Ok(Asked::Call { tool, arguments, form: Form::Bare })
        }
        (None, Some(tool)) => {
            let (tool, arguments) = (tool.to_owned(), object(take("arguments"))?);
            Ok(Asked::Call { tool, arguments, form: Form::Bare })
        }
        (None, None) => Err(format!("the message names no tool. {EXAMPLE}")),
    }
}

/// What a message looks like.
const EXAMPLE: &str = r#"Write {"name": "list_sandboxes", "arguments": {}}"#;

fn object(value: Value) -> Result<JsonObject, String> {
    match value {
        Value::Object(object) => Ok(object),
        Value::Null => Ok(JsonObject::new()),
        // Some models write their arguments as a text.
        Value::String(text) => serde_json::from_str(&text)
            .map_err(|_| "the arguments are a text that is no JSON object".to_owned()),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
            Err("arguments are a JSON object".to_owned())
        }
    }
}

/// The facts of a result alone.
fn bare(called: Result<CallToolResult, String>) -> Value {
    let result = match called {
        Ok(result) => result,
        Err(text) => return json!({ "error": text }),
    };
    let texts = result.content.iter().filter_map(|content| content.as_text());
    let text = texts.map(|content| content.text.as_str()).collect::<Vec<_>>().join("\n");
    if result.is_error == Some(true) {
        return json!({ "error": text });
    }
    result.structured_content.unwrap_or_else(|| json!({ "content": text }))
}

#[cfg(test)]
mod tests;
