//! Looking names up in the host's network.
//!
//! The resolvers that are given are asked, or those of the host's `/etc/resolv.conf`. Neither its
//! search domains nor the host's file of names are ever used: a sandbox learns no name that only
//! the host knows. Both families are asked for at once. Answers are kept for all sandboxes, so how
//! long one takes may tell that another sandbox asked before; nothing else does.

mod cache;
mod own;
#[cfg(feature = "weaken")]
mod pass;
mod resolvers;

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name, RecordType};
use hickory_resolver::TokioResolver;
use hickory_resolver::net::{DnsError, NetError};
use infield_domain::network::DomainName;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use self::cache::Cache;
use self::resolvers::Resolvers;

pub(crate) use self::own::is_own;

/// How long one look-up takes at most, all resolvers and attempts together.
const LIMIT: Duration = Duration::from_secs(5);
/// How long the second family is waited for when the first one has addresses. Some resolvers never
/// answer for version 6 (RFC 4074), and nobody should wait for those each time.
const STRAGGLER: Duration = Duration::from_millis(300);
/// Look-ups at once, for all sandboxes: many times what one of them may have, so that a few with
/// slow names do not take all places. Each one has two sockets.
const MOST_AT_ONCE: usize = 1_024;
/// Addresses of each family that are kept.
const MOST_ADDRESSES: usize = 16;

/// How long addresses are kept, whatever their owner says.
const KEPT: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));
/// How long it is kept that there are none.
const NONE_KEPT: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(30));
/// How long it is kept that nobody answered (RFC 9520).
const FAILURE_KEPT: Duration = Duration::from_secs(1);

/// Why a name has no addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LookupFailure {
    /// The name does not exist.
    #[error("no such name")]
    NoSuchName,
    /// Nobody answered in time, or not with sense.
    #[error("no resolver answered")]
    NoAnswer,
}

/// What a look-up found; no address when the name exists without any.
type Outcome = Result<Vec<IpAddr>, LookupFailure>;

/// An outcome, and how long it holds.
#[derive(Clone, Debug)]
struct Finding {
    outcome: Outcome,
    holds: Duration,
}

/// The resolvers, and what they answered.
#[derive(Debug)]
pub(crate) struct Upstream {
    resolvers: Resolvers,
    cache: Cache,
    places: Semaphore,
}

impl Upstream {
    /// Asks these resolvers, or the host's own when there is none.
    pub(crate) fn new(resolvers: &[SocketAddr]) -> Self {
        Self::with(Resolvers::new(resolvers))
    }

    fn with(resolvers: Resolvers) -> Self {
        Self { resolvers, cache: Cache::default(), places: Semaphore::new(MOST_AT_ONCE) }
    }

    /// The addresses of a name, of both families, none of them looked at. There is none when the
    /// name exists without an address.
    pub(crate) async fn addresses(&self, name: &DomainName) -> Outcome {
        if let Some(known) = self.cache.get(name, Instant::now()) {
            return known;
        }
        let found = timeout(LIMIT, self.ask(name)).await.unwrap_or(Finding::NO_ANSWER);
        self.cache.keep(name, &found, Instant::now());
        found.outcome
    }

    /// Whether a look-up of a name would ask nobody.
    pub(crate) fn knows(&self, name: &DomainName) -> bool {
        self.cache.get(name, Instant::now()).is_some()
    }

    async fn ask(&self, name: &DomainName) -> Finding {
        let Ok(_place) = self.places.acquire().await else { return Finding::NO_ANSWER };
        // The final dot keeps the resolver from trying anything else.
        let Ok(full) = Name::from_ascii(format!("{name}.")) else { return Finding::NO_ANSWER };
        match self.resolvers.current().await {
            Some(resolver) => both_families(&resolver, &full).await,
            None => Finding::NO_ANSWER,
        }
    }
}

impl Finding {
    const NO_ANSWER: Self = Self::failed(LookupFailure::NoAnswer, FAILURE_KEPT);

    const fn failed(failure: LookupFailure, holds: Duration) -> Self {
        Self { outcome: Err(failure), holds }
    }

    fn has_addresses(&self) -> bool {
        self.outcome.as_ref().is_ok_and(|addresses| !addresses.is_empty())
    }

    /// One finding of two families.
    fn join(self, other: Self) -> Self {
        let holds = self.holds.min(other.holds);
        match (self.outcome, other.outcome) {
            (Ok(mut four), Ok(six)) => {
                four.extend(six);
                Self { outcome: Ok(four), holds }
            }
            // Some servers deny a name that has addresses of the other family only (RFC 4074).
            (Ok(found), Err(LookupFailure::NoSuchName))
            | (Err(LookupFailure::NoSuchName), Ok(found)) => Self { outcome: Ok(found), holds },
            (Ok(found), Err(LookupFailure::NoAnswer))
            | (Err(LookupFailure::NoAnswer), Ok(found)) => match found.is_empty() {
                true => Self::NO_ANSWER,
                // The other family may have some too; it is asked for again before long.
                false => Self { outcome: Ok(found), holds: KEPT.0 },
            },
            (Err(LookupFailure::NoSuchName), Err(_)) | (Err(_), Err(LookupFailure::NoSuchName)) => {
                Self::failed(LookupFailure::NoSuchName, holds)
            }
            (Err(LookupFailure::NoAnswer), Err(LookupFailure::NoAnswer)) => Self::NO_ANSWER,
        }
    }
}

async fn both_families(resolver: &TokioResolver, name: &Name) -> Finding {
    let mut four = pin!(one_family(resolver, name, RecordType::A));
    let mut six = pin!(one_family(resolver, name, RecordType::AAAA));
    tokio::select! {
        found = &mut four => {
            let other = straggler(&found, six).await;
            found.join(other)
        }
        found = &mut six => straggler(&found, four).await.join(found),
    }
}

/// The second family, when the first one is there already.
async fn straggler(first: &Finding, second: impl Future<Output = Finding>) -> Finding {
    if !first.has_addresses() {
        return second.await;
    }
    timeout(STRAGGLER, second).await.unwrap_or(Finding::NO_ANSWER)
}

async fn one_family(resolver: &TokioResolver, name: &Name, family: RecordType) -> Finding {
    match resolver.lookup(name.clone(), family).await {
        Ok(found) => {
            let addresses = found.answers().iter().filter_map(|record| record.data.ip_addr());
            let outcome = Ok(addresses.take(MOST_ADDRESSES).collect());
            let holds = found.valid_until().saturating_duration_since(std::time::Instant::now());
            Finding { outcome, holds: holds.clamp(KEPT.0, KEPT.1) }
        }
        Err(error) => without_addresses(&error),
    }
}

fn without_addresses(error: &NetError) -> Finding {
    let NetError::Dns(DnsError::NoRecordsFound(none)) = error else {
        tracing::debug!(%error, "a look-up failed");
        return Finding::NO_ANSWER;
    };
    let seconds = none.negative_ttl.unwrap_or_default();
    let holds = Duration::from_secs(seconds.into()).clamp(NONE_KEPT.0, NONE_KEPT.1);
    match none.response_code {
        ResponseCode::NXDomain => Finding::failed(LookupFailure::NoSuchName, holds),
        ResponseCode::NoError => Finding { outcome: Ok(Vec::new()), holds },
        _ => Finding::NO_ANSWER,
    }
}

#[cfg(test)]
pub(crate) mod tests;
