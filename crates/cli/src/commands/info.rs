//! `infield info`: everything about a sandbox.

use std::fmt::Write as _;

use clap::Args;
use infield_domain::isolation::{Control, Enforcement, Mechanism};
use infield_domain::lifecycle::Reason;
use infield_domain::network::{Traffic, proxy};
use infield_domain::{ImageName, Result};
use infield_rest::wire::{Inspection, Sandbox, Usage};

use crate::args::Format;
use crate::client::{Client, Request, segment};
use crate::output::{self, Table, state_style};

/// Show a sandbox: what it is, what limits it, what it uses
///
/// `enforced by` tells for each limit and wall what really holds it on this host.
#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// Its name or id
    #[arg(value_name = "SANDBOX")]
    sandbox: String,
    #[command(flatten)]
    format: Format,
}

/// Shows it.
pub(crate) async fn run(client: &Client, args: InfoArgs) -> Result<()> {
    let target = format!("{}/inspection", path(&args.sandbox));
    let found: Inspection = client.json(Request::get(target)).await?;
    if args.format.json {
        return output::json(&found);
    }
    let mut table = lines(&found.sandbox);
    if let Some(at) = found.deadlines.stops_at {
        table.pair("stops", format!("{}, unless it works until then", output::moment(at)));
    }
    if let Some(at) = found.deadlines.pauses_at {
        table.pair("is paused", format!("{}, unless it works until then", output::moment(at)));
    }
    if let Some(at) = found.deadlines.archived_at {
        table.pair("is archived", output::moment(at));
    }
    if let Some(at) = found.deadlines.deleted_at {
        table.pair("is deleted", output::moment(at));
    }
    if let Some(usage) = &found.usage {
        table.pair("uses", describe_usage(usage));
    }
    if let Some(traffic) = &found.traffic {
        table.pair("moved", describe_traffic(traffic));
    }
    for execution in found.executions.iter().filter(|execution| execution.ending.is_none()) {
        table.pair("runs", format!("{} {}", execution.id, execution.command));
    }
    output::say(&table.render())
}

/// The address of a sandbox.
pub(crate) fn path(name: &str) -> String {
    format!("/v1/sandboxes/{}", segment(name))
}

/// A sandbox for people.
pub(crate) fn describe(sandbox: &Sandbox) -> String {
    lines(sandbox).render()
}

fn lines(sandbox: &Sandbox) -> Table {
    let mut table = Table::new(&[]);
    table.pair("name", sandbox.name.clone());
    table.pair("id", sandbox.id.clone());
    let state = (sandbox.state.as_str().to_owned(), state_style(sandbox.state));
    table.styled([("state".to_owned(), output::FAINT), state]);
    if let Some(cause) = &sandbox.cause {
        let detail = cause.detail.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
        table.pair("cause", format!("{}{detail}", reason_words(cause.reason)));
    }
    table.pair("image", sandbox.image.clone());
    table.pair("language", sandbox.language.clone());
    table.pair("user", format!("{} in {}", sandbox.user, sandbox.working_directory));
    table.pair("network", describe_network(sandbox));
    for rule in &sandbox.network_rules {
        table.pair("", rule.clone());
    }
    if !sandbox.networks.is_empty() {
        table.pair("in networks", sandbox.networks.join(", "));
    }
    if !sandbox.secrets.is_empty() {
        let pairs: Vec<_> = sandbox.secrets.iter().map(|(v, s)| format!("{s} as {v}")).collect();
        table.pair("secrets", pairs.join(", "));
    }
    for mount in &sandbox.volumes {
        let subpath = mount.subpath.as_ref().map_or(String::new(), |path| format!(":{path}"));
        table.pair("volume", format!("{}:{}{subpath}", mount.volume, mount.path));
    }
    table.pair("carries", describe_network_limits(sandbox));
    table.pair("owner", sandbox.owner.clone());
    table.pair("created", output::moment(sandbox.created_at));
    table.pair("kept", describe_retention(sandbox));
    table.pair("limits", describe_limits(sandbox));
    if !sandbox.environment.is_empty() {
        let names: Vec<_> = sandbox.environment.keys().cloned().collect();
        table.pair("variables", names.join(", "));
    }
    if !sandbox.labels.is_empty() {
        let pairs: Vec<_> = sandbox.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
        table.pair("labels", pairs.join(", "));
    }
    if let Some(enforcement) = &sandbox.enforcement {
        let words = enforcement.0.iter().map(|(control, mechanism)| held_by(*control, *mechanism));
        table.pair("enforced by", words.collect::<Vec<_>>().join(", "));
    }
    if sandbox.image == ImageName::HOST {
        table.pair("note", describe_host_image(sandbox));
    }
    table
}

