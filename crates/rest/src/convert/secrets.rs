//! Secrets.

use infield_domain::Result;
use infield_domain::secret::{self, Secret};
use infield_engine::SetSecret;

use crate::wire;

/// What a secret shall be.
pub(crate) fn set_secret(name: &str, wish: wire::SetSecret) -> Result<SetSecret> {
    Ok(SetSecret {
        name: name.parse()?,
        owner: wish.owner,
        hosts: secret::hosts(&wish.hosts)?,
        value: wish.value,
    })
}

/// What is known of a secret.
pub(crate) fn secret(secret: Secret) -> wire::Secret {
    wire::Secret {
        name: secret.name.into(),
        owner: secret.owner,
        hosts: secret.hosts.iter().map(ToString::to_string).collect(),
        created_at: secret.created_at,
        changed_at: secret.changed_at,
    }
}
