//! One connection that was handed over: TLS on both sides, and its end.
//!
//! Both sides agree on the same protocol: the host is offered what the client offered, and the
//! client gets what the host chose. A client that trusts another authority alone, or speaks another
//! protocol, ends here.

use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use infield_domain::network::DomainName;
use infield_net::check::Site;
use infield_net::handover::{Handover, Report};
use rustls::pki_types::ServerName;
use rustls::server::Acceptor;
use rustls::{ClientConfig, ServerConfig};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{LazyConfigAcceptor, StartHandshake, TlsConnector, client, server};

use crate::ahead::Ahead;
use crate::exchange::Exchange;
use crate::report::Reports;
use crate::stream::{Counted, Ledger};
use crate::visit::{self, Protocol};
use crate::ward::Ward;

/// How long one side may take for its part of a handshake.
const HANDSHAKE: Duration = Duration::from_secs(15);
/// How long a client may take to read what it was told.
const FAREWELL: Duration = Duration::from_secs(2);
/// Protocols that are spoken here, by their names in TLS.
const KNOWN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// What came with a handover.
pub(crate) struct Sockets {
    pub(crate) client: OwnedFd,
    pub(crate) server: OwnedFd,
    pub(crate) reports: OwnedFd,
}

/// How a connection ended.
pub(crate) enum End {
    /// Both sides have said all.
    Done,
    /// A request was refused.
    Refused(String),
    /// It could not be opened, or broke.
    Broken(String),
}

