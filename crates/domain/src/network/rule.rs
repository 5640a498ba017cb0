//! One rule of a custom policy, as text: `allow pypi.org:443`, `deny *.example.org`,
//! `allow 10.1.2.3:5432`, `allow [2001:db8::]/32:80,443`, `allow 192.168.0.0/16:8000-8100`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::address::{self, Special};
use super::name::{DomainName, Pattern};
use crate::{Error, Result};

/// Ports and ranges of one rule at most.
const MOST_PORTS: usize = 32;

/// What a rule does with what it fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Lets it pass, unless another rule denies it.
    Allow,
    /// Refuses it, whatever other rules say.
    Deny,
}

/// What a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// What is reached by this name.
    Name(Pattern),
    /// What has an address in this block, by whichever name.
    Block(Block),
}

/// A block of addresses, as CIDR writes it (RFC 4632).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    first: IpAddr,
    prefix: u8,
}

/// Ports of a rule; none means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ports(Vec<RangeInclusive<u16>>);

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rule {
    /// Allow or deny.
    pub effect: Effect,
    /// What.
    pub target: Target,
    /// On which ports.
    pub ports: Ports,
}

impl Rule {
    /// Whether the rule is about this: a name as it was looked up, and the address it leads to.
    pub fn fits(&self, name: Option<&DomainName>, address: IpAddr, port: u16) -> bool {
        self.ports.hold(port)
            && match &self.target {
                Target::Name(pattern) => name.is_some_and(|name| pattern.fits(name)),
                Target::Block(block) => block.holds(address),
            }
    }

    /// Whether the rule may open what is not public: only when it names ports, and a block that
    /// has nothing else in it.
    pub fn is_explicit(&self) -> bool {
        match self.target {
            Target::Block(block) => block.special().is_some() && !self.ports.is_all(),
            Target::Name(_) => false,
        }
    }

    fn check(&self) -> Result<()> {
        let Target::Block(block) = self.target else { return Ok(()) };
        match (self.effect, block.special()) {
            (Effect::Allow, Some(special)) if self.ports.is_all() => Err(Error::invalid(format!(
                "{block} is not public ({}): a rule that allows it names the ports too",
                special.name
            ))
            .with_hint(format!("write `allow {block}:PORT`"))),
            (Effect::Allow | Effect::Deny, _) => Ok(()),
        }
    }
}

impl Block {
    /// Why all of it is not public; none when a part of it is.
    fn special(&self) -> Option<&'static Special> {
        address::special(self.first).filter(|special| special.prefix <= self.prefix)
    }

    /// Whether every address of its family is in it.
    pub fn is_all(&self) -> bool {
        self.prefix == 0
    }

    /// Whether an address is in it, by what a packet to that address reaches.
    pub fn holds(&self, address: IpAddr) -> bool {
        address::shares_prefix(self.first, address::reached(address), self.prefix)
    }
}

impl Ports {
    /// Whether every port is one of them.
    pub fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a port is one of them.
    pub fn hold(&self, port: u16) -> bool {
        self.is_all() || self.0.iter().any(|range| range.contains(&port))
    }
}

impl FromStr for Rule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (word, rest) = text.trim().split_once(char::is_whitespace).ok_or_else(|| {
            Error::invalid(format!("`{text}` is no rule"))
                .with_hint("write `allow NAME[:PORTS]` or `deny ADDRESS/BITS[:PORTS]`")
        })?;
        let effect = match word {
            "allow" => Effect::Allow,
            "deny" => Effect::Deny,
            other => {
                return Err(Error::invalid(format!("a rule begins with `{other}`"))
                    .with_hint("begin it with `allow` or `deny`"));
            }
        };
        let (target, ports) = split(rest.trim())?;
        let ports = ports.map_or(Ok(Ports::default()), str::parse)?;
        let rule = Self { effect, target, ports };
        rule.check()?;
        Ok(rule)
    }
}

