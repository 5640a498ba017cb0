//! Reads a file, or a range of it.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use infield_protocol::frame::DATA_BYTES;
use infield_protocol::message::Event;

use super::line::Line;
use super::open::{entry, quoted, regular};
use crate::failure::{Failure, KernelFailed};

pub(super) fn read(
    line: &mut Line,
    path: &str,
    offset: u64,
    length: Option<u64>,
) -> Result<Event, Failure> {
    let (mut file, metadata) = regular(path)?;
    line.say(&Event::Entry(entry(path.to_owned(), Path::new(path), &metadata)))?;
    file.seek(SeekFrom::Start(offset)).doing(|| quoted(path))?;
    let mut range = file.take(length.unwrap_or(u64::MAX));
    let mut buffer = vec![0; DATA_BYTES];
    loop {
        match range.read(&mut buffer).doing(|| quoted(path))? {
            0 => return Ok(Event::Done),
            count => line.data(&buffer[..count])?,
        }
    }
}
