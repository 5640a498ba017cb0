//! Requests in plain language, turned into planned operations or into one question.
//!
//! ```text
//! text ─ lexer ─▶ tokens ─ clauses ─▶ one clause for each operation
//!      ─ names ─▶ which sandbox ─ grammar ─▶ which operation ─ slots ─▶ its parameters
//!      ─ planner ─▶ steps, or the question that has to be answered first
//! ```
//!
//! It is a small grammar over tables of words (`vocabulary/`), one file for each language; there
//! is no model and no list of sentences. Whatever stands in quotes, code or a file's content is
//! data and never an operation. Nothing is destroyed that is not clearly named.

mod build;
mod caution;
mod clauses;
mod code;
mod distance;
mod facts;
mod grammar;
mod lexer;
mod names;
mod planner;
mod raw;
mod slots;
mod step;
mod vocabulary;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use step::{
    FileOperation, FileVerb, GitOperation, GitVerb, NewSandbox, RunCode, RunShell, Step, Target,
};

use crate::{Error, Result};

/// Characters of one request at most: a long file with its request, and no more.
pub const MAX_CHARS: usize = 65_536;

/// Words, marks and pieces of data of one request at most: how they hang together costs more than
/// their number.
pub const MAX_WORDS: usize = 300;

/// Bytes of one word, path or address at most; what is quoted or code may be longer.
pub const MAX_WORD_BYTES: usize = 1_024;

/// Steps of one plan at most.
pub const MAX_STEPS: usize = 16;

/// A sandbox as a request may speak of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visible {
    /// Its id.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// The language that it was made for.
    #[serde(default)]
    pub language: Option<String>,
    /// Its state, as lists show it.
    #[serde(default)]
    pub status: Option<String>,
}

/// What a request can refer to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The sandboxes that the caller can see; absent when nobody knows them, and then a name is
    /// taken as it was written.
    #[serde(default)]
    pub sandboxes: Option<Vec<Visible>>,
    /// The id of the sandbox in use.
    #[serde(default)]
    pub current: Option<String>,
}

/// What has to be answered before anything is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The parameter that is missing or unclear.
    pub parameter: String,
    /// The question.
    pub question: String,
    /// What would fit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<String>,
}

impl Question {
    fn about(parameter: &str, question: impl Into<String>) -> Self {
        Self { parameter: parameter.to_owned(), question: question.into(), candidates: Vec::new() }
    }

    fn with_candidates(mut self, candidates: impl IntoIterator<Item = String>) -> Self {
        self.candidates = candidates.into_iter().take(20).collect();
        self
    }
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Understood {
    /// These steps, in this order.
    Plan(Vec<Step>),
    /// Nothing yet: this is open.
    Ask(Question),
}

/// Reads a request.
///
/// # Errors
///
/// The request is empty, longer than [`MAX_CHARS`], has more than [`MAX_WORDS`], or a word of more
/// than [`MAX_WORD_BYTES`].
pub fn understand(text: &str, scope: &Scope) -> Result<Understood> {
    if text.trim().is_empty() {
        return Err(Error::invalid("the request is empty")
            .with_hint("say what to do, such as `create a python sandbox called web`"));
    }
    if text.chars().nth(MAX_CHARS).is_some() {
        return Err(Error::invalid(format!("the request has more than {MAX_CHARS} characters"))
            .with_hint("upload long content as a file and refer to its path"));
    }
    let tokens = lexer::tokens(text);
    if tokens.iter().any(lexer::Token::is_endless) {
        return Err(Error::invalid(format!("a word has more than {MAX_WORD_BYTES} bytes"))
            .with_hint("put what is long into quotes or a code block"));
    }
    if tokens.len() > MAX_WORDS {
        return Err(Error::invalid(format!("the request has more than {MAX_WORDS} words"))
            .with_hint(
                "put what is long into quotes or a code block, or ask for one thing at a time",
            ));
    }
    Ok(match planner::plan(text, scope) {
        Ok(steps) => Understood::Plan(steps),
        Err(question) => Understood::Ask(question),
    })
}
