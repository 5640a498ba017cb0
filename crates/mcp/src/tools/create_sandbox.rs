//! `create_sandbox`: an isolated environment that later calls work in.

use std::collections::BTreeMap;

use infield_domain::Result as DomainResult;
use infield_domain::network::Choice;
use infield_domain::sandbox::{Resources, Retention, Sandbox};
use infield_engine::{CreateSandbox, GitSource, Progress};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::failure::Failure;
use crate::reply::{Reply, moment};
use crate::schema;
use crate::tools::sandbox_facts::lifetime;
use crate::tools::{Definition, Hints};

pub(super) const DEFINITION: Definition = Definition {
    name: "create_sandbox",
    title: "Create a sandbox",
    description: "Creates an isolated Linux environment and returns its sandbox_id, which the \
        other tools take. For a single run execute_code is enough. A sandbox stops after 30 \
        idle minutes, starts again when used, and is deleted a day after it stopped; a persistent \
        one stays until delete_sandbox. Root inside, in /workspace.",
    hints: Hints::Adds,
    input: schema::of::<Args>,
    output: Some(schema::of_answer::<Facts>),
    example: r#"{"name": "web", "language": "python"}"#,
    result_chars: None,
};

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Args {
    /// python (default), javascript, typescript, bash, c or go
    language: Option<String>,
    /// Default host
    image: Option<String>,
    /// Usable as sandbox_id
    name: Option<String>,
    git_repo: Option<String>,
    git_branch: Option<String>,
    /// Keep on disk until deleted
    persistent: Option<bool>,
    environment_vars: Option<BTreeMap<String, String>>,
    /// Default 2
    cpus: Option<f64>,
    /// Default 2048
    memory_mb: Option<u64>,
    /// none, limited (registries, git hosts; default) or public
    network: Option<String>,
    /// Also host:port, *.host, address/bits:port
    allow: Option<Vec<String>>,
    deny: Option<Vec<String>>,
    /// NAME or NAME=VARIABLE
    secrets: Option<Vec<String>>,
    ttl_minutes: Option<u64>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Facts {
    sandbox_id: String,
    name: String,
    language: String,
    status: String,
    working_directory: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    message: String,
}

pub(super) async fn call(call: &Call, args: Args) -> Result<Reply, Failure> {
    let create = wanted(call, args).map_err(|error| Failure::from_error(&error))?;
    let made = call
        .reporting(async |sender| {
            let started = Progress { elapsed_ms: 0, last_line: "creating the sandbox".to_owned() };
            drop(sender.try_send(started));
            call.engine.create_sandbox(&call.who, create).await
        })
        .await;
    let sandbox = made.map_err(|error| Failure::from_error(&error))?;
    if call.cancel.is_cancelled() {
        // The client will never learn the id, so nobody would use or delete it.
        let gone = call.engine.delete_sandbox(&call.who, sandbox.id.as_str()).await;
        return Err(match gone {
            Ok(_) => Failure::of("cancelled; the sandbox was deleted again."),
            Err(error) => Failure::from_error(&error),
        });
    }
    Reply::facts(&facts(&sandbox))
}

fn wanted(call: &Call, args: Args) -> DomainResult<CreateSandbox> {
    let language = args.language.as_deref().map(str::parse).transpose()?;
    let image = args.image.as_deref().map(str::parse).transpose()?;
    let persistent = args.persistent.unwrap_or(call.defaults.persistent);
    let base = if persistent { Retention::PERSISTENT } else { Retention::TEMPORARY };
    let git = args.git_repo.map(|url| GitSource { url, branch: args.git_branch });
    Ok(CreateSandbox {
        name: args.name.as_deref().map(str::parse).transpose()?,
        image: image.or_else(|| call.defaults.image.clone()),
        language: language.or(call.defaults.language),
        environment: args.environment_vars.unwrap_or_default(),
        retention: retention(base, args.ttl_minutes)?,
        resources: resources(args.cpus, args.memory_mb)?,
        network: Choice::parse(
            args.network.as_deref(),
            &args.allow.unwrap_or_default(),
            &args.deny.unwrap_or_default(),
        )?,
        secrets: args
            .secrets
            .unwrap_or_default()
            .iter()
            .map(|text| text.parse())
            .collect::<DomainResult<_>>()?,
        git,
        ..CreateSandbox::standard()
    })
}

fn retention(base: Retention, ttl_minutes: Option<u64>) -> DomainResult<Retention> {
    let time_to_live_ms = match ttl_minutes {
        None => None,
        Some(minutes @ 1..=5_256_000) => Some(minutes * 60_000),
        Some(_) => {
            return Err(infield_domain::Error::invalid("`ttl_minutes` is out of range")
                .with_hint("pass 1 to 5256000 minutes, or leave it out"));
        }
    };
    Ok(Retention { time_to_live_ms, ..base })
}

fn resources(cpus: Option<f64>, memory_mb: Option<u64>) -> DomainResult<Resources> {
    let mut resources = Resources::DEFAULT;
    if let Some(cpus) = cpus {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        let millis = (cpus * 1000.0).round().clamp(0.0, f64::from(u32::MAX)) as u32;
        resources.cpu_millis = millis;
    }
    if let Some(megabytes) = memory_mb {
        resources.memory_bytes = megabytes.saturating_mul(1 << 20);
    }
    resources.check()?;
    Ok(resources)
}

fn facts(sandbox: &Sandbox) -> Facts {
    Facts {
        sandbox_id: sandbox.id.to_string(),
        name: sandbox.spec.name.to_string(),
        language: sandbox.spec.language.as_str().to_owned(),
        status: sandbox.state.as_str().to_owned(),
        working_directory: sandbox.spec.working_directory.to_string(),
        expires_at: sandbox.expires_at().map(moment),
        message: lifetime(sandbox),
    }
}
