//! Copies what is in a file, and keeps its holes.

use std::ffi::CStr;
use std::os::fd::BorrowedFd;

use rustix::fs::{SeekFrom, copy_file_range, ftruncate, seek};
use rustix::io::{Errno, pread, pwrite};

use crate::trees::error::{Result, TreeError};

const BUFFER_BYTES: usize = 256 << 10;

/// Copies the content of one open file to an empty one.
pub(crate) fn copy(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &CStr) -> Result<()> {
    let failed = |source| TreeError::kernel("copy", name, source);
    let length = seek(from, SeekFrom::End(0)).map_err(failed)?;
    ftruncate(to, length).map_err(failed)?;
    let mut method = Method::InKernel;
    let mut end = 0;
    while end < length {
        let Some(start) = next_data(from, end).map_err(failed)? else { break };
        end = seek(from, SeekFrom::Hole(start)).map_err(failed)?;
        copy_part(&mut method, from, to, start..end).map_err(failed)?;
    }
    Ok(())
}

/// How bytes go across. The kernel refuses its own way between different file systems, such as
/// a tmpfs and a disk.
enum Method {
    InKernel,
    ThroughBuffer(Vec<u8>),
}

/// Where the next bytes that are not a hole start; none behind the last.
fn next_data(from: BorrowedFd<'_>, position: u64) -> Result<Option<u64>, Errno> {
    match seek(from, SeekFrom::Data(position)) {
        Ok(start) => Ok(Some(start)),
        Err(Errno::NXIO) => Ok(None),
        Err(error) => Err(error),
    }
}

fn copy_part(
    method: &mut Method,
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    part: std::ops::Range<u64>,
) -> Result<(), Errno> {
    let mut position = part.start;
    while position < part.end {
        let rest = usize::try_from(part.end - position).unwrap_or(usize::MAX);
        let copied = match method {
            Method::InKernel => {
                let (mut source, mut target) = (position, position);
                match copy_file_range(from, Some(&mut source), to, Some(&mut target), rest) {
                    Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                        *method = Method::ThroughBuffer(vec![0; BUFFER_BYTES]);
                        continue;
                    }
                    other => other?,
                }
            }
            Method::ThroughBuffer(buffer) => {
                let wanted = rest.min(buffer.len());
                let got = pread(from, &mut buffer[..wanted], position)?;
                write_all(to, &buffer[..got], position)?;
                got
            }
        };
        if copied == 0 {
            // The file became shorter; its new end is a hole of the copy.
            break;
        }
        position += copied as u64;
    }
    Ok(())
}

fn write_all(to: BorrowedFd<'_>, bytes: &[u8], position: u64) -> Result<(), Errno> {
    let mut written = 0;
    while written < bytes.len() {
        written += pwrite(to, &bytes[written..], position + written as u64)?;
    }
    Ok(())
}
