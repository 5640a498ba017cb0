//! Volumes: made, found, listed, given to sandboxes, deleted.
//!
//! A volume's folder is there before its record and goes after it, so that a record never speaks of
//! nothing; a folder that no record names is removed when a daemon starts. Which sandboxes have a
//! volume their own records say. Whoever gives one to a new sandbox and whoever deletes one take
//! turns, so that no sandbox has what is gone.

use infield_domain::volume::{
    Volume, VolumeInspection, VolumeLimits, VolumeMount, VolumeName, WantedVolume, check_mounts,
};
use infield_domain::{Error, Kind, Permission, Principal, Result, SandboxId, VolumeId};
use tokio::sync::OwnedMutexGuard;

use crate::gate::clipped;
use crate::{Engine, names};

/// Volumes of one owner at most.
pub const MOST_VOLUMES: usize = 1_000;
/// How the refusal of a volume that the caller does not have begins.
const UNKNOWN: &str = "there is no volume";

/// Whether a volume was not found, and not something else that a sandbox was to have.
pub fn is_unknown_volume(error: &Error) -> bool {
    error.kind() == Kind::NotFound && error.message().starts_with(UNKNOWN)
}

/// What a new volume shall be.
#[derive(Clone, Debug)]
pub struct CreateVolume {
    /// Its name, unique among those of its owner.
    pub name: VolumeName,
    /// What it may hold.
    pub limits: VolumeLimits,
}

impl Engine {
    /// Makes a volume of the caller's. Needs `manage`.
    pub async fn create_volume(&self, who: &Principal, create: CreateVolume) -> Result<Volume> {
        let detail = format!("name {}, {} bytes", create.name, create.limits.size_bytes);
        let result = self.add_volume(who, create).await;
        let subject = result.as_ref().map_or(String::new(), |volume| volume.id.to_string());
        self.noted(who, ("volume.create", &subject, &detail), result)
    }

    async fn add_volume(&self, who: &Principal, create: CreateVolume) -> Result<Volume> {
        who.require(Permission::Manage)?;
        if !self.is_ready() {
            return Err(Error::unavailable("the daemon is starting or ending")
                .with_hint("try again in a moment"));
        }
        create.limits.check()?;
        let owned = self.records().call(|store| store.volumes()).await?.into_iter();
        let owned: Vec<_> = owned.filter(|volume| volume.owner == who.owner).collect();
        if owned.iter().any(|volume| volume.name == create.name) {
            return Err(taken(&create.name));
        }
        if owned.len() >= MOST_VOLUMES {
            let text = format!("there are {MOST_VOLUMES} volumes, which is the limit");
            return Err(Error::new(Kind::Quota, text).with_hint("delete some"));
        }
        let id = names::volume_id();
        let enforced = self.provider().make_volume(&id, &create.limits).await?;
        let volume = Volume {
            id,
            name: create.name,
            owner: who.owner.clone(),
            limits: create.limits,
            enforced,
            created_at: self.now(),
            used_at: None,
        };
        let row = volume.clone();
        match self.records().call(move |store| store.insert_volume(&row)).await {
            Ok(()) => Ok(volume),
            Err(error) => {
                self.discard_volume(&volume.id).await;
                // Somebody was faster.
                Err(if error.kind() == Kind::Conflict { taken(&volume.name) } else { error })
            }
        }
    }

    /// Finds a volume by id or name. Needs `read`.
    pub async fn get_volume(&self, who: &Principal, reference: &str) -> Result<Volume> {
        who.require(Permission::Read)?;
        self.find_volume(who, reference).await
    }

    /// Finds a volume by its name alone. Needs `read`.
    pub async fn get_volume_by_name(&self, who: &Principal, name: &str) -> Result<Volume> {
        who.require(Permission::Read)?;
        match name.parse::<VolumeName>() {
            Ok(name) => self.find_volume(who, name.as_str()).await,
            Err(_) => Err(missing(name)),
        }
    }

    /// Finds a volume, with what it holds and who has it. Needs `read`.
    pub async fn inspect_volume(
        &self,
        who: &Principal,
        reference: &str,
    ) -> Result<VolumeInspection> {
        who.require(Permission::Read)?;
        let volume = self.find_volume(who, reference).await?;
        let usage = self.provider().volume_usage(&volume.id).await?;
        let mut sandboxes = self.users_of(&volume.id);
        sandboxes.sort_unstable();
        Ok(VolumeInspection { volume, usage, sandboxes })
    }

    /// The volumes that the caller may see, by name. Needs `read`.
    pub async fn list_volumes(&self, who: &Principal) -> Result<Vec<Volume>> {
        who.require(Permission::Read)?;
        let mut volumes = self.records().call(|store| store.volumes()).await?;
        volumes.retain(|volume| who.sees(&volume.owner));
        Ok(volumes)
    }

