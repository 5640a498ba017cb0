//! What the owner of a sandbox settles about it after it was made, besides its network and its
//! ports.

use std::collections::BTreeMap;
use std::time::Duration;

use infield_domain::preview::Access;
use infield_domain::sandbox::{Millis, Sandbox};
use infield_domain::{Error, Permission, Principal, Result};

use crate::Engine;
use crate::activity::Work;
use crate::create::check_pairs;
use crate::driver::Change;
use crate::sandboxes::masked;

/// How long a caller waits for a change.
const CHANGE_LIMIT: Duration = Duration::from_secs(10);

/// What is to be another way in a sandbox. It is kept over every start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SandboxChange {
    /// These labels, and no others.
    Labels(BTreeMap<String, String>),
    /// Stops after this long without work, in milliseconds; it is not paused before then.
    StopAfterIdle(Option<u64>),
    /// Is paused after this long without work, in milliseconds; it is not stopped before then.
    PauseAfterIdle(Option<u64>),
    /// Is put away this long after it stopped, in milliseconds.
    ArchiveAfterStop(Option<u64>),
    /// Is deleted this long after it stopped, in milliseconds.
    DeleteAfterStop(Option<u64>),
    /// Is deleted this long from now on, in milliseconds.
    TimeToLive(Option<u64>),
    /// Who may visit its ports.
    Previews(Access),
    /// What it may use.
    Resize(Resize),
}

/// What a sandbox may use from now on. What is not said stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resize {
    /// Processor time, in thousandths of one processor.
    pub cpu_millis: Option<u32>,
    /// Memory, in bytes.
    pub memory_bytes: Option<u64>,
    /// Bytes of the writable layer; never fewer than before.
    pub disk_bytes: Option<u64>,
}

impl SandboxChange {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Labels(_) => "labels",
            Self::StopAfterIdle(_) => "stop after idle",
            Self::PauseAfterIdle(_) => "pause after idle",
            Self::ArchiveAfterStop(_) => "archive after stop",
            Self::DeleteAfterStop(_) => "delete after stop",
            Self::TimeToLive(_) => "time to live",
            Self::Previews(Access::Public) => "public",
            Self::Previews(Access::Private) => "private",
            Self::Resize(_) => "resources",
        }
    }

    /// Makes the change, all of it or nothing.
    pub(crate) fn apply(self, sandbox: &mut Sandbox, now: Millis) -> Result<()> {
        let retention = &mut sandbox.spec.retention;
        match self {
            Self::Labels(labels) => sandbox.spec.labels = labels,
            Self::StopAfterIdle(ms) => {
                retention.stop_after_idle_ms = ms;
                retention.pause_after_idle_ms.take_if(|_| ms.is_some());
            }
            Self::PauseAfterIdle(ms) => {
                retention.pause_after_idle_ms = ms;
                retention.stop_after_idle_ms.take_if(|_| ms.is_some());
            }
            Self::ArchiveAfterStop(ms) => retention.archive_after_stop_ms = ms,
            Self::DeleteAfterStop(ms) => retention.delete_after_stop_ms = ms,
            Self::TimeToLive(ms) => {
                let lived = now.saturating_sub(sandbox.created_at);
                retention.time_to_live_ms = ms.map(|ms| lived.saturating_add(ms));
            }
            Self::Previews(access) => sandbox.spec.previews.everywhere = access,
            Self::Resize(resize) => return resize.apply(sandbox),
        }
        Ok(())
    }
}

impl Resize {
    fn apply(self, sandbox: &mut Sandbox) -> Result<()> {
        let mut resources = sandbox.spec.resources;
        resources.cpu_millis = self.cpu_millis.unwrap_or(resources.cpu_millis);
        resources.memory_bytes = self.memory_bytes.unwrap_or(resources.memory_bytes);
        resources.disk_bytes = self.disk_bytes.unwrap_or(resources.disk_bytes);
        if resources.disk_bytes < sandbox.spec.resources.disk_bytes {
            return Err(Error::invalid("a disk grows and does not shrink")
                .with_hint("leave it as it is, or make a new sandbox"));
        }
        if resources.disk_bytes > sandbox.spec.resources.disk_bytes && sandbox.state.is_alive() {
            return Err(Error::conflict(format!(
                "sandbox `{}` is {}, and its disk is settled at its start",
                sandbox.id,
                sandbox.state.as_str()
            ))
            .with_hint("stop it, resize it, and start it again"));
        }
        resources.check()?;
        sandbox.spec.resources = resources;
        Ok(())
    }
}

impl Engine {
    /// Settles something about a sandbox. Needs `manage`.
    pub async fn change_sandbox(
        &self,
        who: &Principal,
        reference: &str,
        change: SandboxChange,
    ) -> Result<Sandbox> {
        let detail = change.as_str();
        let result = self.settle(who, reference, change).await;
        self.noted_inside(who, ("sandbox.change", reference, detail), result)
    }

    async fn settle(
        &self,
        who: &Principal,
        reference: &str,
        change: SandboxChange,
    ) -> Result<Sandbox> {
        who.require(Permission::Manage)?;
        let seat = self.registry().find(who, reference)?;
        if let SandboxChange::Labels(labels) = &change {
            check_pairs("labels", labels)?;
        }
        let changed = seat.change(Change::Sandbox(change), CHANGE_LIMIT).await?;
        Ok(masked(&changed))
    }

    /// Lets the time without work of a sandbox begin anew. Needs `execute`.
    pub async fn touch_sandbox(&self, who: &Principal, reference: &str) -> Result<()> {
        let touched = who.require(Permission::Execute).and_then(|()| {
            let seat = self.registry().find(who, reference)?;
            // What has no work begun rests already, and has no such time.
            drop(Work::begin(self, &seat));
            Ok(())
        });
        self.noted_inside(who, ("sandbox.touch", reference, ""), touched)
    }
}

#[cfg(test)]
mod tests;
