//! Files of a fake sandbox: a map of absolute paths.

use std::collections::BTreeMap;
use std::io::Read as _;

use bytes::Bytes;
use futures_util::StreamExt as _;
use infield_domain::files::{
    Edit, FileEntry, FileKind, List, Listing, Match, Range, Removal, Search, Write, WriteMode,
};
use infield_domain::guest::{ByteStream, FileIn, FileOut, FilesIn, FilesOut};
use infield_domain::{Error, GuestPath, Result};

#[derive(Clone, Debug)]
enum Node {
    Folder,
    File(Vec<u8>),
}

/// All files of a sandbox.
pub(crate) struct Files {
    nodes: BTreeMap<String, Node>,
}

/// Everything that a stream brings.
pub(crate) async fn gather(mut stream: ByteStream) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes)
}

/// Every file that a stream brings.
pub(crate) async fn gather_files(mut files: FilesIn) -> Result<Vec<(GuestPath, Vec<u8>)>> {
    let mut all: Vec<(GuestPath, Vec<u8>)> = Vec::new();
    while let Some(piece) = files.next().await {
        match (piece?, all.last_mut()) {
            (FileIn::Begin { path, .. }, _) => all.push((path, Vec::new())),
            (FileIn::Data(bytes), Some((_, content))) => content.extend_from_slice(&bytes),
            (FileIn::Data(_), None) => {
                return Err(Error::invalid("bytes came before their file"));
            }
        }
    }
    Ok(all)
}

fn stream(bytes: Vec<u8>) -> ByteStream {
    Box::pin(futures_util::stream::once(async move { Ok(Bytes::from(bytes)) }))
}

