//! A program of the sandbox that is asked one thing. What it says is the guest's word: bounded here
//! in length and time, and not recorded, as the use case that asks has a record of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use infield_domain::command::{Command, OnDisconnect, ProcessEvent, Stdin, StoppedBy, Stream};
use infield_domain::{Error, GuestPath, Kind, Result};

use crate::inside::Inside;
use crate::names;

/// Bytes of each output.
const MOST_BYTES: usize = 8 << 20;
/// How long the end of a program is waited for after its time.
const AFTER_LIMIT: Duration = Duration::from_secs(5);

/// What to ask.
pub(crate) struct Question {
    pub(crate) argv: Vec<String>,
    /// Who asks; the sandbox's own user when there is nobody.
    pub(crate) user: Option<String>,
    /// Where; the sandbox's working directory when there is nothing.
    pub(crate) folder: Option<GuestPath>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) stdin: Stdin,
    pub(crate) timeout_ms: u64,
}

/// What a program said.
#[derive(Default)]
pub(crate) struct Said {
    pub(crate) exit_code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Said {
    /// Its complaint, fit for a message.
    pub(crate) fn complaint(&self) -> String {
        let text = String::from_utf8_lossy(&self.stderr);
        let line = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
        line.chars().filter(|letter| !letter.is_control()).take(300).collect()
    }
}

/// Runs a program to its end.
pub(crate) async fn ask(inside: &Inside, question: Question) -> Result<Said> {
    let spec = &inside.sandbox.spec;
    let program = question.argv.first().cloned().unwrap_or_default();
    let folder = question.folder.as_ref().map(|folder| inside.path(folder)).transpose()?;
    let mut environment = crate::secrets::environment(&inside.sandbox);
    environment.extend(question.environment);
    let command = Command {
        id: names::execution_id(),
        argv: question.argv,
        environment,
        working_directory: folder.unwrap_or_else(|| spec.working_directory.clone()),
        user: question.user.unwrap_or_else(|| spec.user.clone()),
        stdin: question.stdin,
        terminal: None,
        timeout_ms: Some(question.timeout_ms),
        on_disconnect: OnDisconnect::Kill,
    };
    let limit = Duration::from_millis(question.timeout_ms) + AFTER_LIMIT;
    let said = tokio::time::timeout(limit, gather(inside, command)).await;
    said.unwrap_or_else(|_| Err(Error::timeout(format!("`{program}` has not ended in its time"))))
}

async fn gather(inside: &Inside, command: Command) -> Result<Said> {
    let program = command.argv.first().cloned().unwrap_or_default();
    let mut process = match inside.guest.spawn(command).await {
        Err(error) if error.kind() == Kind::NotFound => {
            return Err(Error::unsupported(error.message().to_owned())
                .with_hint(format!("choose an image that has `{program}`")));
        }
        spawned => spawned?,
    };
    let mut said = Said::default();
    while let Some(event) = process.events.next().await {
        match event? {
            ProcessEvent::Output { stream, data, .. } => {
                let whole = match stream {
                    Stream::Stdout => &mut said.stdout,
                    Stream::Stderr => &mut said.stderr,
                };
                if whole.len() + data.len() > MOST_BYTES {
                    let message = format!("`{program}` says more than {MOST_BYTES} bytes");
                    return Err(Error::new(Kind::Quota, message));
                }
                whole.extend_from_slice(&data);
            }
            ProcessEvent::Ended(ending) if ending.stopped_by == Some(StoppedBy::Timeout) => {
                return Err(Error::timeout(format!("`{program}` took too long")));
            }
            ProcessEvent::Ended(ending) => {
                said.exit_code = ending.exit_code;
                return Ok(said);
            }
        }
    }
    Err(Error::unavailable(format!("the connection to `{program}` broke off")))
}
