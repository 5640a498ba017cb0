//! A connection to a port of the sandbox's own loopback, as previews have them.

use std::io;
use std::num::NonZeroU16;

use bytes::{Bytes, BytesMut};
use infield_engine::Visit;
use russh::ChannelOpenFailure;
use russh::server::ChannelOpenHandle;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};

use crate::meter::{Inbox, Input};
use crate::program::Screen;
use crate::visitor::Line;

/// SSH_OPEN_CONNECT_FAILED, RFC 4254 section 5.1.
const CONNECT_FAILED: u32 = 2;
/// Bytes that are read at once.
const PIECE: usize = 32 << 10;

/// Connects, answers the client, and copies until both sides have ended.
pub(crate) async fn run(line: Line, port: NonZeroU16, reply: ChannelOpenHandle) {
    let closed = line.closed.clone();
    tokio::select! {
        () = work(line, port, reply) => {}
        () = closed.cancelled() => {}
    }
}

async fn work(line: Line, port: NonZeroU16, reply: ChannelOpenHandle) {
    let sandbox = line.pass.sandbox().as_str();
    let visit = match line.shared.engine.dial_port(&line.pass.who, sandbox, port).await {
        Ok(visit) => visit,
        Err(error) => {
            let reason = error.message().to_owned();
            reply.reject(ChannelOpenFailure::Other { code: CONNECT_FAILED, reason }).await;
            return;
        }
    };
    reply.accept().await;
    let (from, to) = tokio::io::split(visit);
    let screen = Screen { write: line.write };
    let (down, up) = tokio::join!(down(from, &screen), up(line.inbox, to));
    for error in [down.err(), up.err()].into_iter().flatten() {
        tracing::debug!(%error, "a tunnel of SSH broke");
    }
    if let Err(error) = screen.write.close().await {
        tracing::debug!(%error, "a client of SSH is gone before the end of a tunnel");
    }
}

async fn down(mut from: ReadHalf<Visit>, screen: &Screen) -> io::Result<()> {
    loop {
        let mut piece = BytesMut::with_capacity(PIECE);
        if from.read_buf(&mut piece).await? == 0 {
            return screen.write.eof().await.map_err(io::Error::other);
        }
        screen.write(None, piece.freeze()).await.map_err(io::Error::other)?;
    }
}

async fn up(mut inbox: Inbox, mut to: WriteHalf<Visit>) -> io::Result<()> {
    while let Some((_lying, input)) = inbox.recv().await {
        match input {
            Input::Bytes(bytes) => to.write_all(Bytes::as_ref(&bytes)).await?,
            Input::End => return to.shutdown().await,
            Input::Resize(_) => {}
        }
    }
    Ok(())
}
