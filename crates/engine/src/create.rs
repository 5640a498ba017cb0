//! Making a sandbox: check, record, drive.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_core::future::BoxFuture;
use infield_domain::lifecycle::{Cause, Reason, State};
use infield_domain::network::{Allowance, Policy, check_networks};
use infield_domain::preview::Previews;
use infield_domain::sandbox::{Sandbox, Spec, WORKING_DIRECTORY};
use infield_domain::secret::Grant;
use infield_domain::volume::VolumeMount;
use infield_domain::{Error, GuestPath, ImageName, Permission, Principal, Result};
use infield_store::SandboxRow;
use tokio::sync::oneshot;

use crate::driver::queue::Wish;
use crate::driver::{Driver, Seat};
use crate::gate::clipped;
use crate::registry::Taken;
use crate::toolbox::git::{self, GitOperation, GitRequest};
use crate::{CreateSandbox, Engine, GitSource, names};

/// How long a caller waits for a new sandbox; the driver has limits of its own below it.
const CREATE_LIMIT: Duration = Duration::from_secs(60);
/// How long the clone of its repository may take.
const CLONE_LIMIT_MS: u64 = 600_000;
/// Variables and labels that a sandbox can carry, and the bytes of all of them.
const MOST_VARIABLES: usize = 256;
const MOST_BYTES: usize = 64 << 10;
/// Tries to find a free name among a million.
const NAME_TRIES: usize = 20;

/// Whether a sandbox goes after its one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Many,
    Single,
}

/// What a wish became when it was looked at.
struct Granted {
    network: Policy,
    allowance: Allowance,
    secrets: Vec<Grant>,
    volumes: Vec<VolumeMount>,
}

impl Engine {
    /// Makes a sandbox, or finds the one that the same request made, and waits until it runs.
    ///
    /// It goes on when the caller goes away, so that no record stays without its driver.
    pub(crate) async fn make_sandbox(
        &self,
        who: &Principal,
        create: CreateSandbox,
        once: Use,
    ) -> Result<Arc<Seat>> {
        let engine = self.clone();
        let who = who.clone();
        let made = self.spawn(async move { engine.make(&who, create, once).await });
        made.await.map_err(|cause| {
            Error::internal("the creation of the sandbox broke off").with_source(cause)
        })?
    }

    async fn make(&self, who: &Principal, create: CreateSandbox, once: Use) -> Result<Arc<Seat>> {
        who.require(Permission::Manage)?;
        if !self.is_ready() {
            return Err(Error::unavailable("the daemon is starting or ending")
                .with_hint("try again in a moment"));
        }
        let policy = self.settle_network(create.network.clone())?;
        check(&create, &policy)?;
        let allowance = create.ceilings.settle(self.settings().allowance)?;
        if let Some(image) = create.image.as_ref().filter(|image| image.as_str() != ImageName::HOST)
        {
            self.require_image(image).await?;
        }
        let chosen = create.name.is_some();
        let git = create.git.clone();
        let around = (&policy, &create.environment);
        let secrets = self.grants(who, &create.secrets, around).await?;
        // Until the sandbox has its seat nobody else knows that it has them.
        let mounting = self.mounting(&create.volumes).await;
        let volumes = self.mounts(who, &create.volumes).await?;
        let granted = Granted { network: policy, allowance, secrets, volumes };
        let mut sandbox = self.new_record(who, create, granted);
        for _ in 0..NAME_TRIES {
            let (driver, seat) = Driver::new(self, sandbox.clone(), once);
            match self.seat(who, &seat).await? {
                Ok(()) => {
                    drop(mounting);
                    let seat = self.bring_up(driver, seat, sandbox).await?;
                    return self.bring_repository(who, seat, git).await;
                }
                Err(Taken::Name(_)) if !chosen => sandbox.spec.name = names::sandbox_name(),
                Err(taken) => {
                    drop(mounting);
                    return self.already(taken).await;
                }
            }
        }
        Err(Error::conflict("no free name was found").with_hint("choose a name yourself"))
    }

