//! The inside of a running sandbox, as the engine sees it.
//!
//! Everything that comes out is the guest's word: bounded in length and time by whoever
//! implements this, and never trusted by whoever calls it. A call on a sandbox that died gives
//! [`crate::Kind::Unavailable`].

use std::io;
use std::num::NonZeroU16;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream as AsyncStream;
use futures_core::future::BoxFuture;

use crate::command::{Command, Execution, OutputPage, ProcessEvent, ProcessInput, Signal, Stream};
use crate::files::{Edit, FileEntry, List, Listing, Match, Range, Removal, Search, Write};
use crate::{Error, ExecutionId, GuestPath, Result};

/// Bytes that come bit by bit; ends after the first error.
pub type ByteStream = Pin<Box<dyn AsyncStream<Item = Result<Bytes>> + Send>>;

/// Files to write, one after the other; ends after the first error.
pub type FilesIn = Pin<Box<dyn AsyncStream<Item = Result<FileIn>> + Send>>;

/// Files that are read, one after the other; ends after the first error.
pub type FilesOut = Pin<Box<dyn AsyncStream<Item = Result<FileOut>> + Send>>;

/// A piece of files that are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileIn {
    /// Another file begins. Missing folders above it are made, and what is there is replaced.
    Begin {
        /// Where.
        path: GuestPath,
        /// Permission bits of a new file; 0o644 when missing.
        permissions: Option<u32>,
    },
    /// Bytes of the file that began last.
    Data(Bytes),
}

/// A piece of files that are read.
#[derive(Debug)]
pub enum FileOut {
    /// The next file begins. It has as many bytes as its size says, unless that is zero.
    Begin(FileEntry),
    /// Bytes of the file that began last.
    Data(Bytes),
    /// The file that began last is over.
    End,
    /// The next file cannot be read.
    Refused(Error),
}

/// What came of many files.
#[derive(Debug)]
pub struct Written {
    /// How many were written.
    pub count: u64,
    /// Why others were not; of very many only the first are told.
    pub refused: Vec<Error>,
}

/// What a command tells; the last item is [`ProcessEvent::Ended`] or an error.
pub type ProcessEvents = Pin<Box<dyn AsyncStream<Item = Result<ProcessEvent>> + Send>>;

/// A started command.
///
/// Dropping both halves is a disconnect: the command goes on or ends as its
/// [`crate::command::OnDisconnect`] says. A reader that is slow holds the command back.
pub struct Process {
    /// What it tells.
    pub events: ProcessEvents,
    /// What it is told.
    pub input: Box<dyn InputSink>,
}

/// Where a running command takes input.
pub trait InputSink: Send {
    /// Sends one input; waits while the command does not read.
    fn send(&mut self, input: ProcessInput) -> BoxFuture<'_, Result<()>>;
}

/// One connection to a port inside: bytes both ways, each with an end of its own.
///
/// The shape is that of every runtime's streams, so that each can wrap it. A side that is slow
/// holds back the other. Dropping it cuts the connection.
pub trait PortStream: Send + Unpin {
    /// Reads into `room`; nothing read is the end.
    fn poll_read(&mut self, context: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>>;
    /// Writes some of `bytes`.
    fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;
    /// Says that nothing more is written; reading goes on.
    fn poll_finish(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// Reads kept output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOutput {
    /// Of which execution.
    pub id: ExecutionId,
    /// Which stream.
    pub stream: Stream,
    /// From which byte.
    pub offset: u64,
    /// Bytes at most.
    pub limit: u64,
    /// Waits this long for a byte or the end when there is nothing at `offset`, in milliseconds.
    pub wait_ms: u64,
}

/// The primitives that run inside a sandbox. Everything else is composed of them.
pub trait Guest: Send + Sync {
    /// Starts a command and follows it.
    fn spawn(&self, command: Command) -> BoxFuture<'_, Result<Process>>;
    /// Follows a command that runs or ran, from these offsets of stdout and stderr.
    fn attach(&self, id: &ExecutionId, stdout: u64, stderr: u64) -> BoxFuture<'_, Result<Process>>;
    /// Reads kept output.
    fn read_output(&self, request: ReadOutput) -> BoxFuture<'_, Result<OutputPage>>;
    /// Signals the whole process tree of a command; a command that ended is no error.
    fn signal(&self, id: &ExecutionId, signal: Signal) -> BoxFuture<'_, Result<()>>;
    /// Every command that the sandbox remembers, the newest first.
    fn executions(&self) -> BoxFuture<'_, Result<Vec<Execution>>>;
    /// The first of `programs` that the sandbox's PATH has, as an absolute path.
    fn find_program(&self, programs: &[&str]) -> BoxFuture<'_, Result<Option<String>>>;

    /// Connects to a port of the sandbox's own loopback; [`crate::Kind::NotFound`] when nothing
    /// listens there.
    fn dial(&self, port: NonZeroU16) -> BoxFuture<'_, Result<Box<dyn PortStream>>>;

    /// What is at a path; links are not followed.
    fn stat(&self, path: &GuestPath) -> BoxFuture<'_, Result<FileEntry>>;
    /// Walks a folder.
    fn list(&self, list: List) -> BoxFuture<'_, Result<Listing<FileEntry>>>;
    /// Reads a file: what it is, and the bytes of the range.
    fn read(
        &self,
        path: &GuestPath,
        range: Range,
    ) -> BoxFuture<'_, Result<(FileEntry, ByteStream)>>;
    /// Writes a file.
    fn write(&self, write: Write, content: ByteStream) -> BoxFuture<'_, Result<FileEntry>>;
    /// Replaces text in a file; gives the number of places.
    fn edit(&self, edit: Edit) -> BoxFuture<'_, Result<u64>>;
    /// Makes a folder and the missing ones above it.
    fn make_directory(&self, path: &GuestPath) -> BoxFuture<'_, Result<()>>;
    /// Removes what is at a path.
    fn remove(&self, path: &GuestPath, what: Removal) -> BoxFuture<'_, Result<()>>;
    /// Moves a file or folder; refuses when the target exists.
    fn rename(&self, from: &GuestPath, to: &GuestPath) -> BoxFuture<'_, Result<()>>;
    /// Searches by name and content.
    fn search(&self, search: Search) -> BoxFuture<'_, Result<Listing<Match>>>;
    /// A tree as a tar stream (ustar with pax headers), names relative to `path`'s parent.
    fn archive_out(&self, path: &GuestPath) -> BoxFuture<'_, Result<ByteStream>>;
    /// Unpacks a tar stream below a folder, which is made; gives the number of entries.
    fn archive_in(&self, path: &GuestPath, archive: ByteStream) -> BoxFuture<'_, Result<u64>>;
    /// Writes many files. One that fails does not keep the others from being written.
    fn write_all(&self, files: FilesIn) -> BoxFuture<'_, Result<Written>>;
    /// Reads many files, in this order.
    fn read_all(&self, paths: Vec<GuestPath>) -> BoxFuture<'_, Result<FilesOut>>;
}
