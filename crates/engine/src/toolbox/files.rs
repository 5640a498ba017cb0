//! Files inside a sandbox. Paths are resolved inside; the host's file system has no part in it.

use infield_domain::files::{Edit, FileEntry, List, Listing, Match, Range, Search, Write};
use infield_domain::guest::ByteStream;
use infield_domain::{Error, GuestPath, Principal, Result};

use crate::Engine;

/// Part of a file, and what it is.
pub struct FileContent {
    /// What it is.
    pub entry: FileEntry,
    /// The bytes of the range.
    pub content: ByteStream,
}

/// What to remove.
#[derive(Clone, Debug)]
pub struct DeleteFile {
    /// Where.
    pub path: GuestPath,
    /// Also a folder with what is in it.
    pub recursive: bool,
}

/// What to move.
#[derive(Clone, Debug)]
pub struct MoveFile {
    /// From where.
    pub from: GuestPath,
    /// To where; nothing may be there.
    pub to: GuestPath,
}

impl Engine {
    /// Reads part of a file. Needs `read`.
    pub async fn read_file(
        &self,
        who: &Principal,
        sandbox: &str,
        path: &GuestPath,
        range: Range,
    ) -> Result<FileContent> {
        let _ = (who, sandbox, path, range);
        Err(Error::internal("not built yet"))
    }

    /// Writes a file. Needs `execute`.
    pub async fn write_file(
        &self,
        who: &Principal,
        sandbox: &str,
        write: Write,
        content: ByteStream,
    ) -> Result<FileEntry> {
        let _ = (who, sandbox, write, content);
        Err(Error::internal("not built yet"))
    }

    /// Replaces text in a file; gives the number of places. Needs `execute`.
    pub async fn edit_file(&self, who: &Principal, sandbox: &str, edit: Edit) -> Result<u64> {
        let _ = (who, sandbox, edit);
        Err(Error::internal("not built yet"))
    }

    /// Walks a folder. Needs `read`.
    pub async fn list_files(
        &self,
        who: &Principal,
        sandbox: &str,
        list: List,
    ) -> Result<Listing<FileEntry>> {
        let _ = (who, sandbox, list);
        Err(Error::internal("not built yet"))
    }

    /// What is at a path. Needs `read`.
    pub async fn stat_file(
        &self,
        who: &Principal,
        sandbox: &str,
        path: &GuestPath,
    ) -> Result<FileEntry> {
        let _ = (who, sandbox, path);
        Err(Error::internal("not built yet"))
    }

    /// Removes a file or a folder. Needs `execute`.
    pub async fn delete_file(
        &self,
        who: &Principal,
        sandbox: &str,
        delete: DeleteFile,
    ) -> Result<()> {
        let _ = (who, sandbox, delete);
        Err(Error::internal("not built yet"))
    }

    /// Moves a file or a folder. Needs `execute`.
    pub async fn move_file(&self, who: &Principal, sandbox: &str, files: MoveFile) -> Result<()> {
        let _ = (who, sandbox, files);
        Err(Error::internal("not built yet"))
    }

    /// Makes a folder and the missing ones above it. Needs `execute`.
    pub async fn make_directory(
        &self,
        who: &Principal,
        sandbox: &str,
        path: &GuestPath,
    ) -> Result<()> {
        let _ = (who, sandbox, path);
        Err(Error::internal("not built yet"))
    }

    /// Searches by name and content. Needs `read`.
    pub async fn search_files(
        &self,
        who: &Principal,
        sandbox: &str,
        search: Search,
    ) -> Result<Listing<Match>> {
        let _ = (who, sandbox, search);
        Err(Error::internal("not built yet"))
    }

    /// A tree as a tar stream, which is foreign: whoever unpacks it checks it. Needs `read`.
    pub async fn download_tree(
        &self,
        who: &Principal,
        sandbox: &str,
        path: &GuestPath,
    ) -> Result<ByteStream> {
        let _ = (who, sandbox, path);
        Err(Error::internal("not built yet"))
    }

    /// Unpacks a tar stream below a folder; gives the number of entries. Needs `execute`.
    pub async fn upload_tree(
        &self,
        who: &Principal,
        sandbox: &str,
        path: &GuestPath,
        archive: ByteStream,
    ) -> Result<u64> {
        let _ = (who, sandbox, path, archive);
        Err(Error::internal("not built yet"))
    }
}
