//! Running code in one of the languages of the table.

use infield_domain::language::Language;
use infield_domain::{Error, Principal, Result};

use crate::{Engine, Run, RunOptions, Target};

/// Code to run.
#[derive(Clone, Debug)]
pub struct RunCode {
    /// Where.
    pub target: Target,
    /// What.
    pub code: String,
    /// In which language; the sandbox's own when there is none.
    pub language: Option<Language>,
    /// What the program finds as its arguments.
    pub arguments: Vec<String>,
    /// How.
    pub options: RunOptions,
}

impl Engine {
    /// Starts a program. Needs `execute`, and `manage` for a temporary sandbox.
    pub async fn run_code(&self, who: &Principal, run: RunCode) -> Result<Run> {
        let _ = (who, run);
        Err(Error::internal("not built yet"))
    }
}
