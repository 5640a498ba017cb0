//! The same bytes without a sandbox: over a loopback connection, into and out of files of the host.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use infield_domain::{Error, Result};

use super::SMALL_BYTES;
use crate::commands::bench::random;

/// Bytes that are read and written at once.
const PIECE: usize = 256 << 10;

/// A folder of the host's, on the disk where what does not last is.
pub(super) struct Floor {
    folder: PathBuf,
    file_bytes: u64,
    files: u32,
}

impl Floor {
    /// Makes the folder.
    pub(super) fn open(file_bytes: u64, files: u32) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("infield-bench-{}", random()?));
        fs::create_dir(&folder).map_err(broken)?;
        Ok(Self { folder, file_bytes, files })
    }

    /// One file comes over a connection and is written.
    pub(super) async fn file_is_written(&self) -> Result<Duration> {
        let (path, bytes) = (self.file(), self.file_bytes);
        on_a_thread(move || {
            let (mut near, mut far) = pair()?;
            let start = Instant::now();
            let writer = thread::spawn(move || {
                let file = fs::File::create(path)?;
                copy(&mut far, &file)
            });
            let piece = vec![0x5a; PIECE];
            let mut left = bytes;
            while left > 0 {
                let count = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
                near.write_all(&piece[..count])?;
                left -= count as u64;
            }
            near.shutdown(Shutdown::Write)?;
            join(writer)?;
            Ok(start.elapsed())
        })
        .await
    }

    /// That file is read and goes over a connection.
    pub(super) async fn file_is_read(&self) -> Result<Duration> {
        let path = self.file();
        on_a_thread(move || {
            let (mut near, far) = pair()?;
            let start = Instant::now();
            let reader = thread::spawn(move || {
                copy(&mut fs::File::open(path)?, &far)?;
                far.shutdown(Shutdown::Write)
            });
            copy(&mut near, io::sink())?;
            join(reader)?;
            Ok(start.elapsed())
        })
        .await
    }

    /// Small files are written, one after the other, into a folder of their own: ext4 looks past
    /// every inode that was removed less than five seconds ago, fs/ext4/ialloc.c, so that files
    /// which were removed just now would slow down those that are measured.
    pub(super) async fn files_are_written(&self) -> Result<Duration> {
        let (folder, files) = (self.folder.join(format!("small-{}", random()?)), self.files);
        on_a_thread(move || {
            let start = Instant::now();
            fs::create_dir(&folder)?;
            for number in 0..files {
                fs::write(folder.join(number.to_string()), [0x5a; SMALL_BYTES])?;
            }
            Ok(start.elapsed())
        })
        .await
    }

    fn file(&self) -> PathBuf {
        self.folder.join("large")
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(Path::new(&self.folder)));
    }
}

/// Both ends of a connection over loopback.
fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    Ok((near, listener.accept()?.0))
}

fn copy(from: &mut impl Read, mut to: impl Write) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece)? {
            0 => return Ok(()),
            count => to.write_all(&piece[..count])?,
        }
    }
}

fn join(thread: thread::JoinHandle<io::Result<()>>) -> io::Result<()> {
    thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread of the bench panicked")))
}

async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(io::Error::other).and_then(|done| done).map_err(broken)
}

fn broken(source: io::Error) -> Error {
    Error::unavailable("the host's own files could not be measured").with_source(source)
}
