//! What a process of a session wrote, in the order in which it came, for readers of any pace.
//!
//! It is bounded by itself and, by a [`Budget`], together with all others of its sandbox: the
//! oldest bytes give way. Whoever writes waits for readers who follow ([`Log::readers`]), but not
//! for long for one who takes nothing: that one is left behind, and told, instead of filling memory.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use bytes::Bytes;
use infield_domain::command::Stream;
use infield_domain::{Error, Kind, Result};
use tokio::sync::watch;

#[cfg(test)]
mod tests;

/// Bytes of a block that is added to before the next one begins.
const BLOCK_BYTES: usize = 32 << 10;
/// Bytes of one piece that a reader gets.
const PIECE_BYTES: usize = 32 << 10;
/// Bytes that a reader may be behind before the writer waits. A log keeps more than these.
pub(crate) const BEHIND_BYTES: u64 = 1 << 20;
/// How long a writer waits while no reader takes anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// Bytes that the logs of one sandbox hold together.
#[derive(Debug)]
pub(crate) struct Budget {
    held: AtomicUsize,
    most: usize,
}

impl Budget {
    pub(crate) fn of(most: usize) -> Arc<Self> {
        Arc::new(Self { held: AtomicUsize::new(0), most })
    }

    /// Whether more than half of it is used.
    pub(crate) fn is_short(&self) -> bool {
        self.held.load(Ordering::Relaxed) > self.most / 2
    }

    fn is_over(&self) -> bool {
        self.held.load(Ordering::Relaxed) > self.most
    }
}

/// One process's output.
#[derive(Debug)]
pub(crate) struct Log {
    blocks: Mutex<Blocks>,
    budget: Arc<Budget>,
    most: usize,
    patience: Duration,
    changed: watch::Sender<()>,
    /// Readers took something, or went away.
    taken: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Blocks {
    all: VecDeque<Block>,
    readers: Vec<Weak<Reader>>,
    /// Place of the first byte that is there, counted from the first that ever was.
    start: u64,
    held: usize,
    is_over: bool,
}

#[derive(Debug)]
struct Block {
    stream: Stream,
    bytes: Vec<u8>,
}

/// A piece of output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Of which stream.
    pub stream: Stream,
    /// What.
    pub data: Bytes,
}

impl Log {
    pub(crate) fn new(budget: &Arc<Budget>, most: usize) -> Arc<Self> {
        let ((changed, _), (taken, _)) = (watch::channel(()), watch::channel(()));
        Arc::new(Self {
            blocks: Mutex::default(),
            budget: budget.clone(),
            most,
            patience: PATIENCE,
            changed,
            taken,
        })
    }

    /// Adds what came.
    pub(crate) fn push(&self, stream: Stream, data: &[u8]) {
        self.with(|blocks| {
            for part in data.chunks(BLOCK_BYTES) {
                blocks.push(stream, part);
            }
            self.budget.held.fetch_add(data.len(), Ordering::Relaxed);
            while blocks.held > self.most || (self.budget.is_over() && blocks.held > 0) {
                self.drop_oldest(blocks);
            }
        });
        self.changed.send_replace(());
    }

    /// Says that nothing more comes.
    pub(crate) fn close(&self) {
        self.with(|blocks| blocks.is_over = true);
        self.changed.send_replace(());
    }

    /// Gives all of its memory back.
    pub(crate) fn clear(&self) {
        self.with(|blocks| {
            while blocks.held > 0 {
                self.drop_oldest(blocks);
            }
        });
    }

    /// All of it.
    pub(crate) fn pieces(&self) -> Vec<Piece> {
        let piece = |block: &Block| Piece {
            stream: block.stream,
            data: Bytes::copy_from_slice(&block.bytes),
        };
        self.with(|blocks| blocks.all.iter().map(piece).collect())
    }

    /// Reads it from its beginning, and on as it grows.
    pub(crate) fn follow(self: &Arc<Self>) -> Follow {
        self.follow_last(usize::MAX)
    }

    /// Reads the lines within the last bytes, and on as it grows.
    pub(crate) fn follow_last(self: &Arc<Self>, bytes: usize) -> Follow {
        let reader = self.with(|blocks| {
            let reader = Arc::new(Reader {
                place: AtomicU64::new(blocks.line_within(bytes)),
                is_left: AtomicBool::new(false),
            });
            blocks.readers.retain(|reader| reader.strong_count() > 0);
            blocks.readers.push(Arc::downgrade(&reader));
            reader
        });
        Follow { changed: self.changed.subscribe(), log: self.clone(), reader }
    }

