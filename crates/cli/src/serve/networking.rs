//! What the operator says about the network of sandboxes.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use infield_domain::network::{self, Allowance, Ceilings, Policy, Rule};
use infield_domain::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::args::value;

/// Variables that say the same as the options of `infield serve`, for a daemon in the background.
pub(crate) const NETWORK: &str = "INFIELD_NETWORK";
pub(crate) const LIMITED: &str = "INFIELD_LIMITED";
pub(crate) const RESOLVER: &str = "INFIELD_RESOLVER";
pub(crate) const NET_BANDWIDTH: &str = "INFIELD_NET_BANDWIDTH";
pub(crate) const NET_CONNECTIONS: &str = "INFIELD_NET_CONNECTIONS";
pub(crate) const NET_TOTAL: &str = "INFIELD_NET_TOTAL";

/// The port of a resolver that was given without one.
const DNS: u16 = 53;

/// What holds for all sandboxes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Networking {
    /// What a sandbox may reach when its maker does not say; none leaves it to what the host can.
    pub(crate) standard: Option<Policy>,
    /// The rules behind `limited`.
    pub(crate) limited: Vec<Rule>,
    /// How much a sandbox's network may carry when its maker does not say.
    pub(crate) allowance: Allowance,
    /// Where names are looked up; the host's own resolvers when empty.
    pub(crate) resolvers: Vec<SocketAddr>,
}

impl Networking {
    /// Reads the preset's file, if there is one.
    pub(crate) fn new(
        standard: Option<Policy>,
        limited: Option<&Path>,
        resolvers: &[String],
    ) -> Result<Self> {
        let read = |path: &Path| {
            std::fs::read_to_string(path).map_err(|error| {
                let text = format!("the preset `{}` cannot be read", path.display());
                Error::invalid(text)
                    .with_hint("name a file with one rule on each line")
                    .with_source(error)
            })
        };
        let text = limited.map(read).transpose()?;
        let limited = network::limited(text.as_deref().unwrap_or(network::LIMITED))?;
        let resolvers = resolvers.iter().map(|text| resolver(text)).collect::<Result<_>>()?;
        Ok(Self { standard, limited, allowance: Allowance::DEFAULT, resolvers })
    }

    /// What the environment says.
    pub(crate) fn from_environment() -> Result<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let standard = variable(NETWORK).map(|word| word.parse()).transpose()?;
        let limited = variable(LIMITED);
        let resolvers: Vec<String> =
            variable(RESOLVER).iter().flat_map(|text| text.split(',')).map(str::to_owned).collect();
        let bytes = |name: &str| -> Result<Option<u64>> {
            let read = |text: String| {
                value::size_bytes(&text).map_err(|hint| wrong(name, &text).with_hint(hint))
            };
            variable(name).map(read).transpose()
        };
        let number = |text: String| {
            text.parse().map_err(|_| wrong(NET_CONNECTIONS, &text).with_hint("write a number"))
        };
        let ceilings = Ceilings {
            connections: variable(NET_CONNECTIONS).map(number).transpose()?,
            bytes_per_second: bytes(NET_BANDWIDTH)?,
            total_bytes: bytes(NET_TOTAL)?,
        };
        let all = Self::new(standard, limited.as_deref().map(Path::new), &resolvers)?;
        all.with_ceilings(ceilings)
    }

    /// The same with other ceilings.
    pub(crate) fn with_ceilings(self, ceilings: Ceilings) -> Result<Self> {
        Ok(Self { allowance: ceilings.settle(Allowance::DEFAULT)?, ..self })
    }
}

fn wrong(name: &str, text: &str) -> Error {
    Error::invalid(format!("`{name}` is `{text}`"))
}

fn resolver(text: &str) -> Result<SocketAddr> {
    let address = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, DNS));
    address.or_else(|_| text.parse()).map_err(|_| {
        Error::invalid(format!("`{text}` is no address of a resolver"))
            .with_hint("write it like `192.0.2.53`, `192.0.2.53:5353` or `[2001:db8::53]:53`")
    })
}
