//! One command of a session, as it is remembered.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use infield_domain::command::Stream;
use infield_domain::guest::{Guest, ReadOutput};
use infield_domain::{ExecutionId, Kind, Result};
use tokio::sync::{Mutex, mpsc, watch};

use super::SessionCommand;
use crate::toolbox::log::Log;

/// Pieces of input that wait for their command.
const INPUTS: usize = 16;
/// Bytes of late output that are read at once, and how often for one question.
const PAGE_BYTES: u64 = 1 << 20;
const PAGES: usize = 16;

/// A command that waits, runs or ran.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) command: String,
    pub(super) log: Arc<Log>,
    /// Where its input goes; none for one that has none.
    pub(super) input: Option<mpsc::Sender<Bytes>>,
    pub(super) suppresses_echo: bool,
    exit: watch::Sender<Option<i32>>,
    /// Where what it left behind writes on.
    pub(super) left: Mutex<Option<Left>>,
}

/// The output of a command after its end, which its relay still gathers.
pub(super) struct Left {
    pub(super) guest: Arc<dyn Guest>,
    pub(super) id: ExecutionId,
    /// Bytes of each stream that the log has had.
    pub(super) told: [u64; 2],
}

/// What a new entry is made of.
pub(super) struct NewEntry {
    pub(super) id: String,
    pub(super) command: String,
    pub(super) log: Arc<Log>,
    pub(super) takes_input: bool,
    pub(super) suppresses_echo: bool,
}

impl Entry {
    pub(super) fn new(new: NewEntry) -> (Arc<Self>, mpsc::Receiver<Bytes>) {
        let (sender, input) = mpsc::channel(INPUTS);
        let entry = Self {
            id: new.id,
            command: new.command,
            log: new.log,
            input: new.takes_input.then_some(sender),
            suppresses_echo: new.suppresses_echo,
            exit: watch::channel(None).0,
            left: Mutex::default(),
        };
        (Arc::new(entry), input)
    }

    pub(super) fn exit_code(&self) -> Option<i32> {
        *self.exit.borrow()
    }

    /// Notes its end; the first one counts.
    pub(super) fn finish(&self, code: i32) {
        self.exit.send_if_modified(|exit| {
            let is_first = exit.is_none();
            *exit = exit.or(Some(code));
            is_first
        });
        self.log.close();
    }

    /// Brings what came after its end into the log.
    pub(super) async fn catch_up(&self) {
        let mut left = self.left.lock().await;
        let Some(there) = left.as_mut() else { return };
        for stream in [Stream::Stdout, Stream::Stderr] {
            match there.read(stream, &self.log).await {
                Ok(()) => {}
                // The sandbox remembers so many commands and no more.
                Err(error) if error.kind() == Kind::NotFound => return *left = None,
                Err(error) => {
                    return tracing::debug!(%error, "late output of a command cannot be read");
                }
            }
        }
    }

    /// Waits for its end.
    pub(super) async fn finished(&self) {
        let mut exit = self.exit.subscribe();
        // The sender is ours: the channel is open.
        let _exit = exit.wait_for(Option::is_some).await;
    }

    pub(super) fn view(&self) -> SessionCommand {
        SessionCommand {
            id: self.id.clone(),
            command: self.command.clone(),
            exit_code: self.exit_code(),
        }
    }
}

impl Left {
    /// Notes bytes that the log gets.
    pub(super) fn note(&mut self, stream: Stream, bytes: usize) {
        *self.place(stream) += bytes as u64;
    }

    async fn read(&mut self, stream: Stream, log: &Log) -> Result<()> {
        for _ in 0..PAGES {
            let (id, offset) = (self.id.clone(), *self.place(stream));
            let request = ReadOutput { id, stream, offset, limit: PAGE_BYTES, wait_ms: 0 };
            let page = self.guest.read_output(request).await?;
            *self.place(stream) = page.offset + page.data.len() as u64;
            if page.data.is_empty() {
                return Ok(());
            }
            log.push(stream, &page.data);
        }
        Ok(())
    }

    fn place(&mut self, stream: Stream) -> &mut u64 {
        let [stdout, stderr] = &mut self.told;
        match stream {
            Stream::Stdout => stdout,
            Stream::Stderr => stderr,
        }
    }
}

impl fmt::Debug for Left {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Left").field("id", &self.id).field("told", &self.told).finish()
    }
}
