//! Names of hosts, and patterns of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Bytes of a name at most, without the final dot (RFC 1035, 2.3.4).
const MOST_BYTES: usize = 253;
/// Bytes of one label at most.
const MOST_LABEL: usize = 63;

/// The name of a host: lower case, without the final dot, as it is on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DomainName(String);

/// One name, or with `*.` all names below one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Pattern {
    /// This name.
    Exact(DomainName),
    /// Names that end in this one, and not this one itself.
    Below(DomainName),
}

impl DomainName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Pattern {
    /// Whether a name is meant.
    pub fn fits(&self, name: &DomainName) -> bool {
        match self {
            Self::Exact(exact) => exact == name,
            Self::Below(suffix) => {
                let before = name.0.strip_suffix(suffix.as_str());
                before.is_some_and(|before| before.ends_with('.'))
            }
        }
    }
}

impl FromStr for DomainName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let shown: String = text.chars().filter(|letter| !letter.is_control()).take(80).collect();
        let refused = |why: &str| Err(Error::invalid(format!("`{shown}` is no host name: {why}")));
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if name.is_empty() || name.len() > MOST_BYTES {
            return refused("it has 1 to 253 letters");
        }
        if !name.is_ascii() {
            return refused("write letters beyond ASCII in their `xn--` form");
        }
        for label in name.split('.') {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            if label.is_empty() || label.len() > MOST_LABEL || !label.bytes().all(plain) {
                return refused("between dots are 1 to 63 letters, digits, `-` or `_`");
            }
            if label.starts_with('-') || label.ends_with('-') {
                return refused("no part begins or ends with `-`");
            }
        }
        // A name that reads as an address would pass for one elsewhere.
        if name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit())) {
            return refused("its last part is a number");
        }
        Ok(Self(name))
    }
}

impl FromStr for Pattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.strip_prefix("*.") {
            Some(suffix) => Ok(Self::Below(suffix.parse()?)),
            None if text.contains('*') => {
                Err(Error::invalid(format!("`{text}` has a `*` that is not its first part"))
                    .with_hint("write `*.example.org` for all names below `example.org`"))
            }
            None => Ok(Self::Exact(text.parse()?)),
        }
    }
}

impl TryFrom<String> for Pattern {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.to_string()
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => write!(out, "{name}"),
            Self::Below(name) => write!(out, "*.{name}"),
        }
    }
}

#[cfg(test)]
mod tests;
