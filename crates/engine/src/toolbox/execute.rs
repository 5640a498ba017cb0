//! A command or a program that is run to its end for a caller who wants all of it at once: both
//! streams in one text, in the order in which they came. They are two pipes: of what a program
//! writes to both within the same moment, either may come first.

use bytes::Bytes;
use futures_util::StreamExt as _;
use infield_domain::command::{Ending, ProcessEvent, StoppedBy};
use infield_domain::{Error, Kind, Principal, Result};

use crate::collect::Place;
use crate::{Engine, Plot, Run, RunCode, RunCommand, Target};

/// Bytes of the output that are kept of its beginning, and as many of its end.
const MOST_BYTES: usize = 8 << 20;
/// The code of a command that never began.
const NOT_STARTED: i32 = -1;

/// What came of it.
#[derive(Clone, Debug)]
pub struct Executed {
    /// The exit code; -1 when it could not be started, and then the output says why.
    pub exit_code: i32,
    /// Both streams; what is left out of the middle of a long one is said there.
    pub output: String,
    /// Figures, four at most.
    pub plots: Vec<Plot>,
}

impl Engine {
    /// Runs a command in a sandbox to its end. Needs `execute`.
    pub async fn execute_command(&self, who: &Principal, run: RunCommand) -> Result<Executed> {
        self.require_sandbox(who, &run.target)?;
        finish(self.run_command(who, run).await).await
    }

    /// Runs a program in a sandbox to its end. Needs `execute`.
    pub async fn execute_code(&self, who: &Principal, run: RunCode) -> Result<Executed> {
        self.require_sandbox(who, &run.target)?;
        finish(self.run_code(who, run).await).await
    }

    /// Tells a sandbox that is not there from a program or a folder that is not there.
    fn require_sandbox(&self, who: &Principal, target: &Target) -> Result<()> {
        match target {
            Target::Existing(reference) => self.registry().find(who, reference).map(drop),
            Target::Temporary(_) => Ok(()),
        }
    }
}

async fn finish(started: Result<Run>) -> Result<Executed> {
    match started {
        Ok(run) => gather(run).await,
        Err(error) if error.kind() == Kind::NotFound => {
            let output = error.message().to_owned();
            Ok(Executed { exit_code: NOT_STARTED, output, plots: Vec::new() })
        }
        Err(error) => Err(error),
    }
}

async fn gather(mut run: Run) -> Result<Executed> {
    // A reference to the whole run would not leave its thread.
    let place = Place { handle: &run.inside, id: &run.execution_id };
    let mut output = Ends::default();
    let ending = loop {
        match run.process.events.next().await {
            Some(Ok(ProcessEvent::Output { data, .. })) => output.push(&data),
            Some(Ok(ProcessEvent::Ended(ending))) => break ending,
            Some(Err(error)) => return Err(place.broken_off(error).await),
            None => {
                let error = Error::unavailable("the command's connection broke off");
                return Err(place.broken_off(error).await);
            }
        }
    };
    if ending.stopped_by == Some(StoppedBy::Timeout) {
        return Err(timeout(&ending));
    }
    let plots = match &run.plots {
        Some(folder) => place.plots(folder).await,
        None => Vec::new(),
    };
    Ok(Executed { exit_code: ending.exit_code, output: output.into_text(), plots })
}

fn timeout(ending: &Ending) -> Error {
    let seconds = ending.wall_ms / 1_000;
    Error::timeout(format!("command execution timeout: it was ended after {seconds} s"))
        .with_hint("give it a longer `timeout`, or run it in the background in a session")
}

/// The beginning and the end of what may be too long.
#[derive(Default)]
struct Ends {
    head: Vec<u8>,
    tail: std::collections::VecDeque<Bytes>,
    held: usize,
    dropped: usize,
}

impl Ends {
    fn push(&mut self, data: &[u8]) {
        let room = MOST_BYTES.saturating_sub(self.head.len()).min(data.len());
        let (head, tail) = data.split_at(room);
        self.head.extend_from_slice(head);
        if tail.is_empty() {
            return;
        }
        self.tail.push_back(Bytes::copy_from_slice(tail));
        self.held += tail.len();
        while self.held > MOST_BYTES {
            let Some(oldest) = self.tail.pop_front() else { return };
            self.held -= oldest.len();
            self.dropped += oldest.len();
        }
    }

    fn into_text(self) -> String {
        let mut bytes = self.head;
        if self.dropped > 0 {
            let note = format!("\n[{} bytes are left out here]\n", self.dropped);
            bytes.extend_from_slice(note.as_bytes());
        }
        self.tail.iter().for_each(|piece| bytes.extend_from_slice(piece));
        match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
