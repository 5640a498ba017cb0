//! Volumes.

use infield_domain::Result;
use infield_domain::volume::{Volume, VolumeInspection, VolumeLimits, VolumeMount, WantedVolume};
use infield_engine::CreateVolume;

use super::{parse, parse_some};
use crate::wire;

/// What a new volume shall be.
pub(crate) fn create_volume(wish: &wire::CreateVolume) -> Result<CreateVolume> {
    let standard = VolumeLimits::DEFAULT;
    Ok(CreateVolume {
        name: parse("name", &wish.name)?,
        limits: VolumeLimits {
            size_bytes: wish.size_bytes.unwrap_or(standard.size_bytes),
            inodes: wish.inodes.unwrap_or(standard.inodes),
        },
    })
}

/// A volume as answers show it.
pub(crate) fn volume(volume: Volume) -> wire::Volume {
    wire::Volume {
        id: volume.id.into(),
        name: volume.name.into(),
        owner: volume.owner,
        size_bytes: volume.limits.size_bytes,
        inodes: volume.limits.inodes,
        enforced: volume.enforced,
        created_at: volume.created_at,
        used_at: volume.used_at,
    }
}

/// A volume with what it holds and who has it.
pub(crate) fn volume_inspection(inspection: VolumeInspection) -> wire::VolumeInspection {
    wire::VolumeInspection {
        volume: volume(inspection.volume),
        used_bytes: inspection.usage.disk_bytes,
        used_inodes: inspection.usage.inodes,
        sandboxes: inspection.sandboxes.into_iter().map(Into::into).collect(),
    }
}

/// A volume that a new sandbox is to have.
pub(super) fn wanted(wish: &wire::VolumeMount) -> Result<WantedVolume> {
    Ok(WantedVolume {
        volume: wish.volume.clone(),
        path: parse("volumes", &wish.path)?,
        subpath: parse_some("volumes", wish.subpath.as_ref())?,
    })
}

/// A volume of a sandbox.
pub(super) fn mounted(mount: VolumeMount) -> wire::VolumeMount {
    wire::VolumeMount {
        volume: mount.volume.into(),
        path: mount.path.into(),
        subpath: mount.subpath.map(Into::into),
    }
}