/// What both sides are to be.
struct Meeting {
    site: Site,
    exchange: Arc<Exchange>,
    shown: Arc<ServerConfig>,
    client: ClientConfig,
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Carries a connection to its end.
pub(crate) async fn open(ward: Arc<Ward>, handover: Handover, sockets: Sockets) {
    let reports = match Reports::new(sockets.reports) {
        Ok(reports) => reports,
        Err(error) => return tracing::error!(%error, "a connection cannot be told of"),
    };
    let ledger = Ledger::new(handover.credit);
    let carried = carry(ward, handover, (sockets.client, sockets.server), &ledger);
    let end = tokio::select! {
        end = carried => end,
        // The network process cut it, or is gone.
        _ = reports.keep(&ledger) => return,
    };
    let last = match end {
        End::Done => Report::Done,
        End::Refused(why) => Report::Refused(why),
        End::Broken(why) => Report::Broken(why),
    };
    for report in ledger.take().iter().chain([&last]) {
        // Whoever does not hear it any more needs no end either.
        drop(reports.tell(report).await);
    }
}

async fn carry(
    ward: Arc<Ward>,
    handover: Handover,
    (client, server): (OwnedFd, OwnedFd),
    ledger: &Arc<Ledger>,
) -> End {
    let broken = |error: std::io::Error| End::Broken(format!("it broke: {error}"));
    let Handover { host, port, first, .. } = handover;
    let meeting = match Meeting::new(&ward, &host, port) {
        Ok(meeting) => meeting,
        Err(why) => return End::Broken(why),
    };
    drop(ward);
    let last = match client.try_clone() {
        Ok(last) => last,
        Err(error) => return broken(error),
    };
    let sockets = TcpStream::from_std(client.into())
        .and_then(|client| Ok((client, TcpStream::from_std(server.into())?)));
    let (client, server) = match sockets {
        Ok(sockets) => sockets,
        Err(error) => return broken(error),
    };
    // In a box: of a future this deep the compiler cannot say that it may move between threads.
    let met: BoxFuture<End> = Box::pin(meet(meeting, Counted::new(client, first, ledger), server));
    let end = met.await;
    if !matches!(end, End::Done) {
        part(last).await;
    }
    end
}

/// Shakes hands on both sides, and carries what is said.
async fn meet(meeting: Meeting, client: Counted, server: TcpStream) -> End {
    let Meeting { site, exchange, shown, client: ours } = meeting;
    let started = LazyConfigAcceptor::new(Acceptor::default(), client);
    let started = match timeout(HANDSHAKE, started).await {
        Ok(Ok(started)) => started,
        Ok(Err(error)) => return End::Broken(format!("its client's hello is refused: {error}")),
        Err(_) => return End::Broken("its client's hello took too long".to_owned()),
    };
    let offered = offered(&started);
    if offered.as_ref().is_some_and(Vec::is_empty) {
        // The alert `no_application_protocol` is what an empty choice gives.
        let shown = with_protocols(&shown, vec![b"none".to_vec()]);
        drop(timeout(HANDSHAKE, started.into_stream(shown)).await);
        return End::Refused("it speaks no HTTP inside TLS, and secrets go into HTTP".to_owned());
    }
    let upstream = match timeout(HANDSHAKE, greet(ours, &site, offered.as_deref(), server)).await {
        Ok(upstream) => upstream,
        Err(_) => Err("its host's handshake took too long".to_owned()),
    };
    let chosen = match (&upstream, &offered) {
        (Ok((_, Protocol::Two)), _) => vec![KNOWN[0].to_vec()],
        (Ok((_, Protocol::One)), Some(_)) => vec![KNOWN[1].to_vec()],
        // It gets to know why in the language that it speaks.
        (Err(_), Some(offered)) => offered.iter().rev().take(1).cloned().collect(),
        (_, None) => Vec::new(),
    };
    let is_two = chosen.first().is_some_and(|word| word == KNOWN[0]);
    let client = match shake(started, with_protocols(&shown, chosen)).await {
        Ok(client) => client,
        Err(why) => return End::Broken(why),
    };
    let protocol = if is_two { Protocol::Two } else { Protocol::One };
    match upstream {
        Ok((upstream, _)) => visit::serve((site, exchange), protocol, client, upstream).await,
        Err(why) => {
            visit::apologise(&site, protocol, client, &why).await;
            End::Broken(why)
        }
    }
}

impl Meeting {
    fn new(ward: &Ward, host: &str, port: u16) -> Result<Self, String> {
        let name: DomainName = host.parse().map_err(|_| "its host is no name".to_owned())?;
        let exchange = ward.exchange(&name).ok_or("no secret names its host any more")??;
        let shown = ward.authority.server(&name)?;
        Ok(Self { site: Site::new(name, port), exchange, shown, client: ward.client.clone() })
    }
}

/// The known protocols that a client offers, in our order; none where it offers none at all.
fn offered(started: &StartHandshake<Counted>) -> Option<Vec<Vec<u8>>> {
    let hello = started.client_hello();
    let names: Vec<&[u8]> = hello.alpn()?.collect();
    let known = KNOWN.iter().filter(|known| names.contains(*known));
    Some(known.map(|known| known.to_vec()).collect())
}

fn with_protocols(shown: &ServerConfig, protocols: Vec<Vec<u8>>) -> Arc<ServerConfig> {
    let mut shown = shown.clone();
    shown.alpn_protocols = protocols;
    Arc::new(shown)
}

/// Shakes hands with the host, whose certificate must be for its name.
async fn greet(
    mut ours: ClientConfig,
    site: &Site,
    offered: Option<&[Vec<u8>]>,
    server: TcpStream,
) -> Result<(client::TlsStream<Ahead>, Protocol), String> {
    ours.alpn_protocols = offered.unwrap_or_default().to_vec();
    let name = ServerName::try_from(site.name.as_str().to_owned());
    let name = name.map_err(|_| "its host is no name".to_owned())?;
    let stream = TlsConnector::from(Arc::new(ours)).connect(name, Ahead::new(server)).await;
    let stream = stream.map_err(|error| format!("no TLS with its host: {error}"))?;
    let is_two = stream.get_ref().1.alpn_protocol() == Some(KNOWN[0]);
    Ok((stream, if is_two { Protocol::Two } else { Protocol::One }))
}

async fn shake(
    started: StartHandshake<Counted>,
    shown: Arc<ServerConfig>,
) -> Result<server::TlsStream<Counted>, String> {
    match timeout(HANDSHAKE, started.into_stream(shown)).await {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(error)) => Err(format!(
            "its client is pinned, or does not trust the sandbox's own authority: {error}"
        )),
        Err(_) => Err("its client's handshake took too long".to_owned()),
    }
}

/// Waits until a client has read its last words: with bytes of its own unread, the kernel would send
/// a reset, and throw them away (RFC 1122, 4.2.2.13).
async fn part(last: OwnedFd) {
    let Ok(mut last) = TcpStream::from_std(last.into()) else { return };
    let drained = async {
        let mut buffer = [0; 2 << 10];
        while matches!(last.read(&mut buffer).await, Ok(1..)) {}
    };
    // It is over in any case.
    drop(timeout(FAREWELL, drained).await);
}

#[cfg(test)]
mod tests;
