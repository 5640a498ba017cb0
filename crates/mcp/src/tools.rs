//! The closed set of tools: one file each, and what is common to all.
//!
//! The list never changes while a server runs and never depends on a connection, as the
//! protocol asks. It must stay below 3,000 tokens, because every client pays for it in every
//! conversation.

mod create_sandbox;
mod delete_sandbox;
mod execute_code;
mod execute_shell;
mod file_operation;
pub(crate) mod get_sandbox_info;
mod git_operation;
mod list_sandboxes;
mod read_output;
pub(crate) mod run_intent;
pub use run_intent::IntentRequest;

mod running;
pub(crate) mod sandbox_facts;

pub(crate) use file_operation::picture_type;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use rmcp::model::{JsonObject, MetaObject, Tool, ToolAnnotations};

use crate::arguments::{self, Expected};
use crate::call::Call;
use crate::failure::Failure;
use crate::reply::Reply;

/// What a tool says of itself.
struct Definition {
    name: &'static str,
    title: &'static str,
    description: &'static str,
    hints: Hints,
    input: fn() -> JsonObject,
    output: Option<fn() -> JsonObject>,
    /// Arguments that work, for error texts.
    example: &'static str,
    /// Characters that one answer may have, for clients that cut at fewer.
    result_chars: Option<u64>,
}

/// What a client may assume when it decides whether to ask its user. Honest, not optimistic.
#[derive(Clone, Copy)]
enum Hints {
    /// It changes nothing.
    Reads,
    /// It adds and takes nothing away.
    Adds,
    /// It may take something away; the same call again changes nothing more.
    Removes,
    /// It may change anything inside a sandbox.
    Changes,
    /// It may also reach out of it.
    ReachesOut,
}

impl Hints {
    fn annotations(self) -> ToolAnnotations {
        let hints = ToolAnnotations::new();
        match self {
            Self::Reads => hints.read_only(true).open_world(false),
            Self::Adds => hints.read_only(false).destructive(false).idempotent(false),
            Self::Removes => hints.read_only(false).destructive(true).idempotent(true),
            Self::Changes | Self::ReachesOut => {
                hints.read_only(false).destructive(true).idempotent(false)
            }
        }
        .open_world(matches!(self, Self::ReachesOut))
    }
}

/// The tools, in the order of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ToolName {
    CreateSandbox,
    ListSandboxes,
    GetSandboxInfo,
    DeleteSandbox,
    ExecuteCode,
    ExecuteShell,
    ReadOutput,
    FileOperation,
    GitOperation,
    RunIntent,
}

/// Names that models invent, and the tool they mean.
#[rustfmt::skip]
const INVENTED: &[(&str, ToolName)] = &[
    ("run_code", ToolName::ExecuteCode), ("run_python", ToolName::ExecuteCode), ("code_execution", ToolName::ExecuteCode),
    ("run_command", ToolName::ExecuteShell), ("execute_command", ToolName::ExecuteShell), ("run_shell", ToolName::ExecuteShell),
    ("shell", ToolName::ExecuteShell), ("bash", ToolName::ExecuteShell),
    ("get_output", ToolName::ReadOutput), ("wait", ToolName::ReadOutput),
    ("get_sandbox", ToolName::GetSandboxInfo), ("sandbox_info", ToolName::GetSandboxInfo),
    ("remove_sandbox", ToolName::DeleteSandbox), ("destroy_sandbox", ToolName::DeleteSandbox),
    ("file", ToolName::FileOperation), ("git", ToolName::GitOperation),
    ("intent", ToolName::RunIntent), ("do", ToolName::RunIntent),
];

impl ToolName {
    const ALL: [Self; 10] = [
        Self::CreateSandbox,
        Self::ListSandboxes,
        Self::GetSandboxInfo,
        Self::DeleteSandbox,
        Self::ExecuteCode,
        Self::ExecuteShell,
        Self::ReadOutput,
        Self::FileOperation,
        Self::GitOperation,
        Self::RunIntent,
    ];

    /// The tool of this name, or of a name that models invent for it.
    pub(crate) fn find(word: &str) -> Option<Self> {
        let named = Self::ALL.into_iter().find(|tool| tool.definition().name == word);
        named.or_else(|| INVENTED.iter().find(|(name, _)| *name == word).map(|(_, tool)| *tool))
    }

    /// Whether it may take longer than a client waits.
    pub(crate) fn may_be_long(self) -> bool {
        match self {
            Self::CreateSandbox
            | Self::ExecuteCode
            | Self::ExecuteShell
            | Self::GitOperation
            | Self::RunIntent => true,
            Self::ListSandboxes
            | Self::GetSandboxInfo
            | Self::DeleteSandbox
            | Self::ReadOutput
            | Self::FileOperation => false,
        }
    }

