//! The operations that a plan consists of, in the words of the tools.

use std::collections::BTreeMap;

use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

/// One operation with its parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "method", content = "params", rename_all = "snake_case")]
pub enum Step {
    /// Makes a sandbox.
    CreateSandbox(NewSandbox),
    /// Lists the caller's sandboxes.
    ListSandboxes {},
    /// Describes one.
    GetSandboxInfo {
        /// Which one.
        sandbox_id: Target,
    },
    /// Removes one.
    DeleteSandbox {
        /// Which one.
        sandbox_id: Target,
    },
    /// Runs a program in one of the languages.
    ExecuteCode(RunCode),
    /// Runs a shell command.
    ExecuteShell(RunShell),
    /// Works on a file.
    FileOperation(FileOperation),
    /// Works with git.
    GitOperation(GitOperation),
}

/// A sandbox that a plan refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// By id, or by name where nobody knows the ids.
    Known(String),
    /// The one that this step makes; steps count from one.
    MadeBy(usize),
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(id) => serializer.serialize_str(id),
            Self::MadeBy(step) => serializer.serialize_str(&format!("${step}.sandbox_id")),
        }
    }
}

/// Parameters of `create_sandbox`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NewSandbox {
    /// Its language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The image that it starts from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The repository that it begins with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_repo: Option<String>,
    /// The branch of that repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_branch: Option<String>,
    /// Variables of its environment.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub environment_vars: BTreeMap<String, String>,
    /// Whether it is kept.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub persistent: bool,
}

/// Parameters of `execute_code`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunCode {
    /// Where.
    pub sandbox_id: Target,
    /// The program.
    pub code: String,
    /// Its language.
    pub language: String,
    /// The folder that it runs in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<String>,
}

/// Parameters of `execute_shell`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunShell {
    /// Where.
    pub sandbox_id: Target,
    /// The command line.
    pub command: String,
    /// The folder that it runs in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<String>,
}

/// What is done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileVerb {
    /// Shows its content.
    Read,
    /// Replaces its content.
    Write,
    /// Makes it, empty.
    Create,
    /// Removes it.
    Delete,
    /// Lists a folder.
    List,
    /// Brings a file of the caller's machine in.
    Upload,
    /// Takes a file out to the caller's machine.
    Download,
}

/// Parameters of `file_operation`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileOperation {
    /// Where.
    pub sandbox_id: Target,
    /// What is done.
    pub operation: FileVerb,
    /// The path inside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_path: Option<String>,
    /// What is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The path on the caller's machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_path: Option<String>,
}

/// What is done with git.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GitVerb {
    /// Copies a repository.
    Clone,
    /// Brings in what the remote has.
    Pull,
    /// Sends commits to the remote.
    Push,
    /// Says what changed.
    Status,
    /// Records changes.
    Commit,
    /// Goes to a branch.
    Checkout,
}

/// Parameters of `git_operation`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GitOperation {
    /// Where.
    pub sandbox_id: Target,
    /// What is done.
    pub operation: GitVerb,
    /// The repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository_url: Option<String>,
    /// The branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The message of a commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit_message: Option<String>,
    /// The folder of the repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<String>,
}
