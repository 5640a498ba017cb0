//! Requests of the protocol, answered by the engine.

use std::collections::HashMap;

use bytes::Bytes;
use futures_util::StreamExt as _;
use infield_domain::files::{FileEntry, List, Range, Write, WriteMode};
use infield_domain::guest::ByteStream;
use infield_domain::{Error, GuestPath, Result as Done};
use infield_engine::toolbox::files::{DeleteFile, MoveFile};
use infield_engine::toolbox::permissions::SetPermissions;
use infield_engine::{Engine, SshPass};
use russh_sftp::protocol::{
    Attrs, Data, File, FileAttributes, Handle, Name, OpenFlags, Status, StatusCode, Version,
};
use russh_sftp::server::{Handler, StatusReply};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::answers::{absolute, attributes, done, file, refusal};

/// Files and folders that a client has open at once.
const MOST_OPEN: usize = 64;
/// Bytes of one answer; OpenSSH asks for 32 KiB, and 255 KiB is the most that it takes.
const MOST_READ: u32 = 128 << 10;
/// Entries of a folder, and those of one answer.
const MOST_ENTRIES: u32 = 10_000;
const ENTRIES: usize = 100;
/// Pieces of a file on their way.
const PIECES: usize = 4;

type Answer<T> = Result<T, StatusReply>;

/// What is looked at where a path leads to a link.
#[derive(Clone, Copy)]
enum Links {
    Followed,
    Themselves,
}

/// What a client has open.
enum Open {
    Reading(Reading),
    Writing(Writing),
    Folder(std::vec::IntoIter<FileEntry>),
}

/// A file that is read in order; somewhere else it begins anew.
struct Reading {
    path: GuestPath,
    at: u64,
    rest: Bytes,
    content: ByteStream,
}

/// A file that is written in order.
struct Writing {
    path: GuestPath,
    at: u64,
    /// Gets the bytes, and nothing at the end: without it the file is not put in its place.
    pieces: mpsc::Sender<Option<Bytes>>,
    written: JoinHandle<Done<FileEntry>>,
    /// Bytes below which it is not whole: those of a file that was not opened to be emptied.
    least: u64,
    /// Permission bits to give it when it is there.
    mode: Option<u32>,
}

/// The files of one client.
pub(super) struct Files {
    engine: Engine,
    pass: SshPass,
    folder: Option<GuestPath>,
    open: HashMap<String, Open>,
    opened: u64,
}

impl Files {
    /// Those of the sandbox that a pass lets into.
    pub(super) fn new(engine: Engine, pass: SshPass) -> Self {
        Self { engine, pass, folder: None, open: HashMap::new(), opened: 0 }
    }

    fn sandbox(&self) -> &str {
        self.pass.sandbox().as_str()
    }

    /// A path of the client, from the root on; relative ones begin where commands do.
    async fn path(&mut self, path: &str) -> Answer<GuestPath> {
        let folder = match self.folder.clone() {
            Some(folder) => folder,
            None => {
                let found = self.engine.get_sandbox(&self.pass.who, self.sandbox()).await;
                let folder = found.map_err(|error| refusal(&error))?.spec.working_directory;
                self.folder = Some(folder.clone());
                folder
            }
        };
        absolute(&folder, path).parse().map_err(|error| refusal(&error))
    }

    fn keep(&mut self, id: u32, open: Open) -> Answer<Handle> {
        if self.open.len() >= MOST_OPEN {
            return Err(StatusCode::Failure.with_message("too many files are open"));
        }
        self.opened += 1;
        let handle = self.opened.to_string();
        self.open.insert(handle.clone(), open);
        Ok(Handle { id, handle })
    }

    fn find(&mut self, handle: &str) -> Answer<&mut Open> {
        self.open.get_mut(handle).ok_or_else(|| StatusCode::Failure.with_message("it is not open"))
    }

    async fn begin_read(&mut self, path: &GuestPath, at: u64) -> Answer<Reading> {
        let range = Range { offset: at, length: None };
        let read = self.engine.read_file(&self.pass.who, self.sandbox(), path, range).await;
        let content = read.map_err(|error| refusal(&error))?.content;
        Ok(Reading { path: path.clone(), at, rest: Bytes::new(), content })
    }

