//! What a command wrote, kept for readers who come later.
//!
//! A stream is a row of equal blocks; bytes come in at the end, and whole blocks go at the front.
//! Places count from the stream's first byte for ever, so that a reader knows what it missed.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;

use crate::sys::Region;

/// Bytes of a block: small enough that one line costs little (pages untouched cost nothing),
/// large enough for a full pipe.
pub(crate) const BLOCK_BYTES: usize = 64 << 10;

/// One stream's kept bytes.
#[derive(Default)]
pub(crate) struct Kept {
    blocks: VecDeque<Region>,
    start: u64,
    end: u64,
}

impl Kept {
    /// Place of the first byte that is kept.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    /// Place after the last byte: how many the stream has had in all.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Bytes of memory that it has.
    pub(crate) fn held(&self) -> usize {
        self.blocks.len() * BLOCK_BYTES
    }

    /// Puts bytes at the end. A stream that has none takes no memory.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let used = self.used();
            if used == self.held() {
                self.blocks.push_back(Region::new(BLOCK_BYTES)?);
            }
            let Some(last) = self.blocks.back_mut() else { return Ok(()) };
            let room = &mut last.bytes_mut()[used % BLOCK_BYTES..];
            let (now, later) = bytes.split_at(room.len().min(bytes.len()));
            room[..now.len()].copy_from_slice(now);
            self.end += now.len() as u64;
            bytes = later;
        }
        Ok(())
    }

    /// Bytes from this place on, as many as lie together; none when there is nothing (yet).
    pub(crate) fn at(&self, place: u64) -> &[u8] {
        let from = place.max(self.start);
        if from >= self.end {
            return &[];
        }
        let skipped = as_usize(from - self.start);
        let until = self.used().min((skipped / BLOCK_BYTES + 1) * BLOCK_BYTES);
        let block = self.blocks[skipped / BLOCK_BYTES].bytes();
        &block[skipped % BLOCK_BYTES..][..until - skipped]
    }

    /// Gives the oldest block's memory back; false when there is none.
    pub(crate) fn drop_oldest(&mut self) -> bool {
        let used = self.used();
        if self.blocks.pop_front().is_none() {
            return false;
        }
        self.start += used.min(BLOCK_BYTES) as u64;
        true
    }

    fn used(&self) -> usize {
        as_usize(self.end - self.start)
    }
}

/// What is kept is bounded far below any address space.
fn as_usize(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
