//! The host's side: [`Guest`] over connections to an agent.
//!
//! Each operation opens a connection of its own. What comes back is the guest's word: every
//! frame, text and count is checked here, and every wait ends, so that a hostile agent can fail
//! an operation but not hang or confuse its caller.

mod convert;
mod dial;
mod files;
mod many;
mod process;
#[cfg(test)]
mod tests;
mod wire;

use std::io;
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use futures_core::future::BoxFuture;
use infield_domain::command::{Command, Execution, OutputPage, Signal};
use infield_domain::files::{Edit, FileEntry, List, Listing, Match, Range, Removal, Search, Write};
use infield_domain::guest::{
    ByteStream, FilesIn, FilesOut, Guest, PortStream, Process, ReadOutput, Written,
};
use infield_domain::{ExecutionId, GuestPath, Result};

use crate::message::Request;

/// Opens a connection to a sandbox's agent, without waiting: the stream does not block, and
/// `WouldBlock` says that too many wait for the agent already.
pub type Connect = dyn Fn() -> io::Result<UnixStream> + Send + Sync;

/// The inside of one running sandbox.
#[derive(Clone)]
pub struct Client {
    connect: Arc<Connect>,
    /// Who does file operations; root when there is nobody.
    user: Option<String>,
}

impl Client {
    /// A client that connects like this, once for each operation.
    pub fn new(connect: impl Fn() -> io::Result<UnixStream> + Send + Sync + 'static) -> Self {
        Self { connect: Arc::new(connect), user: None }
    }

    /// The same, whose file operations are done as this user of the sandbox.
    #[must_use]
    pub fn acting_as(self, user: &str) -> Self {
        Self { user: Some(user.to_owned()).filter(|user| user != "root"), ..self }
    }

    /// Connects to a port inside for somebody else: gives the connected stream socket, from which
    /// at most 4 KiB were read already.
    pub async fn dial_apart(&self, port: NonZeroU16) -> Result<(OwnedFd, Vec<u8>)> {
        dial::dial_apart(self, port).await
    }

    async fn open(&self, request: Request) -> Result<wire::Wire> {
        wire::Wire::open(&*self.connect, request).await
    }

    /// The same for a file operation, which a user does.
    async fn open_files(&self, request: Request) -> Result<wire::Wire> {
        match &self.user {
            None => self.open(request).await,
            Some(user) => {
                self.open(Request::As { user: user.clone(), request: Box::new(request) }).await
            }
        }
    }
}

impl Guest for Client {
    fn spawn(&self, command: Command) -> BoxFuture<'_, Result<Process>> {
        Box::pin(process::spawn(self, command))
    }

    fn attach(&self, id: &ExecutionId, stdout: u64, stderr: u64) -> BoxFuture<'_, Result<Process>> {
        Box::pin(process::attach(self, id.clone(), [stdout, stderr]))
    }

    fn read_output(&self, request: ReadOutput) -> BoxFuture<'_, Result<OutputPage>> {
        Box::pin(process::read_output(self, request))
    }

    fn signal(&self, id: &ExecutionId, signal: Signal) -> BoxFuture<'_, Result<()>> {
        Box::pin(process::signal(self, id.clone(), signal))
    }

    fn executions(&self) -> BoxFuture<'_, Result<Vec<Execution>>> {
        Box::pin(process::executions(self))
    }

    fn find_program(&self, programs: &[&str]) -> BoxFuture<'_, Result<Option<String>>> {
        let programs = programs.iter().map(|&program| program.to_owned()).collect();
        Box::pin(process::find_program(self, programs))
    }

    fn dial(&self, port: NonZeroU16) -> BoxFuture<'_, Result<Box<dyn PortStream>>> {
        Box::pin(dial::dial(self, port))
    }

    fn stat(&self, path: &GuestPath) -> BoxFuture<'_, Result<FileEntry>> {
        Box::pin(files::stat(self, path.clone()))
    }

    fn list(&self, list: List) -> BoxFuture<'_, Result<Listing<FileEntry>>> {
        Box::pin(files::list(self, list))
    }

    fn read(
        &self,
        path: &GuestPath,
        range: Range,
    ) -> BoxFuture<'_, Result<(FileEntry, ByteStream)>> {
        Box::pin(files::read(self, path.clone(), range))
    }

    fn write(&self, write: Write, content: ByteStream) -> BoxFuture<'_, Result<FileEntry>> {
        Box::pin(files::write(self, write, content))
    }

    fn edit(&self, edit: Edit) -> BoxFuture<'_, Result<u64>> {
        Box::pin(files::edit(self, edit))
    }

    fn make_directory(&self, path: &GuestPath) -> BoxFuture<'_, Result<()>> {
        Box::pin(files::done(self, Request::MakeDirectory(path.to_string())))
    }

    fn remove(&self, path: &GuestPath, what: Removal) -> BoxFuture<'_, Result<()>> {
        let recursive = what == Removal::Tree;
        Box::pin(files::done(self, Request::Remove { path: path.to_string(), recursive }))
    }

    fn rename(&self, from: &GuestPath, to: &GuestPath) -> BoxFuture<'_, Result<()>> {
        let request = Request::Rename { from: from.to_string(), to: to.to_string() };
        Box::pin(files::done(self, request))
    }

    fn search(&self, search: Search) -> BoxFuture<'_, Result<Listing<Match>>> {
        Box::pin(files::search(self, search))
    }

    fn archive_out(&self, path: &GuestPath) -> BoxFuture<'_, Result<ByteStream>> {
        Box::pin(files::archive_out(self, path.clone()))
    }

    fn archive_in(&self, path: &GuestPath, archive: ByteStream) -> BoxFuture<'_, Result<u64>> {
        Box::pin(files::archive_in(self, path.clone(), archive))
    }

    fn write_all(&self, files: FilesIn) -> BoxFuture<'_, Result<Written>> {
        Box::pin(many::write_all(self, files))
    }

    fn read_all(&self, paths: Vec<GuestPath>) -> BoxFuture<'_, Result<FilesOut>> {
        Box::pin(many::read_all(self, paths))
    }
}
