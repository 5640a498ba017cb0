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
use infield_domain::{Error, Kind, Permission, Principal, Result, SecretId};
use infield_store::Store;

use crate::driver::{Change, Seat};
use crate::gate::clipped;
use crate::{Engine, names};

/// Secrets that are kept at most.
const MOST_SECRETS: usize = 10_000;
/// Secrets of one owner at most.
pub const MOST_OWN_SECRETS: usize = 1_000;
/// How long a caller waits until a sandbox that runs has what changed.
const CHANGE_LIMIT: std::time::Duration = std::time::Duration::from_secs(15);

/// How the message begins that there is no such secret.
const UNKNOWN: &str = "there is no secret";

/// Whether a secret was not found, and not something else that a sandbox was to have.
pub fn is_unknown_secret(error: &Error) -> bool {
    error.kind() == Kind::NotFound && error.message().starts_with(UNKNOWN)
}

/// What a secret shall be.
#[derive(Debug)]
pub struct SetSecret {
    /// Its name.
    pub name: SecretName,
    /// Whose sandboxes may use it; the caller's own when there is none.
    pub owner: Option<String>,
    /// What it is, in a line; as before when there is none.
    pub description: Option<String>,
    /// Where its value may go.
    pub hosts: Vec<Pattern>,
    /// The value.
    pub value: Value,
}

/// What of a secret is to be changed. A value is sealed together with its hosts, so that nobody who
/// keeps it can lead it elsewhere: other hosts need the value again.
#[derive(Debug, Default)]
pub struct ChangeSecret {
    /// What it is, in a line.
    pub description: Option<String>,
    /// Where its value may go.
    pub hosts: Option<Vec<Pattern>>,
    /// The value.
    pub value: Option<Value>,
}

/// Whether a secret may be there before it is set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Any,
    None,
}

/// A secret that a sandbox has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldSecret {
    /// Which, and how.
    pub grant: Grant,
    /// Where its value may go; nowhere when the secret is gone.
    pub hosts: Vec<Pattern>,
}

impl Engine {
    /// Makes a secret, or gives one another value and other hosts. Needs `secrets`, and `admin` for
    /// somebody else's.
    pub async fn set_secret(&self, who: &Principal, set: SetSecret) -> Result<Secret> {
        let (name, detail) = (set.name.clone(), told(&set.hosts));
        let result = self.put_secret(who, set, Before::Any).await;
        self.noted(who, ("secret.set", name.as_str(), &detail), result)
    }

    /// Makes a secret; a conflict when there is one of this name. Needs what setting one needs.
    pub async fn create_secret(&self, who: &Principal, set: SetSecret) -> Result<Secret> {
        let (name, detail) = (set.name.clone(), told(&set.hosts));
        let result = self.put_secret(who, set, Before::None).await;
        self.noted(who, ("secret.create", name.as_str(), &detail), result)
    }

    async fn put_secret(&self, who: &Principal, set: SetSecret, allowed: Before) -> Result<Secret> {
        who.require(Permission::Secrets)?;
        let SetSecret { name, owner, description, hosts, value } = set;
        let owner = owner.unwrap_or_else(|| who.owner.clone());
        if owner != who.owner {
            who.require(Permission::Admin)?;
        }
        let known = self.records().call(|store| store.secrets()).await?;
        let owned = known.iter().filter(|secret| secret.owner == owner).count();
        let before = known.iter().find(|secret| secret.owner == owner && secret.name == name);
        if before.is_some() && allowed == Before::None {
            return Err(taken(&name));
        }
        if before.is_none() && (owned >= MOST_OWN_SECRETS || known.len() >= MOST_SECRETS) {
            let text = format!("there are {owned} secrets, and room for no more");
            return Err(Error::new(Kind::Quota, text).with_hint("remove some"));
        }
        let now = self.now();
        let sealed = self.provider().seal_secret(&name, &hosts, value).await?;
        let put = move |store: &mut Store| {
            // As it stands now: somebody may have been faster.
            let mut known = store.secrets()?.into_iter();
            let before = known.find(|secret| secret.owner == owner && secret.name == name);
            if before.is_some() && allowed == Before::None {
                return Err(taken(&name));
            }
            let before = before.as_ref();
            let secret = Secret {
                id: before.map_or_else(names::secret_id, |before| before.id.clone()),
                owner,
                description: description.or_else(|| before.and_then(|one| one.description.clone())),
                created_at: before.map_or(now, |before| before.created_at),
                changed_at: now,
                name,
                hosts,
            };
            store.put_secret(&secret, &sealed)?;
            Ok(secret)
        };
        let secret = self.records().call(put).await?;
        self.renew_secrets(&secret.id).await?;
        Ok(secret)
    }

