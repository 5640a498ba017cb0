//! `infield do`: a request in plain language.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Args;
use infield_domain::{Error, Result};
use infield_rest::wire::Intent;
use serde::Deserialize;
use serde_json::Value;

use super::{block_on, client};
use crate::args::{Format, Global};
use crate::client::{Client, Request, Starts};
use crate::output;

/// Do what a sentence says
///
/// Reads English, Swedish, German, Spanish and French by rules, without a model. What is quoted
/// is data. A request that is unclear, or would delete what it does not name, changes nothing and
/// says what is missing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  infield do 'create a python sandbox called web and run `pip install flask` in it'
  infield do --dry-run delete the old testing environment
  infield do -s web 'run npm test'

Exit codes:
  that of the command that failed; 2 when something has to be said more clearly")]
pub(crate) struct DoArgs {
    /// The sandbox in use, by name or id
    #[arg(short, long, value_name = "SANDBOX")]
    sandbox: Option<String>,
    /// Show the plan and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: Format,
    /// What to do; quotes keep your shell from reading it
    #[arg(value_name = "REQUEST", required = true)]
    request: Vec<String>,
}

/// What `POST /v1/intent` answers, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Answer {
    success: bool,
    plan: Vec<Value>,
    #[serde(default)]
    results: Vec<Done>,
    needs: Option<Needs>,
    message: String,
}

#[derive(Debug, Deserialize)]
struct Done {
    #[serde(default)]
    result: Value,
}

#[derive(Debug, Deserialize)]
struct Needs {
    question: String,
    #[serde(default)]
    candidates: Vec<String>,
}

/// Asks, and shows what came of it.
pub(crate) fn run(global: &Global, args: DoArgs) -> Result<ExitCode> {
    let client = client(global, Starts::Daemon)?;
    block_on(carry_out(&client, args))
}

async fn carry_out(client: &Client, args: DoArgs) -> Result<ExitCode> {
    let request = Intent {
        intent: args.request.join(" "),
        sandbox_id: args.sandbox,
        dry_run: args.dry_run,
        context: None,
    };
    let told: Value = client.json(Request::post("/v1/intent", &request)?).await?;
    let answer = Answer::deserialize(&told).map_err(|source| {
        Error::internal("the daemon's answer makes no sense").with_source(source)
    })?;
    if args.format.json {
        output::json(&told)?;
    } else if let Some(needs) = &answer.needs {
        return Err(unclear(needs));
    } else {
        output::say(&if args.dry_run { planned(&answer) } else { shown(&answer) })?;
        complain(&answer);
    }
    Ok(exit_code(&answer))
}

fn unclear(needs: &Needs) -> Error {
    let names: Vec<_> = needs.candidates.iter().map(|name| output::clean(name)).collect();
    let error = Error::invalid(format!("nothing was done: {}", output::clean(&needs.question)));
    match names.as_slice() {
        [] => error.with_hint("say it again with what is missing"),
        names => error.with_hint(format!("name one of {}", names.join(", "))),
    }
}

/// The steps, one line each.
fn planned(answer: &Answer) -> String {
    let mut text = String::new();
    for (place, step) in answer.plan.iter().enumerate() {
        let method = step["method"].as_str().unwrap_or_default();
        writeln!(text, "{}. {method} {}", place + 1, step["params"])
            .expect("a text takes everything");
    }
    output::clean_lines(&text)
}

/// What programs and files said, and one line for every other step.
fn shown(answer: &Answer) -> String {
    let mut text = String::new();
    let mut lines = answer.message.lines();
    for done in &answer.results {
        let line = lines.next().unwrap_or_default();
        let said =
            ["stdout", "output", "content"].iter().find_map(|name| done.result[name].as_str());
        match said {
            Some(said) => {
                text.push_str(said);
                if !said.is_empty() && !said.ends_with('\n') {
                    text.push('\n');
                }
            }
            None => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    if std::io::stdout().is_terminal() { output::clean_lines(&text) } else { text }
}

/// What went wrong, on standard error.
fn complain(answer: &Answer) {
    for done in &answer.results {
        let error = done.result["stderr"].as_str().unwrap_or_default();
        if !error.is_empty() {
            let end = if error.ends_with('\n') { "" } else { "\n" };
            output::complain(&format!("{}{end}", output::clean_lines(error)));
        }
    }
    if !answer.success {
        output::complain(&format!("{}\n", output::clean_lines(&answer.message)));
    }
}

fn exit_code(answer: &Answer) -> ExitCode {
    if answer.success {
        return ExitCode::SUCCESS;
    }
    if answer.needs.is_some() {
        return ExitCode::from(2);
    }
    let mut codes = answer.results.iter().filter_map(|done| done.result["exit_code"].as_i64());
    let code = codes.rfind(|code| *code != 0).and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}
