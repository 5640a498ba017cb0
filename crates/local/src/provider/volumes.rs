//! Volumes: made, removed, and looked after while sandboxes have them.
//!
//! Nothing of the host holds a volume to its limits, so it is measured now and then as disk layers
//! are. Which of those that have it wrote too much is not known: all of them are stopped. One that
//! is started again has time to make room, as long as the volume does not grow.

use std::collections::{HashMap, HashSet};
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use infield_domain::isolation::Mechanism;
use infield_domain::sandbox::Usage;
use infield_domain::volume::VolumeLimits;
use infield_domain::{Kind, Result, SandboxId, VolumeId};
use infield_jail::request::{Answer, Request, VolumeReport};
use tokio::time::Instant;

use super::{Local, done, limit};
use crate::convert;
use crate::disk::{Allowance, Free, Gauges};

/// How long a sandbox may have a full volume that does not grow.
const GRACE: Duration = Duration::from_secs(60);

/// Volumes that sandboxes have now.
#[derive(Default)]
pub(super) struct Volumes {
    gauges: Gauges<VolumeId>,
    users: HashMap<VolumeId, HashSet<SandboxId>>,
    full: HashMap<VolumeId, Full>,
}

/// A volume that held too much when it was measured.
struct Full {
    /// What it held.
    used: Usage,
    /// When its sandboxes were stopped, or the last of them was started again.
    since: Instant,
}

impl Volumes {
    /// Whether no sandbox has any.
    pub(super) fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// A sandbox that was running has them no more.
    pub(super) fn leave(&mut self, sandbox: &SandboxId) {
        self.users.retain(|_, users| {
            users.remove(sandbox);
            !users.is_empty()
        });
    }

    fn join(&mut self, volume: VolumeId, sandbox: &SandboxId, allowance: Allowance, now: Instant) {
        self.gauges.insert(&volume, allowance);
        let is_new = self.users.entry(volume.clone()).or_default().insert(sandbox.clone());
        if let Some(full) = self.full.get_mut(&volume).filter(|_| is_new) {
            full.since = now;
        }
    }

    fn forget(&mut self, volume: &VolumeId) {
        self.gauges.remove(volume);
        self.users.remove(volume);
        self.full.remove(volume);
    }

    /// Takes a measurement; tells what was passed if the sandboxes of the volume are to be stopped
    /// for it.
    fn record(
        &mut self,
        volume: &VolumeId,
        used: Usage,
        free: Free,
        now: Instant,
    ) -> Option<String> {
        let Some(passed) = self.gauges.record(volume, used, free, now) else {
            self.full.remove(volume);
            return None;
        };
        let has_grace = self.full.get(volume).is_some_and(|full| {
            let grew = used.disk_bytes > full.used.disk_bytes || used.inodes > full.used.inodes;
            !grew && now.duration_since(full.since) < GRACE
        });
        if has_grace {
            return None;
        }
        self.full.insert(volume.clone(), Full { used, since: now });
        Some(passed)
    }

    /// Those to measure now, among them only such as somebody can write to.
    fn due(&self, free: Free, now: Instant) -> Vec<VolumeId> {
        let mut due = self.gauges.due(free, now);
        due.retain(|volume| self.users.contains_key(volume));
        due
    }

    fn users_of(&self, volume: &VolumeId) -> Vec<SandboxId> {
        self.users.get(volume).into_iter().flatten().cloned().collect()
    }
}

impl Local {
    pub(super) fn shared(&self) -> MutexGuard<'_, Volumes> {
        // Nothing in a critical section can panic half-way, so it is whole.
        self.volumes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the volumes of a sandbox that runs.
    pub(super) fn share(&self, sandbox: &SandboxId, reports: &[VolumeReport]) -> Result<()> {
        for report in reports {
            let volume = convert::volume(report)?;
            if convert::mechanism(&report.mechanism)? == Mechanism::Sampled {
                let limits = report.limits;
                let allowance = Allowance { bytes: limits.bytes, inodes: limits.inodes };
                self.shared().join(volume, sandbox, allowance, Instant::now());
            }
        }
        Ok(())
    }

    pub(super) async fn sample_volumes(&self, free: Free) {
        let due = self.shared().due(free, Instant::now());
        for volume in due {
            self.sample_volume(&volume, free).await;
        }
    }

    async fn sample_volume(&self, volume: &VolumeId, free: Free) {
        let usage = match self.measure_volume(volume).await {
            Ok(usage) => usage,
            Err(error) if error.kind() == Kind::NotFound => return self.shared().forget(volume),
            Err(error) => return tracing::warn!(%volume, %error, "disk use is not known"),
        };
        let passed = self.shared().record(volume, usage, free, Instant::now());
        let Some(passed) = passed else { return };
        let users = self.shared().users_of(volume);
        for sandbox in users {
            self.end_full(&sandbox, format!("its volume `{volume}` holds {passed}")).await;
        }
    }

    pub(super) async fn add_volume(
        &self,
        id: &VolumeId,
        limits: &VolumeLimits,
    ) -> Result<Mechanism> {
        let (volume, limits) = (id.as_str().to_owned(), convert::volume_limits(limits));
        let request = Request::MakeVolume { volume, limits };
        let reply = self.launcher.ask(request, limit::LOOK).await?;
        let Answer::Volume(report) = reply.answer else { return Err(convert::unexpected()) };
        convert::mechanism(&report.mechanism)
    }

    pub(super) async fn drop_volume(&self, id: &VolumeId) -> Result<()> {
        let request = Request::RemoveVolume { volume: id.as_str().to_owned() };
        done(self.launcher.ask(request, limit::REMOVE_VOLUME).await?)?;
        self.shared().forget(id);
        Ok(())
    }

    pub(super) async fn measure_volume(&self, id: &VolumeId) -> Result<Usage> {
        let request = Request::MeasureVolume { volume: id.as_str().to_owned() };
        let reply = self.launcher.ask(request, limit::COUNT).await?;
        let Answer::Usage(usage) = reply.answer else { return Err(convert::unexpected()) };
        Ok(convert::usage(usage))
    }
}

#[cfg(test)]
mod tests;
