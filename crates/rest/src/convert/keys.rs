//! Keys and the audit trail.

use infield_domain::Permission;
use infield_engine::{CreateKey, Key, ListAudit, NewKey};

use super::PAGE_ITEMS;
use crate::wire;

/// What a key may do when nobody says otherwise: work, and not administer.
const STANDARD: [Permission; 5] = [
    Permission::Read,
    Permission::Manage,
    Permission::Execute,
    Permission::Images,
    Permission::Secrets,
];

/// What a new key shall be.
pub(crate) fn create_key(wish: wire::CreateKey) -> CreateKey {
    CreateKey {
        name: wish.name,
        owner: wish.owner,
        organization: wish.organization,
        permissions: wish.permissions.unwrap_or_else(|| STANDARD.to_vec()),
        sees_all: wish.sees_all,
        expires_at: wish.expires_at,
    }
}

/// A new key, with its secret.
pub(crate) fn key_made(made: NewKey) -> wire::KeyMade {
    wire::KeyMade { id: made.key.id.into(), name: made.key.name, key: made.secret }
}

/// What is known of a key.
pub(crate) fn key(key: Key) -> wire::Key {
    wire::Key {
        id: key.id.into(),
        name: key.name,
        owner: key.owner,
        permissions: key.permissions,
        sees_all: key.sees_all,
        created_at: key.created_at,
        expires_at: key.expires_at,
        used_at: key.used_at,
    }
}

/// Which records to list.
pub(crate) fn audit_query(query: wire::AuditQuery) -> ListAudit {
    ListAudit {
        subject: query.subject,
        who: query.who,
        action: query.action,
        limit: query.limit.unwrap_or(PAGE_ITEMS),
        cursor: query.cursor,
    }
}
