//! Output that outlives its sandbox.
//!
//! A sandbox that was made for one command goes after it. What a reader has not had yet is kept
//! here, in memory and bounded in all, so that `read_output` loses nothing.

use std::collections::VecDeque;
use std::sync::Mutex;

use bytes::{Bytes, BytesMut};
use infield_domain::command::{Execution, KEPT_OUTPUT_BYTES, OutputPage, Stream};
use infield_domain::guest::{Guest, ReadOutput};
use infield_domain::{ExecutionId, Result};

/// Bytes of all kept output together; the oldest gives way.
const MOST_BYTES: usize = 64 << 20;
/// Bytes of one read.
const PAGE_BYTES: u64 = 1 << 20;

/// One stream, from the first byte that is still there.
#[derive(Clone)]
struct KeptStream {
    offset: u64,
    data: Bytes,
    total: u64,
}

struct Entry {
    execution: Execution,
    stdout: KeptStream,
    stderr: KeptStream,
}

impl Entry {
    fn bytes(&self) -> usize {
        self.stdout.data.len() + self.stderr.data.len()
    }
}

/// The output of commands whose sandbox is gone.
#[derive(Default)]
pub(crate) struct KeptOutput {
    entries: Mutex<VecDeque<Entry>>,
}

impl KeptOutput {
    /// Takes the output of a command that ended out of its sandbox.
    pub(crate) async fn take(&self, guest: &dyn Guest, execution: &Execution) -> Result<()> {
        let entry = Entry {
            stdout: fetch(guest, &execution.id, Stream::Stdout).await?,
            stderr: fetch(guest, &execution.id, Stream::Stderr).await?,
            execution: execution.clone(),
        };
        let mut entries = self.entries.lock().expect("no holder of this lock panics");
        entries.push_back(entry);
        while entries.iter().map(Entry::bytes).sum::<usize>() > MOST_BYTES {
            entries.pop_front();
        }
        Ok(())
    }

    /// A piece of the kept output of a command, if it is still here.
    pub(crate) fn read(&self, request: &ReadOutput) -> Option<OutputPage> {
        let entries = self.entries.lock().expect("no holder of this lock panics");
        let entry = entries.iter().find(|entry| entry.execution.id == request.id)?;
        let stream = match request.stream {
            Stream::Stdout => &entry.stdout,
            Stream::Stderr => &entry.stderr,
        };
        let end = stream.offset + stream.data.len() as u64;
        let from = request.offset.clamp(stream.offset, end);
        let to = from.saturating_add(request.limit).min(end);
        let place = |at: u64| usize::try_from(at - stream.offset).unwrap_or(usize::MAX);
        let data = stream.data.slice(place(from)..place(to));
        let execution = entry.execution.clone();
        Some(OutputPage { execution, offset: from, data, total: stream.total })
    }
}

async fn fetch(guest: &dyn Guest, id: &ExecutionId, stream: Stream) -> Result<KeptStream> {
    let mut kept = KeptStream { offset: 0, data: Bytes::new(), total: 0 };
    let mut data = BytesMut::new();
    let mut offset = 0;
    loop {
        let limit = PAGE_BYTES;
        let request = ReadOutput { id: id.clone(), stream, offset, limit, wait_ms: 0 };
        let page = guest.read_output(request).await?;
        if data.is_empty() {
            kept.offset = page.offset;
        }
        kept.total = page.total;
        offset = page.offset.saturating_add(page.data.len() as u64);
        // The guest's word is bounded: no more than it promised to keep.
        let room = usize::try_from(KEPT_OUTPUT_BYTES).unwrap_or(usize::MAX) - data.len();
        data.extend_from_slice(&page.data[..page.data.len().min(room)]);
        if page.data.is_empty() || page.data.len() >= room || offset >= page.total {
            kept.data = data.freeze();
            return Ok(kept);
        }
    }
}
