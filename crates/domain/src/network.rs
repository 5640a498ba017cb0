//! What a sandbox may reach: one policy from the command line to the relay.
//!
//! A policy decides about a destination: the name that was looked up, if there was one, the
//! address that a packet reaches, and the port. Deny rules win over allow rules, whatever their
//! order. What is not public opens for a rule alone that names both its addresses and its ports.

mod address;
mod allowance;
mod choice;
mod connection;
mod membership;
mod name;
mod preset;
pub mod proxy;
mod rule;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use address::{Special, reached, special};
pub use allowance::{Allowance, Ceilings, Terms, Traffic};
pub use choice::Choice;
pub use connection::{Connection, Judgement, Report};
pub use membership::{
    MOST_MEMBERS, Membership, Move, check_networks, is_in_zone, is_sandbox, sandbox_called,
};
pub use name::{DomainName, Pattern};
pub use preset::{LIMITED, limited};
pub use rule::{Block, Effect, Ports, Rule, Target};

use crate::{Error, Result};

/// Rules of one policy at most.
pub const MOST_RULES: usize = 256;

/// What a sandbox may reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Its own loopback, nothing else.
    None,
    /// What the preset of the server allows: package registries and public git hosts.
    Limited,
    /// Every public address.
    Public,
    /// What these rules allow.
    Custom(Vec<Rule>),
}

/// Where a connection goes.
#[derive(Clone, Copy, Debug)]
pub struct Destination<'a> {
    /// The name that was looked up for it.
    pub name: Option<&'a DomainName>,
    /// The address behind it.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
}

/// Whether a connection may be made, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// A rule allows it.
    Allowed(&'a Rule),
    /// The address is public, and so is the policy.
    AllowedPublic,
    /// A rule denies it.
    Denied(&'a Rule),
    /// The address is not public, and no rule names it with its port.
    DeniedSpecial(&'static Special),
    /// No rule allows it.
    DeniedByDefault,
}

impl Verdict<'_> {
    /// Whether it may be made.
    pub fn is_allowed(&self) -> bool {
        match self {
            Self::Allowed(_) | Self::AllowedPublic => true,
            Self::Denied(_) | Self::DeniedSpecial(_) | Self::DeniedByDefault => false,
        }
    }
}

impl Policy {
    /// A custom policy, checked.
    pub fn custom(rules: Vec<Rule>) -> Result<Self> {
        if rules.len() > MOST_RULES {
            return Err(Error::invalid(format!("a policy has up to {MOST_RULES} rules"))
                .with_hint("use wildcards such as `*.example.org`, or larger blocks"));
        }
        Ok(Self::Custom(rules))
    }

    /// The word for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Limited => "limited",
            Self::Public => "public",
            Self::Custom(_) => "custom",
        }
    }

    /// Decides about a connection. `preset` are the rules behind [`Policy::Limited`].
    pub fn decide<'a>(&'a self, preset: &'a [Rule], to: &Destination<'_>) -> Verdict<'a> {
        match self {
            Self::None => Verdict::DeniedByDefault,
            Self::Public => {
                special(to.address).map_or(Verdict::AllowedPublic, Verdict::DeniedSpecial)
            }
            Self::Limited => by_rules(preset, to),
            Self::Custom(rules) => by_rules(rules, to),
        }
    }

    /// Whether a name may be looked up at all: some connection to it could be allowed. A block of
    /// addresses opens no name, since to look names up freely is a way out; one that holds every
    /// address of its family does.
    pub fn resolves(&self, preset: &[Rule], name: &DomainName) -> bool {
        let rules = match self {
            Self::None => return false,
            Self::Public => return true,
            Self::Limited => preset,
            Self::Custom(rules) => rules,
        };
        let names = |rule: &&Rule| match &rule.target {
            Target::Name(pattern) => pattern.fits(name),
            Target::Block(block) => block.is_all() && rule.effect == Effect::Allow,
        };
        let denies_all = |rule: &Rule| rule.effect == Effect::Deny && rule.ports.is_all();
        let mut about = rules.iter().filter(names).peekable();
        about.peek().is_some()
            && rules.iter().filter(names).any(|rule| rule.effect == Effect::Allow)
            && !about.any(denies_all)
    }
}

fn by_rules<'a>(rules: &'a [Rule], to: &Destination<'_>) -> Verdict<'a> {
    let fitting = || rules.iter().filter(|rule| rule.fits(to.name, to.address, to.port));
    if let Some(rule) = fitting().find(|rule| rule.effect == Effect::Deny) {
        return Verdict::Denied(rule);
    }
    let mut allowing = fitting().filter(|rule| rule.effect == Effect::Allow);
    match special(to.address) {
        Some(special) => allowing
            .find(|rule| rule.is_explicit())
            .map_or(Verdict::DeniedSpecial(special), Verdict::Allowed),
        None => allowing.next().map_or(Verdict::DeniedByDefault, Verdict::Allowed),
    }
}

impl FromStr for Policy {
    type Err = Error;

    /// Reads the word for a policy without rules of its own.
    fn from_str(word: &str) -> Result<Self> {
        match word {
            "none" => Ok(Self::None),
            "limited" => Ok(Self::Limited),
            "public" => Ok(Self::Public),
            "custom" => Err(Error::invalid("a custom network needs rules")
                .with_hint("give rules such as `allow pypi.org:443`")),
            other => Err(Error::invalid(format!("there is no network `{other}`"))
                .with_hint("say `none`, `limited`, `public`, or give rules")),
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
