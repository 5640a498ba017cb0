//! The files that a language server was told of. What it holds is what the sandbox's files hold:
//! each is read anew before a question about it, because callers change files and say nothing.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use futures_util::StreamExt as _;
use infield_domain::files::{FileKind, Range};
use infield_domain::{Error, GuestPath, Kind, Result};

use super::languages::Language;
use super::server::Server;
use super::words;
use crate::inside::Inside;

/// Files that a server holds open; the oldest is closed for another one.
const MOST_OPEN: usize = 128;
/// Bytes of one file.
const MOST_TEXT: u64 = 2 << 20;

/// The open files, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Documents {
    open: VecDeque<Open>,
    /// Whether the server can be asked for the symbols of the whole project.
    pub(super) server_knows_project: bool,
}

#[derive(Debug)]
struct Open {
    uri: String,
    version: i32,
    /// Of the text that the server has.
    hash: u64,
}

impl Documents {
    /// Lets the server have a file as it is now; gives whether it had it before.
    pub(super) async fn refresh(
        &mut self,
        (server, language): (&Server, &Language),
        inside: &Inside,
        path: &GuestPath,
    ) -> Result<bool> {
        let text = read(inside, path).await?;
        let uri = uri_of(path);
        let hash = hash_of(&text);
        if let Some(open) = self.open.iter_mut().find(|open| open.uri == uri) {
            if open.hash != hash {
                open.version += 1;
                server.tell(&words::changed(&uri, (open.version, &text))).await?;
                open.hash = hash;
            }
            return Ok(true);
        }
        if self.open.len() >= MOST_OPEN
            && let Some(oldest) = self.open.pop_front()
        {
            server.tell(&words::closed(&oldest.uri)).await?;
        }
        let version = 1;
        let content = language.content_of(path.as_str());
        server.tell(&words::opened(&uri, content, (version, &text))).await?;
        self.open.push_back(Open { uri, version, hash });
        Ok(false)
    }

    /// Closes a file; one that is not open stays so.
    pub(super) async fn close(&mut self, server: &Server, path: &GuestPath) -> Result<()> {
        let uri = uri_of(path);
        let Some(at) = self.open.iter().position(|open| open.uri == uri) else { return Ok(()) };
        self.open.remove(at);
        server.tell(&words::closed(&uri)).await
    }

    /// Whether a file is open.
    pub(super) fn has(&self, path: &GuestPath) -> bool {
        let uri = uri_of(path);
        self.open.iter().any(|open| open.uri == uri)
    }
}

/// The text of a file. What is no text in it is replaced: servers take nothing else.
async fn read(inside: &Inside, path: &GuestPath) -> Result<String> {
    let whole = Range { offset: 0, length: Some(MOST_TEXT + 1) };
    let (entry, mut content) = inside.files.read(path, whole).await?;
    if entry.kind != FileKind::File {
        return Err(Error::invalid(format!("`{path}` is no file")));
    }
    let mut bytes = Vec::new();
    while let Some(piece) = content.next().await {
        bytes.extend_from_slice(&piece?);
        if bytes.len() as u64 > MOST_TEXT {
            let text = format!("`{path}` has more than {MOST_TEXT} bytes");
            return Err(Error::new(Kind::Quota, text).with_hint("ask about a smaller file"));
        }
    }
    Ok(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

fn hash_of(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// The address of a file, RFC 8089.
pub(super) fn uri_of(path: &GuestPath) -> String {
    let mut uri = "file://".to_owned();
    for byte in path.as_str().bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}
