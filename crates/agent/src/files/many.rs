//! Many files of one request, one after the other.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use infield_protocol::frame::DATA_BYTES;
use infield_protocol::message::{Code, Event, Input};

use super::line::Line;
use super::open::{entry, make_parents, quoted, regular};
use super::write::{check_permissions, replace};
use crate::failure::{Failure, KernelFailed};

/// Files of one request at most.
const FILES: u64 = 1_000_000;
/// Failed files that are named.
const NAMED: usize = 100;

/// Writes files and goes on behind one that fails. Those that failed are told at the end: nobody
/// reads an answer while the bytes are still coming.
pub(super) fn write_all(line: &mut Line, at: impl Fn(&str) -> String) -> Result<Event, Failure> {
    let (mut count, mut failed, mut written) = (0, Vec::new(), 0);
    let mut next = hear(line)?;
    loop {
        match next {
            Input::End => break,
            Input::File { path, permissions } => {
                if count == FILES {
                    let message = format!("more than {FILES} files came at once");
                    return Err(Failure::new(Code::Quota, message));
                }
                count += 1;
                let (behind, failure) = one(line, &at(&path), permissions)?;
                written += u64::from(failure.is_none());
                failed.extend(failure.filter(|_| failed.len() < NAMED));
                next = behind;
            }
            Input::Data(_) | Input::Resize(_) => {
                return Err(Failure::new(Code::Invalid, "bytes came before their file"));
            }
        }
    }
    for failure in failed {
        line.say(&Event::Refused(failure.0))?;
    }
    Ok(Event::Count(written))
}

/// Writes one file; gives what came after its bytes, and why it was not written.
fn one(
    line: &mut Line,
    path: &str,
    permissions: Option<u32>,
) -> Result<(Input, Option<Failure>), Failure> {
    let mut heard = None;
    let written = check_permissions(permissions)
        .and_then(|()| make_parents(path))
        .and_then(|()| replace(path, permissions, |file| fill(line, (file, path), &mut heard)));
    match heard {
        // The caller is gone: there is nobody to go on for.
        Some(Err(failure)) => Err(failure),
        Some(Ok(behind)) => Ok((behind, written.err())),
        None => Ok((pass_over(line)?, written.err())),
    }
}

/// Writes bytes until something else comes.
fn fill(
    line: &mut Line,
    (mut file, path): (&File, &str),
    heard: &mut Option<Result<Input, Failure>>,
) -> Result<(), Failure> {
    loop {
        match hear(line) {
            Ok(Input::Data(bytes)) => file.write_all(&bytes.0).doing(|| quoted(path))?,
            Ok(behind) => {
                *heard = Some(Ok(behind));
                return Ok(());
            }
            Err(failure) => {
                *heard = Some(Err(failure));
                return Err(Failure::new(Code::Invalid, "the content ended early"));
            }
        }
    }
}

/// Drops bytes until something else comes.
fn pass_over(line: &mut Line) -> Result<Input, Failure> {
    loop {
        match hear(line)? {
            Input::Data(_) => {}
            behind => return Ok(behind),
        }
    }
}

fn hear(line: &mut Line) -> Result<Input, Failure> {
    line.heard().doing(|| "receive the content")
}

pub(super) fn read_all(
    line: &mut Line,
    paths: impl Iterator<Item = String>,
) -> Result<Event, Failure> {
    let mut buffer = vec![0; DATA_BYTES];
    for path in paths {
        match regular(&path) {
            Err(failure) => line.say(&Event::Refused(failure.0))?,
            Ok((file, metadata)) => {
                line.say(&Event::Entry(entry(path.clone(), Path::new(&path), &metadata)))?;
                // What is read may grow meanwhile; files of /proc say 0 and hold more.
                let most = Some(metadata.len()).filter(|size| *size > 0).unwrap_or(u64::MAX);
                pour(line, file, (most, &mut buffer))?;
                line.say(&Event::Done)?;
            }
        }
    }
    Ok(Event::Finished { truncated: false })
}

fn pour(line: &mut Line, file: File, (most, buffer): (u64, &mut [u8])) -> Result<(), Failure> {
    let mut file = file.take(most);
    loop {
        match file.read(buffer).doing(|| "read a file")? {
            0 => return Ok(()),
            count => line.data(&buffer[..count])?,
        }
    }
}
