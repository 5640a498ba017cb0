//! `git_operation`: git inside a sandbox.

use infield_domain::{GuestPath, Result as DomainResult};
use infield_engine::toolbox::git::{GitOperation, GitOutcome, GitRequest};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::arguments::{Expected, refuse};
use crate::call::Call;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::schema;
use crate::tools::{Definition, Hints};

/// Below the 60 seconds after which common clients give up.
const TIMEOUT_MS: u64 = 50_000;

/// Commits that `log` shows when nobody says otherwise.
const COMMITS: u32 = 20;

pub(super) const DEFINITION: Definition = Definition {
    name: "git_operation",
    title: "Use git",
    description: "Runs git inside a sandbox, in working_directory. clone takes repository_url; \
        checkout and branch take branch; commit takes commit_message and records what add took \
        up, or everything with all=true.",
    hints: Hints::ReachesOut,
    input: schema::of::<Args>,
    output: Some(schema::of_answer::<Facts>),
    example: r#"{"sandbox_id": "web", "operation": "status", "working_directory": "app"}"#,
    result_chars: None,
};

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Args {
    /// Id or name
    sandbox_id: String,
    operation: Operation,
    repository_url: Option<String>,
    branch: Option<String>,
    commit_message: Option<String>,
    /// Default /workspace
    working_directory: Option<String>,
    /// For add
    paths: Option<Vec<String>>,
    all: Option<bool>,
    /// Make the branch at checkout
    create: Option<bool>,
    /// Commits of log; default 20
    limit: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Operation {
    Clone,
    Pull,
    Push,
    Commit,
    Status,
    Checkout,
    Branch,
    Log,
    Diff,
    Add,
    Init,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Facts {
    success: bool,
    output: String,
    exit_code: i32,
    message: String,
}

/// Why arguments do not make an operation: something is missing, or something is no path.
enum Trouble {
    Missing(&'static str),
    Engine(infield_domain::Error),
}

impl From<infield_domain::Error> for Trouble {
    fn from(error: infield_domain::Error) -> Self {
        Self::Engine(error)
    }
}

pub(super) async fn call(
    call: &Call,
    expected: &Expected<'_>,
    args: Args,
) -> Result<Reply, Failure> {
    let sandbox = args.sandbox_id.clone();
    let request = match request(args) {
        Ok(request) => request,
        Err(Trouble::Missing(name)) => {
            let problem = format!("this operation needs `{name}`");
            return Err(refuse(expected, &problem, "add it and call again"));
        }
        Err(Trouble::Engine(error)) => return Err(Failure::from_error(&error)),
    };
    match call.engine.git(&call.who, &sandbox, request).await {
        Ok(outcome) => Reply::facts(&facts(&outcome)),
        Err(error) => Err(call.failed(error, &sandbox).await),
    }
}

fn request(args: Args) -> Result<GitRequest, Trouble> {
    let working_directory: Option<GuestPath> =
        args.working_directory.as_deref().map(str::parse).transpose()?;
    Ok(GitRequest { operation: operation(args)?, working_directory, timeout_ms: TIMEOUT_MS })
}

fn operation(args: Args) -> Result<GitOperation, Trouble> {
    let branch = args.branch;
    Ok(match args.operation {
        Operation::Clone => GitOperation::Clone {
            url: args.repository_url.ok_or(Trouble::Missing("repository_url"))?,
            branch,
            path: None,
        },
        // git takes a branch only after a remote, and `origin` is what a clone calls its own.
        Operation::Pull => {
            GitOperation::Pull { remote: remote(args.repository_url, branch.as_ref()), branch }
        }
        Operation::Push => {
            GitOperation::Push { remote: remote(args.repository_url, branch.as_ref()), branch }
        }
        Operation::Commit => GitOperation::Commit {
            message: args.commit_message.ok_or(Trouble::Missing("commit_message"))?,
            all: args.all == Some(true),
        },
        Operation::Status => GitOperation::Status,
        Operation::Checkout => GitOperation::Checkout {
            reference: branch.ok_or(Trouble::Missing("branch"))?,
            create: args.create == Some(true),
        },
        Operation::Branch => GitOperation::Branch { name: branch },
        Operation::Log => {
            GitOperation::Log { limit: args.limit.unwrap_or(COMMITS).clamp(1, 1_000) }
        }
        Operation::Diff => GitOperation::Diff { staged: args.all == Some(true) },
        Operation::Add => GitOperation::Add { paths: paths(args.paths.unwrap_or_default())? },
        Operation::Init => GitOperation::Init,
    })
}

fn remote(url: Option<String>, branch: Option<&String>) -> Option<String> {
    url.or_else(|| branch.map(|_| "origin".to_owned()))
}

fn paths(paths: Vec<String>) -> DomainResult<Vec<GuestPath>> {
    paths.iter().map(|path| path.parse()).collect()
}

fn facts(outcome: &GitOutcome) -> Facts {
    let outputs = [&outcome.stdout.text, &outcome.stderr.text];
    let said: Vec<_> = outputs.into_iter().map(|text| text.trim_end()).collect();
    let output = said.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n");
    let message = if outcome.success {
        "Done.".to_owned()
    } else {
        let refused = outcome.refused.as_ref().map(|refused| format!(" {refused}"));
        let code = outcome.exit_code;
        format!("git ended with exit code {code}; output says why.{}", refused.unwrap_or_default())
    };
    Facts { success: outcome.success, output, exit_code: outcome.exit_code, message }
}
