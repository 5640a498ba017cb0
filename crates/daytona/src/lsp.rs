//! Language servers, and what they know of code.

use serde::{Deserialize, Serialize};

/// The body of `POST /lsp/start` and `/lsp/stop`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LspServerRequest {
    /// Such as `python`.
    pub language_id: String,
    /// The project's folder.
    pub path_to_project: String,
}

/// The body of `POST /lsp/did-open` and `/lsp/did-close`, and the query of
/// `GET /lsp/document-symbols`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LspDocumentRequest {
    /// Such as `python`.
    pub language_id: String,
    /// The project's folder.
    pub path_to_project: String,
    /// `file://` and the path of the file, which may be a relative one.
    pub uri: String,
}

/// The query of `GET /lsp/workspacesymbols`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LspSymbolsQuery {
    /// Such as `python`.
    pub language_id: String,
    /// The project's folder.
    pub path_to_project: String,
    /// A part of the symbols' names.
    pub query: String,
}

/// The body of `POST /lsp/completions`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LspCompletionParams {
    /// Such as `python`.
    pub language_id: String,
    /// The project's folder.
    pub path_to_project: String,
    /// `file://` and the path of the file, which may be a relative one.
    pub uri: String,
    /// Where in it.
    pub position: LspPosition,
}

/// A place in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LspPosition {
    /// The line, from 0.
    pub line: u32,
    /// The letter in it, from 0.
    pub character: u32,
}

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LspRange {
    /// Its first letter.
    pub start: LspPosition,
    /// The letter behind its last.
    pub end: LspPosition,
}

/// A part of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LspLocation {
    /// Its address.
    pub uri: String,
    /// Where in it.
    pub range: LspRange,
}

/// Something that has a name in code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LspSymbol {
    /// Its name.
    pub name: String,
    /// What it is, by the protocol's number.
    pub kind: u32,
    /// Where it is.
    pub location: LspLocation,
}

/// What could stand at a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CompletionList {
    /// Whether there are more.
    pub is_incomplete: bool,
    /// The possibilities.
    pub items: Vec<CompletionItem>,
}

/// One possibility.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CompletionItem {
    /// How it is shown.
    pub label: String,
    /// What it is, by the protocol's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<u32>,
    /// A word on it, such as its type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What is known of it. SDKs take an object alone, though the protocol allows a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub documentation: Option<Documentation>,
    /// What it is sorted by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort_text: Option<String>,
    /// What is compared with what was typed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_text: Option<String>,
    /// What is put in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insert_text: Option<String>,
}

/// What is known of a possibility.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Documentation {
    /// `plaintext` or `markdown`.
    pub kind: String,
    /// The text.
    pub value: String,
}