    /// How a file is to be opened for writing, from which byte on, and how long it must become.
    /// OpenSSH's `scp` does not empty a file when it opens it but cuts it when it has written it.
    async fn write_mode(
        &mut self,
        path: &GuestPath,
        flags: OpenFlags,
    ) -> Answer<(WriteMode, u64, u64)> {
        if flags.contains(OpenFlags::EXCLUDE) {
            return Ok((WriteMode::New, 0, 0));
        }
        let found = self.engine.stat_behind_links(&self.pass.who, self.sandbox(), path).await;
        let size = match found {
            Ok(entry) => Some(entry.size),
            Err(error) if error.kind() == infield_domain::Kind::NotFound => None,
            Err(error) => return Err(refusal(&error)),
        };
        let truncates = flags.contains(OpenFlags::TRUNCATE);
        match size {
            None if !flags.contains(OpenFlags::CREATE) => Err(StatusCode::NoSuchFile.into()),
            Some(size) if flags.contains(OpenFlags::APPEND) && !truncates => {
                Ok((WriteMode::Append, size, 0))
            }
            Some(size) if !truncates => Ok((WriteMode::Replace, 0, size)),
            Some(_) | None => Ok((WriteMode::Replace, 0, 0)),
        }
    }

    async fn begin_write(
        &mut self,
        path: GuestPath,
        flags: OpenFlags,
        attrs: &FileAttributes,
    ) -> Answer<Writing> {
        let (mode, at, least) = self.write_mode(&path, flags).await?;
        let permissions = attrs.permissions.map(|bits| bits & 0o777);
        let (pieces, taken) = mpsc::channel(PIECES);
        let (engine, who) = (self.engine.clone(), self.pass.who.clone());
        let (sandbox, write) =
            (self.sandbox().to_owned(), Write { path: path.clone(), mode, permissions });
        let written = tokio::spawn(async move {
            engine.write_file(&who, &sandbox, write, until_end(taken)).await
        });
        Ok(Writing { path, at, least, pieces, written, mode: None })
    }

    async fn set_mode(&mut self, path: GuestPath, mode: u32) -> Answer<()> {
        let set = SetPermissions { path, mode: Some(mode & 0o777), owner: None, group: None };
        let set = self.engine.set_permissions(&self.pass.who, self.sandbox(), set).await;
        set.map_err(|error| refusal(&error))
    }

    async fn stat_at(&mut self, path: &str, links: Links) -> Answer<FileEntry> {
        let path = self.path(path).await?;
        let (who, sandbox) = (&self.pass.who, self.sandbox());
        let found = match links {
            Links::Followed => self.engine.stat_behind_links(who, sandbox, &path).await,
            Links::Themselves => self.engine.stat_file(who, sandbox, &path).await,
        };
        found.map_err(|error| refusal(&error))
    }

    async fn delete(&mut self, id: u32, path: &str) -> Answer<Status> {
        let delete = DeleteFile { path: self.path(path).await?, recursive: false };
        let deleted = self.engine.delete_file(&self.pass.who, self.sandbox(), delete).await;
        deleted.map(|()| done(id)).map_err(|error| refusal(&error))
    }
}

/// The pieces of a file; it fails when they end without an end, so that half a file is none.
fn until_end(pieces: mpsc::Receiver<Option<Bytes>>) -> ByteStream {
    let next = |pieces: Option<mpsc::Receiver<Option<Bytes>>>| async move {
        let mut pieces = pieces?;
        match pieces.recv().await {
            Some(Some(piece)) => Some((Ok(piece), Some(pieces))),
            Some(None) => None,
            None => Some((Err(Error::unavailable("the file was not closed")), None)),
        }
    };
    Box::pin(futures_util::stream::unfold(Some(pieces), next))
}

impl Reading {
    async fn next(&mut self, length: u32) -> Answer<Vec<u8>> {
        while self.rest.is_empty() {
            self.rest = match self.content.next().await {
                Some(piece) => piece.map_err(|error| refusal(&error))?,
                None => return Err(StatusCode::Eof.into()),
            };
        }
        let most = usize::try_from(length.min(MOST_READ)).unwrap_or(usize::MAX);
        let piece = self.rest.split_to(most.min(self.rest.len()));
        self.at += piece.len() as u64;
        Ok(piece.to_vec())
    }
}

