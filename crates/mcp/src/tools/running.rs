//! What `execute_code` and `execute_shell` have in common: where to run, how, and what came out.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use infield_domain::command::{OnDisconnect, Stdin, StoppedBy};
use infield_domain::preview::PreviewName;
use infield_domain::{GuestPath, Result as DomainResult};
use infield_engine::{
    Collect, CreateSandbox, DEFAULT_MAX_CHARS, HIGHEST_MAX_CHARS, Outcome, Plot, PreviewLink,
    Progress, Run, RunOptions, Status, Target, TimeLimit, refused_sentence,
};
use rmcp::model::ContentBlock;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use crate::call::Call;
use crate::failure::Failure;
use crate::reply::{Reply, seconds, span};
use crate::resources::file_uri;

/// A day: the longest that one command may run.
const LONGEST_SECONDS: u64 = 86_400;

/// Bytes of an image that go into an answer; a larger one is named only.
pub(super) const IMAGE_BYTES: usize = 500_000;

/// The arguments that both tools have.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct How {
    /// Id or name
    sandbox_id: Option<String>,
    working_directory: Option<String>,
    environment_vars: Option<BTreeMap<String, String>>,
    stdin: Option<String>,
    /// Default 300
    timeout_seconds: Option<u64>,
    /// Return at once
    background: Option<bool>,
    /// Default 10000
    max_output_chars: Option<usize>,
}

/// What a run answers. Every fact is also in the text half.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Facts {
    sandbox_id: String,
    execution_id: String,
    status: StatusWord,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    stdout: String,
    stderr: String,
    execution_time: f64,
    timed_out: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<Map<String, Value>>>")]
    images: Option<Vec<Picture>>,
    /// The text half says the same: to describe it in three tools would cost every model more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    previews: Option<Vec<Preview>>,
    message: String,
}

/// A port that somebody began to listen on.
#[derive(Debug, Serialize)]
pub(super) struct Preview {
    port: u16,
    /// For a browser; it lets whoever has it in.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

/// Previews as facts; none when there is nothing new.
pub(super) fn previews(links: &[PreviewLink]) -> Option<Vec<Preview>> {
    let preview =
        |link: &PreviewLink| Preview { port: link.name.port.get(), url: link.link.clone() };
    (!links.is_empty()).then(|| links.iter().map(preview).collect())
}

/// What listens now, and how a person gets there. Without previews on this server, by a command.
pub(super) fn previews_sentence(links: &[PreviewLink]) -> String {
    let sentence = |link: &PreviewLink| {
        let PreviewName { port, sandbox } = &link.name;
        match &link.link {
            Some(url) => format!(" Port {port} listens: {url} opens it in the user's browser."),
            None => format!(
                " Port {port} listens: the user can open it with `infield port {sandbox} {port}`."
            ),
        }
    };
    links.iter().map(sentence).collect()
}

/// Whether a command is over.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum StatusWord {
    Running,
    Finished,
}

/// A figure that a program drew, beside the image block that shows it.
#[derive(Debug, Serialize)]
struct Picture {
    path: String,
    mime_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
}

impl How {
    /// The sandbox as the caller named it; empty when there is none.
    pub(super) fn reference(&self) -> &str {
        self.sandbox_id.as_deref().unwrap_or_default()
    }

    /// Where to run.
    pub(super) fn target(&self, call: &Call) -> Target {
        match self.sandbox_id.as_deref().filter(|reference| !reference.is_empty()) {
            Some(reference) => Target::Existing(reference.to_owned()),
            None => Target::Temporary(Box::new(CreateSandbox {
                image: call.defaults.image.clone(),
                language: call.defaults.language,
                ..CreateSandbox::standard()
            })),
        }
    }

    /// How to run.
    pub(super) fn options(&self) -> DomainResult<RunOptions> {
        let working_directory: Option<GuestPath> =
            self.working_directory.as_deref().map(str::parse).transpose()?;
        let stdin = match &self.stdin {
            Some(text) => Stdin::Bytes(Bytes::copy_from_slice(text.as_bytes())),
            None => Stdin::Empty,
        };
        let time_limit = match self.timeout_seconds {
            None => TimeLimit::Standard,
            Some(seconds @ 1..=LONGEST_SECONDS) => TimeLimit::After(seconds * 1000),
            Some(_) => {
                return Err(infield_domain::Error::invalid("`timeout_seconds` is out of range")
                    .with_hint("pass 1 to 86400, or leave it out for 300"));
            }
        };
        Ok(RunOptions {
            working_directory,
            environment: self.environment_vars.clone().unwrap_or_default(),
            stdin,
            time_limit,
            on_disconnect: OnDisconnect::Continue,
            ..RunOptions::standard()
        })
    }

    fn foreground_ms(&self, call: &Call) -> u64 {
        if self.background == Some(true) { 0 } else { call.defaults.foreground_ms }
    }

