//! Sandboxes.

use std::collections::BTreeMap;

use infield_domain::isolation::Control;
use infield_domain::lifecycle::State;
use infield_domain::network::{Allowance, Ceilings, Choice, Policy};
use infield_domain::preview::Access;
use infield_domain::sandbox::{Resources, Retention, Sandbox};
use infield_domain::{Error, NetworkName, Result};
use infield_engine::{
    CreateSandbox, Deadlines, GitSource, Inspection, ListSandboxes, Prune, Pruned,
};

use super::{PAGE_ITEMS, named, parse, parse_some, unknown, volumes};
use crate::wire::{self, ResourceWishes};

/// What a new sandbox shall be.
pub(crate) fn create_sandbox(wish: wire::CreateSandbox) -> Result<CreateSandbox> {
    let retention = retention(&wish);
    let network = Choice::parse(wish.network.as_deref(), &wish.allow, &wish.deny);
    Ok(CreateSandbox {
        name: parse_some("name", wish.name.as_ref())?,
        image: parse_some("image", wish.image.as_ref())?,
        language: parse_some("language", wish.language.as_ref())?,
        user: wish.user,
        working_directory: parse_some("working_directory", wish.working_directory.as_ref())?,
        environment: wish.environment,
        labels: wish.labels,
        retention,
        resources: resources(wish.resources),
        network: network.map_err(|error| named("network", &error))?,
        networks: wish.join.iter().map(|word| network_name(word)).collect::<Result<_>>()?,
        secrets: super::wanted_secrets(&wish.secrets)?,
        volumes: wish.volumes.iter().map(volumes::wanted).collect::<Result<_>>()?,
        ceilings: ceilings(wish.network_limits),
        previews: Access::default(),
        require: wish.require.iter().map(|word| control(word)).collect::<Result<_>>()?,
        git: git_source(wish.git_repo, wish.git_branch)?,
        request_key: wish.request_key,
    })
}

fn retention(wish: &wire::CreateSandbox) -> Retention {
    let standard = if wish.persistent { Retention::PERSISTENT } else { Retention::TEMPORARY };
    let chosen = |wish: Option<u64>, standard: Option<u64>| match wish {
        Some(0) => None,
        Some(given) => Some(given),
        None => standard,
    };
    Retention {
        persistent: wish.persistent,
        stop_after_idle_ms: chosen(wish.stop_after_idle_ms, standard.stop_after_idle_ms),
        delete_after_stop_ms: chosen(wish.delete_after_stop_ms, standard.delete_after_stop_ms),
        pause_after_idle_ms: None,
        archive_after_stop_ms: None,
        time_to_live_ms: chosen(wish.time_to_live_ms, standard.time_to_live_ms),
    }
}

fn resources(wishes: ResourceWishes) -> Resources {
    let standard = Resources::DEFAULT;
    Resources {
        memory_bytes: wishes.memory_bytes.unwrap_or(standard.memory_bytes),
        cpu_millis: wishes.cpu_millis.unwrap_or(standard.cpu_millis),
        pids: wishes.pids.unwrap_or(standard.pids),
        disk_bytes: wishes.disk_bytes.unwrap_or(standard.disk_bytes),
        inodes: wishes.inodes.unwrap_or(standard.inodes),
        open_files: wishes.open_files.unwrap_or(standard.open_files),
    }
}

fn control(word: &str) -> Result<Control> {
    let found = Control::ALL.into_iter().find(|control| control.as_str() == word);
    found.ok_or_else(|| unknown("require", word, &Control::ALL.map(Control::as_str)))
}

fn git_source(url: Option<String>, branch: Option<String>) -> Result<Option<GitSource>> {
    match (url, branch) {
        (Some(url), branch) => Ok(Some(GitSource { url, branch })),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Error::invalid("`git_branch` says nothing without `git_repo`")
            .with_hint("add `git_repo`, or leave `git_branch` out")),
    }
}

/// Which sandboxes to list.
pub(crate) fn list_sandboxes(query: wire::ListSandboxes) -> Result<ListSandboxes> {
    let states = parts(query.states.as_deref()).map(state).collect::<Result<_>>()?;
    let labels = parts(query.labels.as_deref()).map(label).collect::<Result<BTreeMap<_, _>>>()?;
    let limit = query.limit.unwrap_or(PAGE_ITEMS);
    Ok(ListSandboxes { states, labels, limit, cursor: query.cursor })
}

fn parts(text: Option<&str>) -> impl Iterator<Item = &str> {
    text.unwrap_or_default().split(',').filter(|part| !part.is_empty())
}

