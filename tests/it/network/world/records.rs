//! What INTERNET's servers wrote down. Tests that share a world tell their entries apart by names
//! that nobody else asks for.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// A look-up that reached a DNS server of INTERNET.
#[derive(Debug)]
pub(crate) struct Query {
    /// As it was written, without the final dot.
    pub(crate) name: String,
    /// What came along in its options, as Latin-1.
    pub(crate) options: String,
    /// `A`, `TXT` and so on.
    pub(crate) kind: String,
    /// `udp`, `tcp` or `tls`.
    pub(crate) via: String,
    /// Which server.
    pub(crate) at: String,
}

/// A request that a web server answered.
#[derive(Debug)]
pub(crate) struct Request {
    /// Who asked.
    pub(crate) peer: String,
    /// The address that was asked.
    pub(crate) at: String,
    /// The port that was asked.
    pub(crate) port: u64,
    /// The name in the TLS handshake; empty without one.
    pub(crate) sni: String,
    /// The name in the request.
    pub(crate) host: String,
    /// The first line.
    pub(crate) line: String,
}

/// What a socket without a protocol got.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Where it came in.
    pub(crate) at: String,
    /// The bytes, as Latin-1.
    pub(crate) data: String,
}

fn text(entry: &Value, field: &str) -> String {
    entry[field].as_str().unwrap_or_default().to_owned()
}

pub(super) fn queries(folder: &Path) -> Result<Vec<Query>> {
    let query = |entry: &Value| Query {
        name: text(entry, "name"),
        options: text(entry, "options"),
        kind: text(entry, "type"),
        via: text(entry, "via"),
        at: text(entry, "at"),
    };
    Ok(read(&folder.join("queries.jsonl"))?.iter().map(query).collect())
}

pub(super) fn requests(folder: &Path) -> Result<Vec<Request>> {
    let request = |entry: &Value| Request {
        peer: text(entry, "peer"),
        at: text(entry, "at"),
        port: entry["port"].as_u64().unwrap_or_default(),
        sni: text(entry, "sni"),
        host: text(entry, "host"),
        line: text(entry, "request"),
    };
    Ok(read(&folder.join("requests.jsonl"))?.iter().map(request).collect())
}

pub(super) fn pieces(folder: &Path) -> Result<Vec<Piece>> {
    let piece = |entry: &Value| Piece { at: text(entry, "at"), data: text(entry, "data") };
    let mut all = read(&folder.join("raw.jsonl"))?;
    all.extend(read(&folder.join("bait.jsonl"))?);
    Ok(all.iter().map(piece).collect())
}

/// The whole lines of a file; the last one may still be on its way.
fn read(file: &Path) -> Result<Vec<Value>> {
    let text = fs::read_to_string(file).with_context(|| format!("no `{}`", file.display()))?;
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| serde_json::from_str(line).context("an unreadable line")).collect()
}
