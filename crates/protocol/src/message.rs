//! The messages of one operation, as closed sets.
//!
//! The first frame of a connection is an [`Opening`], whose first field is the generation. An
//! agent that reads another generation answers [`Event::Failed`], whose place and shape stay as
//! they are in every generation, and closes. A change of any other shape is a new generation:
//! the snapshot test beside this file fails until both are changed together.

#[cfg(test)]
mod tests;

use std::fmt;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::frame::{self, FrameError};

/// The shape of everything in this file, as a number.
pub const GENERATION: u16 = 3;

/// The first frame of a connection.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// The generation of the one who asks; see [`GENERATION`].
    pub generation: u16,
    /// What it asks.
    pub request: Request,
}

/// Why the first frame of a connection is no request.
#[derive(Debug, thiserror::Error)]
pub enum OpeningError {
    /// The other side is of another generation.
    #[error("the host speaks generation {theirs} and this sandbox generation {GENERATION}")]
    Generation {
        /// What it says.
        theirs: u16,
    },
    /// It is no message of ours at all.
    #[error("the first frame is no request")]
    Malformed(#[source] FrameError),
}

/// Reads the body of the first frame; looks at the generation before anything else.
pub fn open(body: &[u8]) -> Result<Request, OpeningError> {
    let malformed = |source| OpeningError::Malformed(FrameError::Malformed(source));
    let (theirs, request) = postcard::take_from_bytes::<u16>(body).map_err(malformed)?;
    if theirs != GENERATION {
        return Err(OpeningError::Generation { theirs });
    }
    frame::decode(request).map_err(OpeningError::Malformed)
}

/// What the host asks for, one for each connection.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Starts a command and follows it: [`Event::Started`], [`Event::Output`]s, [`Event::Ended`].
    Spawn(Spawn),
    /// Follows a command from these offsets, like [`Request::Spawn`].
    Attach {
        /// Which.
        id: String,
        /// First byte of standard output.
        stdout: u64,
        /// First byte of standard error.
        stderr: u64,
    },
    /// Reads kept output: [`Event::Page`].
    ReadOutput {
        /// Which.
        id: String,
        /// Which stream.
        stream: Stream,
        /// First byte.
        offset: u64,
        /// Bytes at most.
        limit: u64,
        /// How long to wait for a byte or the end, in milliseconds.
        wait_ms: u64,
    },
    /// Signals a command's whole process tree: [`Event::Done`].
    Signal {
        /// Which.
        id: String,
        /// What.
        signal: Signal,
    },
    /// Asks for every command that is remembered: [`Event::Executions`].
    Executions,
    /// Looks for the first of these that PATH has: [`Event::Program`].
    FindProgram(Vec<String>),
    /// Asks what is at a path: [`Event::Entry`].
    Stat(String),
    /// Walks a folder: [`Event::Entries`], then [`Event::Finished`].
    List {
        /// The folder.
        path: String,
        /// 1 lists the folder alone.
        depth: u32,
        /// Entries at most.
        limit: u32,
    },
    /// Reads a file: [`Event::Entry`], [`Event::Data`]s, then [`Event::Done`].
    Read {
        /// The file.
        path: String,
        /// First byte.
        offset: u64,
        /// Bytes at most.
        length: Option<u64>,
    },
    /// Writes the [`Input::Data`]s that follow to a file: [`Event::Entry`].
    Write {
        /// The file.
        path: String,
        /// How what is there is treated.
        mode: WriteMode,
        /// Permission bits of a new file.
        permissions: Option<u32>,
    },
    /// Replaces text in a file: [`Event::Count`].
    Edit {
        /// The file.
        path: String,
        /// What must be there.
        old: String,
        /// What shall be there.
        new: String,
        /// Every occurrence, or exactly one.
        all: bool,
    },
    /// Makes a folder and the missing ones above it: [`Event::Done`].
    MakeDirectory(String),
    /// Removes a file or folder: [`Event::Done`].
    Remove {
        /// What.
        path: String,
        /// With what is in it.
        recursive: bool,
    },
    /// Moves a file or folder: [`Event::Done`].
    Rename {
        /// From.
        from: String,
        /// To; must not exist.
        to: String,
    },
    /// Searches by name and content: [`Event::Matches`], then [`Event::Finished`].
    Search {
        /// The folder.
        path: String,
        /// A shell pattern for the file's name.
        name: Option<String>,
        /// A regular expression for a line.
        content: Option<String>,
        /// Matches at most.
        limit: u32,
    },
    /// Asks for a tree as a tar stream: [`Event::Started`], [`Event::Data`]s, [`Event::Done`].
    ArchiveOut(String),
    /// Unpacks the tar stream of the [`Input::Data`]s that follow: [`Event::Count`].
    ArchiveIn(String),
    /// Connects to a port of the sandbox's own loopback: [`Event::Started`], and from then on the
    /// connection has no frames but the bytes of that other one, each way until its end.
    ///
    /// The agent copies them. To hand over its own socket would be faster, but whoever has broken
    /// the agent could then make the host wait: two holders of one socket share its flags and
    /// options, so that one can make it block or linger for the other at any time.
    Dial(u16),
    /// Does a file operation as this user of the sandbox; what another request is, it refuses.
    As {
        /// By name or number.
        user: String,
        /// The operation.
        request: Box<Request>,
    },
    /// Writes the [`Input::File`]s that follow, each with its [`Input::Data`]s:
    /// [`Event::Refused`] for those that failed, a hundred at most, then the [`Event::Count`] of
    /// those that did not.
    WriteAll,
    /// Reads files one after the other: for each [`Event::Entry`], [`Event::Data`]s and
    /// [`Event::Done`], or [`Event::Refused`]; after the last one [`Event::Finished`].
    ReadAll(Vec<String>),
}

