//! Trees of the host for an MCP client: asked for by the daemon, packed and landed by the front.
//!
//! The daemon runs as another account and never opens a path of the host. The front opened the
//! folders that its user named, and does the file work in them with its user's rights. It keeps
//! one idle connection at the daemon; one connection serves one tree, and when it is taken the
//! front opens the next. So a tree that is given up is a connection that closes, and nothing
//! has to be told apart.
//!
//! ```text
//!   daemon                                front
//!     PACK {path, name}  ───────────────▶
//!                        ◀───────────────  DATA… END | ERROR
//!     LAND {path}, DATA… END  ──────────▶
//!                        ◀───────────────  DONE {entries} | ERROR
//! ```

mod daemon;
mod front;

use bytes::Bytes;
use infield_domain::{Error, Result};
use infield_rest::stream::Frame;
use infield_rest::wire::ErrorDetail;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub(crate) use daemon::{Fronts, Seat};
pub(crate) use front::Allowed;

#[cfg(test)]
mod tests;

const PACK: u8 = 1;
const LAND: u8 = 2;
const DATA: u8 = 16;
const END: u8 = 17;
const ERROR: u8 = 18;
const DONE: u8 = 19;

/// Asks for a file or folder of the host as a tar stream whose root entry is `name`.
#[derive(Debug, Serialize, Deserialize)]
struct Pack {
    path: String,
    name: String,
}

/// Asks to unpack the tar stream that follows.
#[derive(Debug, Serialize, Deserialize)]
struct Land {
    path: String,
}

/// What was unpacked.
#[derive(Debug, Serialize, Deserialize)]
struct Landed {
    entries: u64,
}

fn frame(kind: u8, value: &impl Serialize) -> Result<Frame> {
    let json = serde_json::to_vec(value)
        .map_err(|source| Error::internal("cannot write a frame").with_source(source))?;
    Ok(Frame { kind, payload: json.into() })
}

fn empty(kind: u8) -> Frame {
    Frame { kind, payload: Bytes::new() }
}

fn parse<T: DeserializeOwned>(frame: &Frame) -> Result<T> {
    serde_json::from_slice(&frame.payload)
        .map_err(|source| Error::invalid("a frame about a tree is malformed").with_source(source))
}

/// The error that the other side told of.
fn told(frame: &Frame) -> Error {
    match parse::<ErrorDetail>(frame) {
        Ok(detail) => crate::error::from_detail(detail),
        Err(error) => error,
    }
}

fn unexpected(kind: u8) -> Error {
    Error::invalid(format!("a frame of kind {kind} has no place in a transfer"))
}

fn lost() -> Error {
    Error::unavailable("the front of this client is gone")
        .with_hint("start `infield mcp` again with `--allow-dir`")
}
