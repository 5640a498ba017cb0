//! What the driver of an interpreter says, taken out of what the code beside it writes.
//!
//! Both use the same streams, so that all of it keeps its order. A *record* of the driver begins
//! with a byte that texts do not have and a mark that is drawn for each run; it is short, and ends
//! with its line. Whatever is no record is the code's own. Code that finds the mark out can end its
//! own run early and can name its own error, which it may do anyway.

use serde::Deserialize;

/// What a record begins with, before its mark.
const BEGIN: u8 = 0x1e;
/// Bytes of a record: what a pipe takes in one piece.
const RECORD_BYTES: usize = 4096;
/// Bytes of an error, which comes in several records.
const ERROR_BYTES: usize = 256 << 10;

/// One thing that is heard on a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The run begins: what came before is not of it.
    Begun,
    /// The code wrote this.
    Text(String),
    /// The code failed.
    Fault(Fault),
    /// The run is over on this stream.
    Done,
}

/// What ended a piece of code that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Fault {
    /// The name of its class.
    pub name: String,
    /// Its own words.
    pub value: String,
    /// Where it came from, as Python shows it.
    pub traceback: String,
}

/// One stream of one run.
#[derive(Debug)]
pub(super) struct Speech {
    /// What a record begins with.
    mark: Vec<u8>,
    /// What may be the beginning of a record or of a letter.
    held: Vec<u8>,
    fault: Vec<u8>,
}

impl Speech {
    pub(super) fn new(mark: &str) -> Self {
        let mark = [&[BEGIN], mark.as_bytes()].concat();
        Self { mark, held: Vec::new(), fault: Vec::new() }
    }

    /// Takes what came.
    pub(super) fn push(&mut self, data: &[u8]) -> Vec<Heard> {
        self.held.extend_from_slice(data);
        let mut heard = Vec::new();
        loop {
            let begin = self.begin();
            self.say_text(begin, &mut heard);
            if !self.held.starts_with(&self.mark) {
                return heard;
            }
            match self.held.iter().take(RECORD_BYTES).position(|byte| *byte == b'\n') {
                Some(end) => {
                    let record: Vec<u8> = self.held.drain(..=end).collect();
                    heard.extend(self.record(&record[self.mark.len()..end]));
                }
                None if self.held.len() >= RECORD_BYTES => {
                    // Too long for a record, so it is the code's.
                    let length = self.mark.len();
                    self.say_text(length, &mut heard);
                }
                None => return heard,
            }
        }
    }

    /// What is held when nothing more comes.
    pub(super) fn rest(&mut self) -> Option<Heard> {
        let rest = std::mem::take(&mut self.held);
        (!rest.is_empty()).then(|| Heard::Text(String::from_utf8_lossy(&rest).into_owned()))
    }

    /// Where the first record may begin.
    fn begin(&self) -> usize {
        // Most texts have no such byte, which is found out fast.
        if !self.held.contains(&BEGIN) {
            return self.held.len();
        }
        let fits = |at: &usize| {
            let rest = &self.held[*at..];
            rest.starts_with(&self.mark) || self.mark.starts_with(rest)
        };
        let mut places = self.held.iter().enumerate().filter(|(_, byte)| **byte == BEGIN);
        places.find(|(at, _)| fits(at)).map_or(self.held.len(), |(at, _)| at)
    }

    /// Says what is held before `end`, but for a letter that is not whole and may become so.
    fn say_text(&mut self, end: usize, heard: &mut Vec<Heard>) {
        let whole = if end == self.held.len() { whole_letters(&self.held) } else { end };
        if whole > 0 {
            let text: Vec<u8> = self.held.drain(..whole).collect();
            heard.push(Heard::Text(String::from_utf8_lossy(&text).into_owned()));
        }
    }

    fn record(&mut self, record: &[u8]) -> Option<Heard> {
        let (kind, text) = record.split_first()?;
        match kind {
            b'b' => Some(Heard::Begun),
            b'd' => Some(Heard::Done),
            b'+' | b'e' => {
                if self.fault.len() + text.len() <= ERROR_BYTES {
                    self.fault.extend_from_slice(text);
                }
                if *kind == b'+' {
                    return None;
                }
                let fault = std::mem::take(&mut self.fault);
                let unknown = || Fault { name: "Error".to_owned(), ..Fault::default() };
                Some(Heard::Fault(serde_json::from_slice(&fault).unwrap_or_else(|_| unknown())))
            }
            _ => None,
        }
    }
}

/// Bytes up to a letter at the end that is not whole.
fn whole_letters(bytes: &[u8]) -> usize {
    // A letter of UTF-8 has four bytes at most.
    for back in 1..=bytes.len().min(3) {
        let byte = bytes[bytes.len() - back];
        let length = match byte {
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf7 => 4,
            0x80..=0xbf => continue,
            _ => return bytes.len(),
        };
        return if length > back { bytes.len() - back } else { bytes.len() };
    }
    bytes.len()
}

#[cfg(test)]
mod tests;
