//! Reads a tar stream that a stranger made: ustar, pax and GNU, one member after the other.
//!
//! The header's fields are read with the `tar` crate; what surrounds them is done here, because
//! every length has to be bounded before it is believed. Long names and pax records are at most
//! a megabyte, a few of them may stand in front of one member, maps of sparse files have at most
//! 65,536 parts, and the stream as a whole has a limit, whatever its members are.

mod extension;
mod sparse;

use std::io::Read;

use tar::{EntryType, Header};

use self::extension::Extension;
pub(crate) use self::sparse::Sparse;
use super::error::{Result, TreeError, printable};

pub(crate) const BLOCK: usize = 512;

/// Bytes of one long name or set of pax records.
const EXTENSION_BYTES: u64 = 1 << 20;

/// Archivers fill up their last record, of 10 KiB as a rule and of a megabyte at most.
const RECORD_BYTES: usize = 1 << 20;

/// Extension headers in front of one member: long name, long link, pax and global pax.
const EXTENSIONS: usize = 8;

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Symlink,
    HardLink,
    Fifo,
    Device,
}

/// One member, before its content.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: Vec<u8>,
    pub(crate) link: Vec<u8>,
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) user: u64,
    pub(crate) group: u64,
    /// Seconds since 1970.
    pub(crate) modified: i64,
    /// Where the content goes, when it is not from start to end.
    pub(crate) sparse: Option<Sparse>,
    /// Extended attributes by name.
    pub(crate) attributes: Vec<(Vec<u8>, Vec<u8>)>,
    /// Bytes of content in the stream.
    pub(crate) stored: u64,
}

/// A stream under way.
pub(crate) struct Archive<R> {
    stream: R,
    /// Bytes that may still come, over all members.
    allowed: u64,
    limit: u64,
    /// Content of the current member that was not read yet, and what fills up its last block.
    rest: u64,
    padding: u64,
    /// For messages.
    current: String,
}

impl<R: Read> Archive<R> {
    /// Reads a stream of at most so many bytes.
    pub(crate) fn new(stream: R, limit: u64) -> Self {
        let current = "the first entry".to_owned();
        Self { stream, allowed: limit, limit, rest: 0, padding: 0, current }
    }

    /// The next member; none after the end mark.
    pub(crate) fn next(&mut self) -> Result<Option<Member>> {
        self.skip_content()?;
        let mut extension = Extension::default();
        for _ in 0..=EXTENSIONS {
            let Some(header) = self.header()? else {
                return match extension.is_empty() {
                    true => Ok(None),
                    false => Err(self.malformed("it ends behind an extension header")),
                };
            };
            let size = header
                .entry_size()
                .map_err(|_| self.malformed("the length in its header is not a number"))?;
            match header.entry_type() {
                EntryType::GNULongName => extension.name = Some(self.long_name(size)?),
                EntryType::GNULongLink => extension.link = Some(self.long_name(size)?),
                EntryType::XHeader => {
                    let records = self.extension_bytes(size)?;
                    extension.read_records(&records).map_err(|reason| self.malformed(reason))?;
                }
                // Comments and defaults for all members: nothing that honest archives need.
                EntryType::XGlobalHeader => drop(self.extension_bytes(size)?),
                _ => return self.member(&header, extension, size).map(Some),
            }
        }
        Err(self.malformed("too many extension headers stand in front of one entry"))
    }

