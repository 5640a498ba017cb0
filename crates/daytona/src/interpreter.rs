//! Interpreter contexts of the toolbox.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The body of `POST /process/interpreter/context`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CreateContextRequest {
    /// The folder in which its code runs.
    pub cwd: Option<String>,
    /// What it understands; Python when there is none.
    pub language: Option<String>,
}

/// A context.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InterpreterContext {
    /// Names it.
    pub id: String,
    /// Where its code runs.
    pub cwd: String,
    /// When it was made.
    pub created_at: String,
    /// Whether it lives.
    pub active: bool,
    /// What it understands.
    pub language: String,
}

/// The answer of `GET /process/interpreter/context`.
#[derive(Clone, Debug, Serialize)]
pub struct ListContextsResponse {
    /// All but the default one.
    pub contexts: Vec<InterpreterContext>,
}

/// The one message of a client of `/process/interpreter/execute`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InterpreterRequest {
    /// What to run.
    pub code: String,
    /// Where; the default context when there is none.
    pub context_id: Option<String>,
    /// Variables for this run alone.
    pub envs: Option<BTreeMap<String, String>>,
    /// Seconds; ten minutes when there is none, and no limit when it is zero.
    pub timeout: Option<f64>,
}

/// What its client is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum InterpreterMessage {
    /// The code wrote this.
    Stdout {
        /// What.
        text: String,
    },
    /// The code wrote this to its standard error.
    Stderr {
        /// What.
        text: String,
    },
    /// The code failed.
    Error {
        /// The name of the error's class.
        name: String,
        /// Its own words.
        value: String,
        /// Where it came from.
        traceback: String,
    },
    /// `completed`, when the code came to its end.
    Control {
        /// The word.
        text: &'static str,
    },
}
