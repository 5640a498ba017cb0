//! API keys: made, listed, revoked, recognised.

use infield_domain::principal::Credential;
pub use infield_domain::principal::Key;
use infield_domain::sandbox::Millis;
use infield_domain::{Error, Kind, Permission, Principal, Result};
use infield_store::KeyHash;

use crate::gate::clipped;
use crate::{Engine, names};

mod own;
pub use own::CreateOwnKey;

/// `inf_` and 52 letters.
const SECRET_BYTES: usize = 56;
/// How exactly the last use is known, in milliseconds.
const TOUCH_EVERY_MS: u64 = 60_000;
/// The owner name of infield itself, which no key stands for.
const SYSTEM: &str = "system";

/// What a new key shall be.
#[derive(Clone, Debug)]
pub struct CreateKey {
    /// What people call it; unique among the keys of its owner that are not revoked.
    pub name: String,
    /// Whom it stands for; its name when there is none.
    pub owner: Option<String>,
    /// The organization that it stands for, which somebody has made, in place of an owner.
    pub organization: Option<String>,
    /// What it may do.
    pub permissions: Vec<Permission>,
    /// Whether it sees the sandboxes of every owner.
    pub sees_all: bool,
    /// When it ends, if ever.
    pub expires_at: Option<Millis>,
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
        let detail = format!("name {}", create.name);
        let result = self.new_key(who, create).await;
        let subject = result.as_ref().map_or(String::new(), |new| new.key.id.to_string());
        self.noted(who, ("key.create", &subject, &detail), result)
    }

    async fn new_key(&self, who: &Principal, create: CreateKey) -> Result<NewKey> {
        who.require(Permission::Admin)?;
        let Some(organization) = create.organization.clone() else {
            return self.insert_key(create).await;
        };
        if create.owner.is_some() {
            return Err(Error::invalid("a key stands for an owner or for an organization")
                .with_hint("leave one of them out"));
        }
        self.require_organization(&organization).await?;
        self.insert_key(CreateKey { owner: Some(organization), ..create }).await
    }

    async fn insert_key(&self, create: CreateKey) -> Result<NewKey> {
        let owner = create.owner.unwrap_or_else(|| create.name.clone());
        check_word("name", &create.name)?;
        check_word("owner", &owner)?;
        if create.permissions.is_empty() {
            return Err(Error::invalid("a key without a permission opens nothing")
                .with_hint("give it `read`, `manage` and `execute`"));
        }
        let now = self.now();
        if create.expires_at.is_some_and(|at| at <= now) {
            return Err(Error::invalid("the key would have ended already"));
        }
        let secret = names::key_secret();
        let hash = KeyHash::of(&secret);
        let mut permissions = create.permissions;
        permissions.sort_unstable();
        permissions.dedup();
        let key = Key {
            id: names::key_id(),
            name: create.name,
            owner,
            permissions,
            sees_all: create.sees_all,
            created_at: now,
            expires_at: create.expires_at,
            used_at: None,
        };
        let row = key.clone();
        let inserted = self.records().call(move |store| store.insert_key(&row, hash)).await;
        inserted.map_err(|error| match error.kind() {
            Kind::Conflict => Error::conflict(format!("there is a key `{}`", key.name))
                .with_hint("revoke it, or choose another name"),
            Kind::NotFound
            | Kind::Invalid
            | Kind::Unauthenticated
            | Kind::Denied
            | Kind::Quota
            | Kind::Unsupported
            | Kind::Unavailable
            | Kind::Timeout
            | Kind::Internal => error,
        })?;
        Ok(NewKey { key, secret })
    }

    /// Every key that is not revoked. Needs `admin`.
    pub async fn list_keys(&self, who: &Principal) -> Result<Vec<Key>> {
        who.require(Permission::Admin)?;
        self.records().call(|store| store.keys()).await
    }

    /// Revokes a key, by id or name. Needs `admin`.
    pub async fn revoke_key(&self, who: &Principal, reference: &str) -> Result<Key> {
        let result = self.revoke(who, reference).await;
        let subject = result.as_ref().map_or(reference.to_owned(), |key| key.id.to_string());
        self.noted(who, ("key.revoke", &subject, ""), result)
    }

    async fn revoke(&self, who: &Principal, reference: &str) -> Result<Key> {
        let keys = self.list_keys(who).await?;
        let key = the_one(keys, reference)?;
        let (id, now) = (key.id.clone(), self.now());
        self.records().call(move |store| store.revoke_key(&id, now)).await?;
        Ok(key)
    }

    /// Whom a bearer key stands for.
    pub async fn authenticate(&self, bearer: &str) -> Result<Principal> {
        let refused = || {
            Error::new(Kind::Unauthenticated, "this key is not known here")
                .with_hint("make one with `infield key create NAME` and send it as a bearer token")
        };
        // Only what has the shape of a key is looked up; the search is by hash, so that the time
        // it takes tells nothing of any key.
        if !bearer.starts_with("inf_") || bearer.len() != SECRET_BYTES {
            return Err(refused());
        }
        let hash = KeyHash::of(bearer);
        let key = self.records().call(move |store| store.key_by_hash(hash)).await?;
        let key = key.ok_or_else(refused)?;
        let now = self.now();
        if key.expires_at.is_some_and(|at| at <= now) {
            return Err(Error::new(Kind::Unauthenticated, "this key has ended")
                .with_hint("make a new one with `infield key create NAME`"));
        }
        if key.used_at.is_none_or(|at| now.saturating_sub(at) >= TOUCH_EVERY_MS) {
            let id = key.id.clone();
            self.records().post("key use", move |store| store.touch_key(&id, now));
        }
        Ok(Principal {
            owner: key.owner,
            credential: Credential::Key { id: key.id },
            permissions: key.permissions,
            sees_all: key.sees_all,
            request_id: String::new(),
        })
    }
}

/// The key of this id, or else the only one of this name.
fn the_one(keys: Vec<Key>, reference: &str) -> Result<Key> {
    let shown = clipped(reference);
    if let Some(key) = keys.iter().find(|key| key.id.as_str() == reference) {
        return Ok(key.clone());
    }
    let mut named = keys.into_iter().filter(|key| key.name == reference);
    match (named.next(), named.next()) {
        (Some(key), None) => Ok(key),
        (Some(_), Some(_)) => Err(Error::conflict(format!("several owners have a key `{shown}`"))
            .with_hint("say its id; list the keys to see them")),
        (None, _) => Err(Error::not_found(format!("there is no key `{shown}`"))
            .with_hint("list the keys to see their names")),
    }
}

pub(crate) fn check_word(what: &str, word: &str) -> Result<()> {
    let fits = (1..=64).contains(&word.chars().count()) && !word.chars().any(char::is_control);
    if fits && word != SYSTEM {
        return Ok(());
    }
    Err(Error::invalid(format!("the {what} has 1 to 64 characters and is not `{SYSTEM}`")))
}

#[cfg(test)]
mod tests;
