//! The conformance suite: every scenario that fits any server, for both eras.
//!
//! Many scenarios need a server that was made for them, with tools such as `test_image_content`.
//! They are named here with the reason, and a scenario that is in neither list is a failure: a
//! new version of the suite is looked at before it is used.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use infield_tests::Server;
use serde_json::Value;

use crate::programs::{clean, finish, succeed, tool};

/// Scenarios that fit any server.
#[rustfmt::skip]
const FITTING: &[&str] = &[
    "server-initialize", "server-session-lifecycle", "server-stateless", "ping",
    "completion-complete", "tools-list", "server-sse-polling", "server-sse-multiple-streams",
    "resources-list", "sep-2164-resource-not-found", "prompts-list", "dns-rebinding-protection",
    "caching", "http-header-validation", "input-required-result-missing-input-response",
    "input-required-result-unsupported-methods", "input-required-result-ignore-extra-params",
    "input-required-result-validate-input",
];

const OWN_TOOLS: &str = "calls tools that only the suite's own server has";
const OWN_RESOURCES: &str = "reads resources that only the suite's own server has";
const OWN_PROMPTS: &str = "gets prompts that only the suite's own server has";
const NO_LOGGING: &str = "logging is deprecated, and diagnostics go to standard error";
const NO_ASKING: &str = "infield asks a client neither for a sampling nor for an elicitation";
const NO_SUBSCRIPTIONS: &str = "infield declares no subscriptions";
const NO_SKILLS: &str = "infield does not declare the extension for skills";
const NO_HEADERS: &str = "no tool mirrors an argument into a header";

/// Scenarios that are left out, by the beginning of their names, and why.
#[rustfmt::skip]
const LEFT_OUT: &[(&str, &str)] = &[
    ("logging-set-level", NO_LOGGING), ("tools-call-with-logging", NO_LOGGING),
    ("tools-call-sampling", NO_ASKING), ("tools-call-elicitation", NO_ASKING),
    ("tools-call-", OWN_TOOLS), ("json-schema-2020-12", OWN_TOOLS), ("tasks-", OWN_TOOLS),
    ("elicitation-", NO_ASKING), ("input-required-result-", NO_ASKING),
    ("resources-read-", OWN_RESOURCES), ("resources-templates-read", OWN_RESOURCES),
    ("resources-subscribe", NO_SUBSCRIPTIONS), ("resources-unsubscribe", NO_SUBSCRIPTIONS),
    ("prompts-get-", OWN_PROMPTS), ("sep-2640-skills-", NO_SKILLS),
    ("http-custom-header-server-validation", NO_HEADERS),
];

/// Checks inside a fitting scenario that need a tool of the suite's own server; the suite calls
/// them "not testable" and counts them as failures.
#[rustfmt::skip]
const UNTESTABLE: &[&str] = &[
    "sep-2575-server-rejects-undeclared-capability", "sep-2575-missing-capability-http-400",
    "sep-2575-http-server-no-independent-requests-on-stream", "sep-2575-server-no-log-without-loglevel",
];

const LIMIT: Duration = Duration::from_secs(300);

fn suite(words: &[&str]) -> Result<std::process::Command> {
    let mut command = clean(tool("node_modules/node/bin/node")?)?;
    command.arg(tool("node_modules/@modelcontextprotocol/conformance/dist/index.js")?).args(words);
    Ok(command)
}

/// The reason for which a scenario is left out; none for one that fits.
fn left_out(scenario: &str) -> Option<&'static str> {
    if FITTING.contains(&scenario) {
        return None;
    }
    LEFT_OUT.iter().find(|(start, _)| scenario.starts_with(start)).map(|(_, why)| *why)
}

#[test]
fn every_scenario_is_run_or_left_out_for_a_reason() -> Result<()> {
    let list = succeed(suite(&["list"])?, LIMIT)?;
    let server = list.lines().skip_while(|line| !line.starts_with("Server scenarios")).skip(1);
    let scenarios: Vec<_> = server
        .take_while(|line| !line.trim().is_empty())
        .filter_map(|line| line.trim().strip_prefix("- ")?.split(' ').next())
        .collect();
    ensure!(scenarios.len() > 40, "the suite lists only {scenarios:?}");
    for scenario in &scenarios {
        let known = FITTING.contains(scenario) || left_out(scenario).is_some();
        ensure!(known, "the scenario `{scenario}` is new: does it fit any server?");
    }
    for scenario in FITTING {
        ensure!(scenarios.contains(scenario), "the suite has no scenario `{scenario}` any more");
    }
    Ok(())
}

#[test]
fn the_scenarios_that_fit_any_server_pass() -> Result<()> {
    // The suite cannot send a key.
    let server = Server::start(&["--no-auth"])?;
    for revision in ["2025-11-25", "2026-07-28"] {
        check(&server, revision)?;
    }
    Ok(())
}

fn check(server: &Server, revision: &str) -> Result<()> {
    let results = tempfile::tempdir()?;
    let folder = results.path().to_str().context("a folder's name is text")?;
    let url = server.url("/mcp");
    let words = ["server", "--url", &url, "--suite", "all", "--spec-version", revision];
    let command = suite(&[&words[..], &["--timeout", "20000", "--output-dir", folder]].concat())?;
    // It fails because of the scenarios that need its own server; each is looked at below.
    let (said, _) = finish(command, LIMIT)?;
    let mut passed = BTreeMap::new();
    for entry in fs::read_dir(results.path())? {
        let folder = entry?.path();
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(scenario) = fitting(name) {
            passed.insert(scenario, checks(&folder, scenario)?);
        }
    }
    ensure!(passed.len() >= 10, "only {passed:?} ran for {revision}:\n{said}");
    Ok(())
}

/// The fitting scenario whose results a folder has: `server-NAME-TIME`.
fn fitting(folder: &str) -> Option<&'static str> {
    let rest = folder.strip_prefix("server-")?;
    FITTING.iter().copied().find(|scenario| {
        let time = rest.strip_prefix(scenario).and_then(|rest| rest.strip_prefix('-'));
        time.is_some_and(|time| time.starts_with(|letter: char| letter.is_ascii_digit()))
    })
}

/// How many checks of a scenario passed; fails with the first that did not.
fn checks(folder: &Path, scenario: &str) -> Result<usize> {
    let text = fs::read_to_string(folder.join("checks.json"))?;
    let checks: Vec<Value> = serde_json::from_str(&text)?;
    let mut passed = 0;
    for check in &checks {
        let id = check["id"].as_str().unwrap_or_default();
        match check["status"].as_str().unwrap_or_default() {
            "FAILURE" => ensure!(UNTESTABLE.contains(&id), "{scenario}: {check:#}"),
            "SUCCESS" => passed += 1,
            _ => {}
        }
    }
    ensure!(passed > 0, "{scenario} checked nothing:\n{text}");
    Ok(passed)
}
