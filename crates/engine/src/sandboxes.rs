//! Sandboxes: make, find, start, stop, delete, measure, tidy up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use infield_domain::command::Execution;
use infield_domain::isolation::Control;
use infield_domain::language::Language;
use infield_domain::lifecycle::{Cause, Reason, State};
use infield_domain::network::{Ceilings, Choice, Connection, Traffic};
use infield_domain::preview::Access;
use infield_domain::sandbox::{Millis, Resources, Retention, Sandbox, Usage};
use infield_domain::secret::Wanted;
use infield_domain::volume::WantedVolume;
use infield_domain::{
    Error, GuestPath, ImageName, NetworkName, Permission, Principal, Result, SandboxName,
};

use crate::Engine;
use crate::create::Use;
use crate::driver::Seat;
use crate::driver::queue::Wish;
use crate::gate::clipped;

/// What stands in place of a variable's value in every answer.
pub(crate) const MASK: &str = "***";
/// How long a caller waits; the sandbox goes on moving when it takes longer.
const START_LIMIT: Duration = Duration::from_secs(120);
const STOP_LIMIT: Duration = Duration::from_secs(120);
const DELETE_LIMIT: Duration = Duration::from_secs(60);

/// What a new sandbox shall be.
#[derive(Clone, Debug)]
pub struct CreateSandbox {
    /// Its name; one is made up when there is none.
    pub name: Option<SandboxName>,
    /// Its root file system; `host` when there is none.
    pub image: Option<ImageName>,
    /// What `execute_code` runs when nobody says otherwise; Python when there is none.
    pub language: Option<Language>,
    /// The user inside; `root` when there is none.
    pub user: Option<String>,
    /// Where commands start; `/workspace` when there is none.
    pub working_directory: Option<GuestPath>,
    /// Variables of every command.
    pub environment: BTreeMap<String, String>,
    /// Free words of the owner.
    pub labels: BTreeMap<String, String>,
    /// How long it lives.
    pub retention: Retention,
    /// What it may use.
    pub resources: Resources,
    /// What it may reach; the server's setting when nothing is said.
    pub network: Choice,
    /// The named networks of its owner that it is to be in.
    pub networks: BTreeSet<NetworkName>,
    /// The secrets that it can use.
    pub secrets: Vec<Wanted>,
    /// The volumes that it has.
    pub volumes: Vec<WantedVolume>,
    /// How much its network may carry; the server's settings where nothing is said.
    pub ceilings: Ceilings,
    /// Who may visit its ports.
    pub previews: Access,
    /// Controls without which it must not start.
    pub require: Vec<Control>,
    /// A repository to bring in; refused for a sandbox without a network.
    pub git: Option<GitSource>,
    /// Makes the call repeatable: the same key and owner give the same sandbox.
    pub request_key: Option<String>,
}

impl CreateSandbox {
    /// A temporary sandbox with everything that a sandbox gets when nobody says otherwise.
    pub fn standard() -> Self {
        Self {
            name: None,
            image: None,
            language: None,
            user: None,
            working_directory: None,
            environment: BTreeMap::new(),
            labels: BTreeMap::new(),
            retention: Retention::TEMPORARY,
            resources: Resources::DEFAULT,
            network: Choice::default(),
            networks: BTreeSet::new(),
            secrets: Vec::new(),
            volumes: Vec::new(),
            ceilings: Ceilings::default(),
            previews: Access::default(),
            require: Vec::new(),
            git: None,
            request_key: None,
        }
    }
}

/// A repository that a new sandbox starts with.
#[derive(Clone, Debug)]
pub struct GitSource {
    /// Where it is.
    pub url: String,
    /// Which branch; the remote's own choice when there is none.
    pub branch: Option<String>,
}

/// A sandbox and everything worth knowing of it now.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// The sandbox; the values of its variables are masked.
    pub sandbox: Sandbox,
    /// What it uses; none when it does not run.
    pub usage: Option<Usage>,
    /// Its commands, the newest first, as far as they are remembered.
    pub executions: Vec<Execution>,
    /// What its timers will do.
    pub deadlines: Deadlines,
    /// What it has moved since it was started; none when it does not run or has no network.
    pub traffic: Option<Traffic>,
    /// What was refused to it lately, the newest last.
    pub refusals: Vec<Connection>,
}

/// When a sandbox will be stopped and deleted if nothing happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// When it stops for being idle; none while it works.
    pub stops_at: Option<Millis>,
    /// When it is paused for being idle; none while it works.
    pub pauses_at: Option<Millis>,
    /// When it is archived.
    pub archived_at: Option<Millis>,
    /// When it is deleted.
    pub deleted_at: Option<Millis>,
}

