//! Volumes.

use infield_daytona as wire;
use infield_domain::Result;
use infield_domain::volume::{Volume, VolumeLimits, VolumeMount, WantedVolume};
use infield_engine::CreateVolume;

use super::time;

/// What a new volume shall be.
pub(in crate::daytona) fn create_volume(wish: &wire::CreateVolume) -> Result<CreateVolume> {
    Ok(CreateVolume { name: wish.name.parse()?, limits: VolumeLimits::DEFAULT })
}

/// A volume as SDKs read it.
pub(in crate::daytona) fn volume(volume: Volume) -> wire::Volume {
    wire::Volume {
        id: volume.id.into(),
        name: volume.name.into(),
        organization_id: volume.owner,
        state: "ready",
        error_reason: None,
        created_at: time(volume.created_at),
        updated_at: time(volume.created_at),
        last_used_at: volume.used_at.map(time),
    }
}

/// The volumes that a new sandbox is to have.
pub(super) fn wanted(wishes: Vec<wire::SandboxVolume>) -> Result<Vec<WantedVolume>> {
    let wanted = |wish: wire::SandboxVolume| {
        let subpath = wish.subpath.filter(|subpath| !subpath.is_empty());
        Ok(WantedVolume {
            volume: wish.volume_id,
            path: wish.mount_path.parse()?,
            subpath: subpath.map(|subpath| subpath.parse()).transpose()?,
        })
    };
    wishes.into_iter().map(wanted).collect()
}

/// A volume of a sandbox.
pub(super) fn mounted(mount: VolumeMount) -> wire::SandboxVolume {
    wire::SandboxVolume {
        volume_id: mount.volume.into(),
        mount_path: mount.path.into(),
        subpath: mount.subpath.map(Into::into),
    }
}
