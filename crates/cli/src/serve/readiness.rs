//! The way from a started daemon to one that can make sandboxes, and proof that it can.
//!
//! First the records are made to agree with what runs. Then one sandbox is made, asked whether it
//! is there, and removed: the only test of a host that does not miss a reason why it would fail.
//!
//! No record names that sandbox, so nobody else would remove it: a daemon that is asked to end
//! waits for what is under way here, and begins nothing more. One that a kill leaves behind is a
//! stranger to the next daemon, which removes it.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use infield_domain::language::Language;
use infield_domain::lifecycle::State;
use infield_domain::network::{Allowance, Policy};
use infield_domain::provider::Provider;
use infield_domain::sandbox::{Resources, Retention, Sandbox, Spec, WORKING_DIRECTORY};
use infield_domain::{Error, ImageName, Result, SandboxId};
use infield_engine::Engine;
use infield_rest::Health;
use tokio::sync::oneshot;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::control::{self, FromDaemon};
use super::log;

/// The first and the longest pause between two attempts.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Who is told on the way.
pub(super) struct Told {
    /// That recovery was tried once, so that requests can be answered.
    pub(super) tried: oneshot::Sender<()>,
    /// That the daemon works.
    pub(super) keeper: OwnedFd,
}

/// Whether a sandbox was made here.
#[derive(Clone, Default)]
pub(super) struct Readiness {
    proven: Arc<AtomicBool>,
}

impl Readiness {
    /// What `GET /api/health` answers.
    pub(super) fn health(&self, engine: Engine) -> Health {
        let proven = Arc::clone(&self.proven);
        Arc::new(move || {
            if engine.is_ready() && proven.load(Ordering::Acquire) {
                return Ok(());
            }
            Err(Error::unavailable("sandboxes cannot be made yet")
                .with_hint("ask again in a second; if this lasts, run `infield doctor`"))
        })
    }

    /// Recovers and makes the proof, as often as it takes; begins no further attempt after
    /// `ending`. The keeper is told as soon as requests are answered, which on a host that can
    /// make no sandbox is all there will be.
    pub(super) async fn reach(
        self,
        engine: Engine,
        provider: Arc<dyn Provider>,
        told: Told,
        ending: CancellationToken,
    ) {
        let mut pause = Pause::new(ending);
        let mut first = Some(told.tried);
        loop {
            let recovered = engine.recover().await;
            // Before the first attempt an answer would say that there is nothing. After one that
            // failed, errors are better than silence.
            if let Some(first) = first.take()
                && first.send(()).is_err()
            {
                return;
            }
            let Err(error) = recovered else { break };
            tracing::error!(source = log::chain(&error), "cannot recover yet: {error}");
            if !pause.wait().await {
                return;
            }
        }
        if let Err(error) = control::say(&told.keeper, &FromDaemon::Ready, None) {
            tracing::warn!(%error, "the keeper was not told");
        }
        if pause.is_over() || !prove(&*provider, &mut pause.anew()).await {
            return;
        }
        self.proven.store(true, Ordering::Release);
        tracing::info!(provider = provider.name(), "ready");
    }
}

/// The pauses between attempts, which grow, and which the end of the daemon cuts short.
struct Pause {
    next: Duration,
    ending: CancellationToken,
}

impl Pause {
    fn new(ending: CancellationToken) -> Self {
        Self { next: PAUSES.0, ending }
    }

    fn anew(self) -> Self {
        Self::new(self.ending)
    }

    /// Whether no further attempt is to be begun.
    fn is_over(&self) -> bool {
        self.ending.is_cancelled()
    }

    /// Waits; false when no further attempt is to be begun.
    async fn wait(&mut self) -> bool {
        let over = self.ending.run_until_cancelled(sleep(self.next)).await;
        self.next = (self.next * 2).min(PAUSES.1);
        over.is_some()
    }
}

/// Makes and removes a sandbox until that works once; false when the daemon ends before.
async fn prove(provider: &dyn Provider, pause: &mut Pause) -> bool {
    // One for all attempts, so that the next one removes what one could not.
    let mut sandbox = None;
    while let Err(error) = attempt(provider, &mut sandbox).await {
        tracing::error!(
            hint = error.hint(),
            source = log::chain(&error),
            "no sandbox can be made: {error}"
        );
        if !pause.wait().await {
            return false;
        }
    }
    true
}

async fn attempt(provider: &dyn Provider, sandbox: &mut Option<Sandbox>) -> Result<()> {
    let sandbox = match sandbox {
        Some(sandbox) => sandbox,
        None => sandbox.insert(throwaway(random_id()?)?),
    };
    let made = async {
        provider.create(sandbox, &[]).await?;
        provider.guest(&sandbox.id).executions().await
    };
    let made = made.await;
    let removed = provider.delete(&sandbox.id).await;
    made?;
    removed
}

fn random_id() -> Result<SandboxId> {
    let mut random = [0; infield_domain::id::ID_LETTERS];
    getrandom::fill(&mut random)
        .map_err(|error| Error::internal("the host gives no random number").with_source(error))?;
    Ok(SandboxId::from_random(random))
}

fn throwaway(id: SandboxId) -> Result<Sandbox> {
    Ok(Sandbox {
        id,
        owner: String::new(),
        request_key: None,
        spec: spec()?,
        state: State::Creating,
        cause: None,
        provider: String::new(),
        enforcement: None,
        created_at: 0,
        changed_at: 0,
        active_at: 0,
    })
}

fn spec() -> Result<Spec> {
    Ok(Spec {
        name: "self-check".parse()?,
        image: ImageName::host(),
        language: Language::Python,
        user: "root".to_owned(),
        working_directory: WORKING_DIRECTORY.parse()?,
        environment: Default::default(),
        labels: Default::default(),
        retention: Retention::TEMPORARY,
        resources: Resources::DEFAULT,
        network: Policy::None,
        networks: Default::default(),
        secrets: Vec::new(),
        volumes: Vec::new(),
        previews: infield_domain::preview::Previews::default(),
        allowance: Allowance::DEFAULT,
        require: Vec::new(),
    })
}
