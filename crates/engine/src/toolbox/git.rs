//! git inside a sandbox, by argv. Nothing of the host's git has a part in it.

use infield_domain::{Error, GuestPath, Principal, Result};

use crate::{Engine, Shown};

/// What git shall do, and where.
#[derive(Clone, Debug)]
pub struct GitRequest {
    /// What.
    pub operation: GitOperation,
    /// In which folder; the sandbox's working directory when there is none.
    pub working_directory: Option<GuestPath>,
    /// How long it may take, in milliseconds; at most 3,600,000.
    pub timeout_ms: u64,
}

/// What git can do.
#[derive(Clone, Debug)]
pub enum GitOperation {
    /// Brings a repository in.
    Clone {
        /// Where it is.
        url: String,
        /// Which branch; the remote's own choice when there is none.
        branch: Option<String>,
        /// Where it goes; git's own choice when there is none.
        path: Option<GuestPath>,
    },
    /// Brings commits in and merges them.
    Pull {
        /// From where; the upstream when there is none.
        remote: Option<String>,
        /// Which branch; needs a remote.
        branch: Option<String>,
    },
    /// Sends commits, and sets the upstream when there is none.
    Push {
        /// To where; `origin` when there is none.
        remote: Option<String>,
        /// Which branch; the present one when there is none.
        branch: Option<String>,
    },
    /// What is changed.
    Status,
    /// Records what was added.
    Commit {
        /// Why.
        message: String,
        /// Adds every change first, new files too.
        all: bool,
    },
    /// Switches to a branch or a commit.
    Checkout {
        /// Which.
        reference: String,
        /// Makes the branch.
        create: bool,
    },
    /// Lists the branches, or makes one.
    Branch {
        /// Which to make; none lists them.
        name: Option<String>,
    },
    /// The last commits.
    Log {
        /// How many, 1 to 1,000.
        limit: u32,
    },
    /// What is changed, line by line.
    Diff {
        /// What was added, and not what was not.
        staged: bool,
    },
    /// Takes changes up for the next commit.
    Add {
        /// Which; every change when empty.
        paths: Vec<GuestPath>,
    },
    /// Makes a repository.
    Init,
}

/// What git said.
#[derive(Clone, Debug)]
pub struct GitOutcome {
    /// Whether it succeeded.
    pub success: bool,
    /// Its exit code.
    pub exit_code: i32,
    /// What it wrote to standard output.
    pub stdout: Shown,
    /// What it wrote to standard error.
    pub stderr: Shown,
}

impl Engine {
    /// Runs one git operation and waits for its end. Needs `execute`.
    pub async fn git(
        &self,
        who: &Principal,
        sandbox: &str,
        request: GitRequest,
    ) -> Result<GitOutcome> {
        let _ = (who, sandbox, request);
        Err(Error::internal("not built yet"))
    }
}
