//! Files of a sandbox.

use serde::{Deserialize, Serialize};

/// What is known of a file or a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileFacts {
    /// The last part of the path.
    pub name: String,
    /// The path, as far as it was asked with one.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Kind and permission bits, as `ls -l` shows them.
    pub mode: String,
    /// Permission bits in octal, such as `0644`.
    pub permissions: String,
    /// Last change, as older clients read it.
    pub mod_time: String,
    /// Last change, as RFC 3339 has it.
    pub modified_at: String,
    /// Whether it is a folder.
    pub is_dir: bool,
    /// The number of the user whom it belongs to.
    pub owner: String,
    /// The number of the group.
    pub group: String,
}

/// A line that a text was found in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// The file.
    pub file: String,
    /// The line's number from 1.
    pub line: u64,
    /// The line.
    pub content: String,
}

/// Names that matched a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundFiles {
    /// Their paths.
    pub files: Vec<String>,
}

/// A text to replace in files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplaceRequest {
    /// Their paths.
    pub files: Vec<String>,
    /// The text.
    pub pattern: String,
    /// What comes in its place.
    pub new_value: String,
}

/// What became of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplaceResult {
    /// Its path.
    pub file: String,
    /// Whether it is now as it shall be.
    pub success: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Files to send in one answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesDownloadRequest {
    /// Their paths.
    pub paths: Vec<String>,
}

/// A file that was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadedFile {
    /// The last part of its path.
    pub name: String,
    /// Its path.
    pub path: String,
    /// Always `file`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// Why one of several files was not sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileError {
    /// The status that it would have had alone.
    pub status_code: u16,
    /// What is wrong.
    pub message: String,
    /// What programs tell it apart by.
    pub code: String,
    /// Who says it.
    pub source: crate::Source,
}
