//! How an error is told: SDKs choose the exception's class by `source` and `code`, else by the
//! status.

use serde::{Deserialize, Serialize};

/// The body of every answer that is an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody {
    /// The status of the answer once more.
    pub status_code: u16,
    /// What went wrong, and what to do next.
    pub message: String,
    /// The status in words, which older SDKs read.
    pub error: String,
    /// What programs tell errors of one status apart by.
    pub code: String,
    /// What is wrong with each file, where clients read this alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<String>>,
    /// Who says it.
    pub source: Source,
    /// The path of the request.
    pub path: String,
    /// The method of the request.
    pub method: String,
    /// When, as RFC 3339 has it.
    pub timestamp: String,
}

/// Who says that something went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Source {
    /// The control API.
    DaytonaApi,
    /// The toolbox of a sandbox.
    DaytonaDaemon,
    /// The proxy in front of a sandbox's ports.
    DaytonaProxy,
}