/// What becomes of a sandbox that was recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterRecovery {
    /// It goes on.
    Run,
    /// It is stopped again.
    Rest,
}

/// What to tidy up.
#[derive(Clone, Copy, Debug)]
pub struct Prune {
    /// Only what has rested at least this long, in milliseconds.
    pub older_than_ms: u64,
    /// Also stopped persistent sandboxes, not temporary and failed ones alone.
    pub persistent: bool,
}

/// What was tidied up.
#[derive(Clone, Debug)]
pub struct Pruned {
    /// The sandboxes that were deleted.
    pub sandboxes: Vec<Sandbox>,
}

impl Engine {
    /// Makes a sandbox and waits until it runs. Needs `manage`.
    ///
    /// A name is taken when a sandbox has it that the caller sees, which is a conflict that names
    /// this sandbox; the same request key again gives the sandbox of the first time.
    pub async fn create_sandbox(&self, who: &Principal, create: CreateSandbox) -> Result<Sandbox> {
        let image = create.image.as_ref().map_or(ImageName::HOST, ImageName::as_str);
        let mut detail = format!("image {image}");
        for wish in &create.secrets {
            detail.push_str(&format!(", secret {}", wish.secret));
        }
        for wish in &create.volumes {
            detail.push_str(&format!(", volume {} at {}", clipped(&wish.volume), wish.path));
        }
        for network in &create.networks {
            detail.push_str(&format!(", in network {network}"));
        }
        let name = create.name.as_ref().map_or(String::new(), ToString::to_string);
        let made = self.make_sandbox(who, create, Use::Many).await;
        let subject = made.as_ref().map_or(name, |seat| seat.id.to_string());
        let seat = self.noted(who, ("sandbox.create", &subject, &detail), made)?;
        Ok(masked(&seat.sandbox()))
    }

    /// Finds a sandbox by id or name. Needs `read`.
    pub async fn get_sandbox(&self, who: &Principal, reference: &str) -> Result<Sandbox> {
        who.require(Permission::Read)?;
        Ok(shown(&*self.registry().find(who, reference)?))
    }

    /// Finds a sandbox, with its usage, commands and timers. Needs `read`.
    pub async fn inspect_sandbox(&self, who: &Principal, reference: &str) -> Result<Inspection> {
        who.require(Permission::Read)?;
        let seat = self.registry().find(who, reference)?;
        let sandbox = shown(&seat);
        let usage = if sandbox.state.is_alive() {
            // A sandbox that dies at this moment has no usage; that is no reason to fail.
            self.provider().usage(&seat.id).await.ok()
        } else {
            None
        };
        let traffic = match sandbox.state {
            state if state.is_alive() => {
                self.provider().traffic(&seat.id).await.unwrap_or_default()
            }
            _ => Some(seat.moved.get()).filter(|moved| *moved != Traffic::default()),
        };
        let records = self.executions_of(&seat).await?;
        let executions = records.into_iter().map(|record| record.execution).collect();
        let (deadlines, refusals) = (seat.deadlines(), seat.refusals.since(0));
        Ok(Inspection { sandbox, usage, executions, deadlines, traffic, refusals })
    }

    /// Starts a sandbox, or finds that it runs, and waits until it can work. Needs `manage`.
    pub async fn start_sandbox(&self, who: &Principal, reference: &str) -> Result<Sandbox> {
        self.move_sandbox(who, reference, ("sandbox.start", Wish::Start, START_LIMIT)).await
    }

    /// Holds everything that runs in a sandbox, and waits until it stands still. Needs `manage`.
    ///
    /// Its memory stays, and its deadlines go on. A start lets it go on, as does whoever uses it.
    pub async fn pause_sandbox(&self, who: &Principal, reference: &str) -> Result<Sandbox> {
        self.move_sandbox(who, reference, ("sandbox.pause", Wish::Pause, STOP_LIMIT)).await
    }

    /// Puts a stopped sandbox away. A start brings it back. Needs `manage`.
    pub async fn archive_sandbox(&self, who: &Principal, reference: &str) -> Result<Sandbox> {
        self.move_sandbox(who, reference, ("sandbox.archive", Wish::Archive, STOP_LIMIT)).await
    }

