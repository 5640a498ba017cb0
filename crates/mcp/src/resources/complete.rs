//! Completion of sandbox references and paths while a user types.

use infield_domain::files::{FileKind, List};
use infield_domain::{Principal, Result};
use infield_engine::Engine;

/// Choices of one answer, the protocol's own limit.
const CHOICES: usize = 100;

/// Names and ids that begin with what was typed.
pub(crate) async fn references(
    engine: &Engine,
    who: &Principal,
    typed: &str,
) -> Result<Vec<String>> {
    let page = engine.list_sandboxes(who, super::page(None)).await?;
    let names = page.items.iter().map(|sandbox| sandbox.spec.name.to_string());
    let ids = page.items.iter().map(|sandbox| sandbox.id.to_string());
    Ok(names.chain(ids).filter(|word| word.starts_with(typed)).take(CHOICES).collect())
}

/// Paths of a sandbox that begin with what was typed; folders end in a slash.
pub(crate) async fn paths(
    engine: &Engine,
    who: &Principal,
    reference: &str,
    typed: &str,
) -> Result<Vec<String>> {
    let (folder, start) = typed.rsplit_once('/').unwrap_or(("", typed));
    let path = format!("/{}", folder.trim_start_matches('/')).parse()?;
    let list = List { path, depth: 1, limit: super::PAGE };
    let listing = engine.list_files(who, reference, list).await?;
    let before = if typed.contains('/') { format!("{folder}/") } else { String::new() };
    let matching = listing.entries.iter().filter(|entry| entry.path.starts_with(start));
    let words = matching.map(|entry| {
        let slash = if entry.kind == FileKind::Directory { "/" } else { "" };
        format!("{before}{}{slash}", entry.path)
    });
    Ok(words.take(CHOICES).collect())
}
