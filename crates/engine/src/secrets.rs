//! Secrets: set, listed, removed, given to sandboxes.
//!
//! A value comes in once, and goes to the provider to be sealed; what is kept can be opened by
//! nobody who keeps it. No use case gives a value. When a secret changes, so does what sandboxes
//! that run can use, before the change is answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;
use infield_domain::network::{Pattern, Policy, proxy};
use infield_domain::sandbox::Sandbox;
use infield_domain::secret::{
    self, Given, Grant, MOST_GRANTS, MOST_HOST_BYTES, MOST_SEALED_BYTES, Placeholder, Sealed,
    Secret, SecretName, Value, Wanted, trust,
};
use infield_domain::{Error, Kind, Permission, Principal, Result};

use crate::driver::{Change, Seat};
use crate::gate::clipped;
use crate::{Engine, names};

/// Secrets that are kept at most.
const MOST_SECRETS: usize = 1_000;
/// How long a caller waits until a sandbox that runs has what changed.
const CHANGE_LIMIT: std::time::Duration = std::time::Duration::from_secs(15);

/// What a secret shall be.
#[derive(Debug)]
pub struct SetSecret {
    /// Its name.
    pub name: SecretName,
    /// Whose sandboxes may use it; the caller's own when there is none.
    pub owner: Option<String>,
    /// Where its value may go.
    pub hosts: Vec<Pattern>,
    /// The value.
    pub value: Value,
}

impl Engine {
    /// Makes a secret, or gives one another value and other hosts. Needs `admin`.
    pub async fn set_secret(&self, who: &Principal, set: SetSecret) -> Result<Secret> {
        let name = set.name.clone();
        let hosts: Vec<_> = set.hosts.iter().map(ToString::to_string).collect();
        let detail = format!("hosts {}", hosts.join(" "));
        let result = self.put_secret(who, set).await;
        self.noted(who, ("secret.set", name.as_str(), &detail), result)
    }

    async fn put_secret(&self, who: &Principal, set: SetSecret) -> Result<Secret> {
        who.require(Permission::Admin)?;
        let SetSecret { name, owner, hosts, value } = set;
        let known = self.records().call(|store| store.secrets()).await?;
        let before = known.iter().find(|secret| secret.name == name);
        if before.is_none() && known.len() >= MOST_SECRETS {
            let text = format!("there are {MOST_SECRETS} secrets, which is the limit");
            return Err(Error::new(Kind::Quota, text).with_hint("remove some"));
        }
        let now = self.now();
        let sealed = self.provider().seal_secret(&name, &hosts, value).await?;
        let secret = Secret {
            owner: owner
                .or_else(|| before.map(|before| before.owner.clone()))
                .unwrap_or_else(|| who.owner.clone()),
            created_at: before.map_or(now, |before| before.created_at),
            changed_at: now,
            name,
            hosts,
        };
        let row = secret.clone();
        self.records().call(move |store| store.put_secret(&row, &sealed)).await?;
        self.renew_secrets(&secret.name).await?;
        Ok(secret)
    }

    /// Every secret; never a value. Needs `admin`.
    pub async fn list_secrets(&self, who: &Principal) -> Result<Vec<Secret>> {
        who.require(Permission::Admin)?;
        self.records().call(|store| store.secrets()).await
    }

    /// Removes a secret; sandboxes that run can use it no more when this returns. Needs `admin`.
    pub async fn remove_secret(&self, who: &Principal, reference: &str) -> Result<Secret> {
        let result = self.drop_secret(who, reference).await;
        self.noted(who, ("secret.remove", &clipped(reference), ""), result)
    }

    async fn drop_secret(&self, who: &Principal, reference: &str) -> Result<Secret> {
        who.require(Permission::Admin)?;
        let name: SecretName = reference.parse()?;
        let removed = self.records().call({
            let name = name.clone();
            move |store| {
                let found = store.secret(&name)?;
                store.remove_secret(&name)?;
                Ok(found)
            }
        });
        let (secret, _) = removed.await?.ok_or_else(|| missing(&name))?;
        self.renew_secrets(&name).await?;
        Ok(secret)
    }

    /// Lets running sandboxes that have a secret use it as it is now. One that cannot be reached
    /// keeps none of the others waiting, and fails the call.
    async fn renew_secrets(&self, name: &SecretName) -> Result<()> {
        let has = |seat: &Arc<Seat>| {
            let sandbox = seat.sandbox();
            let grants = &sandbox.spec.secrets;
            sandbox.state.is_alive() && grants.iter().any(|grant| grant.secret == *name)
        };
        let seats: Vec<_> = self.registry().all().into_iter().filter(has).collect();
        let changes = seats.iter().map(|seat| seat.change(Change::Secrets, CHANGE_LIMIT));
        join_all(changes).await.into_iter().try_for_each(|changed| changed.map(drop))
    }

