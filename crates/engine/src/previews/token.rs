//! Tokens and cookies: a signature of what they are good for, and when they end.
//!
//! Nothing of them is stored. What they are for, sandbox, port and generation are not in the text
//! but in what is signed, so that a text is right for one place and one use alone.

use infield_domain::preview::PreviewName;
use infield_domain::sandbox::Millis;
use infield_store::PreviewKey;

/// Bytes of a signature as text.
const SIGNATURE_LETTERS: usize = 64;

/// What a text is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Shown in a header or a query.
    Token,
    /// Kept by a browser.
    Cookie,
}

/// What a text must have been made for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim<'a> {
    pub(super) of: Use,
    pub(super) name: &'a PreviewName,
    pub(super) generation: u32,
}

impl Claim<'_> {
    fn bytes(&self, expires_at: Option<Millis>) -> Vec<u8> {
        let of = match self.of {
            Use::Token => "token",
            Use::Cookie => "cookie",
        };
        let end = expires_at.map_or(String::new(), |at| at.to_string());
        let Self { name, generation, .. } = self;
        format!("{of}\n{}\n{}\n{generation}\n{end}", name.sandbox, name.port).into_bytes()
    }
}

/// Makes a text: the signature in hexadecimal digits, and after a full stop when it ends.
pub(super) fn write(key: &PreviewKey, claim: &Claim<'_>, expires_at: Option<Millis>) -> String {
    let signature = key.sign(&claim.bytes(expires_at));
    let mut text: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
    if let Some(at) = expires_at {
        text.push_str(&format!(".{at}"));
    }
    text
}

/// When a text ends, if it was made for this claim.
pub(super) fn read(key: &PreviewKey, claim: &Claim<'_>, text: &str) -> Option<Option<Millis>> {
    let (letters, end) = match text.split_once('.') {
        Some((letters, end)) => (letters, Some(end)),
        None => (text, None),
    };
    if letters.len() != SIGNATURE_LETTERS || !letters.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let byte = |at: usize| u8::from_str_radix(letters.get(at..at + 2)?, 16).ok();
    let signature: Option<Vec<u8>> = (0..SIGNATURE_LETTERS).step_by(2).map(byte).collect();
    let expires_at: Option<Millis> =
        end.map(|end| end.parse().ok()).map_or(Some(None), |at| at.map(Some))?;
    key.verifies(&claim.bytes(expires_at), &signature?).then_some(expires_at)
}
