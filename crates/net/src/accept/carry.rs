//! One connection, from its judgement to its end.

use std::sync::Arc;
use std::time::Duration;

use infield_domain::network::Judgement;
use tokio::net::TcpStream;

use super::Shared;
use super::dial::{Failure, Route, connect};
use super::entry::Entry;
use super::greet;
use super::opened::{self, Made};
use super::seen::{Seen, is_inspected, is_opened, until_unfit};
use crate::defence::Defence;
use crate::inspect::{self, First, Sight, Silence};
use crate::proxy::Manner;
use crate::refusal;
use crate::relay::{self, Direction, End, Way};
use crate::sandbox::Rules;
use crate::web::{self, Turns};

/// How long a client of TLS or HTTP may take until its first byte.
const PATIENCE: Duration = Duration::from_secs(60);
/// The same where the server may speak first: as long as it wants.
const UNBOUNDED: Duration = Duration::from_secs(1 << 30);

const SILENT: &str = "its first bytes took too long";
const SPOKEN: &str = "its server spoke before its request came";

/// How a connection ended, unless both sides said all.
enum Stop {
    /// It is refused; its client is told, in the language of what it said.
    Refused(First, String),
    /// It is cut: the policy changed, or nothing was said for long.
    Cut(String),
    /// It is cut, because the sandbox has moved as many bytes as it may.
    Spent,
    /// It may be, and broke, or was never made.
    Broken(String),
    /// It speaks HTTP, and this is what it said so far.
    Web(First),
    /// It is TLS for a secret host, and this is what it said so far.
    Open(First),
}

/// A connection that is made on both sides.
struct Link<'a> {
    shared: &'a Shared,
    entry: &'a Entry,
    client: Arc<TcpStream>,
    server: Arc<TcpStream>,
    seen: Seen,
    /// What its first request to a proxy is for, if it began with one.
    host: Option<String>,
}

/// What became of a connection that may be.
enum Passed {
    /// It is over, and this is why it might be.
    Over(String),
    /// It is TLS for a secret host, and made.
    Secret { server: Arc<TcpStream>, first: First, reason: String },
}

/// Who asks for a connection.
pub(super) struct Caller {
    pub(super) stream: TcpStream,
    /// What it said already.
    pub(super) first: First,
    pub(super) manner: Manner,
}

impl Caller {
    /// One that said nothing yet.
    pub(super) fn steered(stream: TcpStream) -> Self {
        Self { stream, first: First::default(), manner: Manner::Steered }
    }
}

/// Carries a connection from its judgement to its end.
pub(super) async fn carry(shared: &Shared, entry: &Entry, caller: Caller) {
    let Caller { stream, first, mut manner } = caller;
    let _member = shared.sandbox.crowd.join();
    let is_bounded = shared.sandbox.rules().without.keeps(Defence::Buffers);
    if is_bounded && let Err(error) = relay::welcome(&stream, &shared.sandbox.crowd) {
        return entry.end(Judgement::Allowed, format!("it broke: {error}"));
    }
    let client = Arc::new(stream);
    let ended = match open_and_exchange(shared, entry, (&client, first), &mut manner).await {
        Ok(Passed::Secret { server, first, reason }) => {
            return opened::carry(shared, entry, Made { client, server, first, reason }).await;
        }
        Ok(Passed::Over(why)) => Ok(why),
        Err(stop) => Err(stop),
    };
    match ended {
        Ok(why) => entry.end(Judgement::Allowed, why),
        Err(Stop::Refused(first, why)) => {
            entry.end(Judgement::Refused, why.clone());
            let refusal = entry.refusal(why);
            match manner {
                Manner::Steered => refusal::tell(&client, first, &refusal).await,
                manner => refusal::farewell(&client, &manner.refused(&refusal)).await,
            }
        }
        Err(Stop::Cut(why)) => {
            entry.end(Judgement::Cut, why);
            relay::reset(&client);
        }
        Err(Stop::Spent) => {
            entry.end(Judgement::Exceeded, relay::SPENT);
            relay::reset(&client);
        }
        Err(Stop::Broken(why)) => {
            let text =
                format!("infield did not reach {}:{}: {why}", entry.host(), entry.asked.port);
            entry.end(Judgement::Allowed, why);
            refusal::farewell(&client, &manner.unreachable(&text)).await;
        }
        // It is served where it is found.
        Err(Stop::Web(_) | Stop::Open(_)) => relay::reset(&client),
    }
}

