//! Previews: how a port inside a sandbox is named outside, and who may visit it.
//!
//! Each port has a host name of its own, `3000-sbx-0123456789abcdef.HOST`, and with it an origin
//! that it shares with nothing else. A port is private until somebody makes it public. Its tokens
//! are bound to sandbox, port and a generation; when the generation changes, all of them end.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, Result, SandboxId};

/// The query that carries a token in a link.
pub const TOKEN_QUERY: &str = "infield_preview_token";

/// Ports of one sandbox about which something may be settled.
const MOST_SETTLED: usize = 64;

/// A port of a sandbox, as a label of a host name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PreviewName {
    /// The port inside.
    pub port: NonZeroU16,
    /// The sandbox.
    pub sandbox: SandboxId,
}

impl fmt::Display for PreviewName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.port, self.sandbox)
    }
}

impl PreviewName {
    /// Reads a label in the one way in which it is written, so that a port has one origin.
    pub fn of_label(label: &str) -> Option<Self> {
        let (port, sandbox) = label.split_once('-')?;
        let name = Self { port: port.parse().ok()?, sandbox: sandbox.parse().ok()? };
        (name.to_string() == label).then_some(name)
    }
}

/// Where previews are found: scheme, host and port of the listener, as visitors write them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin {
    scheme: Scheme,
    host: String,
    port: Option<u16>,
}

/// How visitors speak to the listener, or to the proxy in front of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// The word of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl Origin {
    /// `scheme://localhost:port`: resolvers and browsers map names below `localhost` to loopback.
    pub fn localhost(scheme: Scheme, port: u16) -> Self {
        Self { scheme, host: "localhost".to_owned(), port: Some(port) }
    }

    /// How visitors speak.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The name and port that a visitor of this preview writes, as in `Host`.
    pub fn authority(&self, name: &PreviewName) -> String {
        match self.port {
            Some(port) => format!("{name}.{}:{port}", self.host),
            None => format!("{name}.{}", self.host),
        }
    }

    /// The address of a preview, without a path.
    pub fn of(&self, name: &PreviewName) -> String {
        format!("{}://{}", self.scheme.as_str(), self.authority(name))
    }

    /// The preview that a `Host` names. The port is not looked at, because tunnels change it.
    pub fn read_host(&self, host: &str) -> Option<PreviewName> {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            Some(_) => return None,
            None => host,
        };
        let name = name.to_ascii_lowercase();
        let label = name.strip_suffix(&self.host)?.strip_suffix('.')?;
        PreviewName::of_label(label)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}://{}", self.scheme.as_str(), self.host)?;
        self.port.map_or(Ok(()), |port| write!(out, ":{port}"))
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.to_string()
    }
}

impl TryFrom<String> for Origin {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl FromStr for Origin {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::invalid(format!("`{text}` is no address for previews"))
                .with_hint("write it like `https://preview.example.org` or `http://localhost:3987`")
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(wrong()),
        };
        let (host, port) = match rest.trim_end_matches('/').split_once(':') {
            Some((host, port)) => (host, Some(port.parse().map_err(|_| wrong())?)),
            None => (rest.trim_end_matches('/'), None),
        };
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        // An address has no names below it.
        let is_name = host.split('.').all(is_label)
            && host.bytes().any(|byte| byte.is_ascii_lowercase())
            && host.len() <= 200;
        if !is_name {
            return Err(wrong());
        }
        Ok(Self { scheme, host: host.to_owned(), port })
    }
}

/// Who may visit a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Whoever has a token of it.
    #[default]
    Private,
    /// Everybody who reaches the listener.
    Public,
}

impl Access {
    fn is_private(&self) -> bool {
        *self == Self::Private
    }

    /// The word of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Public => "public",
        }
    }
}

/// What is changed about a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Who may visit it.
    Access(Access),
    /// Every token that was ever given out for it ends.
    Expire,
}

