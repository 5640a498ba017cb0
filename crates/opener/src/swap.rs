//! Puts texts in the place of others in a stream, wherever its pieces end.
//!
//! What is held back is never more than the beginning of a text that is looked for: an answer that
//! comes bit by bit goes on bit by bit. Of several texts that begin at the same place the longest
//! counts, and what was put in is not looked at again.

use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind};
use infield_domain::secret::SecretName;

use crate::encode::Bytes;

/// What is done where a text is found.
#[derive(Clone)]
pub(crate) enum Action {
    /// This is put there.
    Put(Bytes),
    /// The stream is refused: it has the placeholder of this secret in it.
    Refuse(SecretName),
}

/// Bytes of the beginning of a text that are looked for first, of a text that has as many.
const HEAD: usize = 8;

/// Texts that are looked for.
pub(crate) struct Table {
    finder: AhoCorasick,
    /// Finds where one of them may begin.
    heads: AhoCorasick,
    entries: Vec<Entry>,
    /// Bytes of the longest.
    longest: usize,
}

struct Entry {
    text: Bytes,
    action: Action,
    /// For each beginning of the text, the longest shorter one that it ends with (Knuth, Morris,
    /// Pratt).
    borders: Vec<usize>,
}

/// One stream on its way through a table.
pub(crate) struct Swap {
    table: Arc<Table>,
    /// What may be the beginning of a text.
    held: Bytes,
    found: usize,
}

impl Table {
    /// A table of texts, none of them empty.
    pub(crate) fn new(pairs: impl IntoIterator<Item = (Bytes, Action)>) -> Result<Self, String> {
        let entry = |(text, action): (Bytes, Action)| {
            let borders = borders(&text);
            Entry { text, action, borders }
        };
        let entries: Vec<Entry> = pairs.into_iter().map(entry).collect();
        let whole = finder(entries.iter().map(|entry| entry.text.as_slice()))?;
        let mut heads: Vec<&[u8]> = entries.iter().map(Entry::head).collect();
        heads.sort_unstable();
        heads.dedup();
        let heads = finder(heads)?;
        let longest = entries.iter().map(|entry| entry.text.len()).max().unwrap_or(0);
        Ok(Self { finder: whole, heads, entries, longest })
    }

    /// Puts everything in its place in a text that is whole.
    pub(crate) fn swap(self: &Arc<Self>, text: &[u8]) -> Result<Vec<u8>, SecretName> {
        let mut out = Vec::with_capacity(text.len());
        let mut swap = Swap::new(self);
        swap.feed(text, &mut out)?;
        swap.end(&mut out)?;
        Ok(out)
    }

    /// Whether one of the texts is in there.
    pub(crate) fn is_in(&self, text: &[u8]) -> bool {
        self.finder.is_match(text)
    }

    /// How many bytes at the end of a piece may be the beginning of a text.
    fn open_end(&self, piece: &[u8]) -> usize {
        let longest = piece.len().saturating_sub(self.longest.saturating_sub(1));
        let head = self.heads.find(Input::new(piece).span(longest..piece.len()));
        // What begins later than this is too short to have a head.
        let least = piece.len().saturating_sub(HEAD - 1).max(longest);
        let from = head.map_or(least, |head| head.start().min(least));
        let piece = piece.get(from..).unwrap_or(piece);
        self.entries.iter().map(|entry| entry.open_end(piece)).max().unwrap_or(0)
    }
}

fn finder<'a>(texts: impl IntoIterator<Item = &'a [u8]>) -> Result<AhoCorasick, String> {
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostLongest)
        // The others have megabytes for a text of some kilobytes.
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .build(texts)
        .map_err(|error| error.to_string())
}

impl Entry {
    fn head(&self) -> &[u8] {
        self.text.get(..HEAD).unwrap_or(&self.text)
    }

    fn open_end(&self, piece: &[u8]) -> usize {
        let last = self.text.len() - 1;
        let tail = piece.get(piece.len().saturating_sub(last)..).unwrap_or(piece);
        let mut matched = 0;
        for &byte in tail {
            while matched > 0 && self.text[matched] != byte {
                matched = self.borders[matched - 1];
            }
            if self.text[matched] == byte {
                matched += 1;
            }
        }
        matched
    }
}

fn borders(text: &[u8]) -> Vec<usize> {
    let mut borders = vec![0; text.len()];
    let mut matched = 0;
    for place in 1..text.len() {
        while matched > 0 && text[matched] != text[place] {
            matched = borders[matched - 1];
        }
        if text[matched] == text[place] {
            matched += 1;
        }
        borders[place] = matched;
    }
    borders
}

impl Swap {
    pub(crate) fn new(table: &Arc<Table>) -> Self {
        Self { table: Arc::clone(table), held: Bytes::default(), found: 0 }
    }

    /// How many texts were found.
    pub(crate) fn found(&self) -> usize {
        self.found
    }

    /// Takes the next piece, and gives what can go on.
    pub(crate) fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), SecretName> {
        if self.held.is_empty() {
            let open = self.table.open_end(piece);
            let kept = self.pass(piece, piece.len() - open, out)?;
            self.held.extend_from_slice(piece.get(kept..).unwrap_or_default());
            return Ok(());
        }
        let mut whole = std::mem::take(&mut self.held);
        whole.extend_from_slice(piece);
        let open = self.table.open_end(&whole);
        let kept = self.pass(&whole, whole.len() - open, out)?;
        self.held.extend_from_slice(whole.get(kept..).unwrap_or_default());
        Ok(())
    }

    /// Gives what was held back.
    pub(crate) fn end(&mut self, out: &mut Vec<u8>) -> Result<(), SecretName> {
        let rest = std::mem::take(&mut self.held);
        self.pass(&rest, rest.len(), out).map(drop)
    }

    /// Passes on what begins before `limit`, and gives where the rest begins.
    fn pass(&mut self, bytes: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<usize, SecretName> {
        let mut done = 0;
        let table = Arc::clone(&self.table);
        while let Some(found) = table.finder.find(Input::new(bytes).span(done..bytes.len())) {
            if found.start() >= limit {
                break;
            }
            out.extend_from_slice(bytes.get(done..found.start()).unwrap_or_default());
            self.found += 1;
            match table.entries.get(found.pattern().as_usize()).map(|entry| &entry.action) {
                Some(Action::Put(text)) => out.extend_from_slice(text),
                Some(Action::Refuse(name)) => return Err(name.clone()),
                None => {}
            }
            done = found.end();
        }
        if done < limit {
            out.extend_from_slice(bytes.get(done..limit).unwrap_or_default());
            done = limit;
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests;
