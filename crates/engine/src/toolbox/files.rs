//! Files inside a sandbox. Paths are resolved inside; the host's file system has no part in it.

use infield_domain::files::{Edit, FileEntry, List, Listing, Match, Range, Removal, Search, Write};
use infield_domain::guest::ByteStream;
use infield_domain::{GuestPath, Permission, Principal, Result};

use crate::Engine;

/// Folders below each other that one listing walks.
const DEEPEST: u32 = 64;
/// Entries of one listing or search.
const MOST_LISTED: u32 = 10_000;

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
        let inside = self.enter(who, Permission::Read, sandbox).await?;
        let (entry, content) = inside.files.read(&inside.path(path)?, range).await?;
        Ok(FileContent { entry, content: inside.hold(content) })
    }

    /// Writes a file. Needs `execute`.
    pub async fn write_file(
        &self,
        who: &Principal,
        sandbox: &str,
        write: Write,
        content: ByteStream,
    ) -> Result<FileEntry> {
        let path = write.path.clone();
        let result = async {
            let inside = self.enter(who, Permission::Execute, sandbox).await?;
            let write = Write { path: inside.path(&write.path)?, ..write };
            inside.files.write(write, content).await
        };
        self.noted_inside(who, ("file.write", sandbox, path.as_str()), result.await)
    }

    /// Replaces text in a file; gives the number of places. Needs `execute`.
    pub async fn edit_file(&self, who: &Principal, sandbox: &str, edit: Edit) -> Result<u64> {
        let path = edit.path.clone();
        let result = async {
            let inside = self.enter(who, Permission::Execute, sandbox).await?;
            let edit = Edit { path: inside.path(&edit.path)?, ..edit };
            inside.files.edit(edit).await
        };
        self.noted_inside(who, ("file.edit", sandbox, path.as_str()), result.await)
    }

    /// Walks a folder. Needs `read`.
    pub async fn list_files(
        &self,
        who: &Principal,
        sandbox: &str,
        list: List,
    ) -> Result<Listing<FileEntry>> {
        let inside = self.enter(who, Permission::Read, sandbox).await?;
        let list = List {
            path: inside.path(&list.path)?,
            depth: list.depth.clamp(1, DEEPEST),
            limit: list.limit.clamp(1, MOST_LISTED),
        };
        inside.files.list(list).await
    }

    /// What is at a path. Needs `read`.
    pub async fn stat_file(
        &self,
        who: &Principal,
        sandbox: &str,
        path: &GuestPath,
    ) -> Result<FileEntry> {
        let inside = self.enter(who, Permission::Read, sandbox).await?;
        inside.files.stat(&inside.path(path)?).await
    }

    /// Removes a file or a folder. Needs `execute`.
    pub async fn delete_file(
        &self,
        who: &Principal,
        sandbox: &str,
        delete: DeleteFile,
    ) -> Result<()> {
        let result = async {
            let inside = self.enter(who, Permission::Execute, sandbox).await?;
            let what = if delete.recursive { Removal::Tree } else { Removal::One };
            inside.files.remove(&inside.path(&delete.path)?, what).await
        };
        self.noted_inside(who, ("file.delete", sandbox, delete.path.as_str()), result.await)
    }

    /// Moves a file or a folder. Needs `execute`.
    pub async fn move_file(&self, who: &Principal, sandbox: &str, files: MoveFile) -> Result<()> {
        let detail = format!("{} to {}", files.from, files.to);
        let result = async {
            let inside = self.enter(who, Permission::Execute, sandbox).await?;
            inside.files.rename(&inside.path(&files.from)?, &inside.path(&files.to)?).await
        };
        self.noted_inside(who, ("file.move", sandbox, &detail), result.await)
    }

    /// Makes a folder and the missing ones above it. Needs `execute`.
    pub async fn make_directory(
        &self,
        who: &Principal,
        sandbox: &str,
        path: &GuestPath,
    ) -> Result<()> {
        let result = async {
            let inside = self.enter(who, Permission::Execute, sandbox).await?;
            inside.files.make_directory(&inside.path(path)?).await
        };
        self.noted_inside(who, ("file.mkdir", sandbox, path.as_str()), result.await)
    }

    /// Searches by name and content. Needs `read`.
    pub async fn search_files(
        &self,
        who: &Principal,
        sandbox: &str,
        search: Search,
    ) -> Result<Listing<Match>> {
        let inside = self.enter(who, Permission::Read, sandbox).await?;
        let path = inside.path(&search.path)?;
        let limit = search.limit.clamp(1, MOST_LISTED);
        inside.files.search(Search { path, limit, ..search }).await
    }

    /// A tree as a tar stream, which is foreign: whoever unpacks it checks it. Needs `read`.
    pub async fn download_tree(
        &self,
        who: &Principal,
        sandbox: &str,
        path: &GuestPath,
    ) -> Result<ByteStream> {
        let inside = self.enter(who, Permission::Read, sandbox).await?;
        let archive = inside.files.archive_out(&inside.path(path)?).await?;
        Ok(inside.hold(archive))
    }

    /// Unpacks a tar stream below a folder; gives the number of entries. Needs `execute`.
    pub async fn upload_tree(
        &self,
        who: &Principal,
        sandbox: &str,
        path: &GuestPath,
        archive: ByteStream,
    ) -> Result<u64> {
        let result = async {
            let inside = self.enter(who, Permission::Execute, sandbox).await?;
            inside.files.archive_in(&inside.path(path)?, archive).await
        };
        self.noted_inside(who, ("file.upload", sandbox, path.as_str()), result.await)
    }
}
