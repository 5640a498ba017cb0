//! API keys: made, listed, revoked, recognised.

use infield_domain::sandbox::Millis;
use infield_domain::{Error, KeyId, Permission, Principal, Result};

use crate::Engine;

/// What a new key shall be.
#[derive(Clone, Debug)]
pub struct CreateKey {
    /// What people call it; unique among keys that are not revoked.
    pub name: String,
    /// Whom it stands for; its name when there is none.
    pub owner: Option<String>,
    /// What it may do.
    pub permissions: Vec<Permission>,
    /// Whether it sees the sandboxes of every owner.
    pub sees_all: bool,
    /// When it ends, if ever.
    pub expires_at: Option<Millis>,
}

/// What is known of a key. The key itself is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its identity.
    pub id: KeyId,
    /// What people call it.
    pub name: String,
    /// Whom it stands for.
    pub owner: String,
    /// What it may do.
    pub permissions: Vec<Permission>,
    /// Whether it sees the sandboxes of every owner.
    pub sees_all: bool,
    /// When it was made.
    pub created_at: Millis,
    /// When it ends, if ever.
    pub expires_at: Option<Millis>,
    /// When it was last used, to the minute.
    pub used_at: Option<Millis>,
}

/// A new key. It is shown this once.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What is known of it from now on.
    pub key: Key,
    /// The key itself, `inf_` and 52 letters.
    pub secret: String,
}

impl Engine {
    /// Makes a key. Needs `admin`.
    pub async fn create_key(&self, who: &Principal, create: CreateKey) -> Result<NewKey> {
        let _ = (who, create);
        Err(Error::internal("not built yet"))
    }

    /// Every key that is not revoked. Needs `admin`.
    pub async fn list_keys(&self, who: &Principal) -> Result<Vec<Key>> {
        let _ = who;
        Err(Error::internal("not built yet"))
    }

    /// Revokes a key, by id or name. Needs `admin`.
    pub async fn revoke_key(&self, who: &Principal, reference: &str) -> Result<Key> {
        let _ = (who, reference);
        Err(Error::internal("not built yet"))
    }

    /// Whom a bearer key stands for.
    pub async fn authenticate(&self, bearer: &str) -> Result<Principal> {
        let _ = bearer;
        Err(Error::internal("not built yet"))
    }
}
