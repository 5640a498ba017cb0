//! Sandboxes and their files as resources, which a user can attach to a conversation.
//!
//! | Address | What it is |
//! | --- | --- |
//! | `sandbox://` | the list of sandboxes |
//! | `sandbox://{sandbox_id}` | one sandbox |
//! | `sandbox://{sandbox_id}/{+path}` | a file or a folder in it, by absolute path |
//!
//! Everything here can also be had by a tool call: many clients never show resources to a model.

mod address;
mod complete;

#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::StreamExt;
use infield_domain::files::{FileKind, List, Range};
use infield_domain::guest::ByteStream;
use infield_domain::{Error, GuestPath, Kind, Principal, Result};
use infield_engine::{Engine, ListSandboxes};
use rmcp::ErrorData;
use rmcp::model::{
    CacheScope, ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult, Resource,
    ResourceContents, ResourceTemplate,
};
use serde::Serialize;
use serde_json::json;

use crate::tools::{get_sandbox_info, sandbox_facts};

pub(crate) use address::file_uri;
use address::{Address, parse, sandbox_uri};
pub(crate) use complete::{paths, references};

/// Bytes of one resource: more would fill every conversation it is attached to.
const MOST_BYTES: u64 = 1 << 20;

/// Sandboxes of one page, and entries of a folder.
const PAGE: u32 = 200;

/// The page of resources: the list itself, then each sandbox.
pub(crate) async fn list(
    engine: &Engine,
    who: &Principal,
    cursor: Option<String>,
) -> Result<ListResourcesResult> {
    let mut resources = Vec::new();
    if cursor.is_none() {
        resources.push(
            Resource::new("sandbox://", "sandboxes")
                .with_title("All sandboxes")
                .with_description("Every sandbox with its state")
                .with_mime_type("application/json"),
        );
    }
    let page = engine.list_sandboxes(who, page(cursor)).await?;
    resources.extend(page.items.iter().map(|sandbox| {
        Resource::new(sandbox_uri(sandbox.id.as_str()), sandbox.spec.name.as_str())
            .with_title(format!("Sandbox {}", sandbox.spec.name))
            .with_description(format!("{}, {}", sandbox.state.as_str(), sandbox.spec.image))
            .with_mime_type("application/json")
    }));
    let mut result = ListResourcesResult::with_all_items(resources)
        .with_ttl_ms(0)
        .with_cache_scope(CacheScope::Private);
    result.next_cursor = page.next_cursor;
    Ok(result)
}

fn page(cursor: Option<String>) -> ListSandboxes {
    ListSandboxes { states: Vec::new(), labels: Default::default(), limit: PAGE, cursor }
}

/// The templates.
pub(crate) fn templates() -> ListResourceTemplatesResult {
    ListResourceTemplatesResult::with_all_items(vec![
        ResourceTemplate::new(address::SANDBOX_TEMPLATE, "sandbox")
            .with_title("A sandbox")
            .with_description("State, limits, usage and commands of a sandbox")
            .with_mime_type("application/json"),
        ResourceTemplate::new(address::FILE_TEMPLATE, "file")
            .with_title("A file in a sandbox")
            .with_description("A file or folder inside a sandbox, by absolute path"),
    ])
}

/// Reads one resource.
pub(crate) async fn read(
    engine: &Engine,
    who: &Principal,
    uri: &str,
) -> std::result::Result<ReadResourceResult, ErrorData> {
    let contents = match parse(uri) {
        None => Err(Error::not_found(format!("`{}` is no resource here", shown(uri)))
            .with_hint("resources are sandbox://, sandbox://ID and sandbox://ID/PATH")),
        Some(Address::All) => all(engine, who, uri).await,
        Some(Address::Sandbox(reference)) => {
            let inspection = engine.inspect_sandbox(who, &reference).await;
            inspection.and_then(|found| as_json(uri, &get_sandbox_info::facts(&found)))
        }
        Some(Address::File(reference, path)) => file(engine, who, (uri, &reference, &path)).await,
    };
    match contents {
        Ok(contents) => Ok(ReadResourceResult::new(vec![contents])
            .with_ttl_ms(0)
            .with_cache_scope(CacheScope::Private)),
        Err(error) => Err(protocol_error(&error, uri)),
    }
}

async fn all(engine: &Engine, who: &Principal, uri: &str) -> Result<ResourceContents> {
    let page = engine.list_sandboxes(who, page(None)).await?;
    let sandboxes: Vec<_> = page.items.iter().map(sandbox_facts::line).collect();
    as_json(uri, &json!({"sandboxes": sandboxes, "more": page.next_cursor.is_some()}))
}

async fn file(
    engine: &Engine,
    who: &Principal,
    (uri, reference, path): (&str, &str, &str),
) -> Result<ResourceContents> {
    let path: GuestPath = path.parse()?;
    let entry = engine.stat_file(who, reference, &path).await?;
    if entry.kind == FileKind::Directory {
        let list = List { path, depth: 1, limit: PAGE };
        let listing = engine.list_files(who, reference, list).await?;
        return as_json(uri, &listing);
    }
    if entry.size > MOST_BYTES {
        let message = format!("`{path}` has {} bytes, more than {MOST_BYTES}", entry.size);
        return Err(Error::new(Kind::Quota, message)
            .with_hint("read it in parts with file_operation, offset and limit"));
    }
    let range = Range { offset: 0, length: Some(MOST_BYTES) };
    let content = engine.read_file(who, reference, &path, range).await?;
    let bytes = bytes_of(content.content, MOST_BYTES).await?;
    Ok(match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => ResourceContents::text(text, uri),
        Ok(text) => blob(text.as_bytes(), uri, path.as_str()),
        Err(error) => blob(error.as_bytes(), uri, path.as_str()),
    })
}

fn blob(bytes: &[u8], uri: &str, path: &str) -> ResourceContents {
    let mime_type = crate::tools::picture_type(path).unwrap_or("application/octet-stream");
    ResourceContents::blob(BASE64_STANDARD.encode(bytes), uri).with_mime_type(mime_type)
}

fn as_json(uri: &str, facts: &impl Serialize) -> Result<ResourceContents> {
    let text = serde_json::to_string(facts)
        .map_err(|error| Error::internal("an answer is no JSON").with_source(error))?;
    Ok(ResourceContents::text(text, uri).with_mime_type("application/json"))
}

/// Every byte of a stream, which is the guest's word: at most `limit` of them.
pub(crate) async fn bytes_of(mut stream: ByteStream, limit: u64) -> Result<Vec<u8>> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        let piece = piece?;
        bytes.extend_from_slice(&piece[..piece.len().min(limit - bytes.len())]);
        if bytes.len() == limit {
            break;
        }
    }
    Ok(bytes)
}

/// An error outside of a tool call: the protocol's own kinds, our words.
pub(crate) fn protocol_error(error: &Error, uri: &str) -> ErrorData {
    let text = crate::failure::Failure::from_error(error).text().to_owned();
    let data = (!uri.is_empty()).then(|| json!({"uri": uri}));
    match error.kind() {
        Kind::NotFound => ErrorData::resource_not_found(text, data),
        Kind::Internal | Kind::Unavailable | Kind::Timeout => ErrorData::internal_error(text, data),
        Kind::Conflict
        | Kind::Invalid
        | Kind::Unauthenticated
        | Kind::Denied
        | Kind::Quota
        | Kind::Unsupported => ErrorData::invalid_params(text, data),
    }
}

fn shown(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(200).collect()
}
