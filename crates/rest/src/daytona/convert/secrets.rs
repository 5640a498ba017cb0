//! Secrets.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use infield_daytona as wire;
use infield_domain::secret::{self, Secret, Value, Wanted};
use infield_domain::{Error, Result};
use infield_engine::{ChangeSecret, HeldSecret, SetSecret};
use serde::Deserialize;

use super::time;

#[cfg(test)]
mod tests;

/// Secrets of a page when nobody says otherwise, and at most.
const PAGE_ITEMS: usize = 100;
const MOST_ITEMS: usize = 200;

/// What a client wants to see of a list of secrets.
#[derive(Debug, Default, Deserialize)]
pub(in super::super) struct ListSecrets {
    limit: Option<usize>,
    cursor: Option<String>,
    name: Option<String>,
    sort: Option<Sort>,
    order: Option<Order>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Sort {
    Name,
    CreatedAt,
    UpdatedAt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Order {
    Asc,
    Desc,
}

/// What a new secret shall be.
pub(in super::super) fn create_secret(wish: wire::CreateSecret<Value>) -> Result<SetSecret> {
    Ok(SetSecret {
        name: wish.name.parse()?,
        owner: None,
        description: wish.description.map(secret::description).transpose()?,
        hosts: secret::hosts(&wish.hosts)?,
        value: wish.value,
    })
}

/// What of a secret is to be changed.
pub(in super::super) fn change_secret(wish: wire::UpdateSecret<Value>) -> Result<ChangeSecret> {
    Ok(ChangeSecret {
        description: wish.description.map(secret::description).transpose()?,
        hosts: wish.hosts.map(|hosts| secret::hosts(&hosts)).transpose()?,
        value: wish.value,
    })
}

/// A secret as SDKs read it. Its placeholder is another one in each sandbox.
pub(in super::super) fn secret(secret: Secret) -> wire::Secret {
    wire::Secret {
        id: secret.id.into(),
        placeholder: format!("{}*", secret::placeholder_prefix(&secret.name)),
        name: secret.name.into(),
        description: secret.description,
        created_at: time(secret.created_at),
        hosts: secret.hosts.iter().map(ToString::to_string).collect(),
        updated_at: time(secret.changed_at),
    }
}

/// One page of secrets. The cursor is the id of the last one of the page before.
pub(in super::super) fn secret_page(
    mut all: Vec<Secret>,
    list: ListSecrets,
) -> Result<wire::SecretPage> {
    let limit = list.limit.unwrap_or(PAGE_ITEMS);
    if !(1..=MOST_ITEMS).contains(&limit) {
        return Err(Error::invalid(format!("`limit` is 1 to {MOST_ITEMS}")));
    }
    if let Some(part) = &list.name {
        all.retain(|secret| secret.name.as_str().contains(part.as_str()));
    }
    let sort = list.sort.unwrap_or(Sort::CreatedAt);
    let compare = |a: &Secret, b: &Secret| -> Ordering {
        let by = match sort {
            Sort::Name => a.name.cmp(&b.name),
            Sort::CreatedAt => a.created_at.cmp(&b.created_at),
            Sort::UpdatedAt => a.changed_at.cmp(&b.changed_at),
        };
        by.then_with(|| a.id.cmp(&b.id))
    };
    all.sort_by(compare);
    if list.order != Some(Order::Asc) {
        all.reverse();
    }
    let total = all.len();
    let begin = match &list.cursor {
        None => 0,
        Some(cursor) => {
            let last = all.iter().position(|secret| secret.id.as_str() == cursor);
            1 + last.ok_or_else(|| {
                Error::invalid("this cursor is of no page that is there")
                    .with_hint("begin again without one")
            })?
        }
    };
    let page: Vec<_> = all.into_iter().skip(begin).take(limit).collect();
    let is_last = begin + page.len() >= total;
    let next_cursor = page.last().filter(|_| !is_last).map(|last| last.id.to_string());
    Ok(wire::SecretPage { items: page.into_iter().map(secret).collect(), total, next_cursor })
}

/// The secrets that a sandbox is to have: names by variables.
pub(in super::super) fn wanted_secrets(wishes: &[BTreeMap<String, String>]) -> Result<Vec<Wanted>> {
    wishes.iter().flatten().map(|(variable, name)| Wanted::new(name, variable)).collect()
}

/// A secret that a sandbox has.
pub(in super::super) fn held_secret(held: HeldSecret) -> wire::SandboxSecret {
    wire::SandboxSecret {
        env: held.grant.variable,
        placeholder: held.grant.placeholder.into(),
        hosts: held.hosts.iter().map(ToString::to_string).collect(),
    }
}