/// `manner` is how its client is to be answered, until it was.
async fn open_and_exchange(
    shared: &Shared,
    entry: &Entry,
    (client, mut first): (&Arc<TcpStream>, First),
    manner: &mut Manner,
) -> Result<Passed, Stop> {
    let rules = shared.sandbox.rules();
    if let (Some(name), true) = (&entry.asked.name, *manner != Manner::Steered) {
        let found = greet::look_up(shared, name, entry.asked.port).await;
        found.map_err(|why| Stop::Refused(First::default(), why.to_owned()))?;
    }
    let is_inspected = is_inspected(&rules, entry);
    let is_request = matches!(manner, Manner::Request(_));
    let mut sight = match manner {
        Manner::Tunnel | Manner::Socks if is_inspected => None,
        _ if is_inspected => early_look(&rules, entry, client, &mut first).await?,
        _ => Some(if is_request { Sight::Http } else { Sight::Bytes }),
    };
    if is_request {
        sight.get_or_insert(Sight::Http);
    }
    let (route, server) = open(shared, entry, &rules).await.map_err(|failure| match failure {
        Failure::Refused(why) => Stop::Refused(std::mem::take(&mut first), why),
        Failure::Unreachable(why) => Stop::Broken(why),
    })?;
    let (client, server) = (Arc::clone(client), Arc::new(server));
    let is_inspected = is_inspected || is_request;
    let seen = Seen { is_inspected, is_opened: is_opened(&rules, entry) };
    let host =
        grant(manner, &client).map_err(|Gone| Stop::Broken("its client is gone".to_owned()))?;
    let link = Link { shared, entry, client, server, seen, host };
    let ended = tokio::select! {
        biased;
        why = until_unfit(shared, entry, seen) => Err(Stop::Cut(why)),
        end = relay::idle(&entry.meter) => Err(end.into()),
        ended = begin(&link, first, sight) => ended,
    };
    if let Err(Stop::Open(first)) = ended {
        return Ok(Passed::Secret { server: link.server, first, reason: route.reason });
    }
    if ended.is_err() {
        relay::reset(&link.server);
    }
    match ended {
        Err(Stop::Broken(why)) => Err(Stop::Broken(format!("{}; {why}", route.reason))),
        ended => ended.map(|()| Passed::Over(route.reason)),
    }
}

/// A client that cannot be told that its connection is made.
pub(super) struct Gone;

/// Tells a client of the proxy that its connection is made. From here on it is answered like any
/// other. Gives the host of its request.
pub(super) fn grant(manner: &mut Manner, client: &TcpStream) -> Result<Option<String>, Gone> {
    let manner = std::mem::replace(manner, Manner::Steered);
    let word = manner.granted();
    // It fits: little was written before, and nothing waits to be read.
    if !word.is_empty() && !matches!(client.try_write(word), Ok(written) if written == word.len()) {
        return Err(Gone);
    }
    Ok(if let Manner::Request(host) = manner { Some(host) } else { None })
}

/// Looks at the first bytes before anything else is done, where the client always speaks first.
/// None where the server may.
async fn early_look(
    rules: &Rules,
    entry: &Entry,
    client: &TcpStream,
    first: &mut First,
) -> Result<Option<Sight>, Stop> {
    let (Some(name), port) = (&entry.asked.name, entry.asked.port) else { return Ok(None) };
    if !rules.opens(name, port) {
        return Err(Stop::Refused(First::default(), "no rule allows it".to_owned()));
    }
    if !matches!(port, 80 | 443) {
        return Ok(None);
    }
    let judge = |bytes: &[u8]| inspect::look(bytes, name, port).without(rules.without);
    match first.look(client, PATIENCE, judge).await {
        Ok(Sight::Refused(why)) => Err(Stop::Refused(std::mem::take(first), why.to_owned())),
        Ok(sight) => Ok(Some(sight)),
        Err(Silence::Ended) => Err(Stop::Broken("its client said nothing".to_owned())),
        Err(Silence::Slow) => Err(Stop::Refused(std::mem::take(first), SILENT.to_owned())),
    }
}

/// Connects to what was asked for.
async fn open(
    shared: &Shared,
    entry: &Entry,
    rules: &Rules,
) -> Result<(Route, TcpStream), Failure> {
    let port = entry.asked.port;
    let route = match (&entry.asked.name, entry.asked.address) {
        (Some(name), _) => shared.dial.by_name(rules, name, port).await?,
        (None, Some(address)) => shared.dial.by_address(rules, address, port)?,
        (None, None) => return Err(Failure::Refused("it was meant for nobody".to_owned())),
    };
    let crowd = &shared.sandbox.crowd;
    let connected = match connect(&route.addresses, port, crowd).await {
        Ok((server, address)) => relay::prepare(&server).map(|()| (server, address)),
        Err(error) => Err(error),
    };
    let unreachable =
        |error| Failure::Unreachable(format!("{}; not reached: {error}", route.reason));
    let (server, address) = connected.map_err(unreachable)?;
    entry.reach(Some(address));
    Ok((route, server))
}

/// Looks at the first bytes that come after the proxy's answer, where nobody did before.
async fn begin(link: &Link<'_>, mut first: First, sight: Option<Sight>) -> Result<(), Stop> {
    let sight = match sight {
        None => {
            let rules = link.shared.sandbox.rules();
            early_look(&rules, link.entry, &link.client, &mut first).await?
        }
        known => known,
    };
    exchange(link, first, sight).await
}

