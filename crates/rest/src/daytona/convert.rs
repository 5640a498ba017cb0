//! Daytona's words to ours and back.

mod accounts;
mod audit;
mod changes;
mod keys;
mod listing;
mod previews;
mod secrets;
mod snapshots;
mod ssh;
mod volumes;

use axum::extract::FromRequestParts;
use http::header;
use http::request::Parts;
use infield_daytona as wire;
use infield_domain::lifecycle::State;
use infield_domain::network::{Choice, Effect, Policy, Rule, Target};
use infield_domain::preview::Access;
use infield_domain::sandbox::{Millis, Resources, Retention, Sandbox};
use infield_domain::{Error, ImageName, Result};
use infield_engine::CreateSandbox;

use crate::failure::Answer;

pub(super) use accounts::{member, organization, quota, region, role, usage, user};
pub(super) use audit::{audit_page, list_own_audit};
pub(super) use changes::{Interval, Switch, resize, set_network};
pub(super) use keys::{api_key, api_key_made, create_key};
pub(super) use listing::{Numbering, find_sandboxes, numbered};
pub(super) use previews::{PortNumber, lifetime, preview_url, signed_preview_url};
pub(super) use secrets::{
    ListSecrets, change_secret, create_secret, held_secret, secret, secret_page, wanted_secrets,
};
pub(super) use snapshots::{list_snapshots, one_snapshot};
pub(super) use ssh::{ssh_access, ssh_minutes};
pub(super) use volumes::{create_volume, volume};

#[cfg(test)]
mod tests;

const GIB: u64 = 1 << 30;
const MINUTE_MS: u64 = 60_000;
/// The label that carries the language of `code_run`.
const LANGUAGE_LABEL: &str = "code-toolbox-language";
/// Who works in a sandbox when nobody says otherwise.
const USER: &str = "daytona";
/// The one region there is. Clients may name any.
const REGION: &str = "local";
/// How sandboxes are isolated here, in the contract's word.
const CLASS: &str = "container";
/// What the contract gives a sandbox that asks for nothing.
const CPUS: f64 = 1.0;
const MEMORY_GIB: f64 = 1.0;
const DISK_GIB: f64 = 3.0;
const STOP_MINUTES: i64 = 15;
/// The longest interval of the contract, 30 days.
pub(super) const MOST_ARCHIVE_MINUTES: u64 = 43_200;

/// How the client reached this server.
pub(super) struct Seen {
    /// `http://host:port`.
    origin: String,
}