    /// What a new sandbox gets for what somebody wished.
    pub(crate) async fn grants(
        &self,
        who: &Principal,
        wishes: &[Wanted],
        (network, environment): (&Policy, &BTreeMap<String, String>),
    ) -> Result<Vec<Grant>> {
        if wishes.is_empty() {
            return Ok(Vec::new());
        }
        if *network == Policy::None {
            return Err(Error::invalid("a sandbox without a network can use no secret")
                .with_hint("give it a network that reaches the secret's hosts"));
        }
        if wishes.len() > MOST_GRANTS {
            let text = format!("there are {} secrets; {MOST_GRANTS} fit", wishes.len());
            return Err(Error::invalid(text));
        }
        let mut grants: Vec<Grant> = Vec::new();
        for Wanted { secret, variable } in wishes {
            let is_twice = grants.iter().any(|grant| grant.variable == *variable);
            if is_twice || environment.contains_key(variable) {
                return Err(Error::invalid(format!("the variable `{variable}` is there twice"))
                    .with_hint(format!("choose another one: `{secret}=VARIABLE`")));
            }
            let name = secret.clone();
            let found = self.records().call(move |store| store.secret(&name)).await?;
            found.filter(|(found, _)| who.sees(&found.owner)).ok_or_else(|| missing(secret))?;
            grants.push(Grant {
                secret: secret.clone(),
                variable: variable.clone(),
                placeholder: Placeholder::from_random(secret, names::random()),
            });
        }
        self.given(&grants).await?;
        Ok(grants)
    }

    /// What the provider needs for these grants; a secret that is gone is an error.
    pub(crate) async fn given(&self, grants: &[Grant]) -> Result<Vec<Given>> {
        let mut all = Vec::new();
        for (grant, found) in self.look_up(grants).await? {
            let (secret, sealed) = found.ok_or_else(|| missing(&grant.secret))?;
            all.push(give(&grant, secret, sealed));
        }
        bounded(all)
    }

    /// The same for a sandbox that runs: what is gone is left out.
    pub(crate) async fn still_given(&self, grants: &[Grant]) -> Result<Vec<Given>> {
        let found = self.look_up(grants).await?.into_iter();
        let all = found.filter_map(|(grant, found)| {
            let (secret, sealed) = found?;
            Some(give(&grant, secret, sealed))
        });
        bounded(all.collect())
    }

    async fn look_up(&self, grants: &[Grant]) -> Result<Vec<(Grant, Option<(Secret, Sealed)>)>> {
        if grants.is_empty() {
            return Ok(Vec::new());
        }
        let grants = grants.to_vec();
        let look = move |store: &mut infield_store::Store| {
            let pair = |grant: Grant| {
                let found = store.secret(&grant.secret)?;
                Ok((grant, found))
            };
            grants.into_iter().map(pair).collect()
        };
        self.records().call(look).await
    }
}

fn give(grant: &Grant, secret: Secret, sealed: Sealed) -> Given {
    let (name, placeholder) = (grant.secret.clone(), grant.placeholder.clone());
    Given { secret: name, placeholder, hosts: secret.hosts, sealed }
}

/// Refuses more than travels together.
fn bounded(all: Vec<Given>) -> Result<Vec<Given>> {
    let hosts: usize =
        all.iter().flat_map(|one| &one.hosts).map(|host| host.to_string().len()).sum();
    let sealed: usize = all.iter().map(|one| one.sealed.0.len()).sum();
    if hosts > MOST_HOST_BYTES || sealed > MOST_SEALED_BYTES {
        return Err(Error::invalid("the secrets of one sandbox are too much together")
            .with_hint("give it fewer"));
    }
    Ok(all)
}

fn missing(name: &SecretName) -> Error {
    Error::not_found(format!("there is no secret `{name}`"))
        .with_hint(format!("ask the user to make it: `infield secret set {name} --host HOST`"))
}

/// Every variable that commands of a sandbox have: its own, the placeholders, where programs find
/// the authority that opens its secret hosts, and where a proxy, if there is no other way.
pub(crate) fn environment(sandbox: &Sandbox) -> BTreeMap<String, String> {
    let spec = &sandbox.spec;
    let mut all = BTreeMap::new();
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    if sandbox.is_proxied() {
        all.extend(proxy::VARIABLES.map(owned));
    }
    if !spec.secrets.is_empty() {
        all.extend(trust::VARIABLES.map(owned));
    }
    all.extend(spec.environment.clone());
    let placeholder =
        |grant: &secret::Grant| (grant.variable.clone(), grant.placeholder.as_str().to_owned());
    all.extend(spec.secrets.iter().map(placeholder));
    all
}

#[cfg(test)]
mod tests;
