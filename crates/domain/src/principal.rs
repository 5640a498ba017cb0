//! Who acts, and what they may do.

use serde::{Deserialize, Serialize};

use crate::sandbox::Millis;
use crate::{Error, KeyId, Result, SshAccessId};

/// Everything that a caller can be allowed, one for each use case family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// See sandboxes, their state, output and files.
    Read,
    /// Create, start, stop, change and delete sandboxes.
    Manage,
    /// Run code, write files and use git in sandboxes.
    Execute,
    /// Import and remove images.
    Images,
    /// Make, change and remove secrets.
    Secrets,
    /// Make and revoke keys, read the audit trail, end the daemon.
    Admin,
}

impl Permission {
    /// Every permission there is.
    pub const ALL: [Self; 6] =
        [Self::Read, Self::Manage, Self::Execute, Self::Images, Self::Secrets, Self::Admin];

    /// The word that keys and messages use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Manage => "manage",
            Self::Execute => "execute",
            Self::Images => "images",
            Self::Secrets => "secrets",
            Self::Admin => "admin",
        }
    }
}

/// How a caller proved who it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum Credential {
    /// A process of the daemon's own user, over the unix socket.
    Socket,
    /// An API key.
    Key {
        /// Which one.
        id: KeyId,
    },
    /// The token of an SSH access.
    Ssh {
        /// Which one.
        id: SshAccessId,
    },
    /// Nobody asked: the operator started the server with `--no-auth`.
    None,
    /// infield itself: a timer, a recovery.
    System,
}

/// Who acts. Every use case takes one first, and denies what it does not name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The name that owns what the caller makes and that the audit trail shows.
    pub owner: String,
    /// How the caller proved it.
    pub credential: Credential,
    /// What the caller may do.
    pub permissions: Vec<Permission>,
    /// Whether the caller sees the sandboxes of every owner.
    pub sees_all: bool,
    /// The request that is being served, for the audit trail and the log; empty for none.
    pub request_id: String,
}

impl Principal {
    /// infield itself, for timers and recovery.
    pub fn system() -> Self {
        Self {
            owner: "system".to_owned(),
            credential: Credential::System,
            permissions: Permission::ALL.to_vec(),
            sees_all: true,
            request_id: String::new(),
        }
    }

    /// The operator on this machine, over the unix socket; `owner` names the client.
    pub fn operator(owner: impl Into<String>) -> Self {
        Self {
            owner: owner.into(),
            credential: Credential::Socket,
            permissions: Permission::ALL.to_vec(),
            sees_all: true,
            request_id: String::new(),
        }
    }

    /// The same caller, for this one request.
    #[must_use]
    pub fn for_request(mut self, request_id: impl Into<String>) -> Self {
        self.request_id = request_id.into();
        self
    }

    /// Refuses unless the caller holds `needed`.
    pub fn require(&self, needed: Permission) -> Result<()> {
        if self.permissions.contains(&needed) {
            return Ok(());
        }
        Err(Error::denied(format!("this key may not `{}`", needed.as_str()))
            .with_hint(format!("use a key with the permission `{}`", needed.as_str())))
    }

    /// Whether the caller may know that something of `owner` exists.
    pub fn sees(&self, owner: &str) -> bool {
        self.sees_all || self.owner == owner
    }
}

/// What is known of an API key. The key itself is known to nobody but its holder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Its identity.
    pub id: KeyId,
    /// What people call it.
    pub name: String,
    /// Whom it stands for.
    pub owner: String,
    /// What it may do.
    pub permissions: Vec<Permission>,
    /// Whether it sees the sandboxes of every owner.
    pub sees_all: bool,
    /// When it was made.
    pub created_at: Millis,
    /// When it ends, if ever.
    pub expires_at: Option<Millis>,
    /// When it was last used, to the minute.
    pub used_at: Option<Millis>,
}
