//! A sandbox in the words of the tools.

use infield_domain::network::proxy;
use infield_domain::sandbox::Sandbox;
use serde::Serialize;

use crate::reply::{moment, span};

/// A sandbox in a list.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) sandbox_id: String,
    pub(crate) name: String,
    pub(crate) language: String,
    pub(crate) status: String,
    pub(crate) created_at: String,
}

/// A sandbox in a list.
pub(crate) fn line(sandbox: &Sandbox) -> Line {
    Line {
        sandbox_id: sandbox.id.to_string(),
        name: sandbox.spec.name.to_string(),
        language: sandbox.spec.language.as_str().to_owned(),
        status: sandbox.state.as_str().to_owned(),
        created_at: moment(sandbox.created_at),
    }
}

/// How long a sandbox lives, and what programs have to know of its network.
pub(crate) fn outlook(sandbox: &Sandbox) -> String {
    let lifetime = lifetime(sandbox);
    match sandbox.is_proxied() {
        true => format!("{lifetime} Its network is reached {}.", proxy::NOTE),
        false => lifetime,
    }
}

/// How long a sandbox lives, in one sentence.
fn lifetime(sandbox: &Sandbox) -> String {
    let retention = sandbox.spec.retention;
    let mut parts = Vec::new();
    if let Some(idle) = retention.stop_after_idle_ms {
        parts.push(format!("stops after {} without work", span(idle)));
    }
    if let Some(rest) = retention.delete_after_stop_ms {
        parts.push(format!("is deleted {} after it stopped", span(rest)));
    }
    if let Some(life) = retention.time_to_live_ms {
        parts.push(format!("is deleted {} after it was made", span(life)));
    }
    if parts.is_empty() {
        return "It stays until delete_sandbox.".to_owned();
    }
    format!("It {}; files survive a stop.", parts.join(", "))
}
