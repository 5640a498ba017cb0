//! The table, and the document that is held against it.

use std::collections::BTreeSet;

use super::*;

const DOCUMENT: &str = include_str!("../../../../docs/api.md");

#[test]
fn the_document_has_every_route_and_no_other() {
    let table: BTreeSet<String> =
        ROUTES.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    let document: BTreeSet<String> = DOCUMENT
        .lines()
        .filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'))
        .map(str::to_owned)
        .collect();
    let missing: Vec<_> = table.difference(&document).collect();
    let stale: Vec<_> = document.difference(&table).collect();
    assert!(missing.is_empty() && stale.is_empty(), "missing {missing:#?}, stale {stale:#?}");
    assert_eq!(table.len(), ROUTES.len(), "no route stands twice in the table");
}

/// Holds the examples of one route against the type that reads or writes them.
fn check_examples<T: serde::de::DeserializeOwned>(route: &str, fence: &str) {
    let section =
        DOCUMENT.split("\n### ").find(|section| section.starts_with(&format!("`{route}`")));
    let section = section.expect("the document has the route");
    let examples: Vec<_> = section
        .split(&format!("```{fence}\n"))
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(!examples.is_empty(), "{route} has an example");
    for example in examples {
        if let Err(error) = serde_json::from_str::<T>(example) {
            panic!("the {fence} of {route}: {error}");
        }
    }
}

#[test]
fn the_examples_are_valid() {
    use crate::wire;
    let request = "json request";
    check_examples::<wire::Shutdown>("POST /v1/shutdown", request);
    check_examples::<wire::Prune>("POST /v1/prune", request);
    check_examples::<wire::CreateSandbox>("POST /v1/sandboxes", request);
    check_examples::<wire::Sandbox>("POST /v1/sandboxes", "json answer");
    check_examples::<wire::ChangePort>("PUT /v1/sandboxes/{ref}/ports/{port}", request);
    check_examples::<wire::LinkPort>("POST /v1/sandboxes/{ref}/ports/{port}/link", request);
    let limits = "PUT /v1/sandboxes/{ref}/network/limits";
    check_examples::<wire::NetworkLimits>(limits, request);
    check_examples::<wire::Run>("POST /v1/run", request);
    check_examples::<wire::CreateVolume>("POST /v1/volumes", request);
    check_examples::<wire::Volume>("POST /v1/volumes", "json answer");
    check_examples::<wire::Execute>("POST /v1/sandboxes/{ref}/executions", request);
    check_examples::<wire::RunAnswer>("POST /v1/sandboxes/{ref}/executions", "json answer");
    check_examples::<wire::Attach>("POST /v1/executions/{id}/attach", request);
    check_examples::<wire::SendSignal>("POST /v1/executions/{id}/signal", request);
    check_examples::<wire::ListFiles>("POST /v1/sandboxes/{ref}/files/list", request);
    check_examples::<wire::StatFile>("POST /v1/sandboxes/{ref}/files/stat", request);
    check_examples::<wire::EditFile>("POST /v1/sandboxes/{ref}/files/edit", request);
    check_examples::<wire::MoveFile>("POST /v1/sandboxes/{ref}/files/move", request);
    check_examples::<wire::MakeDirectory>("POST /v1/sandboxes/{ref}/files/mkdir", request);
    check_examples::<wire::SearchFiles>("POST /v1/sandboxes/{ref}/files/search", request);
    check_examples::<wire::Git>("POST /v1/sandboxes/{ref}/git", request);
    check_examples::<wire::CreateKey>("POST /v1/keys", request);
    check_examples::<wire::McpHello>("POST /v1/mcp", request);
    check_examples::<wire::McpFolders>("POST /v1/mcp/folders", request);
}
