//! What is known of one sandbox while it has secrets here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use infield_domain::SandboxId;
use infield_domain::network::{DomainName, Pattern};
use infield_domain::secret::{Given, SecretName};
use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use tokio::sync::Semaphore;

use crate::authority::Authority;
use crate::exchange::{Exchange, Held};
use crate::seal::Key;
use crate::trust::Trust;

/// Hosts whose tables are kept; a wildcard has any number.
const MOST_KEPT: usize = 64;
/// Bodies that are gathered at once; further ones stream.
const MOST_GATHERED: usize = 32;

/// One sandbox. All values go with it.
pub(crate) struct Ward {
    held: Vec<Held>,
    hosts: Vec<Pattern>,
    pub(crate) authority: Arc<Authority>,
    pub(crate) client: ClientConfig,
    exchanges: Mutex<HashMap<DomainName, Arc<Exchange>>>,
    places: Arc<Semaphore>,
}

/// Why a sandbox cannot be taken in.
pub(crate) enum Refusal {
    /// This value was sealed with another key, or for other hosts.
    Locked(SecretName),
    /// Something else.
    Fault(String),
}

impl Ward {
    /// Opens the values of a sandbox. Its authority stays the same for the same hosts.
    pub(crate) fn new(
        sandbox: &SandboxId,
        given: Vec<Given>,
        before: Option<&Self>,
        with: (&Key, &Trust, &Arc<CryptoProvider>),
    ) -> Result<Self, Refusal> {
        let (key, trust, provider) = with;
        let open = |one: Given| {
            let value = key.open(&one.secret, &one.hosts, &one.sealed);
            let Given { secret, placeholder, hosts, .. } = one;
            match value {
                Some(value) => Ok(Held { secret, placeholder, hosts, value }),
                None => Err(Refusal::Locked(secret)),
            }
        };
        let held = given.into_iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let mut hosts: Vec<Pattern> = held.iter().flat_map(|one| one.hosts.clone()).collect();
        hosts.sort_by_key(ToString::to_string);
        hosts.dedup();
        let authority = match before.filter(|before| before.hosts == hosts) {
            Some(before) => Arc::clone(&before.authority),
            None => Arc::new(Authority::new(sandbox, &hosts, provider).map_err(Refusal::Fault)?),
        };
        let client = trust.client().map_err(Refusal::Fault)?;
        let (exchanges, places) = (Mutex::default(), Arc::new(Semaphore::new(MOST_GATHERED)));
        Ok(Self { held, hosts, authority, client, exchanges, places })
    }

    /// Whether it has the same as another.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.held == other.held
    }

    /// What is put where on connections to a host; none for one that no secret names.
    pub(crate) fn exchange(&self, host: &DomainName) -> Option<Result<Arc<Exchange>, String>> {
        self.hosts.iter().find(|pattern| pattern.fits(host))?;
        let mut known = self.exchanges.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(exchange) = known.get(host) {
            return Some(Ok(Arc::clone(exchange)));
        }
        if known.len() >= MOST_KEPT {
            known.clear();
        }
        Some(Exchange::new(&self.held, host, &self.places).map(|exchange| {
            let exchange = Arc::new(exchange);
            known.insert(host.clone(), Arc::clone(&exchange));
            exchange
        }))
    }
}
