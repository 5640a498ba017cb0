//! `read_output`: the kept output of a command, with waiting and stopping.

use infield_domain::ExecutionId;
use infield_domain::command::{Ending, StoppedBy, Stream};
use infield_engine::{Output, OutputRequest, plain_text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::schema;
use crate::tools::running::{self, Preview, StatusWord};
use crate::tools::{Definition, Hints};

/// Bytes of one page: some 10,000 tokens, below the limit of every client that has one.
const PAGE_BYTES: u64 = 40_000;

/// The longest wait, below the 60 seconds after which common clients give up.
const LONGEST_WAIT_SECONDS: u64 = 50;

pub(super) const DEFINITION: Definition = Definition {
    name: "read_output",
    title: "Read, await or stop a command",
    description: "Returns output of a running or finished command, page by page, and waits for \
        more if there is none yet. Use it when a result says `running` or `truncated`; pass \
        next_offset as offset to go on. stop=true ends the whole process tree first.",
    hints: Hints::Reads,
    input: schema::of::<Args>,
    output: Some(schema::of_answer::<Facts>),
    example: r#"{"execution_id": "ex-0123456789abcdef", "offset": 0}"#,
    result_chars: Some(200_000),
};

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Args {
    execution_id: String,
    /// First byte to read; default 0
    offset: Option<u64>,
    stream: Option<StreamWord>,
    /// Default 20, at most 50
    wait_seconds: Option<u64>,
    /// End the command
    stop: Option<bool>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum StreamWord {
    Stdout,
    Stderr,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Facts {
    status: StatusWord,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    text: String,
    next_offset: u64,
    total: u64,
    /// The text half says the same: to describe it in three tools would cost every model more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    previews: Option<Vec<Preview>>,
    message: String,
}

pub(super) async fn call(call: &Call, args: Args) -> Result<Reply, Failure> {
    let execution: ExecutionId =
        args.execution_id.parse().map_err(|error| Failure::from_error(&error))?;
    let wait_seconds = args.wait_seconds.unwrap_or(20).min(LONGEST_WAIT_SECONDS);
    let request = OutputRequest {
        execution,
        stream: match args.stream {
            None | Some(StreamWord::Stdout) => Stream::Stdout,
            Some(StreamWord::Stderr) => Stream::Stderr,
        },
        offset: args.offset.unwrap_or(0),
        limit: PAGE_BYTES,
        wait_ms: wait_seconds * 1000,
        stop: args.stop.unwrap_or(false),
    };
    let asked = request.offset;
    let read = call.engine.read_output(&call.who, request);
    let output = tokio::select! {
        output = read => output.map_err(|error| Failure::from_error(&error))?,
        () = call.cancel.cancelled() => return Err(Failure::of("cancelled.")),
    };
    Reply::facts(&facts(&output, asked))
}

fn facts(output: &Output, asked: u64) -> Facts {
    let ending = output.execution.ending;
    let whole = output.next_offset >= output.total;
    let mut message = match ending {
        Some(ending) => ended(&ending),
        None => "Running.".to_owned(),
    };
    if output.offset > asked {
        let lost = output.offset - asked;
        message.push_str(&format!(" {lost} older bytes are no longer kept."));
    }
    if !whole {
        message.push_str(&format!(" More: offset={}.", output.next_offset));
    } else if ending.is_none() {
        message.push_str(&format!(" Wait for more with offset={}.", output.next_offset));
    } else {
        message.push_str(" Nothing is left to read.");
    }
    message.push_str(&running::previews_sentence(&output.previews));
    Facts {
        status: if ending.is_some() { StatusWord::Finished } else { StatusWord::Running },
        exit_code: ending.map(|ending| ending.exit_code),
        text: plain_text(&output.data),
        next_offset: output.next_offset,
        total: output.total,
        previews: running::previews(&output.previews),
        message,
    }
}

fn ended(ending: &Ending) -> String {
    match ending.stopped_by {
        Some(StoppedBy::Timeout) => "Killed because its time was over.".to_owned(),
        Some(StoppedBy::Caller) => "Stopped on request.".to_owned(),
        Some(StoppedBy::OutOfMemory) => "Ended at the memory limit.".to_owned(),
        None => format!("Ended with exit code {}.", ending.exit_code),
    }
}
