//! Files inside a sandbox.

use serde::{Deserialize, Serialize};

use crate::GuestPath;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A pipe, a socket or a device.
    Other,
}

/// What is known of a file. Every text is the guest's word: strip it before showing it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Relative to what was listed; absolute for a stat.
    pub path: String,
    /// What it is.
    pub kind: FileKind,
    /// Bytes.
    pub size: u64,
    /// Permission bits, such as `0o644`.
    pub mode: u32,
    /// Owner inside the sandbox.
    pub uid: u32,
    /// Group inside the sandbox.
    pub gid: u32,
    /// Last change, milliseconds since the epoch.
    pub modified_at: u64,
    /// Where a link points.
    pub target: Option<String>,
}

/// Part of a listing or a search, and whether more was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing<T> {
    /// In the order of the names.
    pub entries: Vec<T>,
    /// Whether the limit cut it.
    pub truncated: bool,
}

/// How a write treats what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteMode {
    /// Replaces the content by one rename, so that nobody reads half of it.
    Replace,
    /// Adds at the end.
    Append,
    /// Refuses when the path exists.
    New,
}

/// What to write, without the bytes. Missing folders above the path are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Where.
    pub path: GuestPath,
    /// How.
    pub mode: WriteMode,
    /// Permission bits of a new file; 0o644 when missing. Set-id bits are refused.
    pub permissions: Option<u32>,
}

/// What a removal takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// A file, a link or an empty folder.
    One,
    /// Also a folder with everything in it.
    Tree,
}

/// A bounded walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// The folder.
    pub path: GuestPath,
    /// 1 lists the folder alone.
    pub depth: u32,
    /// Entries at most.
    pub limit: u32,
}

/// Bytes of a file, `None` for to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First byte.
    pub offset: u64,
    /// Bytes at most.
    pub length: Option<u64>,
}

/// An exact replacement in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The file.
    pub path: GuestPath,
    /// What must be there.
    pub old: String,
    /// What shall be there.
    pub new: String,
    /// Every occurrence; otherwise `old` must occur exactly once.
    pub all: bool,
}

/// A bounded search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// The folder to search below.
    pub path: GuestPath,
    /// A shell pattern (`*.py`) that the file's name must match.
    pub name: Option<String>,
    /// A regular expression that a line must match.
    pub content: Option<String>,
    /// Matches at most.
    pub limit: u32,
}

/// One match of a search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// Relative to where the search started.
    pub path: String,
    /// The line's number from 1; none for a match by name alone.
    pub line: Option<u64>,
    /// The line, cut to 500 bytes.
    pub text: Option<String>,
}
