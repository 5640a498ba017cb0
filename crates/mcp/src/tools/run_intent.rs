//! `run_intent`: a request in plain language, carried out by the other tools.
//!
//! The parser plans and the tools do: a step is a call of the tool that it names, with the same
//! checks, limits and records as if the client had called it. Here they are put in a row: what one
//! makes the next ones use, and what fails ends the row.

use std::time::Instant;

use futures_core::future::BoxFuture;
use infield_domain::intent::{
    FileOperation, FileVerb, GitOperation, GitVerb, Question, RunCode, RunShell, Scope, Step,
    Target, Understood, Visible, understand,
};
use infield_domain::{Error, Result as DomainResult};
use infield_engine::{DEFAULT_MAX_CHARS, ListSandboxes};
use rmcp::model::{ContentBlock, JsonObject};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::Call;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::schema;
use crate::tools::{Catalogue, Definition, Hints, ToolName};

/// Sandboxes that names are looked up among, the newest first.
const VISIBLE: usize = 2_000;

/// Sandboxes that one page of the list brings.
const PAGE: u32 = 1_000;

/// What the last steps still get of the time that a client waits, in milliseconds.
const LEAST_FOREGROUND_MS: u64 = 1_000;

pub(super) const DEFINITION: Definition = Definition {
    name: "run_intent",
    title: "Do what is said",
    description: "Plans and runs a request in plain language with the other tools. Answers plan \
        and results, or needs: what to ask the user.",
    hints: Hints::ReachesOut,
    input: schema::of::<IntentRequest>,
    output: None,
    example: r#"{"intent": "create a python sandbox called web and run `python -V` in it"}"#,
    result_chars: None,
};

/// A request in plain language.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct IntentRequest {
    pub intent: String,
    #[schemars(with = "Option<String>")]
    pub context: Option<Value>,
    /// In use
    pub sandbox_id: Option<String>,
    /// Plan only
    pub dry_run: Option<bool>,
}

/// What came of a request.
#[derive(Debug, Serialize)]
pub(crate) struct Facts {
    /// Whether everything that was asked for is done.
    success: bool,
    plan: Vec<Step>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    results: Vec<Done>,
    /// What has to be answered before anything is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    needs: Option<Question>,
    message: String,
    #[serde(skip)]
    pictures: Vec<ContentBlock>,
}

/// What came of a step.
#[derive(Debug, Serialize)]
struct Done {
    method: &'static str,
    outcome: Outcome,
    /// What the tool answered.
    #[serde(skip_serializing_if = "Value::is_null")]
    result: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Done,
    /// It goes on; what comes behind it was not begun.
    Running,
    Failed,
    /// A step before it did not come to its end.
    Skipped,
}

pub(super) async fn call(
    catalogue: &Catalogue,
    call: &Call,
    args: IntentRequest,
) -> Result<Reply, Failure> {
    let mut facts =
        carry_out(catalogue, call, args).await.map_err(|error| Failure::from_error(&error))?;
    let pictures = std::mem::take(&mut facts.pictures);
    Reply::facts_and(&facts, pictures)
}

/// Plans a request and carries the plan out.
///
/// # Errors
///
/// The request cannot be read, its sandbox is not there, the caller may not list sandboxes, or a
/// step needs files of a machine that this client did not open. Nothing was done then.
pub(crate) async fn carry_out(
    catalogue: &Catalogue,
    call: &Call,
    args: IntentRequest,
) -> DomainResult<Facts> {
    let visible = visible(call).await?;
    let current = current(&args, call, &visible)?;
    let scope = Scope { sandboxes: Some(visible), current };
    let plan = match understand(&args.intent, &scope)? {
        Understood::Ask(question) => return Ok(asked(question)),
        Understood::Plan(plan) => plan,
    };
    if args.dry_run == Some(true) {
        let message = format!("Nothing was done. The plan: {}.", methods(&plan));
        return Ok(Facts {
            success: true,
            plan,
            results: Vec::new(),
            needs: None,
            message,
            pictures: Vec::new(),
        });
    }
    check_folders(call, &plan)?;
    Ok(perform(catalogue, call, plan).await)
}

fn asked(question: Question) -> Facts {
    let choices = match question.candidates.as_slice() {
        [] => String::new(),
        names => format!(" ({})", names.join(", ")),
    };
    let message =
        format!("Nothing was done. {}: {}{choices}", question.parameter, question.question);
    Facts {
        success: false,
        plan: Vec::new(),
        results: Vec::new(),
        needs: Some(question),
        message,
        pictures: Vec::new(),
    }
}

fn methods(plan: &[Step]) -> String {
    plan.iter().map(|step| tool(step).definition().name).collect::<Vec<_>>().join(", ")
}