    /// Whether somebody who follows is so far behind that more should wait.
    pub(crate) fn is_ahead(&self) -> bool {
        self.with(|blocks| blocks.far_readers().next().is_some())
    }

    /// Waits until everybody who follows has come near. Whoever takes nothing meanwhile is left
    /// behind.
    pub(crate) async fn readers(&self) {
        let mut taken = self.taken.subscribe();
        loop {
            taken.mark_unchanged();
            if !self.is_ahead() {
                return;
            }
            if tokio::time::timeout(self.patience, taken.changed()).await.is_err() {
                let leave = |reader: Arc<Reader>| reader.is_left.store(true, Ordering::Relaxed);
                self.with(|blocks| blocks.far_readers().for_each(leave));
                self.changed.send_replace(());
            }
        }
    }

    fn drop_oldest(&self, blocks: &mut Blocks) {
        let Some(oldest) = blocks.all.pop_front() else { return };
        blocks.held -= oldest.bytes.len();
        blocks.start += oldest.bytes.len() as u64;
        self.budget.held.fetch_sub(oldest.bytes.len(), Ordering::Relaxed);
    }

    fn with<T>(&self, act: impl FnOnce(&mut Blocks) -> T) -> T {
        act(&mut self.blocks.lock().expect("no holder of this lock panics"))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Blocks {
    fn push(&mut self, stream: Stream, part: &[u8]) {
        self.held += part.len();
        match self.all.back_mut() {
            Some(last) if last.stream == stream && last.bytes.len() + part.len() <= BLOCK_BYTES => {
                last.bytes.extend_from_slice(part);
            }
            Some(_) | None => self.all.push_back(Block { stream, bytes: part.to_vec() }),
        }
    }

    fn end(&self) -> u64 {
        self.start + self.held as u64
    }

    fn far_readers(&self) -> impl Iterator<Item = Arc<Reader>> {
        let end = self.end();
        self.readers.iter().filter_map(Weak::upgrade).filter(move |reader| {
            let place = reader.place.load(Ordering::Relaxed);
            !reader.is_left.load(Ordering::Relaxed) && end.saturating_sub(place) > BEHIND_BYTES
        })
    }

    /// The place of the first whole line within the last bytes.
    fn line_within(&self, bytes: usize) -> u64 {
        if bytes >= self.held {
            return self.start;
        }
        let (mut place, skip) = (self.start, self.held - bytes);
        let all = self.all.iter().flat_map(|block| &block.bytes).skip(skip);
        place += skip as u64;
        let line = all.take_while(|byte| **byte != b'\n').count() as u64 + 1;
        if place + line < self.end() { place + line } else { place }
    }

    /// What is at a place or after it, and the place after that.
    fn at(&self, place: u64) -> Option<(Piece, u64)> {
        let mut begin = self.start;
        for block in &self.all {
            let end = begin + block.bytes.len() as u64;
            if place < end {
                let skip = usize::try_from(place.saturating_sub(begin)).unwrap_or(usize::MAX);
                let data = &block.bytes[skip..];
                let data = Bytes::copy_from_slice(&data[..data.len().min(PIECE_BYTES)]);
                let next = place.max(begin) + data.len() as u64;
                return Some((Piece { stream: block.stream, data }, next));
            }
            begin = end;
        }
        None
    }
}

/// How far somebody who follows has come.
#[derive(Debug)]
struct Reader {
    place: AtomicU64,
    is_left: AtomicBool,
}

/// A reader of output that grows.
#[derive(Debug)]
pub struct Follow {
    log: Arc<Log>,
    changed: watch::Receiver<()>,
    reader: Arc<Reader>,
}

impl Follow {
    /// The next piece; none after the last. Nothing is lost when it is dropped midway. It fails
    /// when output went on without this reader, who is too slow.
    pub async fn next(&mut self) -> Result<Option<Piece>> {
        loop {
            self.changed.mark_unchanged();
            let place = self.reader.place.load(Ordering::Relaxed);
            let (found, start, is_over) =
                self.log.with(|blocks| (blocks.at(place), blocks.start, blocks.is_over));
            if start > place || self.reader.is_left.load(Ordering::Relaxed) {
                return Err(Error::new(Kind::Quota, "output went on without this slow reader")
                    .with_hint("read faster, or ask for what is kept of it"));
            }
            if let Some((piece, next)) = found {
                self.reader.place.store(next, Ordering::Relaxed);
                self.log.taken.send_replace(());
                return Ok(Some(piece));
            }
            if is_over || self.changed.changed().await.is_err() {
                return Ok(None);
            }
        }
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        self.reader.is_left.store(true, Ordering::Relaxed);
        self.log.taken.send_replace(());
    }
}
