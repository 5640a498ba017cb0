//! Secrets: values that a sandbox can use and never has.
//!
//! A sandbox gets a [`Placeholder`] in its environment. Where a request leaves for a host that the
//! secret names, the one process that holds the value puts it in the placeholder's place. So a
//! [`Value`] comes in once, is [`Sealed`] at once, and no type here shows it again.

pub mod trust;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use zeroize::Zeroizing;

use crate::id::{ID_LETTERS, SecretId, text_type};
use crate::network::{DomainName, Pattern};
use crate::sandbox::Millis;
use crate::{Error, Result};

/// Hosts of one secret at most.
pub const MOST_HOSTS: usize = 16;
/// Secrets of one sandbox at most.
pub const MOST_GRANTS: usize = 16;
/// Bytes of all hosts of one sandbox's secrets at most: they travel together.
pub const MOST_HOST_BYTES: usize = 16 << 10;
/// Bytes of all values of one sandbox's secrets at most, sealed.
pub const MOST_SEALED_BYTES: usize = 64 << 10;
/// Bytes of a value: with fewer, half of all answers would be masked by chance.
const VALUE_BYTES: std::ops::RangeInclusive<usize> = 8..=8 << 10;
/// Bytes of a name at most.
const MOST_NAME: usize = 64;
/// Characters of what people say about a secret at most.
const MOST_ABOUT: usize = 500;
/// What every placeholder begins with.
const PREFIX: &str = "infield_secret_";
/// How a refusal begins when a placeholder was to leave for a host that its secret does not name.
pub const STRAY: &str = "it carries the placeholder of the secret";

/// The name of a secret: a letter, then letters, digits, `_` and `-`. Without `-` it is a variable's
/// name too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretName(String);

/// What stands for a value inside one sandbox. It is no secret: outside of that sandbox, and for
/// any other host, it means nothing. Letters, digits and `_` alone, so that it is the same in a
/// header, an address and a document.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Placeholder(String);

/// A value on its way in. It is wiped when it goes, and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Value(Zeroizing<String>);

/// A value as it is kept: nobody but the holder of the key can read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed(pub Vec<u8>);

/// What is known of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// Its identity. One that is made under the name of a removed one is another.
    pub id: SecretId,
    /// Its name, unique among its owner's.
    pub name: SecretName,
    /// Whose sandboxes may use it.
    pub owner: String,
    /// What people say about it.
    #[serde(default)]
    pub description: Option<String>,
    /// Where its value may go.
    pub hosts: Vec<Pattern>,
    /// When it was first made.
    pub created_at: Millis,
    /// When its value or its hosts were last set.
    pub changed_at: Millis,
}

/// A secret that is to be given to a sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Which.
    pub secret: SecretName,
    /// The variable that shall have the placeholder.
    pub variable: String,
}

/// A secret that a sandbox has, as its record says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Which.
    pub id: SecretId,
    /// Its name.
    pub secret: SecretName,
    /// The variable that has the placeholder.
    pub variable: String,
    /// What stands for the value.
    pub placeholder: Placeholder,
}

/// A grant with all that whoever swaps it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// Which secret.
    pub secret: SecretName,
    /// What stands for the value.
    pub placeholder: Placeholder,
    /// Where the value may go.
    pub hosts: Vec<Pattern>,
    /// The value.
    pub sealed: Sealed,
}

/// The part of it that whoever decides about connections needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guarded {
    /// Which secret.
    pub secret: SecretName,
    /// What stands for the value.
    pub placeholder: Placeholder,
    /// Where the value may go.
    pub hosts: Vec<Pattern>,
}

impl Placeholder {
    /// Makes one of random bytes, of which the low five bits count.
    pub fn from_random(name: &SecretName, random: [u8; 2 * ID_LETTERS]) -> Self {
        Self(placeholder_prefix(name) + &crate::id::letters(&random))
    }
}

impl Value {
    /// Takes a value, whose length must be possible.
    pub fn new(text: String) -> Result<Self> {
        let text = Zeroizing::new(text);
        if !VALUE_BYTES.contains(&text.len()) {
            let (least, most) = (VALUE_BYTES.start(), VALUE_BYTES.end());
            let found = text.len();
            return Err(Error::invalid(format!(
                "the value has {found} bytes, and a secret has {least} to {most}"
            ))
            .with_hint("give the token or password alone"));
        }
        Ok(Self(text))
    }

    /// The value itself, for whoever seals it.
    pub fn expose(&self) -> &Zeroizing<String> {
        &self.0
    }
}

impl Given {
    /// What decides about connections may know.
    pub fn guarded(&self) -> Guarded {
        Guarded {
            secret: self.secret.clone(),
            placeholder: self.placeholder.clone(),
            hosts: self.hosts.clone(),
        }
    }
}