    fn max_chars(&self) -> usize {
        self.max_output_chars.unwrap_or(DEFAULT_MAX_CHARS).clamp(1, HIGHEST_MAX_CHARS)
    }
}

/// Starts what `start` starts, waits for it as long as the client does, and renders.
pub(super) async fn run<F>(call: &Call, how: &How, start: F) -> Result<Reply, Failure>
where
    F: Future<Output = DomainResult<Run>>,
{
    let outcome = call.reporting(async |sender| follow(call, how, start, sender).await).await;
    match outcome {
        Ok(outcome) => reply(&outcome),
        Err(error) => Err(call.failed(error, how.reference()).await),
    }
}

async fn follow<F>(
    call: &Call,
    how: &How,
    start: F,
    sender: mpsc::Sender<Progress>,
) -> DomainResult<Outcome>
where
    F: Future<Output = DomainResult<Run>>,
{
    let report = move |progress| {
        // A report that finds the last one still unread is worth nothing: drop it.
        drop(sender.try_send(progress));
    };
    report(Progress { elapsed_ms: 0, last_line: "preparing the sandbox".to_owned() });
    let run = start.await?;
    run.collect(Collect {
        foreground_ms: how.foreground_ms(call),
        max_chars: how.max_chars(),
        cancel: call.cancel.clone(),
        on_progress: Some(Box::new(report)),
    })
    .await
}

fn reply(outcome: &Outcome) -> Result<Reply, Failure> {
    let mut blocks = Vec::new();
    let mut images = Vec::new();
    for plot in &outcome.plots {
        if plot.data.len() <= IMAGE_BYTES {
            blocks.push(ContentBlock::image(BASE64_STANDARD.encode(&plot.data), plot.mime_type));
        }
        images.push(picture(outcome, plot));
    }
    let stopped_by = outcome.ending.and_then(|ending| ending.stopped_by);
    let facts = Facts {
        sandbox_id: outcome.sandbox.id.to_string(),
        execution_id: outcome.execution_id.to_string(),
        status: match outcome.status {
            Status::Running => StatusWord::Running,
            Status::Finished => StatusWord::Finished,
        },
        exit_code: outcome.ending.map(|ending| ending.exit_code),
        stdout: outcome.stdout.text.clone(),
        stderr: outcome.stderr.text.clone(),
        execution_time: seconds(outcome.elapsed_ms),
        timed_out: stopped_by == Some(StoppedBy::Timeout),
        truncated: (outcome.stdout.truncated || outcome.stderr.truncated).then_some(true),
        images: (!images.is_empty()).then_some(images),
        previews: previews(&outcome.previews),
        message: message(outcome),
    };
    Reply::facts_and(&facts, blocks)
}

fn picture(outcome: &Outcome, plot: &Plot) -> Picture {
    Picture {
        path: plot.path.clone(),
        mime_type: plot.mime_type.to_owned(),
        // The files of a throw-away sandbox go with it.
        uri: (!outcome.temporary).then(|| file_uri(outcome.sandbox.id.as_str(), &plot.path)),
    }
}

/// What happened and what to do next, in one or two sentences.
fn message(outcome: &Outcome) -> String {
    let id = &outcome.execution_id;
    let Some(ending) = outcome.ending else {
        let mut message = format!(
            "Still running. Call read_output with execution_id={id} to wait for it, \
             or with stop=true to end it."
        );
        message.push_str(&previews_sentence(&outcome.previews));
        return message;
    };
    let mut message = match (ending.stopped_by, ending.signal, ending.exit_code) {
        (Some(StoppedBy::Timeout), _, _) => format!(
            "Killed after {} because its time was over; the output so far is kept. \
             Run it again with a higher timeout_seconds.",
            span(ending.wall_ms)
        ),
        (Some(StoppedBy::OutOfMemory), _, _) => format!(
            "Ended at the memory limit of {} MiB. Use less, or a sandbox with more memory_mb.",
            outcome.sandbox.spec.resources.memory_bytes >> 20
        ),
        (Some(StoppedBy::Caller), _, _) => "Stopped on request.".to_owned(),
        (None, Some(signal), _) => format!("Ended by signal {signal}."),
        (None, None, 0) => "Done.".to_owned(),
        (None, None, code) => format!("The program ended with exit code {code}."),
    };
    if let Some(refused) = refused_sentence(&outcome.sandbox, &outcome.refusals) {
        message.push_str(&format!(" {refused}"));
    }
    if outcome.temporary {
        message.push_str(" The throw-away sandbox is gone with its files.");
    } else if let Some(life) = life(outcome) {
        message.push_str(&life);
    }
    message
}

fn life(outcome: &Outcome) -> Option<String> {
    let left = |at: u64| span(at.saturating_sub(outcome.at));
    match (outcome.deadlines.stops_at, outcome.deadlines.deleted_at) {
        (_, Some(at)) => Some(format!(" The sandbox is deleted in {}.", left(at))),
        (Some(at), None) => Some(format!(" The sandbox stops in {} if idle.", left(at))),
        (None, None) => None,
    }
}
