//! The subsystem `sftp`: the engine's file functions for clients that copy files, version 3 of the
//! protocol (draft-ietf-secsh-filexfer-02), which is the one that OpenSSH speaks.
//!
//! Images need no program for it. Files are read and written in order: that is how clients copy,
//! and it makes one stream of each file. A new file is put in its place when it is closed, whole;
//! one that was not closed is not there. What is not in the engine is refused: links are not made,
//! and times are not set.

mod answers;
mod files;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf};

use crate::meter::{Inbox, Input};
use crate::program::Screen;
use crate::visitor::Line;

/// Bytes between the channel and the protocol, each way.
const BETWEEN: usize = 64 << 10;
/// Bytes that are read at once.
const PIECE: usize = 32 << 10;

/// Answers until the client has closed the channel.
pub(crate) async fn run(line: Line) {
    let closed = line.closed.clone();
    tokio::select! {
        () = work(line) => {}
        () = closed.cancelled() => {}
    }
}

async fn work(line: Line) {
    let (near, far) = tokio::io::duplex(BETWEEN);
    let files = files::Files::new(line.shared.engine.clone(), line.pass);
    // It has a task of its own, which ends with our side of the pipe.
    russh_sftp::server::run(far, files).await;
    let (answers, requests) = tokio::io::split(near);
    let screen = Screen { write: line.write };
    let (answered, ()) = tokio::join!(tell(answers, &screen), ask(line.inbox, requests));
    match answered {
        Ok(()) => screen.finish(0).await,
        Err(error) => tracing::debug!(%error, "a client of SFTP is gone"),
    }
}

async fn tell(mut answers: ReadHalf<DuplexStream>, screen: &Screen) -> Result<(), russh::Error> {
    let mut piece = bytes::BytesMut::new();
    loop {
        piece.reserve(PIECE);
        match answers.read_buf(&mut piece).await {
            Ok(0) | Err(_) => return Ok(()),
            Ok(_) => screen.write(None, piece.split().freeze()).await?,
        }
    }
}

async fn ask(mut inbox: Inbox, mut requests: WriteHalf<DuplexStream>) {
    while let Some((_lying, input)) = inbox.recv().await {
        let written = match input {
            Input::Bytes(bytes) => requests.write_all(&bytes).await,
            Input::End => break,
            Input::Resize(_) => Ok(()),
        };
        if let Err(error) = written {
            tracing::debug!(%error, "nobody answers SFTP any more");
            break;
        }
    }
    if let Err(error) = requests.shutdown().await {
        tracing::debug!(%error, "SFTP had ended");
    }
}