/// Carries what both sides say.
async fn exchange(link: &Link<'_>, first: First, sight: Option<Sight>) -> Result<(), Stop> {
    let stop = match sight {
        Some(Sight::Http) => Stop::Web(first),
        Some(Sight::Tls) if link.seen.is_opened => Stop::Open(first),
        Some(sight) => {
            return tokio::try_join!(pass(link, first, sight), incoming(link)).map(drop);
        }
        None => match tokio::try_join!(late_look(link, first), incoming(link)) {
            Ok(_) => return Ok(()),
            Err(stop) => stop,
        },
    };
    match stop {
        Stop::Web(first) | Stop::Open(first) if link.entry.meter.bytes(Direction::In) > 0 => {
            Err(Stop::Refused(first, SPOKEN.to_owned()))
        }
        // In a box: it is large, and most connections never are.
        Stop::Web(first) => Box::pin(browse(link, first)).await,
        other => Err(other),
    }
}

/// Carries what the client says after its first bytes, which may pass. A second hello of TLS must
/// be for the same name.
async fn pass(link: &Link<'_>, mut first: First, sight: Sight) -> Result<(), Stop> {
    let (Some(name), Sight::Tls) = (&link.entry.asked.name, sight) else {
        return Ok(relay::pump(outgoing(link), &first.bytes).await?);
    };
    let end = inspect::end_of_hello(&first.bytes);
    relay::send(outgoing(link), first.bytes.get(..end).unwrap_or_default()).await?;
    let without = link.shared.sandbox.rules().without;
    let judge = |bytes: &[u8]| inspect::look_again(bytes, name).without(without);
    match first.look(&link.client, UNBOUNDED, judge).await {
        Ok(Sight::Refused(why)) => return Err(Stop::Refused(first, why.to_owned())),
        Err(Silence::Slow) => return Err(Stop::Refused(first, SILENT.to_owned())),
        Ok(Sight::Tls | Sight::Bytes | Sight::Http | Sight::More) | Err(Silence::Ended) => {}
    }
    Ok(relay::pump(outgoing(link), first.bytes.get(end..).unwrap_or_default()).await?)
}

/// Waits for the client's first bytes while the server may speak, and carries what it says.
async fn late_look(link: &Link<'_>, mut first: First) -> Result<(), Stop> {
    let Some(name) = &link.entry.asked.name else { return Ok(()) };
    let (port, without) = (link.entry.asked.port, link.shared.sandbox.rules().without);
    let judge = |bytes: &[u8]| inspect::look(bytes, name, port).without(without);
    match first.look(&link.client, UNBOUNDED, judge).await {
        Ok(Sight::Refused(why)) => Err(Stop::Refused(first, why.to_owned())),
        Err(Silence::Slow) => Err(Stop::Refused(first, SILENT.to_owned())),
        Ok(Sight::Http) => Err(Stop::Web(first)),
        Ok(Sight::Tls) if link.seen.is_opened => Err(Stop::Open(first)),
        Ok(sight) => pass(link, first, sight).await,
        // What ended before it could be told is no request, and no hello.
        Err(Silence::Ended) => pass(link, first, Sight::Bytes).await,
    }
}

async fn incoming(link: &Link<'_>) -> Result<(), Stop> {
    Ok(relay::pump(back(link), &[]).await?)
}

/// Carries requests of HTTP, each of them checked.
async fn browse(link: &Link<'_>, first: First) -> Result<(), Stop> {
    let without = link.shared.sandbox.rules().without;
    let (name, turns) = match &link.host {
        Some(host) => (host.clone(), Turns::One),
        None => (link.entry.host(), Turns::Many),
    };
    let site = web::Site { name, port: link.entry.asked.port, without };
    let meter = &link.entry.meter;
    let client = web::Stream::counted(Arc::clone(&link.client), meter, first.bytes);
    let server = web::Stream::plain(Arc::clone(&link.server));
    let refuse = |why: &str| link.entry.refusal(why);
    let secrets = Arc::clone(&link.shared.sandbox.rules().secrets);
    let refused = web::serve((site, turns), secrets, (client, server), &refuse).await;
    if relay::is_spent(&link.shared.sandbox) {
        return Err(End::Spent.into());
    }
    if let Some(why) = refused {
        link.entry.end(Judgement::Refused, why);
    }
    refusal::close(&link.client).await;
    Ok(())
}

fn outgoing<'a>(link: &'a Link<'_>) -> Way<'a> {
    let (from, to) = (&*link.client, &*link.server);
    Way { from, to, meter: &link.entry.meter, direction: Direction::Out }
}

fn back<'a>(link: &'a Link<'_>) -> Way<'a> {
    let (from, to) = (&*link.server, &*link.client);
    Way { from, to, meter: &link.entry.meter, direction: Direction::In }
}

impl From<End> for Stop {
    fn from(end: End) -> Self {
        match end {
            End::Broken(error) => Self::Broken(format!("it broke: {error}")),
            End::Spent => Self::Spent,
            End::Idle => Self::Cut("nothing was said for long".to_owned()),
        }
    }
}
