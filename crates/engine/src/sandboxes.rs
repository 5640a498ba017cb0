//! Sandboxes: make, find, start, stop, delete, measure, tidy up.

use std::collections::BTreeMap;

use infield_domain::command::Execution;
use infield_domain::isolation::Control;
use infield_domain::language::Language;
use infield_domain::lifecycle::State;
use infield_domain::sandbox::{Millis, Network, Resources, Retention, Sandbox, Usage};
use infield_domain::{Error, GuestPath, ImageName, Principal, Result, SandboxName};

use crate::Engine;

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
    /// What it may reach.
    pub network: Network,
    /// Controls without which it must not start.
    pub require: Vec<Control>,
    /// A repository to bring in; refused while sandboxes have no network.
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
            network: Network::None,
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

/// Which sandboxes to list. The newest come first.
#[derive(Clone, Debug)]
pub struct ListSandboxes {
    /// Only these states; every state but `deleted` when empty.
    pub states: Vec<State>,
    /// Only those that carry all of these labels.
    pub labels: BTreeMap<String, String>,
    /// Sandboxes at most, 1 to 1,000.
    pub limit: u32,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// What it has.
    pub items: Vec<T>,
    /// Asks for the next page, when there is one.
    pub next_cursor: Option<String>,
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
}

/// When a sandbox will be stopped and deleted if nothing happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// When it stops for being idle; none while it works.
    pub stops_at: Option<Millis>,
    /// When it is deleted.
    pub deleted_at: Option<Millis>,
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
    /// A name that is taken is a conflict that names the sandbox which has it; the same request
    /// key again gives the sandbox of the first time.
    pub async fn create_sandbox(&self, who: &Principal, create: CreateSandbox) -> Result<Sandbox> {
        let _ = (who, create);
        Err(Error::internal("not built yet"))
    }

    /// Lists sandboxes that the caller may see. Needs `read`.
    pub async fn list_sandboxes(
        &self,
        who: &Principal,
        list: ListSandboxes,
    ) -> Result<Page<Sandbox>> {
        let _ = (who, list);
        Err(Error::internal("not built yet"))
    }

    /// Finds a sandbox by id or name. Needs `read`.
    pub async fn get_sandbox(&self, who: &Principal, reference: &str) -> Result<Sandbox> {
        let _ = (who, reference);
        Err(Error::internal("not built yet"))
    }

    /// Finds a sandbox, with its usage, commands and timers. Needs `read`.
    pub async fn inspect_sandbox(&self, who: &Principal, reference: &str) -> Result<Inspection> {
        let _ = (who, reference);
        Err(Error::internal("not built yet"))
    }

    /// Starts a sandbox, or finds that it runs, and waits until it can work. Needs `manage`.
    pub async fn start_sandbox(&self, who: &Principal, reference: &str) -> Result<Sandbox> {
        let _ = (who, reference);
        Err(Error::internal("not built yet"))
    }

    /// Stops a sandbox and waits until its layer is saved. Needs `manage`.
    pub async fn stop_sandbox(&self, who: &Principal, reference: &str) -> Result<Sandbox> {
        let _ = (who, reference);
        Err(Error::internal("not built yet"))
    }

    /// Deletes a sandbox in whatever state it is, and waits until it is gone. Needs `manage`.
    pub async fn delete_sandbox(&self, who: &Principal, reference: &str) -> Result<Sandbox> {
        let _ = (who, reference);
        Err(Error::internal("not built yet"))
    }

    /// What a running sandbox uses now. Needs `read`.
    pub async fn sandbox_usage(&self, who: &Principal, reference: &str) -> Result<Usage> {
        let _ = (who, reference);
        Err(Error::internal("not built yet"))
    }

    /// Deletes failed and stopped sandboxes of the caller. Needs `manage`.
    pub async fn prune(&self, who: &Principal, prune: Prune) -> Result<Pruned> {
        let _ = (who, prune);
        Err(Error::internal("not built yet"))
    }
}