    /// Changes a secret. Needs `secrets`.
    pub async fn change_secret(
        &self,
        who: &Principal,
        reference: &str,
        change: ChangeSecret,
    ) -> Result<Secret> {
        let detail = change.hosts.as_deref().map_or_else(String::new, told);
        let result = self.alter_secret(who, reference, change).await;
        self.noted(who, ("secret.change", &clipped(reference), &detail), result)
    }

    async fn alter_secret(
        &self,
        who: &Principal,
        reference: &str,
        change: ChangeSecret,
    ) -> Result<Secret> {
        who.require(Permission::Secrets)?;
        let seen = self.find_secret(who, reference).await?;
        let ChangeSecret { description, hosts, value } = change;
        let hosts = hosts.unwrap_or_else(|| seen.hosts.clone());
        let resealed = match value {
            Some(value) => Some(self.provider().seal_secret(&seen.name, &hosts, value).await?),
            None if hosts != seen.hosts => {
                let text = "a value is sealed together with its hosts: other hosts need it again";
                return Err(Error::invalid(text).with_hint("send the value along with the hosts"));
            }
            None => None,
        };
        let now = self.now();
        let alter = move |store: &mut Store| {
            // As it stands now: what was removed or set meanwhile must not come back.
            let found = store.secret(&seen.id)?;
            let (mut secret, sealed) = found.ok_or_else(|| missing(seen.name.as_str()))?;
            if secret.hosts != seen.hosts {
                let text = format!("the secret `{}` was changed at the same time", secret.name);
                return Err(Error::conflict(text).with_hint("look at it, and try again"));
            }
            secret.hosts = hosts;
            secret.description = description.or(secret.description);
            secret.changed_at = now;
            store.put_secret(&secret, &resealed.unwrap_or(sealed))?;
            Ok(secret)
        };
        let secret = self.records().call(alter).await?;
        self.renew_secrets(&secret.id).await?;
        Ok(secret)
    }

    /// Every secret that the caller may see; never a value. Needs `secrets`.
    pub async fn list_secrets(&self, who: &Principal) -> Result<Vec<Secret>> {
        who.require(Permission::Secrets)?;
        let mut secrets = self.records().call(|store| store.secrets()).await?;
        secrets.retain(|secret| who.sees(&secret.owner));
        Ok(secrets)
    }

    /// Finds a secret by id or name; never its value. Needs `secrets`.
    pub async fn get_secret(&self, who: &Principal, reference: &str) -> Result<Secret> {
        who.require(Permission::Secrets)?;
        self.find_secret(who, reference).await
    }

    /// Removes a secret; sandboxes that run can use it no more when this returns. Needs `secrets`.
    pub async fn remove_secret(&self, who: &Principal, reference: &str) -> Result<Secret> {
        let result = self.drop_secret(who, reference).await;
        self.noted(who, ("secret.remove", &clipped(reference), ""), result)
    }

    async fn drop_secret(&self, who: &Principal, reference: &str) -> Result<Secret> {
        who.require(Permission::Secrets)?;
        let secret = self.find_secret(who, reference).await?;
        let id = secret.id.clone();
        if !self.records().call(move |store| store.remove_secret(&id)).await? {
            return Err(missing(&clipped(reference)));
        }
        self.renew_secrets(&secret.id).await?;
        Ok(secret)
    }

    async fn find_secret(&self, who: &Principal, reference: &str) -> Result<Secret> {
        let all = self.records().call(|store| store.secrets()).await?;
        pick(&all, who, reference).cloned()
    }

    /// The secrets of a sandbox, without their values. Needs `read`.
    pub async fn sandbox_secrets(&self, who: &Principal, sandbox: &str) -> Result<Vec<HeldSecret>> {
        who.require(Permission::Read)?;
        let held = self.registry().find(who, sandbox)?.sandbox();
        let grants = &held.spec.secrets;
        let found = self.look_up(grants).await?.into_iter();
        let held = |(grant, found): (Grant, Option<(Secret, Sealed)>)| {
            let hosts = found.map_or_else(Vec::new, |(secret, _)| secret.hosts);
            HeldSecret { grant, hosts }
        };
        Ok(found.map(held).collect())
    }