    fn definition(self) -> &'static Definition {
        match self {
            Self::CreateSandbox => &create_sandbox::DEFINITION,
            Self::ListSandboxes => &list_sandboxes::DEFINITION,
            Self::GetSandboxInfo => &get_sandbox_info::DEFINITION,
            Self::DeleteSandbox => &delete_sandbox::DEFINITION,
            Self::ExecuteCode => &execute_code::DEFINITION,
            Self::ExecuteShell => &execute_shell::DEFINITION,
            Self::ReadOutput => &read_output::DEFINITION,
            Self::FileOperation => &file_operation::DEFINITION,
            Self::GitOperation => &git_operation::DEFINITION,
            Self::RunIntent => &run_intent::DEFINITION,
        }
    }
}

/// The list of tools, made once for all clients.
#[derive(Clone)]
pub(crate) struct Catalogue {
    tools: Arc<Vec<Tool>>,
}

impl Catalogue {
    /// Makes the schemas and the list.
    pub(crate) fn new() -> Self {
        let tools = ToolName::ALL.map(|tool| describe(tool.definition()));
        Self { tools: Arc::new(tools.into()) }
    }

    /// Every tool, in order.
    pub(crate) fn all(&self) -> Vec<Tool> {
        self.tools.as_ref().clone()
    }

    /// One tool as it stands in the list.
    pub(crate) fn get(&self, tool: ToolName) -> &Tool {
        let place = ToolName::ALL.iter().position(|one| *one == tool);
        &self.tools[place.expect("ALL names every tool, as its test shows")]
    }

    /// Says that there is no such tool, and which there are.
    pub(crate) fn unknown(word: &str) -> String {
        let names = ToolName::ALL.map(|tool| tool.definition().name);
        let shown: String = word.chars().filter(|letter| !letter.is_control()).take(64).collect();
        let near = arguments::nearest(word, &names);
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        format!("there is no tool `{shown}`{near} Tools: {}", names.join(", "))
    }

    /// Calls a tool with what the model wrote.
    pub(crate) async fn call(
        &self,
        tool: ToolName,
        call: &Call,
        raw: JsonObject,
    ) -> Result<Reply, Failure> {
        let definition = tool.definition();
        let expected = Expected {
            tool: definition.name,
            schema: &self.get(tool).input_schema,
            example: definition.example,
            sandbox: if tool == ToolName::DeleteSandbox {
                None
            } else {
                call.defaults.sandbox.as_deref()
            },
        };
        let its = &expected;
        match tool {
            ToolName::CreateSandbox => {
                create_sandbox::call(call, arguments::parse(its, raw)?).await
            }
            ToolName::ListSandboxes => {
                list_sandboxes::call(call, arguments::parse(its, raw)?).await
            }
            ToolName::GetSandboxInfo => {
                get_sandbox_info::call(call, arguments::parse(its, raw)?).await
            }
            ToolName::DeleteSandbox => {
                delete_sandbox::call(call, arguments::parse(its, raw)?).await
            }
            ToolName::ExecuteCode => execute_code::call(call, arguments::parse(its, raw)?).await,
            ToolName::ExecuteShell => execute_shell::call(call, arguments::parse(its, raw)?).await,
            ToolName::ReadOutput => read_output::call(call, arguments::parse(its, raw)?).await,
            ToolName::FileOperation => {
                file_operation::call(call, its, arguments::parse(its, raw)?).await
            }
            ToolName::GitOperation => {
                git_operation::call(call, its, arguments::parse(its, raw)?).await
            }
            ToolName::RunIntent => run_intent::call(self, call, arguments::parse(its, raw)?).await,
        }
    }
}

fn describe(definition: &Definition) -> Tool {
    let input = Arc::new((definition.input)());
    let mut tool = Tool::new(definition.name, definition.description, input)
        .with_title(definition.title)
        .with_annotations(definition.hints.annotations());
    if let Some(output) = definition.output {
        tool = tool.with_raw_output_schema(Arc::new(output()));
    }
    if let Some(chars) = definition.result_chars {
        let mut meta = JsonObject::new();
        meta.insert("anthropic/maxResultSizeChars".to_owned(), chars.into());
        tool = tool.with_meta(MetaObject(meta));
    }
    tool
}

/// A tool as documents show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolSummary {
    /// Its name.
    pub name: &'static str,
    /// The first sentence of its description.
    pub does: String,
    /// Its parameters in order; optional ones end in `?`.
    pub parameters: Vec<String>,
}

/// Every tool as documents show it, in the order of the list.
pub fn tool_summaries() -> Vec<ToolSummary> {
    let catalogue = Catalogue::new();
    ToolName::ALL.into_iter().map(|name| summary(name.definition(), catalogue.get(name))).collect()
}

fn summary(definition: &Definition, tool: &Tool) -> ToolSummary {
    let required = |name: &str| {
        let required = tool.input_schema.get("required").and_then(|list| list.as_array());
        required.is_some_and(|list| list.iter().any(|one| one == name))
    };
    let properties = tool.input_schema.get("properties").and_then(|all| all.as_object());
    let parameters = properties
        .into_iter()
        .flatten()
        .map(|(name, _)| if required(name) { name.clone() } else { format!("{name}?") });
    let first = definition.description.split_inclusive(". ").next().unwrap_or_default();
    ToolSummary {
        name: definition.name,
        does: first.trim().trim_end_matches('.').to_owned(),
        parameters: parameters.collect(),
    }
}
