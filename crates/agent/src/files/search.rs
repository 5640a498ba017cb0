//! Searches below a folder by file name and by content.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use regex::bytes::{Regex, RegexBuilder};

use infield_protocol::message::{Code, Event, Match};

use super::glob;
use super::line::Line;
use super::list::{DEPTH, ENTRY_BYTES, TOGETHER_BYTES, first_names};
use super::open::{quoted, regular};
use crate::failure::{Failed, Failure, KernelFailed};

/// Matches that any search has at most.
const MATCHES: u32 = 100_000;

/// Names of one folder that are looked at.
const NAMES: usize = 100_000;

/// Bytes of a line that are told.
const TOLD_BYTES: usize = 500;

/// Bytes of a line that are looked at; what is longer counts as several.
const LINE_BYTES: u64 = 1 << 20;

/// Bytes at the start of a file in which a zero means that it is no text.
const PROBED_BYTES: usize = 8 << 10;

/// Bytes of memory that a compiled expression may take.
const EXPRESSION_BYTES: usize = 4 << 20;

/// What is looked for.
pub(super) struct Wanted {
    name: Option<Vec<char>>,
    content: Option<Regex>,
}

impl Wanted {
    pub(super) fn new(name: Option<&str>, content: Option<&str>) -> Result<Self, Failure> {
        let compile = |expression: &str| {
            RegexBuilder::new(expression)
                .size_limit(EXPRESSION_BYTES)
                .dfa_size_limit(EXPRESSION_BYTES)
                .build()
                .failed(Code::Invalid, || format!("`{expression}` is no regular expression"))
        };
        let name = name.map(|name| name.chars().collect());
        Ok(Self { name, content: content.map(compile).transpose()? })
    }

    fn wants_name(&self, name: &str) -> bool {
        let letters: Vec<char> = name.chars().collect();
        self.name.as_ref().is_none_or(|pattern| glob::matches(pattern, &letters))
    }
}

pub(super) fn search(
    line: &mut Line,
    path: &str,
    wanted: &Wanted,
    limit: u32,
) -> Result<Event, Failure> {
    let left = limit.min(MATCHES) as usize;
    let mut search =
        Search { line, wanted, together: Vec::new(), bytes: 0, left, truncated: false };
    let metadata = std::fs::metadata(path).doing(|| quoted(path))?;
    if metadata.is_dir() {
        // Told apart from folders below, which are passed over when they cannot be read.
        std::fs::read_dir(path).doing(|| quoted(path))?;
        search.folder(Path::new(path), "", DEPTH)?;
    } else {
        let name = Path::new(path).file_name().map(|n| n.to_string_lossy().into_owned());
        search.file(Path::new(path), &name.unwrap_or_default())?;
    }
    let Search { together, truncated, .. } = search;
    line.say(&Event::Matches(together))?;
    Ok(Event::Finished { truncated })
}

struct Search<'a> {
    line: &'a mut Line,
    wanted: &'a Wanted,
    together: Vec<Match>,
    bytes: usize,
    left: usize,
    truncated: bool,
}

impl Search<'_> {
    fn folder(&mut self, path: &Path, prefix: &str, depth: u32) -> Result<(), Failure> {
        let Ok(folder) = std::fs::read_dir(path) else { return Ok(()) };
        let (names, cut) = first_names(self.line, path, folder, NAMES)?;
        self.truncated |= cut;
        for name in names {
            if self.truncated && self.left == 0 {
                return Ok(());
            }
            let below = path.join(&name);
            // Gone since its folder was read.
            let Ok(metadata) = std::fs::symlink_metadata(&below) else { continue };
            let text = name.to_string_lossy();
            let shown = format!("{prefix}{text}");
            if metadata.is_dir() && depth > 1 {
                if self.wanted.content.is_none() && self.wanted.wants_name(&text) {
                    self.found(Match { path: shown.clone(), line: None, text: None })?;
                }
                self.folder(&below, &format!("{shown}/"), depth - 1)?;
            } else if self.wanted.wants_name(&text) {
                self.line.step()?;
                self.file(&below, &shown)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, shown: &str) -> Result<(), Failure> {
        let Some(content) = &self.wanted.content else {
            return self.found(Match { path: shown.to_owned(), line: None, text: None });
        };
        // What cannot be read, is a link, a pipe or no text has no lines that match.
        let link = std::fs::symlink_metadata(path).map_or(true, |metadata| metadata.is_symlink());
        let Some((file, _)) = path.to_str().filter(|_| !link).and_then(|p| regular(p).ok()) else {
            return Ok(());
        };
        let mut reader = BufReader::with_capacity(64 << 10, file);
        if is_binary(&mut reader) {
            return Ok(());
        }
        let (mut bytes, mut number, mut within) = (Vec::new(), 0, false);
        loop {
            bytes.clear();
            let piece = Read::by_ref(&mut reader).take(LINE_BYTES).read_until(b'\n', &mut bytes);
            if piece.unwrap_or(0) == 0 || self.truncated && self.left == 0 {
                return Ok(());
            }
            self.line.step()?;
            number += u64::from(!within);
            within = bytes.last() != Some(&b'\n');
            let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            if content.is_match(text) {
                let text = String::from_utf8_lossy(&text[..text.len().min(TOLD_BYTES)]);
                let found = Match {
                    path: shown.to_owned(),
                    line: Some(number),
                    text: Some(text.into_owned()),
                };
                self.found(found)?;
            }
        }
    }

    fn found(&mut self, found: Match) -> Result<(), Failure> {
        if self.left == 0 {
            self.truncated = true;
            return Ok(());
        }
        self.left -= 1;
        self.bytes += ENTRY_BYTES + found.path.len() + found.text.as_ref().map_or(0, String::len);
        self.together.push(found);
        if self.bytes < TOGETHER_BYTES {
            return Ok(());
        }
        self.bytes = 0;
        self.line.say(&Event::Matches(std::mem::take(&mut self.together)))
    }
}

fn is_binary(reader: &mut BufReader<File>) -> bool {
    // An unreadable file shows nothing, like one that is no text.
    reader.fill_buf().map_or(true, |start| start[..start.len().min(PROBED_BYTES)].contains(&0))
}
