//! Accesses by SSH.

use infield_daytona as wire;
use infield_domain::Result;
use infield_engine::SshAccess;

use super::listing::whole;
use super::time;

/// Minutes at most that are read; the engine has its own bound.
const MOST_MINUTES: f64 = 1e9;

/// How long an access shall live, if the caller says.
pub(in super::super) fn ssh_minutes(query: &[(String, String)]) -> Result<Option<u64>> {
    let given = query.iter().find(|(name, _)| name == "expiresInMinutes");
    given.map(|(name, value)| whole(name, value, MOST_MINUTES)).transpose()
}

/// A new access.
pub(in super::super) fn ssh_access(made: SshAccess) -> wire::SshAccess {
    wire::SshAccess {
        id: made.id.to_string(),
        sandbox_id: made.sandbox.to_string(),
        ssh_command: format!("ssh -p {} {}@{}", made.place.port, made.token, made.place.host),
        token: made.token,
        expires_at: time(made.expires_at),
        created_at: time(made.created_at),
        updated_at: time(made.created_at),
    }
}
