//! Which crate may depend on which, and which foreign crate has one allowed user.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Each crate and the crates of ours that it may use. `cli` may use all.
const OURS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("daytona", &[]),
    ("protocol", &["domain"]),
    ("agent", &["protocol"]),
    ("jail", &[]),
    ("store", &["domain"]),
    ("engine", &["domain", "store"]),
    ("net", &["domain"]),
    ("opener", &["domain", "net"]),
    ("local", &["domain", "jail", "net", "opener", "protocol"]),
    ("rest", &["domain", "engine", "daytona"]),
    ("mcp", &["domain", "engine"]),
    ("ssh", &["domain", "engine"]),
    ("testkit", &["domain", "engine", "store"]),
];

/// Foreign crates behind a wall, each with the crates of ours that may use them.
const WALLED: &[(&str, &[&str])] = &[
    ("rusqlite", &["store"]),
    ("rusqlite_migration", &["store"]),
    ("rmcp", &["mcp"]),
    ("axum", &["rest"]),
    ("clap", &["cli"]),
    ("landlock", &["jail"]),
    ("libc", &["jail", "agent"]),
    ("hickory-proto", &["net"]),
    ("hickory-resolver", &["net"]),
    ("rustls", &["opener", "rest", "cli"]),
    ("tokio-rustls", &["opener", "rest"]),
    ("rcgen", &["opener", "cli"]),
    ("ring", &["opener"]),
    ("russh", &["ssh"]),
    ("russh-sftp", &["ssh"]),
    (
        "tokio",
        &["protocol", "net", "opener", "local", "engine", "rest", "mcp", "ssh", "cli", "testkit"],
    ),
    ("anyhow", &[]),
];

/// Every arrow of the workspace that no rule allows.
pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for entry in fs::read_dir(root.join("crates"))? {
        let folder = entry?.path();
        let manifest = folder.join("Cargo.toml");
        let text = fs::read_to_string(&manifest)
            .with_context(|| format!("cannot read {}", manifest.display()))?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        faults.extend(check_manifest(&name, &text)?);
    }
    Ok(faults)
}

/// The forbidden arrows of one manifest; tests may use more than the code.
pub(super) fn check_manifest(name: &str, text: &str) -> Result<Vec<String>> {
    let manifest: toml::Table = text.parse()?;
    let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
    let mut faults = Vec::new();
    for dependency in dependencies.into_iter().flat_map(toml::Table::keys) {
        if !may_use(name, dependency) {
            faults.push(format!("crates/{name} may not depend on `{dependency}`"));
        }
    }
    Ok(faults)
}

fn may_use(name: &str, dependency: &str) -> bool {
    if let Some(ours) = dependency.strip_prefix("infield-") {
        let rule = OURS.iter().find(|(from, _)| *from == name);
        return name == "cli" || rule.is_some_and(|(_, to)| to.contains(&ours));
    }
    WALLED
        .iter()
        .find(|(walled, _)| *walled == dependency)
        .is_none_or(|(_, users)| users.contains(&name))
}