async fn visible(call: &Call) -> DomainResult<Vec<Visible>> {
    let mut visible = Vec::new();
    let mut cursor = None;
    loop {
        let list = ListSandboxes {
            states: Vec::new(),
            labels: Default::default(),
            limit: PAGE,
            cursor: cursor.take(),
        };
        let page = call.engine.list_sandboxes(&call.who, list).await?;
        visible.extend(page.items.iter().map(|sandbox| Visible {
            id: sandbox.id.to_string(),
            name: sandbox.spec.name.to_string(),
            language: Some(sandbox.spec.language.as_str().to_owned()),
            status: Some(sandbox.state.as_str().to_owned()),
        }));
        cursor = page.next_cursor;
        if cursor.is_none() || visible.len() >= VISIBLE {
            return Ok(visible);
        }
    }
}

/// The sandbox in use: as the call names it, or its context, or else the client's own.
fn current(args: &IntentRequest, call: &Call, visible: &[Visible]) -> DomainResult<Option<String>> {
    let find = |word: &str| visible.iter().find(|one| one.id == word || one.name == word);
    let of_context = match &args.context {
        Some(Value::Object(context)) => {
            let named = ["sandbox_id", "sandbox", "current"].into_iter();
            named.filter_map(|name| context.get(name)?.as_str()).next()
        }
        Some(Value::String(context)) => {
            let is_part = |letter: char| letter.is_alphanumeric() || "-_".contains(letter);
            let words = context.split(|letter| !is_part(letter));
            let mut named: Vec<_> = words.filter(|word| find(word).is_some()).collect();
            named.dedup();
            <[&str; 1]>::try_from(named).ok().map(|[one]| one)
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) | None => None,
    };
    let said = args.sandbox_id.as_deref().filter(|said| !said.is_empty()).or(of_context);
    let Some(said) = said.or(call.defaults.sandbox.as_deref()) else { return Ok(None) };
    let found = find(said).ok_or_else(|| {
        let shown: String = said.chars().filter(|letter| !letter.is_control()).take(64).collect();
        Error::not_found(format!("there is no sandbox `{shown}`"))
    })?;
    Ok(Some(found.id.clone()))
}

/// Refuses a plan before its first step when a later one could only fail.
fn check_folders(call: &Call, plan: &[Step]) -> DomainResult<()> {
    let needs_folder = |step: &Step| match step {
        Step::FileOperation(file) => {
            matches!(file.operation, FileVerb::Upload | FileVerb::Download)
        }
        Step::CreateSandbox(_)
        | Step::ListSandboxes {}
        | Step::GetSandboxInfo { .. }
        | Step::DeleteSandbox { .. }
        | Step::ExecuteCode(_)
        | Step::ExecuteShell(_)
        | Step::GitOperation(_) => false,
    };
    if plan.iter().any(needs_folder) && call.folders.names().is_empty() {
        return Err(Error::unsupported("files of your machine cannot be reached from here")
            .with_hint("copy them with `infield cp`, or ask to write their content to a file"));
    }
    Ok(())
}

async fn perform(catalogue: &Catalogue, call: &Call, plan: Vec<Step>) -> Facts {
    let begun = Instant::now();
    let mut results = Vec::with_capacity(plan.len());
    let mut lines = Vec::with_capacity(plan.len());
    let mut pictures = Vec::new();
    let mut made = Vec::with_capacity(plan.len());
    let max_chars = (DEFAULT_MAX_CHARS / plan.len().max(1)).max(1_000);
    let mut goes_on = true;
    for (place, step) in plan.iter().enumerate() {
        goes_on &= !call.cancel.is_cancelled();
        let name = tool(step).definition().name;
        let (outcome, result) = if goes_on {
            let elapsed = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            let left = call.defaults.foreground_ms.saturating_sub(elapsed);
            let part = call.waiting(left.max(LEAST_FOREGROUND_MS));
            let arguments = arguments(step, &made, max_chars);
            let (outcome, result, blocks) =
                read(step, ask(catalogue, tool(step), &part, arguments).await);
            pictures.extend(blocks);
            (outcome, result)
        } else {
            (Outcome::Skipped, Value::Null)
        };
        goes_on &= outcome == Outcome::Done;
        lines.push(format!("{}. {name}: {}", place + 1, summary(outcome, &result)));
        made.push(result.get("sandbox_id").and_then(Value::as_str).map(str::to_owned));
        results.push(Done { method: name, outcome, result });
    }
    let success = results.iter().all(|done| done.outcome == Outcome::Done);
    Facts { success, plan, results, needs: None, message: lines.join("\n"), pictures }
}

/// One call of another tool; boxed, since that one could be this one for all that types know.
fn ask<'a>(
    catalogue: &'a Catalogue,
    tool: ToolName,
    call: &'a Call,
    arguments: JsonObject,
) -> BoxFuture<'a, Result<Reply, Failure>> {
    Box::pin(catalogue.call(tool, call, arguments))
}

fn tool(step: &Step) -> ToolName {
    match step {
        Step::CreateSandbox(_) => ToolName::CreateSandbox,
        Step::ListSandboxes {} => ToolName::ListSandboxes,
        Step::GetSandboxInfo { .. } => ToolName::GetSandboxInfo,
        Step::DeleteSandbox { .. } => ToolName::DeleteSandbox,
        Step::ExecuteCode(_) => ToolName::ExecuteCode,
        Step::ExecuteShell(_) => ToolName::ExecuteShell,
        Step::FileOperation(_) => ToolName::FileOperation,
        Step::GitOperation(_) => ToolName::GitOperation,
    }
}

