//! Files inside a sandbox.

use infield_domain::files::WriteMode;
use serde::{Deserialize, Serialize};

/// The query of `GET` on a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileQuery {
    /// The path inside.
    pub path: String,
    /// `DELETE` only: removes a folder with what is in it.
    #[serde(default)]
    pub recursive: bool,
}

/// The query of `PUT` on a file; the body is its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WriteQuery {
    /// The path inside.
    pub path: String,
    /// `replace` (the default), `append` or `new`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<WriteMode>,
    /// Permission bits of a new file in octal, such as `755`; `644` when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<String>,
}

/// The query of a tree, as a tar stream either way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeQuery {
    /// The path inside.
    pub path: String,
}

/// What a tree that went in holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeDone {
    /// Files, folders and links.
    pub entries: u64,
}

/// `POST …/files/list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListFiles {
    /// The folder; the working directory when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// 1 (the default) lists the folder alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depth: Option<u32>,
    /// Entries at most; 1,000 when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// `POST …/files/stat`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatFile {
    /// The path inside.
    pub path: String,
}

/// `POST …/files/edit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditFile {
    /// The path inside.
    pub path: String,
    /// What must be there.
    pub old: String,
    /// What shall be there.
    pub new: String,
    /// Every occurrence; otherwise `old` must occur exactly once.
    #[serde(default)]
    pub all: bool,
}

/// What an edit did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditDone {
    /// Places that were replaced.
    pub replaced: u64,
}

/// `POST …/files/move`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoveFile {
    /// What to move.
    pub from: String,
    /// Where; nothing may be there.
    pub to: String,
}

/// `POST …/files/mkdir`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MakeDirectory {
    /// The folder; missing ones above it are made too.
    pub path: String,
}

/// `POST …/files/search`. `name`, `content` or both are there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchFiles {
    /// The folder to search below; the working directory when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// A shell pattern that the file's name must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A regular expression that a line must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Matches at most; 200 when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}