/// What is settled about the ports of one sandbox.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previews {
    #[serde(default)]
    ports: BTreeMap<NonZeroU16, Settled>,
    /// Who may visit any port. A port that is public by itself stays so when this is private.
    #[serde(default, skip_serializing_if = "Access::is_private")]
    pub everywhere: Access,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Settled {
    access: Access,
    generation: u32,
}

impl Previews {
    /// This access to every port, and nothing settled about single ones.
    pub fn everywhere(access: Access) -> Self {
        Self { ports: BTreeMap::new(), everywhere: access }
    }

    /// Who may visit a port.
    pub fn access(&self, port: NonZeroU16) -> Access {
        match self.everywhere {
            Access::Public => Access::Public,
            Access::Private => {
                self.ports.get(&port).map_or(Access::Private, |settled| settled.access)
            }
        }
    }

    /// The generation that tokens of a port must have.
    pub fn generation(&self, port: NonZeroU16) -> u32 {
        self.ports.get(&port).map_or(0, |settled| settled.generation)
    }

    /// The ports that everybody may visit by a settlement of their own.
    pub fn public(&self) -> BTreeSet<NonZeroU16> {
        let public = self.ports.iter().filter(|(_, settled)| settled.access == Access::Public);
        public.map(|(port, _)| *port).collect()
    }

    /// Settles something about a port.
    pub fn change(&mut self, port: NonZeroU16, change: Change) -> Result<()> {
        let mut settled = self.ports.get(&port).copied().unwrap_or_default();
        match change {
            Change::Access(access) => settled.access = access,
            Change::Expire => {
                settled.generation = settled.generation.checked_add(1).ok_or_else(|| {
                    Error::conflict("the tokens of this port were ended too often")
                        .with_hint("make another sandbox")
                })?;
            }
        }
        if settled == Settled::default() {
            self.ports.remove(&port);
        } else if self.ports.contains_key(&port) || self.ports.len() < MOST_SETTLED {
            self.ports.insert(port, settled);
        } else {
            return Err(Error::new(
                crate::Kind::Quota,
                format!("more than {MOST_SETTLED} ports of the sandbox are settled about"),
            )
            .with_hint("make one of its public ports private again"));
        }
        Ok(())
    }
}

/// The state of a listening socket in the kernel's table, proc_net_tcp.rst.
const LISTEN: &str = "0A";

/// The id that stands for accounts which a sandbox does not know.
const UNKNOWN_ACCOUNT: &str = "65534";

/// The first port that the kernel hands out by itself.
const FIRST_EPHEMERAL: u16 = 32_768;

/// The ports that can be visited, by the text of `/proc/net/tcp` or `/proc/net/tcp6`: those that
/// somebody listens to on the loopback or on every address. The text is the guest's word.
///
/// A sandbox's network has a listener of its own, which belongs to nobody inside and has a port
/// that the kernel chose; it is left out.
pub fn listening(table: &str) -> BTreeSet<NonZeroU16> {
    let visitable = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().take(8).collect();
        let &[_, local, _, state, _, _, _, account] = &fields[..] else { return None };
        let (address, port) = local.split_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        let networks = account == UNKNOWN_ACCOUNT
            && port >= FIRST_EPHEMERAL
            && address.len() == 32
            && address.bytes().all(|byte| byte == b'0');
        let reachable = state == LISTEN && is_loopback_or_any(address) && !networks;
        NonZeroU16::new(port).filter(|_| reachable)
    };
    table.lines().filter_map(visitable).collect()
}

/// Addresses are printed as words of 32 bits in the host's order, which is little-endian on every
/// machine that infield runs on.
fn is_loopback_or_any(address: &str) -> bool {
    let last_words = |address: &str| address.len() == 8 && address.ends_with("7F");
    match address.strip_prefix("0000000000000000FFFF0000") {
        Some(mapped) => last_words(mapped),
        None => {
            address.bytes().all(|byte| byte == b'0')
                || last_words(address)
                || address == "00000000000000000000000001000000"
        }
    }
}

#[cfg(test)]
mod tests;
