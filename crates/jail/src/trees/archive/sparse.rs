//! Files with holes: which part of the content goes where.

use std::io::Read;

use tar::{GnuExtSparseHeader, GnuSparseHeader, Header};

use super::extension::{Extension, number};
use super::{Archive, BLOCK};
use crate::trees::error::Result;

/// Parts of one file at most.
const PARTS: usize = 65_536;

/// Where the content of a file goes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sparse {
    /// The file's length with its holes.
    pub(crate) length: u64,
    /// Offset and length of each part, in the order of the content.
    pub(crate) parts: Vec<(u64, u64)>,
}

impl Sparse {
    /// Parts stand one behind the other, within the file, and are as long as the content.
    pub(super) fn check(&self, stored: u64) -> Result<(), &'static str> {
        let mut end = 0;
        let mut total: u64 = 0;
        for (offset, length) in &self.parts {
            if *offset < end {
                return Err("the parts of a sparse file overlap");
            }
            end = offset.checked_add(*length).ok_or("a part of a sparse file is endless")?;
            total = total.saturating_add(*length);
        }
        if end > self.length {
            return Err("a part of a sparse file lies behind its end");
        }
        if total != stored {
            return Err("the parts of a sparse file are not as long as its content");
        }
        Ok(())
    }
}

/// GNU's own kind of member: parts in the header and in blocks behind it.
pub(super) fn from_header<R: Read>(archive: &mut Archive<R>, header: &Header) -> Result<Sparse> {
    const BROKEN: &str = "the map of a sparse file is broken";
    let Some(gnu) = header.as_gnu() else { return Err(archive.malformed(BROKEN)) };
    let mut sparse = Sparse {
        length: gnu.real_size().map_err(|_| archive.malformed(BROKEN))?,
        parts: Vec::new(),
    };
    let mut add = |parts: &[GnuSparseHeader]| -> Option<()> {
        for part in parts.iter().filter(|part| !part.is_empty()) {
            sparse.parts.push((part.offset().ok()?, part.length().ok()?));
        }
        (sparse.parts.len() <= PARTS).then_some(())
    };
    add(&gnu.sparse).ok_or_else(|| archive.malformed(BROKEN))?;
    let mut is_extended = gnu.is_extended();
    while is_extended {
        // These blocks are not counted in the header's length.
        let mut block = GnuExtSparseHeader::new();
        archive.fill(block.as_mut_bytes(), "it ends in the map of a file")?;
        add(block.sparse()).ok_or_else(|| archive.malformed(BROKEN))?;
        is_extended = block.is_extended();
    }
    Ok(sparse)
}

/// What pax records say, and the map in front of the content that they may announce.
pub(super) fn from_records<R: Read>(
    archive: &mut Archive<R>,
    extension: &Extension,
) -> Result<Option<Sparse>> {
    const BROKEN: &str = "the map of a sparse file is broken";
    let records = &extension.sparse;
    if records.is_oldest && records.map.is_none() {
        return Err(archive.malformed("its sparse format 0.0 is not supported"));
    }
    let numbers = match &records.map {
        Some(map) => map
            .split(|byte| *byte == b',')
            .take(2 * PARTS + 1)
            .map(number)
            .collect::<Option<Vec<u64>>>()
            .ok_or_else(|| archive.malformed(BROKEN))?,
        None if records.has_map_in_content => map_in_content(archive)?,
        None => return Ok(None),
    };
    let length = records.real_size.ok_or_else(|| archive.malformed(BROKEN))?;
    if numbers.len() % 2 != 0 {
        return Err(archive.malformed(BROKEN));
    }
    let parts = numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
    Ok(Some(Sparse { length, parts }))
}

/// Decimal numbers in lines, the first of which says how many pairs follow, filled up to a block.
fn map_in_content<R: Read>(archive: &mut Archive<R>) -> Result<Vec<u64>> {
    const BROKEN: &str = "the map of a sparse file is broken";
    let mut lines = Vec::new();
    let mut line = Vec::new();
    let mut expected = None;
    loop {
        for byte in archive.content_block()? {
            if expected.is_some_and(|count| lines.len() == count) {
                return Ok(lines);
            }
            if byte != b'\n' {
                line.push(byte);
                continue;
            }
            let value = number(&line)
                .filter(|_| !line.is_empty())
                .ok_or_else(|| archive.malformed(BROKEN))?;
            line.clear();
            if expected.is_some() {
                lines.push(value);
                continue;
            }
            let pairs = usize::try_from(value).ok().filter(|pairs| *pairs <= PARTS);
            expected = Some(2 * pairs.ok_or_else(|| archive.malformed(BROKEN))?);
        }
        if expected.is_some_and(|count| lines.len() == count) {
            return Ok(lines);
        }
        if line.len() > BLOCK {
            return Err(archive.malformed(BROKEN));
        }
    }
}
