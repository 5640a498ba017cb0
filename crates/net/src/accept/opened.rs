//! A connection whose TLS is opened: handed over, counted, and cut when it no longer fits.
//!
//! Both sockets go to the opener. Those that stay here are taken from the runtime, which would wake
//! for every piece that somebody else reads, and are there for one thing: to end the connection,
//! whatever the opener does.

use std::io;
use std::net::TcpStream as Plain;
use std::os::fd::AsFd;
use std::sync::Arc;

use infield_domain::network::Judgement;
use rustix::net::{Shutdown, shutdown, sockopt};
use tokio::net::TcpStream;

use super::entry::Entry;
use super::seen::{Seen, until_unfit};
use super::{Shared, judged};
use crate::handover::{Handover, Report, WINDOW};
use crate::inspect::First;
use crate::opening::Opened;
use crate::refusal;
use crate::relay;
use crate::relay::{Direction, End};

const AWAY: &str = "a secret names its host, and the process that opens TLS is away";

/// Bytes that a connection may be ahead where a sandbox may move so many in all.
const NEAR: u64 = 64 << 10;

/// A connection that was made on both sides, and what its client said.
pub(super) struct Made {
    pub(super) client: Arc<TcpStream>,
    pub(super) server: Arc<TcpStream>,
    pub(super) first: First,
    /// Why it may be.
    pub(super) reason: String,
}

/// Has a connection opened, to its end.
pub(super) async fn carry(shared: &Shared, entry: &Entry, made: Made) {
    let Made { client, server, first, reason } = made;
    let credit = window(shared, entry).unwrap_or(0);
    let opened = match hand_over(shared, entry, (&client, &server), &first, credit).await {
        Ok(opened) => opened,
        Err(error) => {
            tracing::warn!(sandbox = %shared.sandbox.id, %error, "a connection is not opened");
            entry.end(Judgement::Refused, AWAY);
            relay::reset(&server);
            return refusal::tell(&client, first, &entry.refusal(AWAY)).await;
        }
    };
    let sockets = match (leave_runtime(client), leave_runtime(server)) {
        (Ok(client), Ok(server)) => [client, server],
        (Err(error), _) | (_, Err(error)) => {
            return entry.end(Judgement::Allowed, format!("{reason}; it broke: {error}"));
        }
    };
    let seen = Seen { is_inspected: true, is_opened: true };
    let ended = tokio::select! {
        biased;
        why = until_unfit(shared, entry, seen) => Err((Judgement::Cut, why)),
        end = relay::idle(&entry.meter) => Err(judged(&end)),
        ended = follow(shared, entry, &opened, credit) => ended,
    };
    match ended {
        Ok(()) => entry.end(Judgement::Allowed, reason),
        Err((judgement, why)) => {
            let why =
                if judgement == Judgement::Allowed { format!("{reason}; {why}") } else { why };
            entry.end(judgement, why);
            sockets.iter().for_each(cut);
        }
    }
}

/// How many bytes a connection may be ahead of what it told: few where there is a ceiling, which
/// is passed by no more than that.
fn window(shared: &Shared, entry: &Entry) -> Option<u64> {
    let has_total = shared.sandbox.rules.borrow().allowance.total_bytes.is_some();
    let most = if has_total { NEAR } else { WINDOW };
    let room = entry.meter.room(usize::try_from(most).unwrap_or(usize::MAX))?;
    Some(room as u64)
}

async fn hand_over(
    shared: &Shared,
    entry: &Entry,
    (client, server): (&TcpStream, &TcpStream),
    first: &First,
    credit: u64,
) -> io::Result<Opened> {
    let name = entry.asked.name.as_ref().ok_or(io::ErrorKind::InvalidInput)?;
    let handover = Handover {
        sandbox: shared.sandbox.id.clone(),
        host: name.as_str().to_owned(),
        port: entry.asked.port,
        first: first.bytes.clone(),
        credit,
    };
    shared.sandbox.opener.hand_over(&handover, [client.as_fd(), server.as_fd()]).await
}

fn leave_runtime(socket: Arc<TcpStream>) -> io::Result<Plain> {
    let socket = Arc::try_unwrap(socket).map_err(|_| io::Error::other("a socket is in use"))?;
    socket.into_std()
}

/// Counts what is told of a connection, until it is over.
async fn follow(
    shared: &Shared,
    entry: &Entry,
    opened: &Opened,
    mut credit: u64,
) -> Result<(), (Judgement, String)> {
    loop {
        match opened.next().await {
            Some(Report::Moved { sent, received }) => {
                for (direction, bytes) in [(Direction::Out, sent), (Direction::In, received)] {
                    entry.meter.moved(direction, usize::try_from(bytes).unwrap_or(usize::MAX));
                }
                credit = credit.saturating_sub(sent.saturating_add(received));
                let turn = entry.meter.turn().await;
                let wanted = window(shared, entry).ok_or_else(|| judged(&End::Spent))?;
                drop(turn);
                if wanted > credit {
                    opened.grant(wanted - credit).await;
                    credit = wanted;
                }
            }
            // Its client was told.
            Some(Report::Refused(why)) => return Err((Judgement::Refused, why)),
            Some(Report::Broken(why)) => return Err((Judgement::Allowed, why)),
            Some(Report::Done) => return Ok(()),
            None => {
                return Err((Judgement::Allowed, "the process that opens TLS ended".to_owned()));
            }
        }
    }
}

/// Ends both directions, whoever else has the socket.
fn cut(socket: &Plain) {
    let ended = sockopt::set_socket_linger(socket, Some(std::time::Duration::ZERO))
        .and_then(|()| shutdown(socket, Shutdown::Both));
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection is over already");
    }
}