/// Splits into target and ports. An address of version 6 is in brackets when ports follow.
fn split(text: &str) -> Result<(Target, Option<&str>)> {
    if let Some((inside, after)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let (bits, ports) = after.split_once(':').map_or((after, None), |(b, p)| (b, Some(p)));
        return Ok((Target::Block(format!("{inside}{bits}").parse()?), ports));
    }
    if text.matches(':').count() > 1 {
        return Ok((Target::Block(text.parse()?), None));
    }
    let (target, ports) = text.split_once(':').map_or((text, None), |(t, p)| (t, Some(p)));
    let is_block = target.contains('/') || target.parse::<IpAddr>().is_ok();
    let target =
        if is_block { Target::Block(target.parse()?) } else { Target::Name(target.parse()?) };
    Ok((target, ports))
}

impl FromStr for Block {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let unreadable = || Error::invalid(format!("`{text}` is no address and no block"));
        let first: IpAddr = address.parse().map_err(|_| unreadable())?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let prefix = bits.map_or(Ok(most), str::parse).map_err(|_| unreadable())?;
        if prefix > most {
            return Err(Error::invalid(format!("`{text}` has more than {most} bits")));
        }
        if address::reached(first) != first {
            return Err(Error::invalid(format!("`{text}` stands for addresses of version 4"))
                .with_hint("write the block of version 4"));
        }
        let block = Self { first, prefix };
        let own = block.masked();
        if own != first {
            return Err(Error::invalid(format!("`{text}` has bits behind its prefix"))
                .with_hint(format!("write `{own}/{prefix}`")));
        }
        Ok(block)
    }
}

impl Block {
    fn masked(&self) -> IpAddr {
        let keep = |bits: u32, width: u32| width - bits;
        match self.first {
            IpAddr::V4(four) => {
                let cut = keep(u32::from(self.prefix), 32);
                IpAddr::V4(
                    (four.to_bits().checked_shr(cut).unwrap_or(0).checked_shl(cut).unwrap_or(0))
                        .into(),
                )
            }
            IpAddr::V6(six) => {
                let cut = keep(u32::from(self.prefix), 128);
                let bits = six.to_bits().checked_shr(cut).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(bits.checked_shl(cut).unwrap_or(0)))
            }
        }
    }
}

impl FromStr for Ports {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unreadable = |part: &str| {
            Error::invalid(format!("`{part}` is no port"))
                .with_hint("write ports like `443`, `80,443` or `8000-8100`")
        };
        let number = |part: &str| match part.parse::<u16>() {
            Ok(0) | Err(_) => Err(unreadable(part)),
            Ok(port) => Ok(port),
        };
        let range = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(first)?, number(last)?);
            if first > last { Err(unreadable(part)) } else { Ok(first..=last) }
        };
        let ranges = text.split(',').map(range).collect::<Result<Vec<_>>>()?;
        if ranges.len() > MOST_PORTS {
            return Err(Error::invalid(format!("a rule has up to {MOST_PORTS} ports and ranges")));
        }
        Ok(Self(ranges))
    }
}

impl fmt::Display for Block {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = if self.first.is_ipv4() { 32 } else { 128 };
        match (self.first, self.prefix == most) {
            (IpAddr::V4(four), true) => write!(out, "{four}"),
            (IpAddr::V4(four), false) => write!(out, "{four}/{}", self.prefix),
            (IpAddr::V6(six), true) => write!(out, "[{six}]"),
            (IpAddr::V6(six), false) => write!(out, "[{six}]/{}", self.prefix),
        }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            let separator = if index == 0 { ":" } else { "," };
            match (range.start(), range.end()) {
                (first, last) if first == last => write!(out, "{separator}{first}")?,
                (first, last) => write!(out, "{separator}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.effect {
            Effect::Allow => "allow",
            Effect::Deny => "deny",
        };
        match &self.target {
            Target::Name(pattern) => write!(out, "{word} {pattern}{}", self.ports),
            Target::Block(block) => write!(out, "{word} {block}{}", self.ports),
        }
    }
}

impl TryFrom<String> for Rule {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Rule> for String {
    fn from(rule: Rule) -> Self {
        rule.to_string()
    }
}

#[cfg(test)]
mod tests;
