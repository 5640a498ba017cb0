//! git inside a sandbox.

use serde::{Deserialize, Serialize};

use super::Shown;

/// `POST …/git`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Git {
    /// What to do.
    pub operation: GitOperation,
    /// In which folder; the sandbox's working directory when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<String>,
    /// How long it may take; 300,000 when missing, 3,600,000 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// What git can do, such as `{"commit": {"message": "…"}}` or `{"status": {}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum GitOperation {
    /// Brings a repository in.
    Clone {
        /// Where it is.
        url: String,
        /// Which branch; the remote's own choice when missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        branch: Option<String>,
        /// Where it goes; git's own choice when missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
    },
    /// Brings commits in and merges them.
    Pull {
        /// From where; the upstream when missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        remote: Option<String>,
        /// Which branch; needs a remote.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        branch: Option<String>,
    },
    /// Sends commits, and sets the upstream when there is none.
    Push {
        /// To where; `origin` when missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        remote: Option<String>,
        /// Which branch; the present one when missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        branch: Option<String>,
    },
    /// What is changed.
    Status {},
    /// Records what was added.
    Commit {
        /// Why.
        message: String,
        /// Adds every change first, new files too.
        #[serde(default)]
        all: bool,
    },
    /// Switches to a branch or a commit.
    Checkout {
        /// Which.
        reference: String,
        /// Makes the branch.
        #[serde(default)]
        create: bool,
    },
    /// Lists the branches, or makes one.
    Branch {
        /// Which to make; missing lists them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// The last commits.
    Log {
        /// How many, 1 to 1,000; 20 when missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<u32>,
    },
    /// What is changed, line by line.
    Diff {
        /// What was added, and not what was not.
        #[serde(default)]
        staged: bool,
    },
    /// Takes changes up for the next commit.
    Add {
        /// Which; every change when missing.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        paths: Vec<String>,
    },
    /// Makes a repository.
    Init {},
}

/// What git said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitAnswer {
    /// Whether it succeeded.
    pub success: bool,
    /// Its exit code.
    pub exit_code: i32,
    /// What it wrote to standard output.
    pub stdout: Shown,
    /// What it wrote to standard error.
    pub stderr: Shown,
}
