//! A sandbox's resolver.
//!
//! It answers a name with addresses that stand for it in this sandbox ([`crate::names`]), never
//! with those that the name has outside. What is answered to which question is in `answer`; how
//! much may be asked is in `limits`. A rule that changes holds for the next question.
//!
//! Both loops here are fed by programs that may want them to end, to stall or to grow: a message
//! never ends them, an answer that nobody takes does not hold up others, and everything that
//! grows has a bound. They run until whoever owns the sandbox drops them.

mod answer;
mod limits;
mod message;
mod question;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc::{self, OwnedPermit};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use self::answer::{LookUp, Step, begin};
use self::message::{MOST_BYTES, Transport};
use crate::sandbox::Sandbox;
use crate::upstream::Upstream;

pub(crate) use self::answer::admit;
pub(crate) use self::limits::Limits;

/// How long nothing is read from a sandbox that asks far too much.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a stream may be without a question, and how long it may take to send one.
const IDLE: Duration = Duration::from_secs(10);
/// How long an answer may take to be taken.
const TAKEN: Duration = Duration::from_secs(5);
/// Questions of one stream that wait for their answers.
const PIPELINED: usize = 16;

/// Answers what comes to the resolver's socket.
pub(crate) async fn serve_datagrams(
    socket: UdpSocket,
    sandbox: Arc<Sandbox>,
    upstream: Arc<Upstream>,
) {
    let socket = Arc::new(socket);
    let mut lookups = JoinSet::new();
    // One byte more than the longest question, so that what was cut is longer than that.
    let mut buffer = vec![0; MOST_BYTES + 1];
    loop {
        let received = tokio::select! {
            received = socket.recv_from(&mut buffer) => received,
            Some(_) = lookups.join_next() => continue,
        };
        let Ok((length, from)) = received else {
            // Whatever it was, it was one packet's; should it be the socket's, nobody spins.
            sleep(PAUSE).await;
            continue;
        };
        match begin(&buffer[..length], Transport::Datagram, &sandbox) {
            Step::Nothing => {}
            Step::Pause => sleep(PAUSE).await,
            // An asker that is gone is nobody's fault.
            Step::Reply(reply) => drop(socket.send_to(&reply, from).await),
            Step::LookUp(lookup) => {
                let (socket, sandbox, upstream) =
                    (Arc::clone(&socket), Arc::clone(&sandbox), Arc::clone(&upstream));
                lookups.spawn(async move {
                    if let Some(reply) = lookup.finish(&sandbox, &upstream).await {
                        drop(socket.send_to(&reply, from).await);
                    }
                });
            }
        }
    }
}

/// Answers what comes on a connection to the resolver (RFC 7766).
pub(crate) async fn serve_stream(
    stream: TcpStream,
    sandbox: Arc<Sandbox>,
    upstream: Arc<Upstream>,
) {
    let (from, to) = stream.into_split();
    let (replies, waiting) = mpsc::channel(PIPELINED);
    // Each side ends by itself when the other one is gone: nothing more to be answered, or nobody
    // who takes answers. What they could say is that the sandbox hung up.
    let (read, written) = tokio::join!(
        read_questions(from, replies, &sandbox, &upstream),
        write_replies(to, waiting)
    );
    if let Some(error) = read.err().or(written.err()) {
        tracing::trace!(%error, sandbox = %sandbox.id, "a connection to the resolver ended");
    }
}

async fn read_questions(
    mut from: OwnedReadHalf,
    replies: mpsc::Sender<Vec<u8>>,
    sandbox: &Arc<Sandbox>,
    upstream: &Arc<Upstream>,
) -> io::Result<()> {
    let mut lookups = JoinSet::new();
    loop {
        // Who does not take answers is not read from.
        let Ok(room) = replies.clone().reserve_owned().await else { break };
        while lookups.try_join_next().is_some() {}
        let Ok(question) = timeout(IDLE, read_question(&mut from)).await else { break };
        let Some(question) = question? else { break };
        match begin(&question, Transport::Stream, sandbox) {
            Step::Nothing => {}
            Step::Pause => break,
            Step::Reply(reply) => drop(room.send(reply)),
            Step::LookUp(lookup) => {
                let (sandbox, upstream) = (Arc::clone(sandbox), Arc::clone(upstream));
                lookups.spawn(finish(lookup, room, sandbox, upstream));
            }
        }
    }
    drop(replies);
    while lookups.join_next().await.is_some() {}
    Ok(())
}

async fn finish(
    lookup: LookUp,
    room: OwnedPermit<Vec<u8>>,
    sandbox: Arc<Sandbox>,
    upstream: Arc<Upstream>,
) {
    if let Some(reply) = lookup.finish(&sandbox, &upstream).await {
        drop(room.send(reply));
    }
}

/// The next question; none at the end, or when it is longer than any.
async fn read_question(from: &mut OwnedReadHalf) -> io::Result<Option<Vec<u8>>> {
    let length = match from.read_u16().await {
        Ok(length) => usize::from(length),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    if length > MOST_BYTES {
        return Ok(None);
    }
    let mut question = vec![0; length];
    from.read_exact(&mut question).await?;
    Ok(Some(question))
}

async fn write_replies(
    mut to: OwnedWriteHalf,
    mut waiting: mpsc::Receiver<Vec<u8>>,
) -> io::Result<()> {
    while let Some(reply) = waiting.recv().await {
        let Ok(length) = u16::try_from(reply.len()) else { continue };
        // In one piece: two small segments would wait for each other.
        let framed = [&length.to_be_bytes()[..], &reply].concat();
        timeout(TAKEN, to.write_all(&framed)).await??;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
