//! A connection that became a stream of frames.

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use infield_domain::{Error, Result};
use infield_rest::stream::{ClientFrame, FrameReader, FrameWriter, ServerFrame};
use tokio::io::{ReadHalf, WriteHalf};

/// An upgraded connection.
pub(crate) struct Connection(TokioIo<Upgraded>);

/// What the daemon tells.
pub(crate) struct Events(FrameReader<ReadHalf<TokioIo<Upgraded>>>);

/// What the daemon is told.
pub(crate) struct Inputs(FrameWriter<WriteHalf<TokioIo<Upgraded>>>);

impl Connection {
    pub(super) fn new(upgraded: Upgraded) -> Self {
        Self(TokioIo::new(upgraded))
    }

    /// Both directions as frames.
    pub(crate) fn frames(self) -> (Events, Inputs) {
        let (reader, writer) = tokio::io::split(self.0);
        (Events(FrameReader::new(reader)), Inputs(FrameWriter::new(writer)))
    }

    /// The bytes as they are.
    pub(crate) fn bytes(self) -> TokioIo<Upgraded> {
        self.0
    }
}

impl Events {
    /// The next frame. That the connection ends without a last frame is an error. Nothing is lost
    /// when the wait is given up.
    pub(crate) async fn next(&mut self) -> Result<ServerFrame> {
        match self.0.next().await? {
            Some(frame) => ServerFrame::from_frame(frame),
            None => Err(Error::unavailable("the daemon ended while the program ran")
                .with_hint("look at the end of the daemon's log, and try again")),
        }
    }
}

impl Inputs {
    /// Sends one frame. Must not be given up halfway.
    pub(crate) async fn send(&mut self, input: ClientFrame) -> Result<()> {
        self.0.send(&input.into_frame()?).await
    }

    /// Sends bytes for standard input; none means its end.
    pub(crate) async fn stdin(&mut self, bytes: Bytes) -> Result<()> {
        let input =
            if bytes.is_empty() { ClientFrame::StdinEnd } else { ClientFrame::Stdin(bytes) };
        self.send(input).await
    }
}