    /// Deletes a volume that no sandbox has, with all that is in it. Needs `manage`.
    pub async fn delete_volume(&self, who: &Principal, reference: &str) -> Result<Volume> {
        let result = self.drop_volume(who, reference).await;
        let subject = result.as_ref().map_or(clipped(reference), |volume| volume.id.to_string());
        self.noted(who, ("volume.delete", &subject, ""), result)
    }

    async fn drop_volume(&self, who: &Principal, reference: &str) -> Result<Volume> {
        who.require(Permission::Manage)?;
        let volume = self.find_volume(who, reference).await?;
        let one_at_a_time = self.mounting_lock().lock_owned().await;
        if let Some(sandbox) = self.users_of(&volume.id).first() {
            return Err(Error::conflict(format!(
                "sandbox `{sandbox}` has the volume `{}`",
                volume.name
            ))
            .with_hint("delete the sandbox first"));
        }
        let id = volume.id.clone();
        let removed = self.records().call(move |store| store.remove_volume(&id)).await?;
        drop(one_at_a_time);
        if !removed {
            return Err(missing(reference));
        }
        self.provider().remove_volume(&volume.id).await?;
        Ok(volume)
    }

    /// Keeps volumes from being deleted until a new sandbox that has some is known to everybody.
    pub(crate) async fn mounting(&self, wishes: &[WantedVolume]) -> Option<OwnedMutexGuard<()>> {
        if wishes.is_empty() {
            return None;
        }
        Some(self.mounting_lock().lock_owned().await)
    }

    /// The mounts of a new sandbox for what somebody wished. One owner has nothing of another's,
    /// whatever the caller may see.
    pub(crate) async fn mounts(
        &self,
        who: &Principal,
        wishes: &[WantedVolume],
    ) -> Result<Vec<VolumeMount>> {
        check_mounts(wishes.iter().map(|wish| &wish.path))?;
        let mut mounts = Vec::new();
        for WantedVolume { volume, path, subpath } in wishes {
            let found = self.find_volume(who, volume).await?;
            if found.owner != who.owner {
                return Err(missing(volume));
            }
            let (path, subpath) = (path.clone(), subpath.clone());
            mounts.push(VolumeMount { volume: found.id, path, subpath });
        }
        Ok(mounts)
    }

    /// Removes the folders that no record names, of volumes that were being made or deleted.
    pub(crate) async fn recover_volumes(&self) {
        let known = match self.records().call(|store| store.volumes()).await {
            Ok(known) => known,
            Err(error) => return tracing::warn!(%error, "the volumes are not known"),
        };
        let found = match self.provider().volumes().await {
            Ok(found) => found,
            Err(error) => return tracing::warn!(%error, "the volumes are not found"),
        };
        for id in found {
            if !known.iter().any(|volume| volume.id == id) {
                self.note_system("volume.delete", id.as_str(), "no record names it");
                self.discard_volume(&id).await;
            }
        }
    }

    /// Notes that a sandbox with these volumes has started.
    pub(crate) fn note_use(&self, mounts: &[VolumeMount]) {
        let at = self.now();
        for mount in mounts {
            let id = mount.volume.clone();
            self.records().post("the use of a volume", move |store| store.touch_volume(&id, at));
        }
    }

    async fn discard_volume(&self, id: &VolumeId) {
        if let Err(error) = self.provider().remove_volume(id).await {
            tracing::warn!(%id, %error, "the folder of a volume is left; the next start removes it");
        }
    }

    async fn find_volume(&self, who: &Principal, reference: &str) -> Result<Volume> {
        let mut volumes = self.records().call(|store| store.volumes()).await?;
        volumes.retain(|volume| who.sees(&volume.owner));
        let is_it =
            |volume: &Volume| volume.id.as_str() == reference || volume.name.as_str() == reference;
        volumes.retain(is_it);
        // Whoever sees everything means his own first.
        let own = volumes.iter().position(|volume| volume.owner == who.owner);
        match (own, volumes.len()) {
            (Some(own), _) => Ok(volumes.swap_remove(own)),
            (None, 1) => Ok(volumes.swap_remove(0)),
            (None, 0) => Err(missing(reference)),
            (None, _) => Err(Error::conflict(format!(
                "several owners have a volume `{}`",
                clipped(reference)
            ))
            .with_hint("name it by its id")),
        }
    }

    /// The sandboxes that have a volume, in whatever state.
    fn users_of(&self, id: &VolumeId) -> Vec<SandboxId> {
        let has = |sandbox: &infield_domain::sandbox::Sandbox| {
            sandbox.spec.volumes.iter().any(|mount| mount.volume == *id)
        };
        let seats = self.registry().all().into_iter();
        seats.filter(|seat| has(&seat.sandbox())).map(|seat| seat.id.clone()).collect()
    }
}

fn missing(reference: &str) -> Error {
    Error::not_found(format!("{UNKNOWN} `{}`", clipped(reference)))
        .with_hint("make it with `infield volume create NAME`, or list them")
}

fn taken(name: &VolumeName) -> Error {
    Error::conflict(format!("there is a volume `{name}` already"))
        .with_hint("use that one, or choose another name")
}

#[cfg(test)]
mod tests;