impl Seen {
    /// Where the toolboxes are; clients add a sandbox's id.
    pub(super) fn toolbox(&self) -> String {
        format!("{}/toolbox", self.origin)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Seen {
    type Rejection = crate::failure::Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Answer<Self> {
        let word = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let host = word(header::HOST.as_str()).unwrap_or("localhost");
        let scheme = match word("x-forwarded-proto") {
            Some("https") => "https",
            Some(_) | None => "http",
        };
        Ok(Self { origin: format!("{scheme}://{host}") })
    }
}

/// What a new sandbox shall be.
pub(super) fn create_sandbox(wish: wire::CreateSandbox) -> Result<CreateSandbox> {
    let image = image(&wish)?;
    let network = network(
        wish.network_block_all,
        [wish.network_allow_list.as_ref(), wish.domain_allow_list.as_ref()],
    )?;
    let resources = resources(&wish)?;
    let retention = retention(&wish);
    let labels = wish.labels.unwrap_or_default();
    let language = labels.get(LANGUAGE_LABEL).map(|word| word.parse()).transpose()?;
    let volumes = volumes::wanted(wish.volumes.unwrap_or_default())?;
    let secrets = wanted_secrets(&wish.secrets.unwrap_or_default())?;
    Ok(CreateSandbox {
        name: wish.name.map(|name| name.parse()).transpose()?,
        image,
        language,
        user: Some(wish.user.unwrap_or_else(|| USER.to_owned())),
        environment: wish.env.unwrap_or_default(),
        labels,
        retention,
        resources,
        network,
        volumes,
        secrets,
        previews: match wish.public {
            Some(true) => Access::Public,
            Some(false) | None => Access::Private,
        },
        ..CreateSandbox::standard()
    })
}

/// The image that a snapshot or a Dockerfile means: one of a single `FROM` names it.
fn image(wish: &wire::CreateSandbox) -> Result<Option<ImageName>> {
    let Some(build) = &wish.build_info else {
        return wish.snapshot.as_deref().map(str::parse).transpose();
    };
    let lines = build.dockerfile_content.lines().map(str::trim);
    let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    match (lines.next().and_then(|line| line.split_once(char::is_whitespace)), lines.next()) {
        (Some((from, name)), None) if from.eq_ignore_ascii_case("from") => {
            Ok(Some(name.trim().parse()?))
        }
        (Some(_) | None, _) => Err(Error::unsupported("this server builds no images")
            .with_hint("import one with `infield image import`, and name it alone")),
    }
}

fn network(is_blocked: Option<bool>, lists: [Option<&String>; 2]) -> Result<Choice> {
    if is_blocked == Some(true) {
        return Ok(Choice::of(Policy::None));
    }
    let allowed = lists.into_iter().flatten().flat_map(|list| list.split(','));
    let allowed: Vec<String> =
        allowed.map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect();
    if allowed.is_empty() {
        return Ok(Choice::of(Policy::Public));
    }
    Choice::parse(Some("none"), &allowed, &[])
}

/// Both lists of what a sandbox may reach, as far as the contract has words for it: ranges of
/// addresses, and names.
fn allow_lists(policy: &Policy) -> [Option<String>; 2] {
    let Policy::Custom(rules) = policy else { return [None, None] };
    let word = |rule: &Rule| rule.to_string().trim_start_matches("allow ").to_owned();
    let allowed = || rules.iter().filter(|rule| rule.effect == Effect::Allow);
    let list = |words: Vec<String>| (!words.is_empty()).then(|| words.join(","));
    let blocks = allowed().filter(|rule| matches!(rule.target, Target::Block(_))).map(word);
    let names = allowed().filter(|rule| matches!(rule.target, Target::Name(_))).map(word);
    [list(blocks.collect()), list(names.collect())]
}

fn resources(wish: &wire::CreateSandbox) -> Result<Resources> {
    let positive = |field: &str, given: Option<f64>, standard: f64| {
        let given = given.unwrap_or(standard);
        if given.is_finite() && given > 0.0 && given <= 65_536.0 {
            return Ok(given);
        }
        Err(Error::invalid(format!("`{field}` is out of range")).with_hint("give 1 or more"))
    };
    let cpus = positive("cpu", wish.cpu, CPUS)?;
    let memory = positive("memory", wish.memory, MEMORY_GIB)?;
    let disk = positive("disk", wish.disk, DISK_GIB)?;
    Ok(Resources {
        cpu_millis: (cpus * 1_000.0) as u32,
        memory_bytes: (memory * GIB as f64) as u64,
        disk_bytes: (disk * GIB as f64) as u64,
        ..Resources::DEFAULT
    })
}

fn retention(wish: &wire::CreateSandbox) -> Retention {
    let pause_after_idle_ms = wish.auto_pause_interval.filter(|n| *n > 0).map(minutes);
    // Whoever is paused when idle is not stopped, unless both are asked for, which is refused.
    let stop_minutes = if pause_after_idle_ms.is_some() { 0 } else { STOP_MINUTES };
    Retention {
        persistent: true,
        stop_after_idle_ms: Some(minutes(wish.auto_stop_interval.unwrap_or(stop_minutes)))
            .filter(|ms| *ms > 0),
        pause_after_idle_ms,
        delete_after_stop_ms: wish.auto_delete_interval.filter(|n| *n >= 0).map(minutes),
        archive_after_stop_ms: wish.auto_archive_interval.filter(|n| *n > 0).map(minutes),
        time_to_live_ms: wish.ttl_minutes.filter(|n| *n > 0).map(minutes),
    }
}

/// Minutes in milliseconds.
fn minutes(minutes: i64) -> u64 {
    u64::try_from(minutes).unwrap_or(0).saturating_mul(MINUTE_MS)
}

/// A sandbox as SDKs read it.
pub(super) fn sandbox(sandbox: Sandbox, seen: &Seen) -> wire::Sandbox {
    let expires_at = sandbox.expires_at().map(time);
    let Sandbox { id, owner, spec, state, cause, created_at, changed_at, active_at, .. } = sandbox;
    let (state, desired_state) = words(state);
    let minutes = |ms: Option<u64>| ms.map(|ms| ms.div_ceil(MINUTE_MS));
    let retention = spec.retention;
    let [network_allow_list, domain_allow_list] = allow_lists(&spec.network);
    let wire_minutes = |ms| minutes(ms).map_or(-1, |n| i64::try_from(n).unwrap_or(i64::MAX));
    wire::Sandbox {
        id: id.into(),
        organization_id: owner,
        name: spec.name.into(),
        user: spec.user,
        snapshot: spec.image.into(),
        env: spec.environment,
        labels: spec.labels,
        public: spec.previews.everywhere == Access::Public,
        network_block_all: spec.network == Policy::None,
        network_allow_list,
        domain_allow_list,
        target: REGION.to_owned(),
        cpu: u64::from(spec.resources.cpu_millis).div_ceil(1_000),
        gpu: 0,
        memory: spec.resources.memory_bytes.div_ceil(GIB),
        disk: spec.resources.disk_bytes.div_ceil(GIB),
        kvm: false,
        state,
        desired_state,
        error_reason: cause.filter(|_| state == "error").and_then(|cause| cause.detail),
        recoverable: state == "error",
        backup_state: "None",
        auto_stop_interval: minutes(retention.stop_after_idle_ms).unwrap_or(0),
        auto_pause_interval: minutes(retention.pause_after_idle_ms).unwrap_or(0),
        auto_archive_interval: minutes(retention.archive_after_stop_ms)
            .unwrap_or(MOST_ARCHIVE_MINUTES),
        auto_delete_interval: wire_minutes(retention.delete_after_stop_ms),
        auto_destroy_at: expires_at,
        volumes: spec.volumes.into_iter().map(volumes::mounted).collect(),
        sandbox_class: CLASS,
        created_at: time(created_at),
        updated_at: time(changed_at),
        last_activity_at: time(active_at),
        toolbox_proxy_url: seen.toolbox(),
    }
}

/// The contract's words for where a sandbox stands and where it is going.
pub(super) fn words(state: State) -> (&'static str, &'static str) {
    match state {
        State::Creating => ("creating", "started"),
        State::Starting => ("starting", "started"),
        State::Running => ("started", "started"),
        State::Pausing => ("pausing", "paused"),
        State::Paused => ("paused", "paused"),
        State::Resuming => ("resuming", "started"),
        State::Stopping => ("stopping", "stopped"),
        State::Stopped => ("stopped", "stopped"),
        State::Archived => ("archived", "archived"),
        State::Failed => ("error", "started"),
        State::Deleting => ("destroying", "destroyed"),
        State::Deleted => ("destroyed", "destroyed"),
    }
}

/// A moment, as RFC 3339 has it.
pub(super) fn time(at: Millis) -> String {
    let at = i64::try_from(at).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    at.unwrap_or_default().to_string()
}

/// Reads a moment as clients write it; without a zone it is taken for UTC.
fn moment(name: &str, value: &str) -> Result<Millis> {
    let zoned = value.parse::<jiff::Timestamp>().ok();
    let plain = || {
        let plain = value.parse::<jiff::civil::DateTime>().ok()?;
        Some(plain.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    };
    let at = zoned.or_else(plain).map(|at| at.as_millisecond());
    at.and_then(|at| u64::try_from(at).ok()).ok_or_else(|| {
        Error::invalid(format!("`{name}` is no moment"))
            .with_hint("write it like `2026-01-31T12:00:00Z`")
    })
}
