//! Keys of the caller's own name. Whoever may change sandboxes may make keys for the same name,
//! which may do no more than the caller and end no later, and may revoke them.

use infield_domain::principal::Credential;
use infield_domain::sandbox::Millis;
use infield_domain::{Error, Kind, Permission, Principal, Result};

use super::{CreateKey, Key, NewKey, the_one};
use crate::Engine;

/// Keys that the holders of one name can make.
const MOST_OF_ONE_OWNER: usize = 256;

/// What a new key of the caller's own name shall be.
#[derive(Clone, Debug)]
pub struct CreateOwnKey {
    /// What people call it; unique among the keys of its owner that are not revoked.
    pub name: String,
    /// What it may do.
    pub permissions: Vec<Permission>,
    /// When it ends; with the caller's own key at the latest.
    pub expires_at: Option<Millis>,
}

impl Engine {
    /// Makes a key for the caller's own name. Needs `manage`, and all that the key may do.
    pub async fn create_own_key(&self, who: &Principal, create: CreateOwnKey) -> Result<NewKey> {
        let detail = format!("name {}", create.name);
        let result = self.new_own_key(who, create).await;
        let subject = result.as_ref().map_or(String::new(), |new| new.key.id.to_string());
        self.noted(who, ("key.create", &subject, &detail), result)
    }

    async fn new_own_key(&self, who: &Principal, create: CreateOwnKey) -> Result<NewKey> {
        who.require(Permission::Manage)?;
        create.permissions.iter().try_for_each(|permission| who.require(*permission))?;
        if self.list_own_keys(who).await?.len() >= MOST_OF_ONE_OWNER {
            let error = format!("there are {MOST_OF_ONE_OWNER} keys for this name");
            return Err(Error::new(Kind::Quota, error).with_hint("revoke some of them"));
        }
        let ends = self.key_of(who).await?.and_then(|key| key.expires_at);
        let wishes = [create.expires_at, ends];
        self.insert_key(CreateKey {
            name: create.name,
            owner: Some(who.owner.clone()),
            organization: None,
            permissions: create.permissions,
            sees_all: false,
            expires_at: wishes.into_iter().flatten().min(),
        })
        .await
    }

    /// The keys of the caller's own name, the oldest first. Needs `read`.
    pub async fn list_own_keys(&self, who: &Principal) -> Result<Vec<Key>> {
        who.require(Permission::Read)?;
        let mut keys = self.records().call(|store| store.keys()).await?;
        keys.retain(|key| key.owner == who.owner);
        Ok(keys)
    }

    /// A key of the caller's own name, by its id or name. Needs `read`.
    pub async fn get_own_key(&self, who: &Principal, reference: &str) -> Result<Key> {
        the_one(self.list_own_keys(who).await?, reference)
    }

    /// The key that the caller came with. Needs nothing more.
    pub async fn current_key(&self, who: &Principal) -> Result<Key> {
        self.key_of(who).await?.ok_or_else(|| {
            Error::new(Kind::NotFound, "this request came without a key")
                .with_hint("make one with `infield key create NAME` and send it as a bearer token")
        })
    }

    /// Revokes a key of the caller's own name, by its id or name. Needs `manage`.
    pub async fn revoke_own_key(&self, who: &Principal, reference: &str) -> Result<Key> {
        let result = self.revoke_own(who, reference).await;
        let subject = result.as_ref().map_or(reference.to_owned(), |key| key.id.to_string());
        self.noted(who, ("key.revoke", &subject, ""), result)
    }

    async fn revoke_own(&self, who: &Principal, reference: &str) -> Result<Key> {
        who.require(Permission::Manage)?;
        let key = self.get_own_key(who, reference).await?;
        // A key that may more than the caller is not the caller's to end.
        key.permissions.iter().try_for_each(|permission| who.require(*permission))?;
        if key.sees_all && !who.sees_all {
            return Err(Error::denied("this key sees every owner, and yours does not")
                .with_hint("revoke it with a key that has the permission `admin`"));
        }
        let (id, now) = (key.id.clone(), self.now());
        self.records().call(move |store| store.revoke_key(&id, now)).await?;
        Ok(key)
    }

    async fn key_of(&self, who: &Principal) -> Result<Option<Key>> {
        let Credential::Key { id } = &who.credential else { return Ok(None) };
        let keys = self.records().call(|store| store.keys()).await?;
        Ok(keys.into_iter().find(|key| key.id == *id))
    }
}

#[cfg(test)]
mod tests;