fn target(step: &Step) -> Option<&Target> {
    match step {
        Step::CreateSandbox(_) | Step::ListSandboxes {} => None,
        Step::GetSandboxInfo { sandbox_id }
        | Step::DeleteSandbox { sandbox_id }
        | Step::ExecuteCode(RunCode { sandbox_id, .. })
        | Step::ExecuteShell(RunShell { sandbox_id, .. })
        | Step::FileOperation(FileOperation { sandbox_id, .. })
        | Step::GitOperation(GitOperation { sandbox_id, .. }) => Some(sandbox_id),
    }
}

/// A step as its tool takes it. `made` has the sandboxes of the steps before.
fn arguments(step: &Step, made: &[Option<String>], max_chars: usize) -> JsonObject {
    let written = serde_json::to_value(step).map(|mut step| step["params"].take());
    let Ok(Value::Object(mut arguments)) = written else { return JsonObject::new() };
    if let Some(Target::MadeBy(step)) = target(step) {
        let made = step.checked_sub(1).and_then(|place| made.get(place)?.clone());
        arguments.insert("sandbox_id".to_owned(), made.into());
    }
    let more = match step {
        Step::ExecuteCode(_) | Step::ExecuteShell(_) => {
            vec![("max_output_chars", json!(max_chars))]
        }
        Step::FileOperation(file) => match (file.operation, &file.content) {
            (FileVerb::Create, Some(_)) => vec![("operation", json!("write"))],
            // A file that is there is left as it is.
            (FileVerb::Create, None) => {
                vec![("operation", json!("append")), ("content", json!(""))]
            }
            (FileVerb::List, _) if file.file_path.is_none() => vec![("file_path", json!("."))],
            _ => Vec::new(),
        },
        // Who speaks of committing means everything that changed.
        Step::GitOperation(git) if git.operation == GitVerb::Commit => vec![("all", json!(true))],
        Step::GitOperation(_)
        | Step::CreateSandbox(_)
        | Step::ListSandboxes {}
        | Step::GetSandboxInfo { .. }
        | Step::DeleteSandbox { .. } => Vec::new(),
    };
    arguments.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
    arguments
}

fn shows_file(step: &Step) -> bool {
    matches!(step, Step::FileOperation(file) if file.operation == FileVerb::Read)
}

/// What a tool's answer means for the row.
fn read(step: &Step, answer: Result<Reply, Failure>) -> (Outcome, Value, Vec<ContentBlock>) {
    match answer {
        Err(failure) => {
            (Outcome::Failed, json!({ "success": false, "message": failure.text() }), Vec::new())
        }
        Ok(Reply::Facts(facts, blocks)) => (outcome(&facts), facts, blocks),
        Ok(Reply::Content(blocks)) => {
            let (texts, pictures): (Vec<_>, Vec<_>) =
                blocks.into_iter().partition(|block| block.as_text().is_some());
            let texts = texts.iter().filter_map(|block| block.as_text());
            let text = texts.map(|block| block.text.as_str()).collect::<Vec<_>>().join("\n");
            // The text of a file is the file's, whatever it looks like.
            let facts = if shows_file(step) { None } else { serde_json::from_str(&text).ok() };
            let facts = facts.unwrap_or_else(|| json!({ "content": text }));
            (Outcome::Done, facts, pictures)
        }
    }
}

fn outcome(facts: &Value) -> Outcome {
    let runs = facts.get("execution_id").is_some();
    if runs && facts["status"] == "running" {
        return Outcome::Running;
    }
    let ended_well = match facts.get("exit_code") {
        Some(code) => code == 0,
        None => !runs,
    };
    let worked = facts.get("success").is_none_or(|success| success == true);
    if ended_well && worked { Outcome::Done } else { Outcome::Failed }
}

/// A step's result in one line.
fn summary(outcome: Outcome, result: &Value) -> String {
    if outcome == Outcome::Skipped {
        return "skipped, because a step before it did not come to its end".to_owned();
    }
    let text = |name: &str| result.get(name).and_then(Value::as_str);
    if let Some(message) = text("message") {
        return message.to_owned();
    }
    if let Some(sandboxes) = result.get("sandboxes").and_then(Value::as_array) {
        let named = sandboxes.iter().take(20).map(|one| {
            let word = |name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default();
            format!("{} ({})", word("name"), word("status"))
        });
        let named = named.collect::<Vec<_>>().join(", ");
        return match sandboxes.len() {
            0 => "there is none".to_owned(),
            1..=20 => named,
            all => format!("{named} and {} more", all - 20),
        };
    }
    match (text("name"), text("status"), text("content")) {
        (Some(name), Some(status), _) => format!("{name} is {status}"),
        (_, _, Some(content)) => format!("{} characters", content.chars().count()),
        _ => "done".to_owned(),
    }
}

#[cfg(test)]
mod tests;
