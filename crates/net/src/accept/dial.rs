//! Connects to what was allowed: looks a name up, decides about each address, tries them in turn.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use infield_domain::network::{DomainName, Verdict};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::defence::Defence;
use crate::relay::{self, Crowd};
use crate::sandbox::Rules;
use crate::upstream::{LookupFailure, Upstream, is_own};

/// How long one address is tried alone (RFC 8305, 5).
const STAGGER: Duration = Duration::from_millis(250);
/// How long all of them are tried.
const PATIENCE: Duration = Duration::from_secs(10);
/// Addresses that are tried at most.
const MOST: usize = 16;

type Found = Result<Vec<IpAddr>, LookupFailure>;
type Looking = Pin<Box<dyn Future<Output = Found> + Send>>;

/// The way into the host's network.
pub(crate) struct Dial {
    /// Looks a name up.
    pub(crate) addresses: Box<dyn Fn(DomainName) -> Looking + Send + Sync>,
    /// Whether an address is the host's own, which no policy opens.
    pub(crate) is_own: fn(IpAddr) -> bool,
}

/// Where a connection goes and why.
pub(super) struct Route {
    /// The addresses that are allowed.
    pub(super) addresses: Vec<IpAddr>,
    /// Why the first one is.
    pub(super) reason: String,
}

/// Why a connection was not made.
pub(super) enum Failure {
    /// It may not be.
    Refused(String),
    /// It may be, and nobody answers.
    Unreachable(String),
}

impl Dial {
    pub(crate) fn new(upstream: Arc<Upstream>) -> Self {
        let addresses = move |name: DomainName| -> Looking {
            let upstream = Arc::clone(&upstream);
            Box::pin(async move { upstream.addresses(&name).await })
        };
        Self { addresses: Box::new(addresses), is_own }
    }

    /// The addresses of a name that may be connected to.
    pub(super) async fn by_name(
        &self,
        rules: &Rules,
        name: &DomainName,
        port: u16,
    ) -> Result<Route, Failure> {
        let found = (self.addresses)(name.clone()).await;
        let found = found.map_err(|failure| Failure::Unreachable(failure.to_string()))?;
        self.choose(rules, Some(name), found.into_iter().take(MOST).map(|ip| (ip, port)))
    }

    /// An address that may be connected to.
    pub(super) fn by_address(
        &self,
        rules: &Rules,
        address: IpAddr,
        port: u16,
    ) -> Result<Route, Failure> {
        self.choose(rules, None, [(address, port)].into_iter())
    }

    fn choose(
        &self,
        rules: &Rules,
        name: Option<&DomainName>,
        found: impl Iterator<Item = (IpAddr, u16)>,
    ) -> Result<Route, Failure> {
        let mut route = Route { addresses: Vec::new(), reason: String::new() };
        let mut refused = None;
        for (address, port) in found {
            let verdict = rules.decide(name, address, port);
            let why = reason(&verdict, address);
            if rules.without.keeps(Defence::Own) && (self.is_own)(address) {
                refused.get_or_insert("it leads to the host itself".to_owned());
            } else if !verdict.is_allowed() {
                refused.get_or_insert(why);
            } else {
                if route.addresses.is_empty() {
                    route.reason = why;
                }
                route.addresses.push(address);
            }
        }
        match refused {
            _ if !route.addresses.is_empty() => Ok(route),
            Some(why) => Err(Failure::Refused(why)),
            None => Err(Failure::Unreachable("the name has no addresses".to_owned())),
        }
    }
}

/// Why a connection to an address may or may not be made.
pub(super) fn reason(verdict: &Verdict<'_>, address: IpAddr) -> String {
    match verdict {
        Verdict::Allowed(rule) | Verdict::Denied(rule) => rule.to_string(),
        Verdict::AllowedPublic => "the address is public".to_owned(),
        Verdict::DeniedSpecial(special) => format!(
            "{address} is not public ({}), and no rule names it with its port",
            special.name
        ),
        Verdict::DeniedByDefault => "no rule allows it".to_owned(),
    }
}

/// Connects to the first of these that answers. Each is given a moment before the next one.
pub(super) async fn connect(
    addresses: &[IpAddr],
    port: u16,
    crowd: &Arc<Crowd>,
) -> io::Result<(TcpStream, IpAddr)> {
    let attempt = timeout(PATIENCE, async {
        match addresses {
            [only] => attempt(*only, port, crowd).await.map(|stream| (stream, *only)),
            several => Box::pin(race(in_turn(several), port, crowd)).await,
        }
    });
    attempt.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn attempt(address: IpAddr, port: u16, crowd: &Crowd) -> io::Result<TcpStream> {
    relay::socket(address, crowd)?.connect(SocketAddr::new(address, port)).await
}

async fn race(
    addresses: Vec<IpAddr>,
    port: u16,
    crowd: &Arc<Crowd>,
) -> io::Result<(TcpStream, IpAddr)> {
    let mut waiting = addresses.into_iter();
    let mut attempts = JoinSet::new();
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        let next = waiting.next();
        let is_last = next.is_none();
        if let Some(address) = next {
            let crowd = Arc::clone(crowd);
            attempts.spawn(async move { (attempt(address, port, &crowd).await, address) });
        }
        tokio::select! {
            made = attempts.join_next() => match made {
                Some(Ok((Ok(stream), address))) => return Ok((stream, address)),
                Some(Ok((Err(error), _))) => failure = error,
                Some(Err(lost)) => failure = io::Error::other(lost),
                None => return Err(failure),
            },
            () = sleep(STAGGER), if !is_last => {}
        }
    }
}

/// The two families in turn, each in its own order (RFC 8305, 4).
fn in_turn(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let mut six = addresses.iter().filter(|address| address.is_ipv6()).copied();
    let mut four = addresses.iter().filter(|address| address.is_ipv4()).copied();
    let mut turned = Vec::with_capacity(addresses.len());
    loop {
        let before = turned.len();
        turned.extend(six.next().into_iter().chain(four.next()));
        if turned.len() == before {
            return turned;
        }
    }
}
