//! Repositories. These requests are in snake case.

use serde::{Deserialize, Serialize};

/// Takes changes up for the next commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitAddRequest {
    /// Where the repository is.
    pub path: String,
    /// Which files.
    pub files: Vec<String>,
}

/// Names a branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitBranchRequest {
    /// Where the repository is.
    pub path: String,
    /// The branch.
    pub name: String,
}

/// Switches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitCheckoutRequest {
    /// Where the repository is.
    pub path: String,
    /// To which branch or commit.
    pub branch: String,
}

/// Brings a repository in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitCloneRequest {
    /// From where.
    pub url: String,
    /// To where.
    pub path: String,
    /// Which branch.
    pub branch: Option<String>,
    /// Which commit.
    pub commit_id: Option<String>,
    /// How many commits.
    pub depth: Option<u32>,
    /// Whether certificates do not count.
    pub insecure_skip_tls: Option<bool>,
    /// A name for the remote.
    pub username: Option<String>,
    /// And a password.
    pub password: Option<String>,
}

/// Records what was added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitCommitRequest {
    /// Where the repository is.
    pub path: String,
    /// Why.
    pub message: String,
    /// Who wrote it.
    pub author: String,
    /// And their address.
    pub email: String,
    /// Also when nothing changed.
    pub allow_empty: Option<bool>,
}

/// Makes a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitInitRequest {
    /// Where.
    pub path: String,
    /// Without a worktree.
    pub bare: Option<bool>,
    /// The first branch.
    pub initial_branch: Option<String>,
}

/// Brings commits in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitPullRequest {
    /// Where the repository is.
    pub path: String,
    /// From where.
    pub remote: Option<String>,
    /// Which branch.
    pub branch: Option<String>,
    /// A name for the remote.
    pub username: Option<String>,
    /// And a password.
    pub password: Option<String>,
}

/// Sends commits.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitPushRequest {
    /// Where the repository is.
    pub path: String,
    /// To where.
    pub remote: Option<String>,
    /// Which branch.
    pub branch: Option<String>,
    /// Whether later pulls come from there.
    pub set_upstream: Option<bool>,
    /// A name for the remote.
    pub username: Option<String>,
    /// And a password.
    pub password: Option<String>,
}

/// Names another repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitAddRemoteRequest {
    /// Where the repository is.
    pub path: String,
    /// The name.
    pub name: String,
    /// Where the other one is.
    pub url: String,
    /// Whether its commits are brought in.
    pub fetch: Option<bool>,
    /// Whether another one of this name gives way.
    pub overwrite: Option<bool>,
}

/// Moves back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitResetRequest {
    /// Where the repository is.
    pub path: String,
    /// What moves besides the branch.
    pub mode: Option<String>,
    /// To where.
    pub target: Option<String>,
    /// Only what is taken up of these files.
    pub files: Option<Vec<String>>,
}

/// Brings files back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitRestoreRequest {
    /// Where the repository is.
    pub path: String,
    /// Which files.
    pub files: Vec<String>,
    /// In what is taken up.
    pub staged: Option<bool>,
    /// In the worktree.
    pub worktree: Option<bool>,
    /// As they were there.
    pub source: Option<String>,
}

/// Changes a setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitSetConfigRequest {
    /// Which.
    pub key: String,
    /// To what.
    pub value: String,
    /// Whose.
    pub scope: Option<String>,
    /// Of which repository.
    pub path: Option<String>,
}

/// Says who writes commits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitConfigureUserRequest {
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// Whose setting.
    pub scope: Option<String>,
    /// Of which repository.
    pub path: Option<String>,
}

/// A credential to keep.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitAuthenticateRequest {
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
    /// For which host.
    pub host: Option<String>,
    /// For which protocol.
    pub protocol: Option<String>,
}

/// The hash of a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitCommitResponse {
    /// In full.
    pub hash: String,
}

/// A commit of a history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitHistoryCommit {
    /// Its hash.
    pub hash: String,
    /// Who wrote it.
    pub author: String,
    /// And their address.
    pub email: String,
    /// Why.
    pub message: String,
    /// When, as RFC 3339 has it.
    pub timestamp: String,
}

/// The branches of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListBranchResponse {
    /// Their names.
    pub branches: Vec<String>,
    /// The one that is checked out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
}

/// The remotes of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRemotesResponse {
    /// Each of them.
    pub remotes: Vec<GitRemote>,
}

/// Another repository that has a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitRemote {
    /// The name.
    pub name: String,
    /// Where it is.
    pub url: String,
}

/// A setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitConfigResponse {
    /// None when nobody set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// What is changed in a worktree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GitStatus {
    /// The branch.
    pub current_branch: String,
    /// The changed files.
    pub file_status: Vec<FileStatus>,
    /// Commits that the upstream does not have.
    pub ahead: u64,
    /// Commits that only the upstream has.
    pub behind: u64,
    /// Whether the upstream has the branch.
    pub branch_published: bool,
    /// Whether a commit is checked out and no branch.
    pub detached: bool,
    /// Where the branch is pulled from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
}

/// A file that is changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStatus {
    /// Its path.
    pub name: String,
    /// Its former path, or nothing.
    pub extra: String,
    /// What is taken up for the next commit.
    pub staging: String,
    /// What is not.
    pub worktree: String,
}
