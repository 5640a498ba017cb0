//! `get_sandbox_info`: everything worth knowing of one sandbox.

use std::collections::BTreeMap;

use infield_domain::sandbox::{Resources, Sandbox, Usage};
use infield_engine::{Deadlines, Inspection, destination};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::failure::Failure;
use crate::reply::{Reply, moment};
use crate::schema;
use crate::tools::sandbox_facts::outlook;
use crate::tools::{Definition, Hints};

/// Commands in one answer; the newest come first.
const COMMANDS: usize = 20;

pub(super) const DEFINITION: Definition = Definition {
    name: "get_sandbox_info",
    title: "Inspect a sandbox",
    description: "Tells status, lifetime, limits with what enforces them, present usage, variable \
        names (values stay hidden) and recent commands of one sandbox.",
    hints: Hints::Reads,
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

/// What is known of a sandbox. The schema names what a program would look for; the rest speaks for
/// itself and would only lengthen the list of tools.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Facts {
    sandbox_id: String,
    name: String,
    #[schemars(skip)]
    language: String,
    status: String,
    #[schemars(skip)]
    working_directory: String,
    #[schemars(skip)]
    created_at: String,
    #[schemars(skip)]
    last_accessed: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    stops_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    cause: Option<String>,
    #[schemars(skip)]
    image: String,
    #[schemars(skip)]
    persistent: bool,
    #[schemars(skip)]
    network: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(skip)]
    refused: Vec<String>,
    #[schemars(skip)]
    limits: Map<String, Value>,
    #[schemars(skip)]
    enforced_by: Map<String, Value>,
    #[schemars(skip)]
    usage: Map<String, Value>,
    environment_vars: Vec<String>,
    #[schemars(skip)]
    labels: BTreeMap<String, String>,
    executions: Vec<Map<String, Value>>,
    message: String,
}

pub(super) async fn call(call: &Call, args: Args) -> Result<Reply, Failure> {
    match call.engine.inspect_sandbox(&call.who, &args.sandbox_id).await {
        Ok(inspection) => Reply::facts(&facts(&inspection)),
        Err(error) => Err(call.failed(error, &args.sandbox_id).await),
    }
}

/// What is known of a sandbox.
pub(crate) fn facts(inspection: &Inspection) -> Facts {
    let Inspection { sandbox, usage, deadlines, refusals, .. } = inspection;
    let spec = &sandbox.spec;
    Facts {
        sandbox_id: sandbox.id.to_string(),
        name: spec.name.to_string(),
        language: spec.language.as_str().to_owned(),
        status: sandbox.state.as_str().to_owned(),
        working_directory: spec.working_directory.to_string(),
        created_at: moment(sandbox.created_at),
        last_accessed: moment(sandbox.active_at),
        expires_at: expires_at(sandbox, *deadlines),
        stops_at: deadlines.stops_at.map(moment),
        cause: cause(sandbox),
        image: spec.image.to_string(),
        persistent: spec.retention.persistent,
        network: spec.network.as_str().to_owned(),
        refused: refusals.iter().map(destination).collect(),
        limits: limits(&spec.resources),
        enforced_by: enforced_by(sandbox),
        usage: usage.as_ref().map(used).unwrap_or_default(),
        environment_vars: spec.environment.keys().cloned().collect(),
        labels: spec.labels.clone(),
        executions: executions(inspection),
        message: outlook(sandbox),
    }
}

fn expires_at(sandbox: &Sandbox, deadlines: Deadlines) -> Option<String> {
    deadlines.deleted_at.or_else(|| sandbox.expires_at()).map(moment)
}

fn cause(sandbox: &Sandbox) -> Option<String> {
    let cause = sandbox.cause.as_ref()?;
    let reason = serde_json::to_value(cause.reason).ok()?.as_str()?.replace('_', " ");
    Some(match &cause.detail {
        Some(detail) => format!("{reason}: {detail}"),
        None => reason,
    })
}

fn limits(resources: &Resources) -> Map<String, Value> {
    object(json!({
        "memory_mb": resources.memory_bytes >> 20,
        "cpus": f64::from(resources.cpu_millis) / 1000.0,
        "pids": resources.pids,
        "disk_mb": resources.disk_bytes >> 20,
        "inodes": resources.inodes,
        "open_files": resources.open_files,
    }))
}

fn enforced_by(sandbox: &Sandbox) -> Map<String, Value> {
    let enforcement = sandbox.enforcement.as_ref();
    enforcement.and_then(|all| serde_json::to_value(all).ok()).map(object).unwrap_or_default()
}

fn used(usage: &Usage) -> Map<String, Value> {
    let facts = [
        ("memory_mb", usage.memory_bytes.map(|bytes| bytes >> 20)),
        ("cpu_ms", usage.cpu_us.map(|us| us / 1000)),
        ("pids", usage.pids.map(u64::from)),
        ("disk_mb", usage.disk_bytes.map(|bytes| bytes >> 20)),
        ("inodes", usage.inodes),
    ];
    let known =
        facts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
    known.collect()
}

fn executions(inspection: &Inspection) -> Vec<Map<String, Value>> {
    let newest = inspection.executions.iter().take(COMMANDS);
    newest
        .map(|execution| {
            let mut facts = Map::new();
            facts.insert("execution_id".to_owned(), execution.id.as_str().into());
            facts.insert("command".to_owned(), plain(&execution.command).into());
            facts.insert("started_at".to_owned(), moment(execution.started_at).into());
            match execution.ending {
                Some(ending) => facts.insert("exit_code".to_owned(), ending.exit_code.into()),
                None => facts.insert("status".to_owned(), "running".into()),
            };
            facts
        })
        .collect()
}

fn plain(text: &str) -> String {
    infield_engine::plain_text(text.as_bytes())
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}