impl Writing {
    /// Puts the file in its place.
    async fn finish(self) -> Answer<(GuestPath, Option<u32>)> {
        if self.at < self.least {
            // Without its end nothing comes of it.
            return Err(StatusCode::OpUnsupported.with_message("a file is written as a whole"));
        }
        // When the writing has failed, its own error says why.
        drop(self.pieces.send(None).await);
        drop(self.pieces);
        match self.written.await {
            Ok(Ok(_)) => Ok((self.path, self.mode)),
            Ok(Err(error)) => Err(refusal(&error)),
            Err(_) => Err(StatusCode::Failure.into()),
        }
    }
}

impl Handler for Files {
    type Error = StatusReply;

    fn unimplemented(&self) -> Self::Error {
        StatusCode::OpUnsupported.with_message("this is not served here")
    }

    async fn init(&mut self, _: u32, _: HashMap<String, String>) -> Answer<Version> {
        Ok(Version::new())
    }

    async fn open(
        &mut self,
        id: u32,
        name: String,
        flags: OpenFlags,
        attrs: FileAttributes,
    ) -> Answer<Handle> {
        let path = self.path(&name).await?;
        if !flags.contains(OpenFlags::WRITE) {
            let reading = self.begin_read(&path, 0).await?;
            return self.keep(id, Open::Reading(reading));
        }
        if flags.contains(OpenFlags::READ) {
            return Err(StatusCode::OpUnsupported.with_message("a file is read or written"));
        }
        let writing = self.begin_write(path, flags, &attrs).await?;
        self.keep(id, Open::Writing(writing))
    }

    async fn close(&mut self, id: u32, handle: String) -> Answer<Status> {
        match self.open.remove(&handle) {
            Some(Open::Writing(writing)) => {
                if let (path, Some(mode)) = writing.finish().await? {
                    self.set_mode(path, mode).await?;
                }
                Ok(done(id))
            }
            Some(Open::Reading(_) | Open::Folder(_)) => Ok(done(id)),
            None => Err(StatusCode::Failure.with_message("it is not open")),
        }
    }

    async fn read(&mut self, id: u32, handle: String, offset: u64, length: u32) -> Answer<Data> {
        let (path, at) = match self.find(&handle)? {
            Open::Reading(reading) => (reading.path.clone(), reading.at),
            Open::Writing(_) | Open::Folder(_) => return Err(StatusCode::Failure.into()),
        };
        if at != offset {
            let reading = self.begin_read(&path, offset).await?;
            self.open.insert(handle.clone(), Open::Reading(reading));
        }
        match self.find(&handle)? {
            Open::Reading(reading) => Ok(Data { id, data: reading.next(length).await? }),
            Open::Writing(_) | Open::Folder(_) => Err(StatusCode::Failure.into()),
        }
    }

    async fn write(
        &mut self,
        id: u32,
        handle: String,
        offset: u64,
        data: Vec<u8>,
    ) -> Answer<Status> {
        let Open::Writing(writing) = self.find(&handle)? else {
            return Err(StatusCode::Failure.into());
        };
        if writing.at != offset {
            return Err(StatusCode::OpUnsupported.with_message("a file is written in order"));
        }
        writing.at += data.len() as u64;
        if data.is_empty() || writing.pieces.send(Some(data.into())).await.is_ok() {
            return Ok(done(id));
        }
        // It has failed, and says so.
        match self.open.remove(&handle) {
            Some(Open::Writing(writing)) => writing.finish().await.map(|_| done(id)),
            Some(Open::Reading(_) | Open::Folder(_)) | None => Err(StatusCode::Failure.into()),
        }
    }

    async fn stat(&mut self, id: u32, path: String) -> Answer<Attrs> {
        Ok(Attrs { id, attrs: attributes(&self.stat_at(&path, Links::Followed).await?) })
    }

    async fn lstat(&mut self, id: u32, path: String) -> Answer<Attrs> {
        Ok(Attrs { id, attrs: attributes(&self.stat_at(&path, Links::Themselves).await?) })
    }

