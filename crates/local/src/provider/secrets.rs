//! Secrets of sandboxes that run: given to the opener, told to the network process, trusted inside.

use infield_domain::provider::Provider as _;
use infield_domain::secret::Given;
use infield_domain::{Result, SandboxId};

use super::Local;
use crate::trust;

impl Local {
    /// Gives the opener what a sandbox has that is to start; the certificate of its authority.
    pub(super) async fn provide_secrets(
        &self,
        id: &SandboxId,
        secrets: &[Given],
    ) -> Result<Option<String>> {
        if secrets.is_empty() {
            return Ok(None);
        }
        match self.opener.provision(id, secrets).await {
            Ok(pem) => Ok(Some(pem)),
            Err(error) => {
                self.opener.forget(id).await;
                Err(error)
            }
        }
    }

    /// Makes the programs of a sandbox trust its authority, if it has one.
    pub(super) async fn let_trust(&self, id: &SandboxId, authority: Option<String>) -> Result<()> {
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
                self.trust_if_awake(&id, &pem).await
            };
            if let Err(error) = restored.await {
                tracing::warn!(sandbox = %id, %error, "a sandbox is without its secrets");
            }
        }
    }

    /// A paused sandbox learns of its authority when it goes on: its secrets are given again then.
    async fn trust_if_awake(&self, id: &SandboxId, pem: &str) -> Result<()> {
        if self.is_paused(id).await? {
            return Ok(());
        }
        trust::establish(&*self.guest(id), pem).await
    }

    /// Lets a sandbox that runs use these secrets, and no others.
    pub(super) async fn change_secrets(&self, id: &SandboxId, secrets: &[Given]) -> Result<()> {
        if secrets.is_empty() {
            self.opener.forget(id).await;
        } else {
            let pem = self.opener.provision(id, secrets).await?;
            self.trust_if_awake(id, &pem).await?;
        }
        // Where nobody serves it, whoever does it next takes them along.
        self.network.guard(id, self.opener.guarded(id)).await.map(drop)
    }
}
