//! Organizations: made, listed, removed.
//!
//! Whose keys and sandboxes something is, is a word; an organization is that word on record, so that
//! a key for one that nobody made is refused instead of being somebody new's.

use infield_domain::{Error, Kind, Organization, Permission, Principal, Result};

use crate::Engine;
use crate::gate::clipped;
use crate::keys::check_word;

/// Organizations that can be made.
const MOST: usize = 10_000;

impl Engine {
    /// Makes an organization. Needs `admin`.
    pub async fn create_organization(&self, who: &Principal, name: &str) -> Result<Organization> {
        let result = self.new_organization(who, name).await;
        self.noted(who, ("organization.create", &clipped(name), ""), result)
    }

    async fn new_organization(&self, who: &Principal, name: &str) -> Result<Organization> {
        check_word("name", name)?;
        if self.list_organizations(who).await?.len() >= MOST {
            return Err(Error::new(Kind::Quota, format!("there are {MOST} organizations"))
                .with_hint("remove some of them"));
        }
        let organization = Organization { name: name.to_owned(), created_at: self.now() };
        let row = organization.clone();
        let inserted = self.records().call(move |store| store.insert_organization(&row)).await;
        match inserted {
            Ok(()) => Ok(organization),
            Err(error) if error.kind() == Kind::Conflict => {
                Err(Error::conflict(format!("there is an organization `{}`", clipped(name)))
                    .with_hint("choose another name"))
            }
            Err(error) => Err(error),
        }
    }

    /// Every organization that was made or has a key. Needs `admin`.
    pub async fn list_organizations(&self, who: &Principal) -> Result<Vec<Organization>> {
        who.require(Permission::Admin)?;
        self.records().call(|store| store.organizations()).await
    }

    /// Removes an organization that owns nothing: whoever takes its name later would have it. Needs
    /// `admin`.
    pub async fn remove_organization(&self, who: &Principal, name: &str) -> Result<Organization> {
        let result = self.unmake_organization(who, name).await;
        self.noted(who, ("organization.delete", &clipped(name), ""), result)
    }

    async fn unmake_organization(&self, who: &Principal, name: &str) -> Result<Organization> {
        let all = self.list_organizations(who).await?;
        let found = all.into_iter().find(|organization| organization.name == name);
        let organization = found.ok_or_else(|| unknown(name))?;
        let sandboxes = self.registry().all().iter().filter(|seat| seat.owner == name).count();
        let name = name.to_owned();
        let (owned, removed) = self
            .records()
            .call(move |store| {
                let keys = store.keys()?.iter().filter(|key| key.owner == name).count();
                let volumes = store.volumes()?.iter().filter(|volume| volume.owner == name).count();
                let secrets = store.secrets()?.iter().filter(|secret| secret.owner == name).count();
                let owned = [
                    (keys, "keys"),
                    (sandboxes, "sandboxes"),
                    (volumes, "volumes"),
                    (secrets, "secrets"),
                ];
                let is_free = owned.iter().all(|(count, _)| *count == 0);
                Ok((owned, is_free && store.remove_organization(&name)?))
            })
            .await?;
        if removed {
            return Ok(organization);
        }
        let owned = owned.iter().filter(|(count, _)| *count > 0);
        let owned: Vec<_> = owned.map(|(count, what)| format!("{count} {what}")).collect();
        let text = format!("the organization `{}` has {}", organization.name, owned.join(", "));
        Err(Error::conflict(text).with_hint("remove what it owns first"))
    }

    /// Refuses an organization that nobody made.
    pub(crate) async fn require_organization(&self, name: &str) -> Result<()> {
        let all = self.records().call(|store| store.organizations()).await?;
        if all.iter().any(|organization| organization.name == name) {
            return Ok(());
        }
        Err(unknown(name))
    }
}

fn unknown(name: &str) -> Error {
    let shown = clipped(name);
    Error::not_found(format!("there is no organization `{shown}`"))
        .with_hint("`infield org ls` lists them, and `infield org create NAME` makes one")
}

#[cfg(test)]
mod tests;