    async fn fstat(&mut self, id: u32, handle: String) -> Answer<Attrs> {
        let path = match self.find(&handle)? {
            Open::Reading(reading) => reading.path.as_str().to_owned(),
            Open::Writing(writing) => {
                let attrs = FileAttributes { size: Some(writing.at), ..FileAttributes::empty() };
                return Ok(Attrs { id, attrs });
            }
            Open::Folder(_) => return Err(StatusCode::Failure.into()),
        };
        self.stat(id, path).await
    }

    async fn setstat(&mut self, id: u32, path: String, attrs: FileAttributes) -> Answer<Status> {
        if attrs.size.is_some() || attrs.uid.is_some() {
            return Err(self.unimplemented());
        }
        let path = self.path(&path).await?;
        if let Some(mode) = attrs.permissions {
            self.set_mode(path, mode).await?;
        }
        // Times are when it was written: `scp -p` asks for others, and goes on.
        Ok(done(id))
    }

    async fn fsetstat(&mut self, id: u32, handle: String, attrs: FileAttributes) -> Answer<Status> {
        let path = match self.find(&handle)? {
            Open::Writing(writing) => {
                match attrs.size {
                    Some(size) if size == writing.at => writing.least = 0,
                    Some(_) => return Err(StatusCode::OpUnsupported.into()),
                    None => {}
                }
                writing.mode = attrs.permissions.or(writing.mode);
                return Ok(done(id));
            }
            Open::Reading(reading) => reading.path.as_str().to_owned(),
            Open::Folder(_) => return Err(StatusCode::Failure.into()),
        };
        self.setstat(id, path, attrs).await
    }

    async fn opendir(&mut self, id: u32, path: String) -> Answer<Handle> {
        let list = List { path: self.path(&path).await?, depth: 1, limit: MOST_ENTRIES };
        let listed = self.engine.list_files(&self.pass.who, self.sandbox(), list).await;
        let listed = listed.map_err(|error| refusal(&error))?;
        if listed.truncated {
            let text = format!("the folder has more than {MOST_ENTRIES} entries");
            return Err(StatusCode::Failure.with_message(text));
        }
        self.keep(id, Open::Folder(listed.entries.into_iter()))
    }

    async fn readdir(&mut self, id: u32, handle: String) -> Answer<Name> {
        let Open::Folder(entries) = self.find(&handle)? else {
            return Err(StatusCode::Failure.into());
        };
        let files: Vec<File> = entries.by_ref().take(ENTRIES).map(|entry| file(&entry)).collect();
        if files.is_empty() { Err(StatusCode::Eof.into()) } else { Ok(Name { id, files }) }
    }

    async fn remove(&mut self, id: u32, path: String) -> Answer<Status> {
        self.delete(id, &path).await
    }

    async fn rmdir(&mut self, id: u32, path: String) -> Answer<Status> {
        self.delete(id, &path).await
    }

    async fn mkdir(&mut self, id: u32, path: String, _: FileAttributes) -> Answer<Status> {
        let path = self.path(&path).await?;
        let made = self.engine.make_directory(&self.pass.who, self.sandbox(), &path).await;
        made.map(|()| done(id)).map_err(|error| refusal(&error))
    }

    async fn realpath(&mut self, id: u32, path: String) -> Answer<Name> {
        let path = self.path(&path).await?;
        Ok(Name { id, files: vec![File::dummy(path.as_str())] })
    }

    async fn rename(&mut self, id: u32, from: String, to: String) -> Answer<Status> {
        let files = MoveFile { from: self.path(&from).await?, to: self.path(&to).await? };
        let moved = self.engine.move_file(&self.pass.who, self.sandbox(), files).await;
        moved.map(|()| done(id)).map_err(|error| refusal(&error))
    }

    async fn readlink(&mut self, id: u32, path: String) -> Answer<Name> {
        match self.stat_at(&path, Links::Themselves).await?.target {
            Some(target) => Ok(Name { id, files: vec![File::dummy(target)] }),
            None => Err(StatusCode::Failure.with_message("it is no link")),
        }
    }
}
