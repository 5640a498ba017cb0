//! Who a caller is: user, organization, region, usage.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::Scope;

/// The answer of `GET /users/me`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Its identity.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Empty where no mail is sent.
    pub email: String,
    /// Whether somebody has proved that the mail arrives.
    pub email_verified: bool,
    /// Keys of a shell, of which there are none.
    pub public_keys: Vec<Value>,
    /// When it was made.
    pub created_at: String,
}

/// Who owns sandboxes. SDKs require every key, and moments where the specification has none.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Organization {
    /// Its identity.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The user who made it.
    pub created_by: String,
    /// Whether it is of one user alone.
    pub personal: bool,
    /// When it was made.
    pub created_at: String,
    /// When it was changed.
    pub updated_at: String,
    /// Whether its sandboxes are halted.
    pub suspended: bool,
    /// Since when they are; any moment where they are not.
    pub suspended_at: String,
    /// Why.
    pub suspension_reason: String,
    /// Until when; any moment where they are not.
    pub suspended_until: String,
    /// Hours until a halted one is emptied.
    pub suspension_cleanup_grace_period_hours: u32,
    /// Processors of one sandbox at most.
    pub max_cpu_per_sandbox: u64,
    /// GiB of memory of one sandbox at most.
    pub max_memory_per_sandbox: u64,
    /// GiB of disk of one sandbox at most.
    pub max_disk_per_sandbox: u64,
    /// Secrets at most.
    pub secret_quota: u64,
    /// Secrets of one sandbox at most.
    pub max_secrets_per_sandbox: u64,
    /// Minutes until a snapshot that nobody uses is put away.
    pub snapshot_deactivation_timeout_minutes: u64,
    /// Whether new sandboxes have no network by themselves.
    pub sandbox_limited_network_egress: bool,
    /// Whether visitors of previews are warned.
    pub preview_warning_enabled: bool,
    /// Whether it has a login of its own.
    pub sso_enabled: bool,
    /// Whether its users come from elsewhere; required by newer SDKs.
    pub scim_enabled: bool,
    /// Where its sandboxes are made.
    pub default_region_id: String,
    /// Requests a minute; `null` for no limit, as below.
    pub authenticated_rate_limit: Option<u64>,
    /// Creations a minute.
    pub sandbox_create_rate_limit: Option<u64>,
    /// Starts and stops a minute.
    pub sandbox_lifecycle_rate_limit: Option<u64>,
    /// Seconds that the first limit is counted over.
    pub authenticated_rate_limit_ttl_seconds: Option<u64>,
    /// Seconds that the second one is counted over.
    pub sandbox_create_rate_limit_ttl_seconds: Option<u64>,
    /// Seconds that the third one is counted over.
    pub sandbox_lifecycle_rate_limit_ttl_seconds: Option<u64>,
    /// Nothing.
    pub experimental_config: Map<String, Value>,
    /// Where traces are sent, which is nowhere.
    pub otel_config: Option<Value>,
}

/// What members of an organization may do.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Role {
    /// Its identity.
    pub id: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// What its members may do.
    pub permissions: Vec<Scope>,
    /// Whether every organization has it.
    pub is_global: bool,
    /// When it was made.
    pub created_at: String,
    /// When it was changed.
    pub updated_at: String,
}

/// A user of an organization.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Who.
    pub user_id: String,
    /// Of which one.
    pub organization_id: String,
    /// What people call the user.
    pub name: String,
    /// Empty where no mail is sent.
    pub email: String,
    /// `owner`.
    pub role: &'static str,
    /// What the user may do.
    pub assigned_roles: Vec<Role>,
    /// When the user came.
    pub created_at: String,
    /// When this was changed.
    pub updated_at: String,
}

/// A place where sandboxes run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Region {
    /// Its identity.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whose it is; `null` for everybody's.
    pub organization_id: Option<String>,
    /// `shared`.
    pub region_type: &'static str,
    /// When it was made.
    pub created_at: String,
    /// When it was changed.
    pub updated_at: String,
    /// Where its proxy is.
    pub proxy_url: Option<String>,
    /// Where its gateway for shells is.
    pub ssh_gateway_url: Option<String>,
    /// Where its snapshots are.
    pub snapshot_manager_url: Option<String>,
}

/// The answer of `GET /organizations/{id}/usage`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// For each region.
    pub region_usage: Vec<RegionUsage>,
    /// Snapshots at most.
    pub total_snapshot_quota: i64,
    /// Snapshots there are.
    pub current_snapshot_usage: u64,
    /// Volumes at most.
    pub total_volume_quota: i64,
    /// Volumes there are.
    pub current_volume_usage: u64,
}

/// What is used in one region.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegionUsage {
    /// Which.
    pub region_id: String,
    /// What there may be.
    #[serde(flatten)]
    pub quota: Quota,
    /// Processors of what runs.
    pub current_cpu_usage: f64,
    /// GiB of memory of what runs.
    pub current_memory_usage: f64,
    /// GiB of disk of all.
    pub current_disk_usage: f64,
    /// Always 0.
    pub current_gpu_usage: u64,
}

/// What an organization may have.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegionQuota {
    /// Whose.
    pub organization_id: String,
    /// Where.
    pub region_id: String,
    /// What.
    #[serde(flatten)]
    pub quota: Quota,
    /// Minutes that a sandbox may live; `null` without a bound.
    pub max_sandbox_lifespan: Option<u64>,
}

/// Bounds of all sandboxes together, −1 for none, and of each, `null` for none.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Quota {
    /// How the sandboxes are isolated.
    pub sandbox_class: &'static str,
    /// Processors at most.
    pub total_cpu_quota: i64,
    /// GiB of memory at most.
    pub total_memory_quota: i64,
    /// GiB of disk at most.
    pub total_disk_quota: i64,
    /// Always 0.
    pub total_gpu_quota: i64,
    /// Processors of one.
    pub max_cpu_per_sandbox: Option<u64>,
    /// GiB of memory of one.
    pub max_memory_per_sandbox: Option<u64>,
    /// GiB of disk of one.
    pub max_disk_per_sandbox: Option<u64>,
    /// GiB of disk of one that is kept.
    pub max_disk_per_non_ephemeral_sandbox: Option<u64>,
    /// Processors beside a GPU.
    pub max_cpu_per_gpu: Option<u64>,
    /// GiB of memory beside a GPU.
    pub max_memory_per_gpu: Option<u64>,
    /// GiB of disk beside a GPU.
    pub max_disk_per_gpu: Option<u64>,
}
