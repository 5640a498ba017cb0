//! Sealing values for those who keep them: ChaCha20-Poly1305 (RFC 8439) under the one key.
//!
//! Name and hosts of a secret are authenticated with it, so that whoever can write into the
//! database cannot lead a value to a host of their own.

use std::fmt;

use infield_domain::network::Pattern;
use infield_domain::secret::{Sealed, SecretName, Value};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
/// What every sealed value begins with: the way in which it was sealed.
const VERSION: u8 = 1;

/// The key that all values are sealed with.
#[derive(Clone)]
pub struct Key(pub Zeroizing<[u8; KEY_BYTES]>);

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Key(never shown)")
    }
}

impl Key {
    /// Seals a value.
    pub(crate) fn seal(
        &self,
        name: &SecretName,
        hosts: &[Pattern],
        value: &Value,
    ) -> Result<Sealed, &'static str> {
        // 96 random bits: a key would have to seal billions of values before two are the same.
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(|_| "the host gives no random number")?;
        let mut text = Zeroizing::new(value.expose().as_bytes().to_vec());
        let cipher = self.cipher()?;
        let about = Aad::from(about(name, hosts));
        let tag = cipher.seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            about,
            &mut text,
        );
        let tag = tag.map_err(|_| "the value cannot be sealed")?;
        let mut sealed = vec![VERSION];
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&text);
        sealed.extend_from_slice(tag.as_ref());
        Ok(Sealed(sealed))
    }

    /// Opens what was sealed for a secret of this name and these hosts; none when it was not.
    pub(crate) fn open(
        &self,
        name: &SecretName,
        hosts: &[Pattern],
        sealed: &Sealed,
    ) -> Option<Value> {
        let (version, rest) = sealed.0.split_first()?;
        let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>()?;
        let mut text = Zeroizing::new(text.to_vec());
        let about = Aad::from(about(name, hosts));
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let cipher = self.cipher().ok().filter(|_| *version == VERSION)?;
        let opened = cipher.open_in_place(nonce, about, &mut text).ok()?;
        Value::new(std::str::from_utf8(opened).ok()?.to_owned()).ok()
    }

    fn cipher(&self) -> Result<LessSafeKey, &'static str> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, &*self.0);
        key.map(LessSafeKey::new).map_err(|_| "the key has the wrong length")
    }
}

/// What is authenticated with a value. No name and no host has a line's end in it.
fn about(name: &SecretName, hosts: &[Pattern]) -> Vec<u8> {
    let mut text = format!("infield secret\n{name}\n");
    for host in hosts {
        text.push_str(&format!("{host}\n"));
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests;