    fn new_record(&self, who: &Principal, create: CreateSandbox, granted: Granted) -> Sandbox {
        let Granted { network, allowance, secrets, volumes } = granted;
        let now = self.now();
        let spec = Spec {
            name: create.name.unwrap_or_else(names::sandbox_name),
            image: create.image.unwrap_or_else(ImageName::host),
            language: create.language.unwrap_or(infield_domain::language::Language::Python),
            user: create.user.unwrap_or_else(|| "root".to_owned()),
            working_directory: create.working_directory.unwrap_or_else(workspace),
            environment: create.environment,
            labels: create.labels,
            retention: create.retention,
            resources: create.resources,
            network,
            networks: create.networks,
            secrets,
            volumes,
            previews: Previews::everywhere(create.previews),
            allowance,
            require: create.require,
        };
        Sandbox {
            id: names::sandbox_id(),
            owner: who.owner.clone(),
            request_key: create.request_key,
            spec,
            state: State::Creating,
            cause: None,
            provider: self.provider().name().to_owned(),
            enforcement: None,
            created_at: now,
            changed_at: now,
            active_at: now,
        }
    }

    async fn bring_up(
        &self,
        driver: Driver,
        seat: Arc<Seat>,
        sandbox: Sandbox,
    ) -> Result<Arc<Seat>> {
        let traffic = seat.moved.get();
        let row = SandboxRow { sandbox, single_use: seat.single_use, traffic };
        let recorded = self.records().call(move |store| store.insert_sandbox(&row));
        let (waiter, ready) = oneshot::channel();
        self.bell().ring(&seat.sandbox(), None);
        // The driver ends with the engine; nobody has to wait for it here.
        drop(self.spawn(driver.awaited_by(waiter).drive()));
        // The provider works meanwhile. Nobody hears of a sandbox without a record, and after a
        // crash whatever has none is removed.
        if let Err(error) = recorded.await {
            let cause = Cause::with(Reason::Fault, error.message());
            if let Err(kept) = seat.ask(Wish::Delete(cause), CREATE_LIMIT).await {
                tracing::warn!(id = %seat.id, error = &kept as &dyn std::error::Error, "not gone");
            }
            return Err(error);
        }
        let ready = tokio::time::timeout(CREATE_LIMIT, ready).await;
        match ready {
            Ok(Ok(result)) => result.map(|_| seat),
            Ok(Err(_)) => Err(Error::unavailable("the daemon is ending")),
            Err(_) => Err(Error::timeout(format!("sandbox `{}` is still being made", seat.id))
                .with_hint("it goes on; look again in a moment")),
        }
    }

    /// Clones what a new sandbox starts with. One that cannot have it goes again.
    async fn bring_repository(
        &self,
        who: &Principal,
        seat: Arc<Seat>,
        source: Option<GitSource>,
    ) -> Result<Arc<Seat>> {
        let Some(source) = source else { return Ok(seat) };
        let Err(error) = self.clone_into(who, &seat, source).await else { return Ok(seat) };
        let cause = Cause::with(Reason::Fault, "its repository was not cloned");
        if let Err(kept) = seat.ask(Wish::Delete(cause), CREATE_LIMIT).await {
            tracing::warn!(id = %seat.id, error = &kept as &dyn std::error::Error, "not gone");
        }
        Err(error)
    }

