//! Users, organizations, regions, usage.

use infield_daytona as wire;
use infield_domain::secret::MOST_GRANTS;
use infield_engine::{Allotted, MOST_OWN_SECRETS, MOST_VOLUMES};

use super::{GIB, REGION, time};

/// The contract's number for no quota.
const NO_QUOTA: i64 = -1;
/// What one sandbox can be given at most.
const MOST_CPUS: u64 = 1_024;
const MOST_MEMORY_GIB: u64 = 16_384;
const MOST_DISK_GIB: u64 = 65_536;

/// A user, who is called like the owner that the key stands for.
pub(in super::super) fn user(owner: &str) -> wire::User {
    wire::User {
        id: owner.to_owned(),
        name: owner.to_owned(),
        email: String::new(),
        email_verified: false,
        public_keys: Vec::new(),
        created_at: time(0),
    }
}

/// An owner, as the contract's organization.
pub(in super::super) fn organization(owner: &str) -> wire::Organization {
    wire::Organization {
        id: owner.to_owned(),
        name: owner.to_owned(),
        created_by: owner.to_owned(),
        personal: true,
        created_at: time(0),
        updated_at: time(0),
        suspended: false,
        suspended_at: time(0),
        suspension_reason: String::new(),
        suspended_until: time(0),
        suspension_cleanup_grace_period_hours: 0,
        max_cpu_per_sandbox: MOST_CPUS,
        max_memory_per_sandbox: MOST_MEMORY_GIB,
        max_disk_per_sandbox: MOST_DISK_GIB,
        secret_quota: MOST_OWN_SECRETS as u64,
        max_secrets_per_sandbox: MOST_GRANTS as u64,
        snapshot_deactivation_timeout_minutes: 0,
        sandbox_limited_network_egress: false,
        preview_warning_enabled: false,
        sso_enabled: false,
        scim_enabled: false,
        default_region_id: REGION.to_owned(),
        authenticated_rate_limit: None,
        sandbox_create_rate_limit: None,
        sandbox_lifecycle_rate_limit: None,
        authenticated_rate_limit_ttl_seconds: None,
        sandbox_create_rate_limit_ttl_seconds: None,
        sandbox_lifecycle_rate_limit_ttl_seconds: None,
        experimental_config: serde_json::Map::new(),
        otel_config: None,
    }
}

/// The one role: what a key may do is settled with the key.
pub(in super::super) fn role() -> wire::Role {
    wire::Role {
        id: "owner",
        name: "Owner",
        description: "Everything that a key of the organization can be allowed",
        permissions: super::keys::scopes(&infield_domain::Permission::ALL),
        is_global: true,
        created_at: time(0),
        updated_at: time(0),
    }
}

/// The one user of an organization.
pub(in super::super) fn member(owner: &str) -> wire::Member {
    wire::Member {
        user_id: owner.to_owned(),
        organization_id: owner.to_owned(),
        name: owner.to_owned(),
        email: String::new(),
        role: "owner",
        assigned_roles: vec![role()],
        created_at: time(0),
        updated_at: time(0),
    }
}

/// The one region: this server.
pub(in super::super) fn region() -> wire::Region {
    wire::Region {
        id: REGION.to_owned(),
        name: REGION.to_owned(),
        organization_id: None,
        region_type: "shared",
        created_at: time(0),
        updated_at: time(0),
        proxy_url: None,
        ssh_gateway_url: None,
        snapshot_manager_url: None,
    }
}

/// What an owner may have: what the host has.
pub(in super::super) fn quota(owner: &str) -> wire::RegionQuota {
    wire::RegionQuota {
        organization_id: owner.to_owned(),
        region_id: REGION.to_owned(),
        quota: bounds(),
        max_sandbox_lifespan: None,
    }
}

fn bounds() -> wire::Quota {
    wire::Quota {
        sandbox_class: super::CLASS,
        total_cpu_quota: NO_QUOTA,
        total_memory_quota: NO_QUOTA,
        total_disk_quota: NO_QUOTA,
        total_gpu_quota: 0,
        max_cpu_per_sandbox: Some(MOST_CPUS),
        max_memory_per_sandbox: Some(MOST_MEMORY_GIB),
        max_disk_per_sandbox: Some(MOST_DISK_GIB),
        max_disk_per_non_ephemeral_sandbox: Some(MOST_DISK_GIB),
        max_cpu_per_gpu: None,
        max_memory_per_gpu: None,
        max_disk_per_gpu: None,
    }
}

/// What the sandboxes of an owner use.
pub(in super::super) fn usage(allotted: &Allotted) -> wire::Usage {
    let gib = |bytes: u64| bytes as f64 / GIB as f64;
    wire::Usage {
        region_usage: vec![wire::RegionUsage {
            region_id: REGION.to_owned(),
            quota: bounds(),
            current_cpu_usage: allotted.cpu_millis as f64 / 1_000.0,
            current_memory_usage: gib(allotted.memory_bytes),
            current_disk_usage: gib(allotted.disk_bytes),
            current_gpu_usage: 0,
        }],
        total_snapshot_quota: NO_QUOTA,
        current_snapshot_usage: allotted.images as u64,
        total_volume_quota: MOST_VOLUMES as i64,
        current_volume_usage: allotted.volumes as u64,
    }
}
