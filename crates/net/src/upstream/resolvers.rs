//! Who is asked: the resolvers given, or the host's own as its file says now.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ProtocolConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::{Resolver, TokioResolver};
use tokio::time::Instant;

/// Where the host's resolvers are written.
const FILE: &str = "/etc/resolv.conf";
/// Resolvers of that file that count: `MAXNS` of resolv.conf(5).
const MOST: usize = 3;
/// How often the file is read: a host that moves to another network gets other resolvers.
const READ_EACH: Duration = Duration::from_secs(5);
/// How long one resolver has for its answer, and how often it is asked again.
const ATTEMPT: (Duration, usize) = (Duration::from_secs(2), 1);
/// Questions at once on one connection to a resolver.
const MOST_AT_ONCE: usize = 256;

/// Who is asked.
#[derive(Debug)]
pub(super) struct Resolvers {
    /// The file that says it, if one does.
    file: Option<PathBuf>,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    servers: Vec<SocketAddr>,
    resolver: Option<TokioResolver>,
    read_at: Option<Instant>,
}

impl Resolvers {
    /// These, or those of the host's file when there is none.
    pub(super) fn new(servers: &[SocketAddr]) -> Self {
        if servers.is_empty() {
            return Self::in_file(FILE.into());
        }
        let current =
            Current { servers: servers.to_vec(), resolver: resolver(servers), read_at: None };
        Self { file: None, current: Mutex::new(current) }
    }

    /// Those that a file says.
    pub(super) fn in_file(file: PathBuf) -> Self {
        let current = Current { servers: Vec::new(), resolver: None, read_at: None };
        Self { file: Some(file), current: Mutex::new(current) }
    }

    /// Who is asked now.
    pub(super) async fn current(&self) -> Option<TokioResolver> {
        if let Some(file) = &self.file
            && self.is_due(Instant::now())
        {
            // Without the file, the resolver is on the host itself: resolv.conf(5).
            let text = tokio::fs::read_to_string(file).await.unwrap_or_default();
            self.lock().change(servers_of(&text));
        }
        self.lock().resolver.clone()
    }

    /// Whether the file is to be read. One of those who ask reads it, the others go on with what
    /// was read before, if anything was.
    fn is_due(&self, now: Instant) -> bool {
        let mut current = self.lock();
        let is_fresh = current.read_at.is_some_and(|at| now < at + READ_EACH);
        if is_fresh && current.resolver.is_some() {
            return false;
        }
        current.read_at = Some(now);
        true
    }

    /// The first one that is asked now.
    #[cfg(feature = "weaken")]
    pub(super) fn first(&self) -> Option<SocketAddr> {
        self.lock().servers.first().copied()
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        // Nothing in a critical section can panic half-way, so what is there is whole.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Current {
    fn change(&mut self, servers: Vec<SocketAddr>) {
        if self.servers != servers || self.resolver.is_none() {
            self.resolver = resolver(&servers);
            self.servers = servers;
        }
    }
}

/// The resolvers that the text of a file names. Its other lines, search domains above all, are not
/// for sandboxes.
fn servers_of(text: &str) -> Vec<SocketAddr> {
    let named = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        words.next().filter(|word| *word == "nameserver")?;
        words.next()?.parse::<IpAddr>().ok()
    });
    let mut servers: Vec<_> = named.take(MOST).map(|address| (address, 53).into()).collect();
    if servers.is_empty() {
        servers.push((Ipv4Addr::LOCALHOST, 53).into());
    }
    servers
}

fn resolver(servers: &[SocketAddr]) -> Option<TokioResolver> {
    let servers = servers.iter().map(|server| {
        let connections = [ProtocolConfig::Udp, ProtocolConfig::Tcp].map(|protocol| {
            let mut connection = ConnectionConfig::new(protocol);
            connection.port = server.port();
            connection
        });
        NameServerConfig::new(server.ip(), true, connections.into())
    });
    let config = ResolverConfig::from_name_servers(servers.collect());
    let builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
    match builder.with_options(options()).build() {
        Ok(resolver) => Some(resolver),
        Err(error) => {
            tracing::error!(%error, "no name can be looked up");
            None
        }
    }
}

fn options() -> ResolverOpts {
    let mut options = ResolverOpts::default();
    (options.timeout, options.attempts) = ATTEMPT;
    options.max_active_requests = MOST_AT_ONCE;
    options.cache_size = 0;
    options.preserve_intermediates = false;
    // Names of the host's own file are not for sandboxes.
    options.use_hosts_file = ResolveHosts::Never;
    options
}

#[cfg(test)]
mod tests;
