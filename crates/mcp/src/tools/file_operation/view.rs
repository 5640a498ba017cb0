//! Files, listings and matches as a model sees them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use infield_domain::GuestPath;
use infield_domain::files::{FileEntry, FileKind, Listing, Match, Range};
use rmcp::model::{ContentBlock, Resource};
use serde_json::{Map, Value, json};

use super::{Answer, Args, Encoding, Trouble};
use crate::call::Call;
use crate::reply::Reply;
use crate::resources::{bytes_of, file_uri};
use crate::tools::running::IMAGE_BYTES;

/// Bytes of one answer: some 10,000 tokens, below the limit of every client that has one.
const READ_BYTES: u64 = 40_000;

/// Bytes that a caller can ask for.
const MOST_READ_BYTES: u64 = 1 << 20;

/// Reads a file: its text, its picture, or its bytes as base64.
pub(super) async fn read(call: &Call, args: &Args, path: &GuestPath) -> Answer {
    let offset = args.offset.unwrap_or(0);
    let picture = picture_type(&args.file_path).filter(|_| whole_file(args));
    let length = match picture {
        Some(_) => IMAGE_BYTES as u64,
        None => args.limit.unwrap_or(READ_BYTES).clamp(1, MOST_READ_BYTES),
    };
    let range = Range { offset, length: Some(length) };
    let file = call.engine.read_file(&call.who, &args.sandbox_id, path, range).await?;
    let entry = file.entry;
    let bytes = bytes_of(file.content, length).await?;
    if let Some(mime_type) = picture.filter(|_| entry.size <= IMAGE_BYTES as u64) {
        let image = ContentBlock::image(BASE64_STANDARD.encode(&bytes), mime_type);
        return Ok(Reply::Content(vec![image]));
    }
    if picture.is_some() {
        return Ok(Reply::Content(vec![too_large(&entry), link(args, &entry)]));
    }
    let (text, taken) = match args.encoding {
        Some(Encoding::Base64) => (BASE64_STANDARD.encode(&bytes), bytes.len()),
        None | Some(Encoding::Text) => text_of(&bytes, &entry)?,
    };
    let next = offset + taken as u64;
    let mut content = vec![ContentBlock::text(text)];
    if next < entry.size {
        let note = json!({
            "truncated": true, "offset": offset, "next_offset": next, "total": entry.size,
            "message": "Go on with offset=next_offset.",
        });
        content.push(ContentBlock::text(note.to_string()));
        content.push(link(args, &entry));
    }
    Ok(Reply::Content(content))
}

fn whole_file(args: &Args) -> bool {
    args.encoding.is_none() && args.offset.is_none() && args.limit.is_none()
}

/// The text of a page, without a character that the page's end cuts, and its length in bytes.
fn text_of(bytes: &[u8], entry: &FileEntry) -> Result<(String, usize), Trouble> {
    let binary = || {
        let problem = format!("`{}` is not text ({} bytes)", entry.path, entry.size);
        Trouble::Arguments(problem, "read it with encoding=base64, or download it")
    };
    if bytes.contains(&0) {
        return Err(binary());
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok((text.to_owned(), bytes.len())),
        // A character that the end of the page cuts in two belongs to the next page.
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => {
            let valid = error.valid_up_to();
            Ok((String::from_utf8_lossy(&bytes[..valid]).into_owned(), valid))
        }
        Err(_) => Err(binary()),
    }
}

fn too_large(entry: &FileEntry) -> ContentBlock {
    ContentBlock::text(format!(
        "The image {} has {} bytes, too many to show. Make it smaller inside the sandbox.",
        entry.path, entry.size
    ))
}

fn link(args: &Args, entry: &FileEntry) -> ContentBlock {
    let uri = file_uri(&args.sandbox_id, &entry.path);
    let name = entry.path.rsplit('/').next().unwrap_or(&entry.path);
    ContentBlock::resource_link(Resource::new(uri, name).with_size(entry.size))
}

/// The type of a picture that clients show, by the end of its name.
pub(crate) fn picture_type(path: &str) -> Option<&'static str> {
    let (_, end) = path.rsplit_once('.')?;
    match end.to_ascii_lowercase().as_str() {
        "png" => Some("image/png"),
        "jpg" | "jpeg" => Some("image/jpeg"),
        "gif" => Some("image/gif"),
        "webp" => Some("image/webp"),
        _ => None,
    }
}

/// A listing.
pub(super) fn files(args: &Args, listing: &Listing<FileEntry>) -> Value {
    let files: Vec<_> = listing.entries.iter().map(line).collect();
    let mut facts = Map::new();
    facts.insert("success".to_owned(), true.into());
    facts.insert("file_path".to_owned(), args.file_path.clone().into());
    facts.insert("count".to_owned(), files.len().into());
    facts.insert("files".to_owned(), files.into());
    if listing.truncated {
        say_more(&mut facts);
    }
    Value::Object(facts)
}

fn line(entry: &FileEntry) -> Value {
    let mut facts = Map::new();
    facts.insert("path".to_owned(), plain(&entry.path).into());
    facts.insert("kind".to_owned(), kind(entry.kind).into());
    if entry.kind == FileKind::File {
        facts.insert("size".to_owned(), entry.size.into());
    }
    if let Some(target) = &entry.target {
        facts.insert("target".to_owned(), plain(target).into());
    }
    Value::Object(facts)
}

fn kind(kind: FileKind) -> &'static str {
    match kind {
        FileKind::File => "file",
        FileKind::Directory => "directory",
        FileKind::Symlink => "symlink",
        FileKind::Other => "other",
    }
}

/// The matches of a search.
pub(super) fn matches(args: &Args, found: &Listing<Match>) -> Value {
    let matches: Vec<_> = found
        .entries
        .iter()
        .map(|found| {
            let mut facts = Map::new();
            facts.insert("path".to_owned(), plain(&found.path).into());
            if let Some(line) = found.line {
                facts.insert("line".to_owned(), line.into());
            }
            if let Some(text) = &found.text {
                facts.insert("text".to_owned(), plain(text).into());
            }
            Value::Object(facts)
        })
        .collect();
    let mut facts = Map::new();
    facts.insert("success".to_owned(), true.into());
    facts.insert("file_path".to_owned(), args.file_path.clone().into());
    facts.insert("count".to_owned(), matches.len().into());
    facts.insert("matches".to_owned(), matches.into());
    if found.truncated {
        say_more(&mut facts);
    }
    Value::Object(facts)
}

fn say_more(facts: &mut Map<String, Value>) {
    facts.insert("truncated".to_owned(), true.into());
    let message = "There is more: raise limit, or look into one folder.";
    facts.insert("message".to_owned(), message.into());
}

/// The guest's word, safe to show.
fn plain(text: &str) -> String {
    infield_engine::plain_text(text.as_bytes())
}