/// The words for a reason.
fn reason_words(reason: Reason) -> &'static str {
    match reason {
        Reason::Request => "somebody asked",
        Reason::Idle => "idle for as long as it may be",
        Reason::Time => "its time was over",
        Reason::Exit => "its first process ended",
        Reason::OutOfMemory => "out of memory",
        Reason::OutOfDisk => "out of disk",
        Reason::Killed => "killed from outside",
        Reason::HostRestart => "the host started anew",
        Reason::Fault => "fault",
    }
}

fn describe_network(sandbox: &Sandbox) -> String {
    let network = sandbox.network.clone();
    let is_proxied = sandbox.enforcement.as_ref().is_some_and(Enforcement::is_proxied);
    if is_proxied { format!("{network}, {}", proxy::NOTE) } else { network }
}

fn describe_host_image(sandbox: &Sandbox) -> String {
    let id_range = |held: &Enforcement| held.0.get(&Control::IdRange).copied();
    let held = sandbox.enforcement.as_ref().and_then(id_range);
    let mirrors = "the image mirrors this host's /usr";
    match held {
        Some(Mechanism::None) => format!(
            "{mirrors}; with one id /usr is read-only, and packages go to the user's own folders"
        ),
        _ => mirrors.to_owned(),
    }
}

fn describe_retention(sandbox: &Sandbox) -> String {
    let mut text = if sandbox.persistent { "persistent" } else { "temporary" }.to_owned();
    let spans = [
        ("stops after", "idle", sandbox.stop_after_idle_ms),
        ("is deleted", "after it stopped", sandbox.delete_after_stop_ms),
    ];
    for (before, after, ms) in spans {
        if let Some(ms) = ms {
            write!(text, "; {before} {} {after}", output::span(ms))
                .expect("a string takes every write");
        }
    }
    text
}

fn describe_limits(sandbox: &Sandbox) -> String {
    let wishes = &sandbox.resources;
    let parts = [
        wishes.memory_bytes.map(|bytes| format!("{} memory", output::size(bytes))),
        wishes.cpu_millis.map(|millis| format!("{} cpus", f64::from(millis) / 1_000.0)),
        wishes.pids.map(|count| format!("{count} pids")),
        wishes.disk_bytes.map(|bytes| format!("{} disk", output::size(bytes))),
        wishes.inodes.map(|count| format!("{count} inodes")),
        wishes.open_files.map(|count| format!("{count} open files")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What its network may carry.
pub(crate) fn describe_network_limits(sandbox: &Sandbox) -> String {
    let limits = &sandbox.network_limits;
    let parts = [
        limits.connections.map(|count| format!("{count} connections")),
        limits.bytes_per_second.map(|bytes| format!("{} a second", output::size(bytes))),
        limits.total_bytes.map(|bytes| format!("{} in all", output::size(bytes))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn describe_traffic(traffic: &Traffic) -> String {
    let Traffic { open, connections, refused, sent_bytes, received_bytes } = *traffic;
    format!(
        "{} out, {} in, {connections} connections ({open} open), {refused} refused",
        output::size(sent_bytes),
        output::size(received_bytes)
    )
}

fn describe_usage(usage: &Usage) -> String {
    let parts = [
        usage.memory_bytes.map(|bytes| format!("{} memory", output::size(bytes))),
        usage.cpu_us.map(|us| format!("{:.1} s cpu", us as f64 / 1e6)),
        usage.pids.map(|count| format!("{count} pids")),
        usage.disk_bytes.map(|bytes| format!("{} disk", output::size(bytes))),
        usage.inodes.map(|count| format!("{count} inodes")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// A control and what holds it, such as `memory: cgroup v1`.
pub(crate) fn held_by(control: Control, mechanism: Mechanism) -> String {
    format!("{}: {}", control.as_str(), mechanism_word(mechanism))
}

/// The words for a mechanism.
pub(crate) fn mechanism_word(mechanism: Mechanism) -> &'static str {
    match mechanism {
        Mechanism::CgroupV2 => "cgroup v2",
        Mechanism::CgroupV1 => "cgroup v1",
        Mechanism::Rlimit => "rlimit",
        Mechanism::Tmpfs => "tmpfs size",
        Mechanism::Sampled => "sampled",
        Mechanism::Kernel => "kernel",
        Mechanism::SkLookup => "sk_lookup",
        Mechanism::Proxy => "proxy",
        Mechanism::None => "nothing",
    }
}
