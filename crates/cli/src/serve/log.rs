//! The log: one JSON object a line on standard error, which is the home's `log` in the background.
//!
//! `INFIELD_LOG` chooses what is logged, as in `info,infield_engine=debug`. Errors that reach a
//! caller are logged once, by the door, under the request's id.

use std::error::Error as StdError;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use tracing_subscriber::EnvFilter;

/// Bytes of the log before it begins anew; the old one is kept beside it.
const MOST_BYTES: i64 = 16 << 20;
/// Where the old log is.
const OLD: &str = "log.1";

/// Starts logging in this process.
pub(super) fn start() {
    let filter =
        EnvFilter::try_from_env("INFIELD_LOG").unwrap_or_else(|_| EnvFilter::new("info,rmcp=warn"));
    let log = tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(io::stderr);
    if log.try_init().is_err() {
        tracing::debug!("logging has been started before");
    }
}

/// An error's causes in one line, for the log alone.
pub(super) fn chain(error: &dyn StdError) -> Option<String> {
    let mut texts = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    (!texts.is_empty()).then(|| texts.join(": "))
}

/// Begins the log anew when it is long. Every process writes at its end, so that it can be
/// emptied below them; the few lines that come between copy and cut are lost.
pub(super) fn bound(home: impl AsFd) -> io::Result<()> {
    let stat = rustix::fs::fstat(io::stderr())?;
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    if !is_file || stat.st_size <= MOST_BYTES {
        return Ok(());
    }
    let read = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let log = rustix::fs::openat(&home, crate::home::LOG, read, Mode::empty())?;
    let found = rustix::fs::fstat(&log)?;
    if (found.st_dev, found.st_ino) != (stat.st_dev, stat.st_ino) {
        // Standard error is a file of somebody else's.
        return Ok(());
    }
    match rustix::fs::unlinkat(&home, OLD, AtFlags::empty()) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    let make = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut old = File::from(rustix::fs::openat(&home, OLD, make, Mode::RUSR | Mode::WUSR)?);
    io::copy(&mut File::from(log), &mut old)?;
    old.flush()?;
    rustix::fs::ftruncate(io::stderr(), 0)?;
    Ok(())
}
