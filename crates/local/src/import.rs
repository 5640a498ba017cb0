//! Carries the bytes of an image to the launcher's worker, through a pipe.

use std::fs::File;
use std::io::{self, BufWriter};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use futures_util::StreamExt;
use infield_domain::guest::ByteStream;
use infield_domain::{Error, Result};
use infield_jail::trees;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;

/// Uncompressed bytes of an image at most.
pub(crate) const MOST_BYTES: u64 = 64 << 30;
/// Files and folders of an image at most.
pub(crate) const MOST_ENTRIES: u64 = 4_000_000;

/// Makes the pipe: the launcher's end and ours.
pub(crate) fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    pipe_with(PipeFlags::CLOEXEC)
        .map_err(|error| Error::internal("no pipe can be made").with_source(error))
}

/// Writes the whole stream. A reader that went away is no error here: its answer says why.
pub(crate) async fn pump(mut archive: ByteStream, pipe: OwnedFd) -> Result<()> {
    let broken = |error: io::Error| Error::internal("the pipe broke").with_source(error);
    rustix::io::ioctl_fionbio(&pipe, true).map_err(|errno| broken(errno.into()))?;
    let mut sender = pipe::Sender::from_owned_fd(pipe).map_err(broken)?;
    while let Some(piece) = archive.next().await {
        match sender.write_all(&piece?).await {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(broken(error)),
        }
    }
    Ok(())
}

/// Packs a folder that the operator named, as far as the daemon's own account may read it. Blocks.
pub(crate) fn pack(folder: &Path, pipe: OwnedFd) -> Result<()> {
    let shown = folder.display();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(folder, flags, Mode::empty()).map_err(|errno| {
        Error::invalid(format!("the folder `{shown}` cannot be opened: {errno}"))
            .with_hint("name a folder that the daemon's account may read, or send an archive")
    })?;
    match trees::pack(directory.as_fd(), BufWriter::new(File::from(pipe))) {
        Ok(_) => Ok(()),
        Err(error) if error.errno() == Some(Errno::PIPE.raw_os_error()) => Ok(()),
        Err(error) => Err(Error::invalid(format!("the folder `{shown}` was not packed"))
            .with_hint("send it as an archive that its owner made")
            .with_source(error)),
    }
}