/// A command to start.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spawn {
    /// Names it.
    pub id: String,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Added to the environment, in this order.
    pub environment: Vec<(String, String)>,
    /// Where it starts.
    pub working_directory: String,
    /// The user inside.
    pub user: String,
    /// What it reads.
    pub stdin: Stdin,
    /// A terminal of this size instead of pipes.
    pub terminal: Option<TerminalSize>,
    /// Ends the process tree after this long, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// What happens when this connection is gone.
    pub on_disconnect: OnDisconnect,
}

/// What a command reads.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stdin {
    /// Nothing.
    Empty,
    /// These bytes, then the end.
    Bytes(Blob),
    /// The [`Input::Data`]s that follow, until [`Input::End`].
    Stream,
}

/// What happens to a command when the connection that started it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnDisconnect {
    /// It goes on.
    Continue,
    /// Its process tree ends.
    Kill,
}

/// Columns and rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Columns.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
}

/// Which of a command's two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    /// Standard output, or the terminal.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Signals that may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Signal {
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGKILL.
    Kill,
    /// SIGHUP.
    Hangup,
}

/// How a write treats what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WriteMode {
    /// Replaces the content by one rename.
    Replace,
    /// Adds at the end.
    Append,
    /// Refuses when the path exists.
    New,
}

/// What follows a request on the same connection.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    /// Bytes for standard input, a file or an archive.
    Data(Blob),
    /// The end of them.
    End,
    /// A new size of the terminal.
    Resize(TerminalSize),
    /// Another file begins, whose bytes follow.
    File {
        /// Where; what is there is replaced by one rename, and folders above it are made.
        path: String,
        /// Permission bits of a new file.
        permissions: Option<u32>,
    },
}

/// What the agent answers.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// It was refused or failed. The first variant, in every generation.
    Failed(Failure),
    /// It is done.
    Done,
    /// The command's program runs, or the archive begins.
    Started,
    /// Bytes of a command's stream.
    Output {
        /// Which stream.
        stream: Stream,
        /// Place of the first byte.
        offset: u64,
        /// The bytes.
        data: Blob,
    },
    /// The command ended, and all of its output was sent.
    Ended(Ending),
    /// Kept output.
    Page {
        /// The command as of now.
        execution: Execution,
        /// Place of the first byte.
        offset: u64,
        /// The bytes.
        data: Blob,
        /// Bytes that the stream has had in all.
        total: u64,
    },
    /// Every command, the newest first.
    Executions(Vec<Execution>),
    /// The program that was found.
    Program(Option<String>),
    /// A file.
    Entry(FileEntry),
    /// Some files.
    Entries(Vec<FileEntry>),
    /// Some matches.
    Matches(Vec<Match>),
    /// The last of [`Event::Entries`] or [`Event::Matches`] was sent.
    Finished {
        /// Whether the limit cut it.
        truncated: bool,
    },
    /// Bytes of a file or an archive.
    Data(Blob),
    /// A number of things.
    Count(u64),
    /// One of several was refused or failed; the next one follows.
    Refused(Failure),
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What a caller can act on.
    pub code: Code,
    /// For people, with the guest's words in it.
    pub message: String,
    /// One action that mends it.
    pub hint: Option<String>,
}

/// Kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Code {
    /// A fault of the agent.
    Internal,
    /// There is no such thing.
    NotFound,
    /// It is at odds with what is there.
    Conflict,
    /// The request is wrong.
    Invalid,
    /// The kernel does not permit it.
    Denied,
    /// A limit is reached.
    Quota,
    /// It cannot be done here.
    Unsupported,
    /// It cannot be done now.
    Unavailable,
    /// It took too long.
    Timeout,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// The exit code; 128 and the signal's number when a signal ended it.
    pub exit_code: i32,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Why, when the program itself is not the reason.
    pub stopped_by: Option<StoppedBy>,
    /// From start to end, in milliseconds.
    pub wall_ms: u64,
}

/// Who ended a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StoppedBy {
    /// Its time was over.
    Timeout,
    /// A caller.
    Caller,
    /// The memory limit.
    OutOfMemory,
}

/// A command as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// Which.
    pub id: String,
    /// Program and arguments, cut.
    pub command: String,
    /// When it started, in milliseconds since the epoch.
    pub started_at: u64,
    /// How it ended.
    pub ending: Option<Ending>,
    /// Bytes so far on standard output.
    pub stdout_bytes: u64,
    /// Bytes so far on standard error.
    pub stderr_bytes: u64,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Directory,
    /// A symbolic link.
    Symlink,
    /// Anything else.
    Other,
}

/// What is known of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Relative to what was listed; absolute for one file.
    pub path: String,
    /// What it is.
    pub kind: FileKind,
    /// Bytes.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last change, in milliseconds since the epoch.
    pub modified_at: u64,
    /// Where a link points.
    pub target: Option<String>,
}

/// One match of a search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// Relative to where the search started.
    pub path: String,
    /// The line's number from 1.
    pub line: Option<u64>,
    /// The line, cut.
    pub text: Option<String>,
}

/// Bytes that are copied as a whole; serde takes a `Vec<u8>` for a list of numbers.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Blob(pub Vec<u8>);

impl fmt::Debug for Blob {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} bytes", self.0.len())
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(BlobVisitor).map(Self)
    }
}

struct BlobVisitor;

impl<'de> Visitor<'de> for BlobVisitor {
    type Value = Vec<u8>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("bytes")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(bytes.to_vec())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(A::Error::custom("a list instead of bytes"))
    }
}