    /// Reads content of the current member; nothing at its end.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let wanted = usize::try_from(self.rest).unwrap_or(usize::MAX).min(buffer.len());
        let got = self.read_some(&mut buffer[..wanted])?;
        if got == 0 && wanted > 0 {
            return Err(self.malformed("it ends in the middle of a file"));
        }
        self.rest -= got as u64;
        Ok(got)
    }

    /// Reads what fills up the last record behind the end mark, so that the writer at the other
    /// end of a pipe does not fail for it.
    pub(crate) fn drain(&mut self) -> Result<()> {
        let mut buffer = [0; BLOCK];
        for _ in 0..RECORD_BYTES / BLOCK {
            if self.read_some(&mut buffer)? == 0 {
                break;
            }
        }
        Ok(())
    }

    fn member(&mut self, header: &Header, extension: Extension, size: u64) -> Result<Member> {
        let name = extension.name.clone().unwrap_or_else(|| header.path_bytes().into_owned());
        self.current = printable(&name);
        let kind = self.kind(header)?;
        let number = |value: std::io::Result<u64>, reason| value.map_err(|_| reason);
        let read = || -> Result<_, &'static str> {
            let mode = header.mode().map_err(|_| "its mode is not a number")?;
            let user = number(header.uid(), "its owner is not a number")?;
            let group = number(header.gid(), "its group is not a number")?;
            let modified = number(header.mtime(), "its time is not a number")?;
            Ok((mode, user, group, modified))
        };
        let (mode, user, group, modified) = read().map_err(|reason| self.malformed(reason))?;
        let link = header.link_name_bytes().map(|link| link.into_owned()).unwrap_or_default();
        let stored = extension.size.unwrap_or(size);
        // Old archivers give links the length of the file they stand for, without its content.
        self.start_content(if kind == Kind::File || kind == Kind::HardLink { stored } else { 0 })?;
        if kind == Kind::HardLink && stored > 0 {
            return Err(self.malformed("a hard link has content"));
        }
        let sparse = self.sparse(header, &extension)?;
        Ok(Member {
            name,
            link: extension.link.unwrap_or(link),
            kind,
            mode: mode & 0o7777,
            user: extension.user.unwrap_or(user),
            group: extension.group.unwrap_or(group),
            modified: extension.modified.unwrap_or(i64::try_from(modified).unwrap_or(0)),
            sparse,
            attributes: extension.attributes,
            stored: self.rest,
        })
    }

    fn kind(&self, header: &Header) -> Result<Kind> {
        Ok(match header.entry_type() {
            EntryType::Regular if is_old_directory(header) => Kind::Directory,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => Kind::File,
            EntryType::Directory => Kind::Directory,
            EntryType::Symlink => Kind::Symlink,
            EntryType::Link => Kind::HardLink,
            EntryType::Fifo => Kind::Fifo,
            EntryType::Char | EntryType::Block => Kind::Device,
            _ => return Err(self.malformed("it is of a kind that is not known")),
        })
    }

    fn sparse(&mut self, header: &Header, extension: &Extension) -> Result<Option<Sparse>> {
        let sparse = if header.entry_type() == EntryType::GNUSparse {
            Some(sparse::from_header(self, header)?)
        } else {
            sparse::from_records(self, extension)?
        };
        if let Some(sparse) = &sparse {
            sparse.check(self.rest).map_err(|reason| self.malformed(reason))?;
        }
        Ok(sparse)
    }

    /// The next header; none at the end mark. A stream that just stops was cut off.
    fn header(&mut self) -> Result<Option<Header>> {
        let mut block = [0; BLOCK];
        self.fill(&mut block, "it ends without its end mark")?;
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let header = Header::from_byte_slice(&block).clone();
        // The sum counts its own field as spaces.
        let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
        let expected = sum(&block[..148]) + 8 * u32::from(b' ') + sum(&block[156..]);
        if header.cksum().ok() != Some(expected) {
            return Err(self.malformed("the sum of the next header is wrong"));
        }
        Ok(Some(header))
    }

    fn long_name(&mut self, size: u64) -> Result<Vec<u8>> {
        let mut name = self.extension_bytes(size)?;
        if name.last() == Some(&0) {
            name.pop();
        }
        Ok(name)
    }

    fn extension_bytes(&mut self, size: u64) -> Result<Vec<u8>> {
        if size > EXTENSION_BYTES {
            return Err(self.malformed("an extension header is longer than a megabyte"));
        }
        let mut bytes = vec![0; usize::try_from(size).expect("it is at most a megabyte")];
        self.start_content(size)?;
        self.rest = 0;
        self.fill(&mut bytes, "it ends in an extension header")?;
        self.skip_content()?;
        Ok(bytes)
    }

    /// A length in a header is believed only up to the limit of the stream.
    fn start_content(&mut self, size: u64) -> Result<()> {
        if size > self.allowed {
            return Err(self.too_long());
        }
        self.rest = size;
        self.padding = size.next_multiple_of(BLOCK as u64) - size;
        Ok(())
    }

    fn skip_content(&mut self) -> Result<()> {
        let mut buffer = [0; 16 << 10];
        while self.read(&mut buffer)? > 0 {}
        let padding = usize::try_from(self.padding).expect("it is less than a block");
        self.padding = 0;
        self.fill(&mut buffer[..padding], "it ends in the middle of a file")
    }

    fn fill(&mut self, buffer: &mut [u8], reason: &'static str) -> Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read_some(&mut buffer[filled..])? {
                0 => return Err(self.malformed(reason)),
                got => filled += got,
            }
        }
        Ok(())
    }

    /// One block of a member's content, for maps that stand in front of the rest.
    fn content_block(&mut self) -> Result<[u8; BLOCK]> {
        let mut block = [0; BLOCK];
        self.rest = self
            .rest
            .checked_sub(BLOCK as u64)
            .ok_or_else(|| self.malformed("its map is longer than its content"))?;
        self.fill(&mut block, "it ends in the map of a file")?;
        Ok(block)
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match self.stream.read(buffer) {
                Ok(got) => {
                    let left = self.allowed.checked_sub(got as u64);
                    self.allowed = left.ok_or_else(|| self.too_long())?;
                    return Ok(got);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(TreeError::Stream { name: self.current.clone(), source });
                }
            }
        }
    }

    pub(crate) fn malformed(&self, reason: &'static str) -> TreeError {
        TreeError::Malformed { name: self.current.clone(), reason }
    }

    fn too_long(&self) -> TreeError {
        TreeError::Limit { name: self.current.clone(), limit: self.limit, unit: "bytes" }
    }
}

/// Before ustar a folder was a file whose name ends in a slash.
fn is_old_directory(header: &Header) -> bool {
    header.as_ustar().is_none() && header.as_gnu().is_none() && header.path_bytes().ends_with(b"/")
}

#[cfg(test)]
mod tests;
