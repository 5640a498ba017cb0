//! Keys, and the contract's scopes in our permissions.
//!
//! ```text
//! any key             read
//! write:sandboxes     manage, execute
//! delete:sandboxes    manage
//! write:volumes       manage
//! delete:volumes      manage
//! manage:api_keys     manage
//! write:snapshots     images
//! delete:snapshots    images
//! manage:secrets      secrets
//! every other         nothing: this server has nothing behind it, or wants `admin` for it
//! ```
//!
//! Ours are coarser, so a key may get more than it was asked for, and every answer says all that
//! it may: a key made for `write:sandboxes` is told with `delete:sandboxes` besides.

use infield_daytona::{ApiKey, ApiKeyMade, CreateApiKey, Scope};
use infield_domain::principal::Key;
use infield_domain::{Permission, Result};
use infield_engine::{CreateOwnKey, NewKey};

use super::{moment, time};

#[cfg(test)]
mod tests;

/// What is shown in place of a key.
const MASK: &str = "inf_********";

/// What a new key shall be.
pub(in super::super) fn create_key(wish: CreateApiKey) -> Result<CreateOwnKey> {
    let mut permissions = vec![Permission::Read];
    permissions.extend(wish.permissions.into_iter().flat_map(permitted));
    let expires_at = wish.expires_at.map(|text| moment("expiresAt", &text)).transpose()?;
    Ok(CreateOwnKey { name: wish.name, permissions, expires_at })
}

/// What a scope stands for, beside `read`.
fn permitted(scope: Scope) -> &'static [Permission] {
    match scope {
        Scope::WriteSandboxes => &[Permission::Manage, Permission::Execute],
        Scope::DeleteSandboxes
        | Scope::WriteVolumes
        | Scope::DeleteVolumes
        | Scope::ManageApiKeys => &[Permission::Manage],
        Scope::WriteSnapshots | Scope::DeleteSnapshots => &[Permission::Images],
        Scope::ManageSecrets => &[Permission::Secrets],
        Scope::WriteRegistries
        | Scope::DeleteRegistries
        | Scope::ReadVolumes
        | Scope::WriteRegions
        | Scope::DeleteRegions
        | Scope::ReadRunners
        | Scope::WriteRunners
        | Scope::DeleteRunners
        | Scope::ReadAuditLogs
        | Scope::ReadLimits
        | Scope::ManageSso
        | Scope::ReadBilling
        | Scope::ManageBilling => &[],
    }
}

/// Every scope that a key with these permissions has.
pub(super) fn scopes(permissions: &[Permission]) -> Vec<Scope> {
    let scopes = permissions.iter().flat_map(|permission| match permission {
        Permission::Read => &[Scope::ReadVolumes, Scope::ReadAuditLogs, Scope::ReadLimits][..],
        Permission::Manage => &[
            Scope::WriteSandboxes,
            Scope::DeleteSandboxes,
            Scope::WriteVolumes,
            Scope::DeleteVolumes,
            Scope::ManageApiKeys,
        ],
        Permission::Execute => &[],
        Permission::Images => &[Scope::WriteSnapshots, Scope::DeleteSnapshots],
        Permission::Secrets => &[Scope::ManageSecrets],
        Permission::Admin => &[],
    });
    let mut scopes: Vec<_> = scopes.copied().collect();
    scopes.sort_unstable();
    scopes
}

/// A new key, with the key itself.
pub(in super::super) fn api_key_made(made: NewKey) -> ApiKeyMade {
    ApiKeyMade {
        name: made.key.name,
        value: made.secret,
        created_at: time(made.key.created_at),
        permissions: scopes(&made.key.permissions),
        expires_at: made.key.expires_at.map(time),
    }
}

/// What is known of a key.
pub(in super::super) fn api_key(key: Key) -> ApiKey {
    ApiKey {
        name: key.name,
        value: MASK.to_owned(),
        created_at: time(key.created_at),
        permissions: scopes(&key.permissions),
        last_used_at: key.used_at.map(time),
        expires_at: key.expires_at.map(time),
        user_id: key.owner,
    }
}