    /// In a box, because git runs like any command, and that may make a sandbox.
    fn clone_into<'a>(
        &'a self,
        who: &'a Principal,
        seat: &'a Seat,
        GitSource { url, branch }: GitSource,
    ) -> BoxFuture<'a, Result<()>> {
        let operation = GitOperation::Clone { url, branch, path: None };
        let request = GitRequest { operation, working_directory: None, timeout_ms: CLONE_LIMIT_MS };
        Box::pin(async move {
            let outcome = self.git(who, seat.id.as_str(), request).await?;
            if outcome.success {
                return Ok(());
            }
            let said = clipped(outcome.stderr.text.trim());
            let hint = outcome.refused.unwrap_or_else(|| "look at the address".to_owned());
            Err(Error::unavailable(format!("the repository was not cloned: {said}"))
                .with_hint(hint))
        })
    }

    async fn already(&self, taken: Taken) -> Result<Arc<Seat>> {
        match taken {
            Taken::SameRequest(seat) => {
                let sandbox = seat.wait_for(|state| state != State::Creating, CREATE_LIMIT).await;
                match &sandbox.cause {
                    Some(cause) if sandbox.state == State::Failed => {
                        let detail = cause.detail.as_deref().unwrap_or("it failed");
                        Err(Error::conflict(format!("sandbox `{}`: {detail}", seat.id))
                            .with_hint("delete it, or use a new request key"))
                    }
                    Some(_) | None => Ok(seat),
                }
            }
            Taken::Name(seat) => {
                let sandbox = seat.sandbox();
                Err(Error::conflict(format!(
                    "the name `{}` is taken by sandbox `{}` ({})",
                    sandbox.spec.name,
                    seat.id,
                    sandbox.state.as_str()
                ))
                .with_hint("use that sandbox, delete it, or choose another name"))
            }
            Taken::Full(most) => Err(Error::new(
                infield_domain::Kind::Quota,
                format!("there are {most} sandboxes, which is the limit"),
            )
            .with_hint("delete some with delete_sandbox")),
        }
    }
}

fn workspace() -> GuestPath {
    WORKING_DIRECTORY.parse().expect("the working directory is a path")
}

fn check(create: &CreateSandbox, network: &Policy) -> Result<()> {
    create.resources.check()?;
    create.retention.check()?;
    check_pairs("variables", &create.environment)?;
    check_pairs("labels", &create.labels)?;
    check_environment(&create.environment)?;
    if let Some(user) = &create.user {
        check_user(user)?;
    }
    if create.request_key.as_ref().is_some_and(|key| key.is_empty() || key.len() > 128) {
        return Err(Error::invalid("a request key has 1 to 128 bytes"));
    }
    if let Some(directory) = &create.working_directory
        && !directory.as_str().starts_with('/')
    {
        return Err(Error::invalid("the working directory of a sandbox begins with `/`")
            .with_hint("leave it out for `/workspace`"));
    }
    check_networks(&create.networks)?;
    if *network == Policy::None && !create.networks.is_empty() {
        return Err(Error::invalid("a sandbox with the network `none` can be in no other")
            .with_hint("leave out `join`, or choose another network, such as `limited`"));
    }
    create.git.as_ref().map_or(Ok(()), |source| git::check_remote(&source.url, network))
}

pub(crate) fn check_pairs(what: &str, pairs: &BTreeMap<String, String>) -> Result<()> {
    let bytes: usize = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
    if pairs.len() > MOST_VARIABLES || bytes > MOST_BYTES {
        return Err(Error::invalid(format!(
            "there are {} {what} of {bytes} bytes; {MOST_VARIABLES} of {MOST_BYTES} bytes fit",
            pairs.len()
        ))
        .with_hint("bring large values in as a file"));
    }
    Ok(())
}

/// Refuses variables that no process can have.
pub(crate) fn check_environment(environment: &BTreeMap<String, String>) -> Result<()> {
    let wrong = environment.iter().find(|(name, value)| {
        name.is_empty() || name.contains(['=', '\0']) || value.contains('\0')
    });
    match wrong {
        None => Ok(()),
        Some((name, _)) => {
            let shown = crate::gate::clipped(name);
            Err(Error::invalid(format!("`{shown}` cannot be a variable"))
                .with_hint("a name has no `=`, and neither name nor value has a NUL"))
        }
    }
}

/// Refuses what cannot be a user's name inside.
pub(crate) fn check_user(user: &str) -> Result<()> {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if (1..=32).contains(&user.len()) && user.bytes().all(letter) {
        return Ok(());
    }
    Err(Error::invalid("a user has 1 to 32 letters, digits, `_`, `-` or `.`")
        .with_hint("say `root` or `daytona`"))
}