    /// Gives a sandbox these secrets and no others: requests that leave from now on, and the
    /// variables of what starts later. One that it keeps keeps its placeholder. Needs `manage`.
    pub async fn give_secrets(
        &self,
        who: &Principal,
        sandbox: &str,
        wishes: &[Wanted],
    ) -> Result<Arc<Sandbox>> {
        let names: Vec<_> = wishes.iter().map(|wish| wish.secret.to_string()).collect();
        let result = self.exchange_secrets(who, sandbox, wishes).await;
        self.noted_inside(who, ("sandbox.secrets", sandbox, &names.join(" ")), result)
    }

    async fn exchange_secrets(
        &self,
        who: &Principal,
        sandbox: &str,
        wishes: &[Wanted],
    ) -> Result<Arc<Sandbox>> {
        who.require(Permission::Manage)?;
        let seat = self.registry().find(who, sandbox)?;
        let before = seat.sandbox();
        let spec = &before.spec;
        let mut grants = self.grants(who, wishes, (&spec.network, &spec.environment)).await?;
        for grant in &mut grants {
            let same = |old: &&Grant| (&old.id, &old.variable) == (&grant.id, &grant.variable);
            if let Some(kept) = spec.secrets.iter().find(same) {
                grant.placeholder = kept.placeholder.clone();
            }
        }
        seat.change(Change::Grants(grants), CHANGE_LIMIT).await
    }

    /// Lets running sandboxes that have a secret use it as it is now. One that cannot be reached
    /// keeps none of the others waiting, and fails the call.
    async fn renew_secrets(&self, id: &SecretId) -> Result<()> {
        let has = |seat: &Arc<Seat>| {
            let sandbox = seat.sandbox();
            let grants = &sandbox.spec.secrets;
            sandbox.state.is_alive() && grants.iter().any(|grant| grant.id == *id)
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
        let known = self.records().call(|store| store.secrets()).await?;
        let mut grants: Vec<Grant> = Vec::new();
        for Wanted { secret, variable } in wishes {
            let is_twice = grants.iter().any(|grant| grant.variable == *variable);
            if is_twice || environment.contains_key(variable) {
                return Err(Error::invalid(format!("the variable `{variable}` is there twice"))
                    .with_hint(format!("choose another one: `{secret}=VARIABLE`")));
            }
            grants.push(Grant {
                id: pick(&known, who, secret.as_str())?.id.clone(),
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
            let (secret, sealed) = found.ok_or_else(|| gone(&grant.secret))?;
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
        let look = move |store: &mut Store| {
            let pair = |grant: Grant| {
                let found = store.secret(&grant.id)?;
                Ok((grant, found))
            };
            grants.into_iter().map(pair).collect()
        };
        self.records().call(look).await
    }
}

/// A secret by its id, or by its name: the caller's own comes before what else the caller sees.
fn pick<'a>(all: &'a [Secret], who: &Principal, reference: &str) -> Result<&'a Secret> {
    let fits = |secret: &&Secret| {
        who.sees(&secret.owner)
            && (secret.id.as_str() == reference || secret.name.as_str() == reference)
    };
    let (own, others): (Vec<_>, Vec<_>) =
        all.iter().filter(fits).partition(|secret| secret.owner == who.owner);
    match (&own[..], &others[..]) {
        ([secret], _) | ([], [secret]) => Ok(secret),
        ([], []) => Err(missing(&clipped(reference))),
        (_, _) => {
            let text = format!("several owners have a secret `{}`", clipped(reference));
            Err(Error::conflict(text).with_hint("name it by its id"))
        }
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

fn told(hosts: &[Pattern]) -> String {
    let hosts: Vec<_> = hosts.iter().map(ToString::to_string).collect();
    format!("hosts {}", hosts.join(" "))
}

fn taken(name: &SecretName) -> Error {
    Error::conflict(format!("there is a secret `{name}` already"))
        .with_hint("choose another name, or change the one that is there")
}

/// One that a sandbox has and that was removed.
fn gone(name: &SecretName) -> Error {
    Error::not_found(format!("{UNKNOWN} `{name}` any more, which the sandbox has"))
        .with_hint(format!("give it others: `infield secret give SANDBOX {name}`"))
}

fn missing(name: &str) -> Error {
    Error::not_found(format!("{UNKNOWN} `{name}`"))
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