    /// Starts a failed sandbox again, and stops it where it is only to be at rest. Needs `manage`.
    pub async fn recover_sandbox(
        &self,
        who: &Principal,
        reference: &str,
        then: AfterRecovery,
    ) -> Result<Sandbox> {
        who.require(Permission::Manage)?;
        let sandbox = self.registry().find(who, reference)?.sandbox();
        if sandbox.state != State::Failed {
            let state = sandbox.state.as_str();
            let text = format!("sandbox `{}` is {state}, and there is no error", sandbox.id);
            let error = Error::conflict(text).with_hint("start it, if it is to run");
            return self.noted(
                who,
                ("sandbox.start", sandbox.id.as_str(), "to recover"),
                Err(error),
            );
        }
        let started = self.start_sandbox(who, reference).await?;
        match then {
            AfterRecovery::Run => Ok(started),
            AfterRecovery::Rest => self.stop_sandbox(who, reference).await,
        }
    }

    /// Stops a sandbox and waits until its layer is saved. Needs `manage`.
    pub async fn stop_sandbox(&self, who: &Principal, reference: &str) -> Result<Sandbox> {
        let wish = Wish::Stop(Cause::of(Reason::Request));
        self.move_sandbox(who, reference, ("sandbox.stop", wish, STOP_LIMIT)).await
    }

    /// Deletes a sandbox in whatever state it is, and waits until it is gone. Needs `manage`.
    pub async fn delete_sandbox(&self, who: &Principal, reference: &str) -> Result<Sandbox> {
        let wish = Wish::Delete(Cause::of(Reason::Request));
        self.move_sandbox(who, reference, ("sandbox.delete", wish, DELETE_LIMIT)).await
    }

    async fn move_sandbox(
        &self,
        who: &Principal,
        reference: &str,
        (action, wish, limit): (&'static str, Wish, Duration),
    ) -> Result<Sandbox> {
        let found =
            who.require(Permission::Manage).and_then(|()| self.registry().find(who, reference));
        let subject = found.as_ref().map_or(reference.to_owned(), |seat| seat.id.to_string());
        let result = match found {
            Ok(seat) => seat.ask(wish, limit).await,
            Err(error) => Err(error),
        };
        let sandbox = self.noted(who, (action, &subject, ""), result)?;
        Ok(masked(&sandbox))
    }

    /// What a running sandbox uses now. Needs `read`.
    pub async fn sandbox_usage(&self, who: &Principal, reference: &str) -> Result<Usage> {
        who.require(Permission::Read)?;
        let seat = self.registry().find(who, reference)?;
        let state = seat.sandbox().state;
        if !state.is_alive() {
            return Err(Error::conflict(format!(
                "sandbox `{}` is {} and uses nothing",
                seat.id,
                state.as_str()
            ))
            .with_hint("start it first"));
        }
        self.provider().usage(&seat.id).await
    }

    /// Deletes failed and stopped sandboxes of the caller. Needs `manage`.
    pub async fn prune(&self, who: &Principal, prune: Prune) -> Result<Pruned> {
        if let Err(error) = who.require(Permission::Manage) {
            return self.noted(who, ("sandbox.prune", "", ""), Err(error));
        }
        let before = self.now().saturating_sub(prune.older_than_ms);
        let old = |seat: &Arc<Seat>| {
            let sandbox = seat.sandbox();
            let rests = sandbox.state.is_at_rest();
            let meant = prune.persistent
                || !sandbox.spec.retention.persistent
                || sandbox.state == State::Failed;
            who.sees(&seat.owner) && rests && meant && sandbox.changed_at <= before
        };
        let seats: Vec<_> = self.registry().all().into_iter().filter(old).collect();
        let deletions = seats.into_iter().map(|seat| async move {
            let wish = Wish::Delete(Cause::with(Reason::Request, "pruned"));
            let result = seat.ask(wish, DELETE_LIMIT).await;
            self.noted(who, ("sandbox.delete", seat.id.as_str(), "pruned"), result)
        });
        let results: Vec<_> = stream::iter(deletions).buffer_unordered(8).collect().await;
        let mut sandboxes = Vec::new();
        for result in results {
            sandboxes.push(masked(&*result?));
        }
        Ok(Pruned { sandboxes })
    }
}

/// The sandbox as answers show it: the names of its variables, and none of their values.
pub(crate) fn masked(sandbox: &Sandbox) -> Sandbox {
    let mut shown = sandbox.clone();
    shown.spec.environment.values_mut().for_each(|value| MASK.clone_into(value));
    shown
}

/// A living sandbox as answers show it, with its latest work.
pub(crate) fn shown(seat: &Seat) -> Sandbox {
    let mut sandbox = masked(&seat.sandbox());
    sandbox.active_at = sandbox.active_at.max(seat.activity.active_at());
    sandbox
}

#[cfg(test)]
mod tests;