impl Guarded {
    /// Whether the secret names this host.
    pub fn names(&self, host: &DomainName) -> bool {
        self.hosts.iter().any(|pattern| pattern.fits(host))
    }
}

/// What every placeholder of a secret begins with; what follows is another one in each sandbox.
pub fn placeholder_prefix(name: &SecretName) -> String {
    format!("{PREFIX}{}_", name.as_str().replace('-', "_"))
}

/// Why a request is refused that would carry a placeholder to another host.
pub fn stray(secret: &SecretName) -> String {
    format!("{STRAY} `{secret}`, which does not name this host")
}

/// Why a request is refused that would carry a placeholder in the clear.
pub fn bare(secret: &SecretName) -> String {
    format!("{STRAY} `{secret}`, and is not encrypted")
}

/// Checks what somebody says about a secret.
pub fn description(text: String) -> Result<String> {
    if text.chars().count() <= MOST_ABOUT && !text.chars().any(char::is_control) {
        return Ok(text);
    }
    Err(Error::invalid(format!("a description is one line of up to {MOST_ABOUT} characters")))
}

/// Checks the hosts of a secret, and puts them in order.
pub fn hosts(texts: &[String]) -> Result<Vec<Pattern>> {
    let ordered: BTreeSet<String> = texts.iter().map(|text| text.to_ascii_lowercase()).collect();
    if ordered.is_empty() || ordered.len() > MOST_HOSTS {
        return Err(Error::invalid(format!(
            "a secret names 1 to {MOST_HOSTS} hosts, and not {}",
            ordered.len()
        ))
        .with_hint("name the hosts that the value is for, such as `api.example.org`"));
    }
    ordered.iter().map(|text| host(text)).collect()
}

fn host(text: &str) -> Result<Pattern> {
    let pattern: Pattern = text.parse()?;
    match &pattern {
        Pattern::Below(suffix) if !suffix.as_str().contains('.') => {
            Err(Error::invalid(format!("`{text}` would be everybody's host"))
                .with_hint("write `*.example.org`, or the host itself"))
        }
        Pattern::Exact(_) | Pattern::Below(_) => Ok(pattern),
    }
}

impl Wanted {
    /// A secret by its name, for a variable.
    pub fn new(secret: &str, variable: &str) -> Result<Self> {
        let secret: SecretName = secret.parse()?;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let begins = variable.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
        if !begins || variable.len() > MOST_NAME || !variable.bytes().all(fits) {
            return Err(Error::invalid("the variable of a secret has letters, digits and `_`")
                .with_hint("write it like `GITHUB_TOKEN=GH_TOKEN`"));
        }
        Ok(Self { secret, variable: variable.to_owned() })
    }
}

impl FromStr for SecretName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        let begins = text.bytes().next().is_some_and(|first| first.is_ascii_alphabetic());
        // What looks like an id is never a name, so that a reference is never ambiguous.
        let is_id = text.parse::<SecretId>().is_ok();
        if begins && !is_id && text.len() <= MOST_NAME && text.bytes().all(inner) {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::invalid(format!(
            "a secret's name is a letter and then up to {} letters, digits, `_` or `-`",
            MOST_NAME - 1
        ))
        .with_hint("write it like `GITHUB_TOKEN`"))
    }
}

impl FromStr for Placeholder {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = text.strip_prefix(PREFIX).and_then(|rest| rest.rsplit_once('_'));
        let fits = parts.is_some_and(|(name, letters)| {
            name.parse::<SecretName>().is_ok()
                && letters.len() == 2 * ID_LETTERS
                && letters.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        if fits {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::invalid("this is no placeholder of a secret"))
    }
}

impl FromStr for Wanted {
    type Err = Error;

    /// Reads `NAME` or `NAME=VARIABLE`.
    fn from_str(text: &str) -> Result<Self> {
        let (secret, variable) = text.split_once('=').unwrap_or((text, text));
        Self::new(secret, variable)
    }
}

text_type!(SecretName);
text_type!(Placeholder);

/// Comes in, and never goes out.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        from.deserialize_string(Text)
    }
}

/// Reads a value. The usual complaint about what is no text would show it.
struct Text;

impl Visitor<'_> for Text {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<Value, E> {
        Value::new(text.to_owned()).map_err(E::custom)
    }

    fn visit_string<E: de::Error>(self, text: String) -> std::result::Result<Value, E> {
        Value::new(text).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> std::result::Result<Value, E> {
        Err(E::custom("a value is a text"))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> std::result::Result<Value, E> {
        Err(E::custom("a value is a text"))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> std::result::Result<Value, E> {
        Err(E::custom("a value is a text"))
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Value(never shown)")
    }
}

#[cfg(test)]
mod tests;
