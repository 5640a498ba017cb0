//! What this host can enforce.

use infield_domain::isolation::Host;
use infield_domain::{Permission, Principal, Result};

use crate::Engine;

impl Engine {
    /// Looks at the host. Needs `read`.
    pub async fn probe_host(&self, who: &Principal) -> Result<Host> {
        who.require(Permission::Read)?;
        let mut host = self.provider().probe().await?;
        host.checks.extend(self.settings().checks.iter().cloned());
        Ok(host)
    }
}
