//! A command on one side, frames on the other.
//!
//! Output waits for the client and input for the command, each without holding the other back:
//! two loops run until the first ends. When the client is gone, or the server ends, both halves of
//! the process are dropped, and the command goes on or ends as it was started to.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use infield_domain::command::{ProcessEvent, ProcessInput, Stream};
use infield_domain::guest::{InputSink, Process, ProcessEvents};
use infield_domain::network::Connection;
use infield_domain::{Error, Kind, Result};
use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};
use tokio_util::sync::CancellationToken;

use crate::failure;
use crate::stream::{ClientFrame, Frame, FrameReader, FrameWriter, MAX_PAYLOAD, ServerFrame};
use crate::wire::Started;

#[cfg(test)]
mod tests;

/// For the last frame of a stream, and for its client to close it.
const FAREWELL_LIMIT: Duration = Duration::from_secs(2);

/// What a stream has besides its two sides.
pub(super) struct Link {
    pub(super) shutdown: CancellationToken,
    pub(super) heartbeat: Duration,
    pub(super) request_id: String,
    /// What the network refuses while the command runs.
    pub(super) refused: Box<dyn Fn() -> Vec<Connection> + Send + Sync>,
}

/// Why a stream ended.
enum End {
    /// The command ended, and the client has heard it all.
    Told,
    /// The client is gone.
    Gone,
    /// It cannot go on, and the client may still hear why.
    Failed(Error),
}

/// Pumps until the command has ended, the client is gone or the server ends.
pub(super) async fn run<I>(link: Link, io: I, started: Started, process: Process) -> Result<()>
where
    I: AsyncRead + AsyncWrite + Send + Unpin,
{
    let (reader, writer) = tokio::io::split(io);
    let (mut reader, mut writer) = (FrameReader::new(reader), FrameWriter::new(writer));
    writer.send(&ServerFrame::Started(started).into_frame()?).await?;
    let Process { events, input } = process;
    let end = tokio::select! {
        end = send_output(&mut writer, events, &link) => end,
        end = take_input(&mut reader, input) => end,
        () = link.shutdown.cancelled() => End::Failed(
            Error::unavailable("the server is ending")
                .with_hint("run the command again; a new server starts by itself"),
        ),
    };
    let last = match end {
        End::Gone => {
            tracing::debug!("the client of a stream is gone");
            return Ok(());
        }
        End::Told => None,
        End::Failed(error) => {
            let body = failure::in_stream(error, &link.request_id);
            Some(ServerFrame::Error(body).into_frame()?)
        }
    };
    if tokio::time::timeout(FAREWELL_LIMIT, say_farewell(reader, writer, last)).await.is_err() {
        tracing::debug!("the client of a stream does not listen to its end");
    }
    Ok(())
}

/// Sends the last frame, if it is not yet sent, and reads what the client still sends: closing a
/// TCP connection with unread bytes resets it, and the client may then lose what it has not read.
async fn say_farewell<I>(
    mut reader: FrameReader<ReadHalf<I>>,
    mut writer: FrameWriter<WriteHalf<I>>,
    last: Option<Frame>,
) where
    I: AsyncRead + AsyncWrite,
{
    let sent = async {
        if let Some(frame) = last {
            writer.send(&frame).await?;
        }
        writer.shutdown().await
    };
    if sent.await.is_ok() {
        while let Ok(Some(_)) = reader.next().await {}
    }
}

/// Tells what was refused, if anything was; false when nobody listens.
async fn tell_refused<I: AsyncWrite>(
    writer: &mut FrameWriter<WriteHalf<I>>,
    refusals: Vec<Connection>,
) -> bool {
    if refusals.is_empty() {
        return true;
    }
    match ServerFrame::Refused(refusals).into_frame() {
        Ok(frame) => writer.send(&frame).await.is_ok(),
        Err(error) => {
            tracing::error!(%error, "refusals could not be packed");
            true
        }
    }
}

async fn send_output<I: AsyncWrite>(
    writer: &mut FrameWriter<WriteHalf<I>>,
    mut events: ProcessEvents,
    link: &Link,
) -> End {
    loop {
        let event = tokio::time::timeout(link.heartbeat, events.next()).await;
        let frame = match event {
            // An empty frame changes nothing and fails when the client is gone.
            Err(_) => ServerFrame::Stdout(Bytes::new()),
            Ok(Some(Ok(ProcessEvent::Output { stream, offset: _, data }))) => {
                match send_all(writer, stream, data).await {
                    Ok(()) => continue,
                    Err(_) => return End::Gone,
                }
            }
            Ok(Some(Ok(ProcessEvent::Ended(ending)))) => {
                if !tell_refused(writer, (link.refused)()).await {
                    return End::Gone;
                }
                ServerFrame::Ended(ending)
            }
            Ok(Some(Err(error))) => return End::Failed(error),
            Ok(None) => return End::Failed(Error::internal("a command's events ended early")),
        };
        let last = matches!(frame, ServerFrame::Ended(_));
        let sent = match frame.into_frame() {
            Ok(frame) => writer.send(&frame).await,
            Err(error) => return End::Failed(error),
        };
        match (sent, last) {
            (Err(_), _) => return End::Gone,
            (Ok(()), true) => return End::Told,
            (Ok(()), false) => {}
        }
    }
}

async fn send_all<I: AsyncWrite>(
    writer: &mut FrameWriter<WriteHalf<I>>,
    stream: Stream,
    mut data: Bytes,
) -> Result<()> {
    while !data.is_empty() {
        let part = data.split_to(data.len().min(MAX_PAYLOAD));
        let message = match stream {
            Stream::Stdout => ServerFrame::Stdout(part),
            Stream::Stderr => ServerFrame::Stderr(part),
        };
        writer.send(&message.into_frame()?).await?;
    }
    Ok(())
}

async fn take_input<I: AsyncRead>(
    reader: &mut FrameReader<ReadHalf<I>>,
    mut input: Box<dyn InputSink>,
) -> End {
    loop {
        let frame = match reader.next().await {
            Ok(Some(frame)) => frame,
            Ok(None) => return End::Gone,
            Err(error) if error.kind() == Kind::Invalid => {
                return End::Failed(error);
            }
            Err(_) => return End::Gone,
        };
        let told = match ClientFrame::from_frame(frame) {
            Ok(ClientFrame::Stdin(bytes)) => ProcessInput::Stdin(bytes),
            Ok(ClientFrame::StdinEnd) => ProcessInput::End,
            Ok(ClientFrame::Resize(size)) => ProcessInput::Resize(size),
            Ok(ClientFrame::Signal(signal)) => ProcessInput::Signal(signal),
            Err(error) => return End::Failed(error),
        };
        // The command may have ended or closed its input; its events tell which, and a client
        // that goes on writing does no harm.
        if let Err(error) = input.send(told).await {
            tracing::debug!(%error, "input was not taken");
        }
    }
}
