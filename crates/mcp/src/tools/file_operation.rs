//! `file_operation`: everything one does with files inside a sandbox.
//!
//! No output schema: some answers are an image or the text of a file, and clients that show only
//! the structured half would hide them.

mod transfer;
mod view;

pub(crate) use view::picture_type;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::stream;
use infield_domain::files::{Edit, List, Search, Write, WriteMode};
use infield_domain::guest::ByteStream;
use infield_domain::{Error, GuestPath, Result as DomainResult};
use infield_engine::toolbox::files::{DeleteFile, MoveFile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::arguments::{Expected, refuse};
use crate::call::Call;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::schema;
use crate::tools::{Definition, Hints};

/// Entries of a listing or matches of a search when nobody says otherwise.
const ENTRIES: u32 = 200;

/// Entries that a caller can ask for.
const MOST_ENTRIES: u32 = 5_000;

/// How deep a recursive listing goes.
const DEPTH: u32 = 32;

pub(super) const DEFINITION: Definition = Definition {
    name: "file_operation",
    title: "Work with files",
    description: "Reads and changes files inside a sandbox; relative paths start at its working \
        directory. write and append take content, edit replaces old_text (which must occur once) \
        by new_text, move takes new_path, search takes pattern and/or glob, upload and download \
        copy files or folders from and to local_path on this machine.",
    hints: Hints::Changes,
    input: schema::of::<Args>,
    output: None,
    example: r#"{"sandbox_id": "web", "operation": "write", "file_path": "app.py", "content": "print(1)"}"#,
    result_chars: None,
};

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Args {
    /// Id or name
    sandbox_id: String,
    operation: Operation,
    /// File or folder inside
    file_path: String,
    content: Option<String>,
    encoding: Option<Encoding>,
    old_text: Option<String>,
    new_text: Option<String>,
    /// Every occurrence
    replace_all: Option<bool>,
    new_path: Option<String>,
    local_path: Option<String>,
    /// Regular expression for lines
    pattern: Option<String>,
    /// For file names, such as *.py
    glob: Option<String>,
    offset: Option<u64>,
    /// Bytes or entries at most
    limit: Option<u64>,
    recursive: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Operation {
    Read,
    Write,
    Append,
    Edit,
    List,
    Stat,
    Delete,
    Move,
    Mkdir,
    Search,
    Upload,
    Download,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Encoding {
    Text,
    Base64,
}

/// What an operation without a content of its own answers.
#[derive(Debug, Serialize)]
struct Done<'a> {
    success: bool,
    operation: Operation,
    file_path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    message: String,
}

/// Why a call did not work: the arguments, or the engine.
enum Trouble {
    Arguments(String, &'static str),
    Engine(Error),
    Failed(Failure),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

type Answer = Result<Reply, Trouble>;

pub(super) async fn call(
    call: &Call,
    expected: &Expected<'_>,
    args: Args,
) -> Result<Reply, Failure> {
    match perform(call, &args).await {
        Ok(reply) => Ok(reply),
        Err(Trouble::Arguments(problem, mend)) => Err(refuse(expected, &problem, mend)),
        Err(Trouble::Engine(error)) => Err(call.failed(error, &args.sandbox_id).await),
        Err(Trouble::Failed(failure)) => Err(failure),
    }
}

async fn perform(call: &Call, args: &Args) -> Answer {
    let path: GuestPath = args.file_path.parse()?;
    match args.operation {
        Operation::Read => view::read(call, args, &path).await,
        Operation::List => list(call, args, path).await,
        Operation::Stat => {
            let entry = call.engine.stat_file(&call.who, &args.sandbox_id, &path).await?;
            Ok(Reply::text_of(&entry)?)
        }
        Operation::Search => search(call, args, path).await,
        Operation::Write => write(call, args, path, WriteMode::Replace).await,
        Operation::Append => write(call, args, path, WriteMode::Append).await,
        Operation::Edit => edit(call, args, path).await,
        Operation::Delete => {
            let delete = DeleteFile { path, recursive: args.recursive == Some(true) };
            call.engine.delete_file(&call.who, &args.sandbox_id, delete).await?;
            done(args, None, format!("Deleted {}.", args.file_path))
        }
        Operation::Move => {
            let to = needed(args.new_path.as_deref(), "new_path")?;
            let files = MoveFile { from: path, to: to.parse()? };
            call.engine.move_file(&call.who, &args.sandbox_id, files).await?;
            done(args, None, format!("Moved to {to}."))
        }
        Operation::Mkdir => {
            call.engine.make_directory(&call.who, &args.sandbox_id, &path).await?;
            done(args, None, format!("{} is a folder.", args.file_path))
        }
        Operation::Upload => transfer::upload(call, args, path).await,
        Operation::Download => transfer::download(call, args, &path).await,
    }
}

async fn list(call: &Call, args: &Args, path: GuestPath) -> Answer {
    let depth = if args.recursive == Some(true) { DEPTH } else { 1 };
    let list = List { path, depth, limit: entries(args) };
    let listing = call.engine.list_files(&call.who, &args.sandbox_id, list).await?;
    Ok(Reply::text_of(&view::files(args, &listing))?)
}

async fn search(call: &Call, args: &Args, path: GuestPath) -> Answer {
    if args.pattern.is_none() && args.glob.is_none() {
        let problem = "search needs `pattern`, `glob` or both";
        return Err(Trouble::Arguments(problem.to_owned(), "say what to search for"));
    }
    let search = Search {
        path,
        name: args.glob.clone(),
        content: args.pattern.clone(),
        limit: entries(args),
    };
    let found = call.engine.search_files(&call.who, &args.sandbox_id, search).await?;
    Ok(Reply::text_of(&view::matches(args, &found))?)
}

async fn write(call: &Call, args: &Args, path: GuestPath, mode: WriteMode) -> Answer {
    let content = content(args)?;
    let length = content.len();
    let write = Write { path, mode, permissions: None };
    let entry = call.engine.write_file(&call.who, &args.sandbox_id, write, once(content)).await?;
    let verb = if mode == WriteMode::Append { "Appended" } else { "Wrote" };
    done(args, Some(entry.size), format!("{verb} {length} bytes."))
}

async fn edit(call: &Call, args: &Args, path: GuestPath) -> Answer {
    let edit = Edit {
        path,
        old: needed(args.old_text.as_deref(), "old_text")?.to_owned(),
        new: needed(args.new_text.as_deref(), "new_text")?.to_owned(),
        all: args.replace_all == Some(true),
    };
    let places = call.engine.edit_file(&call.who, &args.sandbox_id, edit).await?;
    let noun = if places == 1 { "place" } else { "places" };
    done(args, None, format!("Replaced in {places} {noun}."))
}

fn done(args: &Args, size: Option<u64>, message: String) -> Answer {
    let facts = Done {
        success: true,
        operation: args.operation,
        file_path: &args.file_path,
        size,
        message,
    };
    Ok(Reply::text_of(&facts)?)
}

fn content(args: &Args) -> Result<Bytes, Trouble> {
    let content = needed(args.content.as_deref(), "content")?;
    match args.encoding {
        None | Some(Encoding::Text) => Ok(Bytes::copy_from_slice(content.as_bytes())),
        Some(Encoding::Base64) => {
            let letters: Vec<u8> =
                content.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
            BASE64_STANDARD.decode(letters).map(Bytes::from).map_err(|error| {
                let problem = format!("`content` is not base64: {error}");
                Trouble::Arguments(problem, "encode it anew, with padding")
            })
        }
    }
}

fn needed<'a>(value: Option<&'a str>, name: &str) -> Result<&'a str, Trouble> {
    let problem = || format!("this operation needs `{name}`");
    value.ok_or_else(|| Trouble::Arguments(problem(), "add it and call again"))
}

fn entries(args: &Args) -> u32 {
    let wanted = args.limit.map_or(ENTRIES, |limit| u32::try_from(limit).unwrap_or(MOST_ENTRIES));
    wanted.clamp(1, MOST_ENTRIES)
}

/// Bytes as a stream.
fn once(bytes: Bytes) -> ByteStream {
    Box::pin(stream::once(async move { DomainResult::Ok(bytes) }))
}
