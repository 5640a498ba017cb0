//! Secrets.

use infield_domain::Result;
use infield_domain::secret::{self, Secret, Wanted};
use infield_engine::SetSecret;

use crate::wire;

/// What a secret shall be.
pub(crate) fn set_secret(name: &str, wish: wire::SetSecret) -> Result<SetSecret> {
    Ok(SetSecret {
        name: name.parse()?,
        owner: wish.owner,
        description: wish.description.map(secret::description).transpose()?,
        hosts: secret::hosts(&wish.hosts)?,
        value: wish.value,
    })
}

/// The secrets that a sandbox is to have.
pub(crate) fn wanted_secrets(texts: &[String]) -> Result<Vec<Wanted>> {
    texts.iter().map(|text| text.parse()).collect()
}

/// What is known of a secret.
pub(crate) fn secret(secret: Secret) -> wire::Secret {
    wire::Secret {
        id: secret.id.into(),
        name: secret.name.into(),
        owner: secret.owner,
        description: secret.description,
        hosts: secret.hosts.iter().map(ToString::to_string).collect(),
        created_at: secret.created_at,
        changed_at: secret.changed_at,
    }
}