fn absolute(path: &str) -> String {
    let home = path.strip_prefix('~').map(|rest| format!("/root{rest}"));
    let path = home.unwrap_or_else(|| path.to_owned());
    let path = if path.starts_with('/') { path } else { format!("/workspace/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    format!("/{}", parts.join("/"))
}

fn missing(path: &str) -> Error {
    Error::not_found(format!("there is nothing at `{path}`"))
}

fn entry(path: String, node: &Node) -> FileEntry {
    let (kind, size, mode) = match node {
        Node::Folder => (FileKind::Directory, 4_096, 0o755),
        Node::File(content) => (FileKind::File, content.len() as u64, 0o644),
    };
    FileEntry { path, kind, size, mode, uid: 0, gid: 0, modified_at: 0, target: None }
}

impl Files {
    pub(crate) fn new() -> Self {
        let folders = ["/", "/workspace", "/tmp", "/root"];
        Self { nodes: folders.map(|path| (path.to_owned(), Node::Folder)).into() }
    }

    /// Several files, one after the other.
    pub(crate) fn read_all(&self, paths: &[GuestPath]) -> FilesOut {
        let whole = Range { offset: 0, length: None };
        let pieces = paths.iter().flat_map(|path| {
            match (self.read(path, whole), self.content(path.as_str())) {
                (Ok((entry, _)), Some(content)) => {
                    vec![FileOut::Begin(entry), FileOut::Data(content.into()), FileOut::End]
                }
                (Ok(_), None) => vec![FileOut::Refused(missing(path.as_str()))],
                (Err(error), _) => vec![FileOut::Refused(error)],
            }
        });
        Box::pin(futures_util::stream::iter(pieces.map(Ok).collect::<Vec<_>>()))
    }

    pub(crate) fn content(&self, path: &str) -> Option<Vec<u8>> {
        match self.nodes.get(&absolute(path)) {
            Some(Node::File(content)) => Some(content.clone()),
            Some(Node::Folder) | None => None,
        }
    }

    pub(crate) fn put(&mut self, path: &str, content: Vec<u8>) {
        let path = absolute(path);
        self.make_parents(&path);
        self.nodes.insert(path, Node::File(content));
    }

    fn make_parents(&mut self, path: &str) {
        for (at, _) in path.match_indices('/').skip(1) {
            self.nodes.entry(path[..at].to_owned()).or_insert(Node::Folder);
        }
    }

    /// What is below a folder, with names relative to it.
    fn below(&self, path: &str) -> Vec<(String, &Node)> {
        let prefix = if path == "/" { "/".to_owned() } else { format!("{path}/") };
        let nodes = self.nodes.iter();
        nodes
            .filter_map(|(name, node)| Some((name.strip_prefix(&prefix)?.to_owned(), node)))
            .filter(|(name, _)| !name.is_empty())
            .collect()
    }

    pub(crate) fn stat(&self, path: &GuestPath) -> Result<FileEntry> {
        let path = absolute(path.as_str());
        let node = self.nodes.get(&path).ok_or_else(|| missing(&path))?;
        Ok(entry(path, node))
    }

    pub(crate) fn list(&self, list: &List) -> Result<Listing<FileEntry>> {
        self.stat(&list.path)?;
        let mut entries: Vec<_> = self
            .below(&absolute(list.path.as_str()))
            .into_iter()
            .filter(|(name, _)| name.matches('/').count() < list.depth as usize)
            .map(|(name, node)| entry(name, node))
            .collect();
        let truncated = entries.len() > list.limit as usize;
        entries.truncate(list.limit as usize);
        Ok(Listing { entries, truncated })
    }

    pub(crate) fn read(&self, path: &GuestPath, range: Range) -> Result<(FileEntry, ByteStream)> {
        let entry = self.stat(path)?;
        let content = self
            .content(path.as_str())
            .ok_or_else(|| Error::invalid(format!("`{path}` is a folder")).with_hint("list it"))?;
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(content.len());
        let from = place(range.offset);
        let to =
            range.length.map_or(content.len(), |length| place(range.offset.saturating_add(length)));
        Ok((entry, stream(content[from..to].to_vec())))
    }

    pub(crate) fn write(&mut self, write: &Write, content: Vec<u8>) -> Result<FileEntry> {
        let before = self.content(write.path.as_str());
        let content = match (write.mode, before) {
            (WriteMode::New, Some(_)) => {
                return Err(Error::conflict(format!("`{}` exists", write.path)));
            }
            (WriteMode::Append, Some(mut before)) => {
                before.extend_from_slice(&content);
                before
            }
            (WriteMode::New | WriteMode::Append | WriteMode::Replace, _) => content,
        };
        self.put(write.path.as_str(), content);
        self.stat(&write.path)
    }

    pub(crate) fn edit(&mut self, edit: &Edit) -> Result<u64> {
        let path = edit.path.as_str();
        let content = self.content(path).ok_or_else(|| missing(path))?;
        let text = String::from_utf8_lossy(&content).into_owned();
        let count = text.matches(&edit.old).count();
        if count == 0 || (count > 1 && !edit.all) {
            return Err(Error::invalid(format!("the text occurs {count} times in `{path}`")));
        }
        self.put(path, text.replace(&edit.old, &edit.new).into_bytes());
        Ok(count as u64)
    }

    pub(crate) fn make_directory(&mut self, path: &GuestPath) -> Result<()> {
        let path = absolute(path.as_str());
        self.make_parents(&path);
        self.nodes.insert(path, Node::Folder);
        Ok(())
    }

    pub(crate) fn remove(&mut self, path: &GuestPath, what: Removal) -> Result<()> {
        self.stat(path)?;
        let path = absolute(path.as_str());
        if what == Removal::One && !self.below(&path).is_empty() {
            return Err(Error::conflict(format!("folder `{path}` is not empty")));
        }
        let prefix = format!("{path}/");
        self.nodes.retain(|name, _| *name != path && !name.starts_with(&prefix));
        Ok(())
    }

    pub(crate) fn rename(&mut self, from: &GuestPath, to: &GuestPath) -> Result<()> {
        self.stat(from)?;
        if self.stat(to).is_ok() {
            return Err(Error::conflict(format!("`{to}` exists")));
        }
        let (from, to) = (absolute(from.as_str()), absolute(to.as_str()));
        self.make_parents(&to);
        let prefix = format!("{from}/");
        let nodes = std::mem::take(&mut self.nodes);
        let moved = nodes.into_iter().map(|(name, node)| match name.strip_prefix(&prefix) {
            Some(rest) => (format!("{to}/{rest}"), node),
            None if name == from => (to.clone(), node),
            None => (name, node),
        });
        self.nodes = moved.collect();
        Ok(())
    }

    /// Content is searched for the text itself here, not for a regular expression.
    pub(crate) fn search(&self, search: &Search) -> Result<Listing<Match>> {
        self.stat(&search.path)?;
        let mut entries = Vec::new();
        for (path, node) in self.below(&absolute(search.path.as_str())) {
            let name = path.rsplit('/').next().unwrap_or(&path);
            let named = search.name.as_ref().is_none_or(|pattern| fits(pattern, name));
            let (true, Node::File(content)) = (named, node) else { continue };
            let Some(wanted) = &search.content else {
                entries.push(Match { path, line: None, text: None });
                continue;
            };
            let text = String::from_utf8_lossy(content);
            for (at, line) in text.lines().enumerate().filter(|(_, line)| line.contains(wanted)) {
                let (line, text) = (Some(at as u64 + 1), Some(line.to_owned()));
                entries.push(Match { path: path.clone(), line, text });
            }
        }
        let truncated = entries.len() > search.limit as usize;
        entries.truncate(search.limit as usize);
        Ok(Listing { entries, truncated })
    }

    pub(crate) fn archive_out(&self, path: &GuestPath) -> Result<ByteStream> {
        let root = absolute(path.as_str());
        let base = root.rsplit('/').next().unwrap_or("").to_owned();
        let node = self.nodes.get(&root).ok_or_else(|| missing(&root))?;
        let mut tree = vec![(base.clone(), node)];
        tree.extend(
            self.below(&root).into_iter().map(|(name, node)| (format!("{base}/{name}"), node)),
        );
        let mut archive = tar::Builder::new(Vec::new());
        for (name, node) in tree {
            let mut header = tar::Header::new_ustar();
            let content: &[u8] = match node {
                Node::Folder => {
                    header.set_entry_type(tar::EntryType::Directory);
                    header.set_mode(0o755);
                    &[]
                }
                Node::File(content) => {
                    header.set_mode(0o644);
                    content
                }
            };
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, name, content).map_err(broken)?;
        }
        Ok(stream(archive.into_inner().map_err(broken)?))
    }

    pub(crate) fn archive_in(&mut self, path: &GuestPath, bytes: &[u8]) -> Result<u64> {
        self.make_directory(path)?;
        let mut count = 0;
        for item in tar::Archive::new(bytes).entries().map_err(broken)? {
            let mut item = item.map_err(broken)?;
            let name = item.path().map_err(broken)?.to_string_lossy().into_owned();
            let place = format!("{}/{name}", absolute(path.as_str()));
            if item.header().entry_type().is_dir() {
                self.make_directory(&place.parse()?)?;
            } else {
                let mut content = Vec::new();
                item.read_to_end(&mut content).map_err(broken)?;
                self.put(&place, content);
            }
            count += 1;
        }
        Ok(count)
    }
}

fn broken(cause: std::io::Error) -> Error {
    Error::invalid("the archive is broken").with_source(cause)
}

/// Whether a name fits a pattern with `*`.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|left| {
            (0..=left.len())
                .filter(|at| left.is_char_boundary(*at))
                .any(|at| fits(rest, &left[at..]))
        }),
    }
}
