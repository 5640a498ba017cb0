//! The key of tokens for previews. It follows from the audit key, so that there is one secret file.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::Store;

/// Keeps this use of the audit key apart from every other.
const PURPOSE: &[u8] = b"infield previews 1";

/// Signs what a token claims, and checks it. It needs no look into the store.
#[derive(Clone)]
pub struct PreviewKey(Hmac<Sha256>);

impl fmt::Debug for PreviewKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("PreviewKey")
    }
}

impl Store {
    /// The key of this store's previews.
    pub fn preview_key(&self) -> PreviewKey {
        let derived = keyed(&self.chain.secret()).chain_update(PURPOSE).finalize().into_bytes();
        PreviewKey(keyed(&derived))
    }
}

impl PreviewKey {
    /// The signature of a claim.
    pub fn sign(&self, claim: &[u8]) -> [u8; 32] {
        self.0.clone().chain_update(claim).finalize().into_bytes().into()
    }

    /// Whether a signature is that of a claim, in a time that tells nothing of it.
    pub fn verifies(&self, claim: &[u8], signature: &[u8]) -> bool {
        self.0.clone().chain_update(claim).verify_slice(signature).is_ok()
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}
