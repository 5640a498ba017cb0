//! What the frames mean.

use bytes::Bytes;
use infield_domain::command::{Ending, Signal, TerminalSize};
use infield_domain::network::Connection;
use infield_domain::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::frame::Frame;
use crate::wire::{ErrorBody, Started};

const STARTED: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const ENDED: u8 = 3;
const ERROR: u8 = 4;
const REFUSED: u8 = 5;
const STDIN: u8 = 16;
const STDIN_END: u8 = 17;
const RESIZE: u8 = 18;
const SIGNAL: u8 = 19;

/// What the server sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerFrame {
    /// The execution has started; the first frame.
    Started(Started),
    /// Bytes of standard output, or of the terminal.
    Stdout(Bytes),
    /// Bytes of standard error.
    Stderr(Bytes),
    /// Connections of the sandbox that were refused meanwhile; comes before the end, if at all.
    Refused(Vec<Connection>),
    /// It ended and all output was sent; the last frame.
    Ended(Ending),
    /// It cannot go on; the last frame.
    Error(ErrorBody),
}

/// What the client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientFrame {
    /// Bytes for standard input.
    Stdin(Bytes),
    /// The end of standard input.
    StdinEnd,
    /// A new size of the terminal.
    Resize(TerminalSize),
    /// A signal to the whole process tree.
    Signal(Signal),
}

impl ServerFrame {
    /// Packs it.
    pub fn into_frame(self) -> Result<Frame> {
        let (kind, payload) = match self {
            Self::Started(started) => (STARTED, pack(&started)?),
            Self::Stdout(bytes) => (STDOUT, bytes),
            Self::Stderr(bytes) => (STDERR, bytes),
            Self::Refused(connections) => (REFUSED, pack(&connections)?),
            Self::Ended(ending) => (ENDED, pack(&ending)?),
            Self::Error(body) => (ERROR, pack(&body)?),
        };
        Ok(Frame { kind, payload })
    }

    /// Understands a frame of the server.
    pub fn from_frame(frame: Frame) -> Result<Self> {
        match frame.kind {
            STARTED => unpack(&frame).map(Self::Started),
            STDOUT => Ok(Self::Stdout(frame.payload)),
            STDERR => Ok(Self::Stderr(frame.payload)),
            REFUSED => unpack(&frame).map(Self::Refused),
            ENDED => unpack(&frame).map(Self::Ended),
            ERROR => unpack(&frame).map(Self::Error),
            kind => Err(unknown(kind)),
        }
    }
}

impl ClientFrame {
    /// Packs it.
    pub fn into_frame(self) -> Result<Frame> {
        let (kind, payload) = match self {
            Self::Stdin(bytes) => (STDIN, bytes),
            Self::StdinEnd => (STDIN_END, Bytes::new()),
            Self::Resize(size) => (RESIZE, pack(&size)?),
            Self::Signal(signal) => (SIGNAL, pack(&signal)?),
        };
        Ok(Frame { kind, payload })
    }

    /// Understands a frame of a client.
    pub fn from_frame(frame: Frame) -> Result<Self> {
        match frame.kind {
            STDIN => Ok(Self::Stdin(frame.payload)),
            STDIN_END => Ok(Self::StdinEnd),
            RESIZE => unpack(&frame).map(Self::Resize),
            SIGNAL => unpack(&frame).map(Self::Signal),
            kind => Err(unknown(kind)),
        }
    }
}

fn unknown(kind: u8) -> Error {
    Error::invalid(format!("there is no frame of kind {kind}"))
}

fn pack(value: &impl Serialize) -> Result<Bytes> {
    serde_json::to_vec(value)
        .map(Bytes::from)
        .map_err(|error| Error::internal("a frame could not be packed").with_source(error))
}

fn unpack<T: DeserializeOwned>(frame: &Frame) -> Result<T> {
    serde_json::from_slice(&frame.payload).map_err(|error| {
        Error::invalid(format!("the payload of a frame of kind {} is malformed", frame.kind))
            .with_source(error)
    })
}
