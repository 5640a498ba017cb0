//! Secrets of sandboxes that run: given to the opener, told to the network process, trusted inside.

use infield_domain::provider::Provider as _;
use infield_domain::sandbox::Spec;
use infield_domain::secret::Given;
use infield_domain::{Result, SandboxId};

use super::Local;
use crate::trust;

impl Local {
    /// Puts policy and secrets of a sandbox in force that was started.
    pub(super) async fn put_in_force(
        &self,
        id: &SandboxId,
        spec: &Spec,
        secrets: &[Given],
    ) -> Result<()> {
        let authority = match secrets {
            [] => None,
            secrets => Some(self.opener.provision(id, secrets).await?),
        };
        self.serve(id, &spec.network).await?;
        match authority {
            Some(pem) => trust::establish(&*self.guest(id), &pem).await,
            None => Ok(()),
        }
    }

    /// Gives a new opener what every sandbox has, and every sandbox its new authority.
    pub(super) async fn restore_secrets(&self) {
        for (id, secrets) in self.opener.expected() {
            let restored = async {
                let pem = self.opener.restore(&id, secrets).await?;
                trust::establish(&*self.guest(&id), &pem).await
            };
            if let Err(error) = restored.await {
                tracing::warn!(sandbox = %id, %error, "a sandbox is without its secrets");
            }
        }
    }

    /// Lets a sandbox that runs use these secrets, and no others.
    pub(super) async fn change_secrets(
        &self,
        id: &SandboxId,
        spec: &Spec,
        secrets: &[Given],
    ) -> Result<()> {
        if secrets.is_empty() {
            self.opener.forget(id).await;
        } else {
            let pem = self.opener.provision(id, secrets).await?;
            trust::establish(&*self.guest(id), &pem).await?;
        }
        if self.network.guard(id, self.opener.guarded(id)).await? {
            return Ok(());
        }
        self.serve(id, &spec.network).await
    }
}
