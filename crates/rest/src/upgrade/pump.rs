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
use infield_domain::{Error, Result};
use infield_engine::Run;
use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};
use tokio_util::sync::CancellationToken;

use crate::failure;
use crate::stream::{ClientFrame, FrameReader, FrameWriter, MAX_PAYLOAD, ServerFrame};
use crate::wire::Started;

/// For the last frame of a stream that the server ends.
const FAREWELL_LIMIT: Duration = Duration::from_secs(2);

/// What a stream has besides its two sides.
pub(super) struct Link {
    pub(super) shutdown: CancellationToken,
    pub(super) heartbeat: Duration,
    pub(super) request_id: String,
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
pub(super) async fn run<I>(link: Link, io: I, run: Run) -> Result<()>
where
    I: AsyncRead + AsyncWrite + Send + Unpin,
{
    let (reader, writer) = tokio::io::split(io);
    let (reader, mut writer) = (FrameReader::new(reader), FrameWriter::new(writer));
    let started = Started {
        execution_id: run.execution_id.to_string(),
        sandbox_id: run.sandbox.id.to_string(),
        sandbox_name: run.sandbox.spec.name.to_string(),
    };
    writer.send(&ServerFrame::Started(started).into_frame()?).await?;
    let Process { events, input } = run.into_process();
    let end = tokio::select! {
        end = send_output(&mut writer, events, link.heartbeat) => end,
        end = take_input(reader, input) => end,
        () = link.shutdown.cancelled() => End::Failed(
            Error::unavailable("the server is ending")
                .with_hint("run the command again; a new server starts by itself"),
        ),
    };
    match end {
        End::Gone => tracing::debug!("the client of a stream is gone"),
        End::Told => writer.shutdown().await?,
        End::Failed(error) => {
            let body = failure::in_stream(error, &link.request_id);
            let frame = ServerFrame::Error(body).into_frame()?;
            let farewell = async {
                writer.send(&frame).await?;
                writer.shutdown().await
            };
            if tokio::time::timeout(FAREWELL_LIMIT, farewell).await.is_err() {
                tracing::debug!("the client of a stream does not listen to its end");
            }
        }
    }
    Ok(())
}

async fn send_output<I: AsyncWrite>(
    writer: &mut FrameWriter<WriteHalf<I>>,
    mut events: ProcessEvents,
    heartbeat: Duration,
) -> End {
    loop {
        let event = tokio::time::timeout(heartbeat, events.next()).await;
        let frame = match event {
            // An empty frame changes nothing and fails when the client is gone.
            Err(_) => ServerFrame::Stdout(Bytes::new()),
            Ok(Some(Ok(ProcessEvent::Output { stream, offset: _, data }))) => {
                match send_all(writer, stream, data).await {
                    Ok(()) => continue,
                    Err(_) => return End::Gone,
                }
            }
            Ok(Some(Ok(ProcessEvent::Ended(ending)))) => ServerFrame::Ended(ending),
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
    mut reader: FrameReader<ReadHalf<I>>,
    mut input: Box<dyn InputSink>,
) -> End {
    loop {
        let frame = match reader.next().await {
            Ok(Some(frame)) => frame,
            Ok(None) => return End::Gone,
            Err(error) if error.kind() == infield_domain::Kind::Invalid => {
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
