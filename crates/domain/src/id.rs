//! Names and identifiers, parsed once at the door and valid from then on.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Letters of a random id: lower case and digits, so that an id is also a host name label.
/// 32 letters, without `i`, `l`, `o` and `u`, which people misread.
const ID_ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Random letters in an id: 16 of 5 bits, so 80 bits that nobody guesses.
pub const ID_LETTERS: usize = 16;

/// A letter for each random byte, of which the low five bits count.
pub(crate) fn letters(random: &[u8]) -> String {
    random.iter().map(|byte| char::from(ID_ALPHABET[usize::from(byte & 31)])).collect()
}

fn is_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|letters| {
        letters.len() == ID_LETTERS && letters.bytes().all(|byte| ID_ALPHABET.contains(&byte))
    })
}

/// What every type that is a checked text has: the text itself, and the ways to and from it.
macro_rules! text_type {
    ($name:ident) => {
        impl $name {
            /// The text of it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::Error;

            fn try_from(text: String) -> $crate::Result<Self> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    };
}

pub(crate) use text_type;

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $noun:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Makes an id of random bytes, of which the low five bits count.
            pub fn from_random(random: [u8; ID_LETTERS]) -> Self {
                Self(format!(concat!($prefix, "{}"), letters(&random)))
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                if is_id(text, $prefix) {
                    return Ok(Self(text.to_owned()));
                }
                let shown: String = text.chars().filter(|c| !c.is_control()).take(64).collect();
                Err(Error::invalid(format!(concat!("`{}` is not ", $noun), shown)))
            }
        }

        text_type!($name);
    };
}

random_id!(
    /// Names a sandbox for ever: `sbx-` and 16 letters.
    SandboxId, "sbx-", "a sandbox id"
);
random_id!(
    /// Names one command that ran in a sandbox: `ex-` and 16 letters.
    ExecutionId, "ex-", "an execution id"
);
random_id!(
    /// Names an API key; not the key itself: `key-` and 16 letters.
    KeyId, "key-", "a key id"
);
random_id!(
    /// Names a volume for ever: `vol-` and 16 letters.
    VolumeId, "vol-", "a volume id"
);

random_id!(
    /// Names a secret for ever: `sec-` and 16 letters.
    SecretId, "sec-", "a secret's id"
);

random_id!(
    /// Names an SSH access; not its token: `ssh-` and 16 letters.
    SshAccessId, "ssh-", "an SSH access's id"
);

/// A sandbox's human name: a host name label, 1 to 63 of `a-z`, `0-9` and `-`, also `_` and `.`
/// inside, in either case. It never looks like an id, so that a reference is never ambiguous.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SandboxName(String);

impl FromStr for SandboxName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = text.as_bytes();
        let fits = bytes.len() <= 63 && bytes.iter().copied().all(inner);
        if !fits || !ends(bytes.first()) || !ends(bytes.last()) {
            return Err(Error::invalid(
                "a sandbox name has 1 to 63 letters, digits, `-`, `_` or `.`",
            )
            .with_hint("begin and end the name with a letter or a digit, such as `web-2`"));
        }
        if is_id(text, "sbx-") {
            return Err(Error::invalid(format!("the name `{text}` looks like a sandbox id")));
        }
        Ok(Self(text.to_owned()))
    }
}

text_type!(SandboxName);

/// The word for a named network of one owner: 1 to 63 of `a-z`, `0-9`, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NetworkName(String);

impl FromStr for NetworkName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let inner = |byte: u8| plain(byte) || b"-_".contains(&byte);
        let bytes = text.as_bytes();
        let ends = [bytes.first(), bytes.last()];
        let fits = (1..=63).contains(&bytes.len()) && bytes.iter().copied().all(inner);
        if fits && ends.into_iter().flatten().copied().all(plain) {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::invalid("a network's name has 1 to 63 of `a-z`, `0-9`, `-` and `_`")
            .with_hint("begin and end it with a letter or a digit, such as `team-2`"))
    }
}

text_type!(NetworkName);

/// The name of an image in the store: 1 to 128 of `a-z`, `0-9`, `.`, `_`, `-`, `/` and `:`,
/// without empty, `.` or `..` parts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageName(String);

impl ImageName {
    /// The built-in image that mirrors the host's `/usr`.
    pub const HOST: &str = "host";

    /// The built-in image that mirrors the host's `/usr`.
    pub fn host() -> Self {
        Self(Self::HOST.to_owned())
    }
}

impl FromStr for ImageName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let letter = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-/:".contains(&byte)
        };
        let part = |part: &str| !part.is_empty() && part.bytes().any(|b| b.is_ascii_alphanumeric());
        let fits = (1..=128).contains(&text.len()) && text.bytes().all(letter);
        if fits && text.split(['/', ':']).all(part) {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::invalid("an image name has 1 to 128 of `a-z`, `0-9`, `.`, `_`, `-`, `/`, `:`")
            .with_hint("write it like `python:3.12` or `team/base`"))
    }
}

text_type!(ImageName);

/// A path inside a sandbox. It is resolved by the agent, inside, and never joined to a host path.
///
/// Relative paths start at the sandbox's working directory; `~` at the user's home.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GuestPath(String);

impl FromStr for GuestPath {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        // 4096 with the final NUL is PATH_MAX, path_resolution(7).
        if text.is_empty() || text.len() > 4095 || text.contains('\0') {
            return Err(Error::invalid("a path has 1 to 4095 bytes and no NUL"));
        }
        Ok(Self(text.to_owned()))
    }
}

text_type!(GuestPath);