fn state(word: &str) -> Result<State> {
    let found = State::ALL.into_iter().find(|state| state.as_str() == word);
    found.ok_or_else(|| unknown("states", word, &State::ALL.map(State::as_str)))
}

fn label(text: &str) -> Result<(String, String)> {
    let pair = text.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    pair.ok_or_else(|| {
        Error::invalid("`labels`: a label has the form `key=value`")
            .with_hint("write `labels=team=web,stage=test`")
    })
}

/// A sandbox as answers show it; masks every value of its variables.
pub(crate) fn sandbox(sandbox: Sandbox) -> wire::Sandbox {
    let expires_at = sandbox.expires_at();
    let Sandbox { id, owner, spec, state, cause, provider, enforcement, .. } = sandbox;
    let mask = |name: String| (name, wire::MASK.to_owned());
    let resources = spec.resources;
    let secrets = spec.secrets.into_iter().map(|grant| (grant.variable, grant.secret.into()));
    wire::Sandbox {
        id: id.into(),
        name: spec.name.into(),
        state,
        cause,
        owner,
        image: spec.image.into(),
        language: spec.language.as_str().to_owned(),
        user: spec.user,
        working_directory: spec.working_directory.into(),
        environment: spec.environment.into_keys().map(mask).collect(),
        labels: spec.labels,
        persistent: spec.retention.persistent,
        stop_after_idle_ms: spec.retention.stop_after_idle_ms,
        delete_after_stop_ms: spec.retention.delete_after_stop_ms,
        expires_at,
        resources: ResourceWishes {
            memory_bytes: Some(resources.memory_bytes),
            cpu_millis: Some(resources.cpu_millis),
            pids: Some(resources.pids),
            disk_bytes: Some(resources.disk_bytes),
            inodes: Some(resources.inodes),
            open_files: Some(resources.open_files),
        },
        network: spec.network.as_str().to_owned(),
        network_rules: rules(&spec.network),
        networks: spec.networks.into_iter().map(Into::into).collect(),
        secrets: secrets.collect(),
        volumes: spec.volumes.into_iter().map(volumes::mounted).collect(),
        network_limits: network_limits(spec.allowance),
        require: spec.require.into_iter().map(|control| control.as_str().to_owned()).collect(),
        enforcement,
        provider,
        created_at: sandbox.created_at,
        changed_at: sandbox.changed_at,
        active_at: sandbox.active_at,
    }
}

fn rules(policy: &Policy) -> Vec<String> {
    match policy {
        Policy::Custom(rules) => rules.iter().map(ToString::to_string).collect(),
        Policy::None | Policy::Limited | Policy::Public => Vec::new(),
    }
}

fn network_limits(allowance: Allowance) -> wire::NetworkLimits {
    let Allowance { connections, bytes_per_second, total_bytes } = allowance;
    wire::NetworkLimits { connections: Some(connections), bytes_per_second, total_bytes }
}

/// How much a sandbox's network shall carry.
pub(crate) fn ceilings(wish: wire::NetworkLimits) -> Ceilings {
    let wire::NetworkLimits { connections, bytes_per_second, total_bytes } = wish;
    Ceilings { connections, bytes_per_second, total_bytes }
}

/// The word for a named network.
pub(crate) fn network_name(word: &str) -> Result<NetworkName> {
    parse("network", word)
}

/// What a sandbox shall reach.
pub(crate) fn network(wish: &wire::Network) -> Result<Choice> {
    let choice = Choice::parse(wish.network.as_deref(), &wish.allow, &wish.deny);
    choice.map_err(|error| named("network", &error))
}

/// A sandbox and everything worth knowing of it now.
pub(crate) fn inspection(inspection: Inspection) -> wire::Inspection {
    wire::Inspection {
        sandbox: sandbox(inspection.sandbox),
        usage: inspection.usage,
        executions: inspection.executions,
        deadlines: deadlines(inspection.deadlines),
        traffic: inspection.traffic,
        refusals: inspection.refusals,
    }
}

/// What a sandbox's timers will do.
pub(crate) fn deadlines(deadlines: Deadlines) -> wire::Deadlines {
    let Deadlines { stops_at, pauses_at, archived_at, deleted_at } = deadlines;
    wire::Deadlines { stops_at, pauses_at, archived_at, deleted_at }
}

/// What to tidy up.
pub(crate) fn prune(wish: wire::Prune) -> Prune {
    Prune { older_than_ms: wish.older_than_ms, persistent: wish.persistent }
}

/// What was tidied up.
pub(crate) fn pruned(pruned: Pruned) -> wire::Pruned {
    wire::Pruned { sandboxes: pruned.sandboxes.into_iter().map(sandbox).collect() }
}
