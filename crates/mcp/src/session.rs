//! What one client brings with it: who it is, what it wants by default, and its host folders.

use std::sync::Arc;

use futures_core::future::BoxFuture;
use infield_domain::guest::ByteStream;
use infield_domain::language::Language;
use infield_domain::{Error, ImageName, Principal, Result};

/// One client.
#[derive(Clone)]
pub struct Session {
    /// Who acts.
    pub principal: Principal,
    /// What the client wants when a call does not say.
    pub defaults: Defaults,
    /// The host folders that the client opened for `upload` and `download`.
    pub folders: Arc<dyn Folders>,
}

/// What a client wants when a call does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// Of new sandboxes.
    pub image: Option<ImageName>,
    /// Of new sandboxes.
    pub language: Option<Language>,
    /// Whether new sandboxes are kept until somebody deletes them.
    pub persistent: bool,
    /// The sandbox of a call that names none; a deletion always names one.
    pub sandbox: Option<String>,
    /// How long a call waits for a command before it hands over, in milliseconds.
    pub foreground_ms: u64,
}

impl Defaults {
    /// What the engine wants by itself, and 45 seconds.
    pub fn standard() -> Self {
        Self {
            image: None,
            language: None,
            persistent: false,
            sandbox: None,
            foreground_ms: infield_engine::FOREGROUND_MS,
        }
    }
}

/// Moves trees between a client's host folders and the engine.
///
/// Whoever implements this does the host's I/O with the client's own rights, beneath descriptors
/// that the client opened. This crate never touches a host path itself.
pub trait Folders: Send + Sync {
    /// The folders as the client named them, for messages.
    fn names(&self) -> Vec<String>;
    /// A host file or folder as a tar stream with one root entry, called `name`.
    fn pack<'a>(&'a self, path: &'a str, name: &'a str) -> BoxFuture<'a, Result<ByteStream>>;
    /// Unpacks a tar stream with one root entry, which is foreign. When `path` is a folder the
    /// root entry lands in it under its own name, otherwise as `path`. Gives the number of
    /// entries.
    fn land<'a>(&'a self, path: &'a str, archive: ByteStream) -> BoxFuture<'a, Result<u64>>;
}

/// No folders: over HTTP, and for a client that opened none.
#[derive(Clone, Copy, Debug)]
pub struct NoFolders {
    hint: &'static str,
}

impl NoFolders {
    /// For a client behind HTTP, whose files the host does not have.
    pub const OVER_HTTP: Self =
        Self { hint: "host paths are off over HTTP: send the bytes as `content`, or use `read`" };

    /// For a client on this machine that opened none.
    pub const NONE_OPENED: Self =
        Self { hint: "start `infield mcp` with `--allow-dir DIR`, or send the bytes as `content`" };

    fn refuse(&self) -> Error {
        Error::denied("no host folder is open to this client").with_hint(self.hint)
    }
}

impl Folders for NoFolders {
    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn pack<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<ByteStream>> {
        Box::pin(async { Err(self.refuse()) })
    }

    fn land<'a>(&'a self, _: &'a str, _: ByteStream) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async { Err(self.refuse()) })
    }
}
