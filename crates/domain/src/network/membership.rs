//! Named networks: sandboxes of one owner that may reach each other.
//!
//! A named network is a word and nothing more: it is there while a sandbox is in it, and the same
//! word of another owner is another network. Whether one sandbox may reach another is decided here
//! alone, for everybody who has to know.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::name::{DomainName, Pattern};
use super::rule::{Effect, Rule, Target};
use super::{Policy, Terms};
use crate::{Error, NetworkName, Result, SandboxName};

/// Named networks of one sandbox at most.
const MOST_NETWORKS: usize = 8;
/// Sandboxes in one named network at most.
pub const MOST_MEMBERS: usize = 64;
/// Below this are the names of sandboxes; nobody outside answers for it (ICANN, 2024).
const ZONE: &str = "infield.internal";

/// What a sandbox is to others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// Whose it is.
    pub owner: String,
    /// The name that others reach it by.
    pub name: SandboxName,
    /// The named networks that it is in.
    pub networks: BTreeSet<NetworkName>,
}

/// A change of what networks a sandbox is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// Into this one. Who is in it already stays.
    Join(NetworkName),
    /// Out of this one.
    Leave(NetworkName),
}

impl Move {
    /// Makes the change.
    pub fn apply(&self, networks: &mut BTreeSet<NetworkName>) -> Result<()> {
        match self {
            Self::Join(network) => {
                networks.insert(network.clone());
                check_networks(networks)
            }
            Self::Leave(network) if networks.remove(network) => Ok(()),
            Self::Leave(network) => {
                let words: Vec<_> = networks.iter().map(NetworkName::as_str).collect();
                let hint = match words.is_empty() {
                    true => "it is in none".to_owned(),
                    false => format!("it is in `{}`", words.join("`, `")),
                };
                let error = Error::not_found(format!("the sandbox is not in network `{network}`"));
                Err(error.with_hint(hint))
            }
        }
    }
}

/// Refuses more networks than a sandbox can be in.
pub fn check_networks(networks: &BTreeSet<NetworkName>) -> Result<()> {
    if networks.len() > MOST_NETWORKS {
        return Err(Error::invalid(format!("a sandbox is in up to {MOST_NETWORKS} networks"))
            .with_hint("let it leave one with `infield net leave`"));
    }
    Ok(())
}

impl Membership {
    /// A network that both are in.
    pub fn common<'a>(&'a self, other: &'a Self) -> Option<&'a NetworkName> {
        if self.owner != other.owner {
            return None;
        }
        self.networks.intersection(&other.networks).next()
    }

    /// Whether a name means this sandbox. Names of hosts have no case.
    pub fn is_called(&self, sandbox: &str) -> bool {
        self.name.as_str().eq_ignore_ascii_case(sandbox)
    }
}

impl Terms {
    /// What the sandbox is to others; none where it has no network at all.
    pub fn member(&self) -> Option<&Membership> {
        (self.policy != Policy::None).then_some(&self.membership)
    }
}

/// The sandbox that a name would be for: a name of one label, or one below the zone of sandboxes.
pub fn sandbox_called(name: &DomainName) -> Option<&str> {
    let text = name.as_str();
    match text.strip_suffix(ZONE) {
        Some(before) => before.strip_suffix('.'),
        None => (!text.contains('.')).then_some(text),
    }
}

/// Whether a text is such a name.
pub fn is_sandbox(host: &str) -> bool {
    host.parse().is_ok_and(|name| sandbox_called(&name).is_some())
}

/// Whether a name is below the zone of sandboxes.
pub fn is_in_zone(name: &DomainName) -> bool {
    sandbox_called(name).is_some_and(|sandbox| sandbox.len() < name.as_str().len())
}

impl Policy {
    /// The rule that denies a connection to a sandbox, under either form of its name. Nothing else of
    /// a policy is about sandboxes. `preset` are the rules behind [`Policy::Limited`].
    pub fn denial<'a>(&'a self, preset: &'a [Rule], sandbox: &str, port: u16) -> Option<&'a Rule> {
        let rules = match self {
            Self::None | Self::Public => return None,
            Self::Limited => preset,
            Self::Custom(rules) => rules,
        };
        let forms = [sandbox.to_owned(), format!("{sandbox}.{ZONE}")];
        let forms: Vec<DomainName> = forms.iter().filter_map(|form| form.parse().ok()).collect();
        let is_about = |pattern: &Pattern| forms.iter().any(|form| pattern.fits(form));
        rules.iter().find(|rule| {
            let names = matches!(&rule.target, Target::Name(pattern) if is_about(pattern));
            rule.effect == Effect::Deny && names && rule.ports.hold(port)
        })
    }
}

#[cfg(test)]
mod tests;
