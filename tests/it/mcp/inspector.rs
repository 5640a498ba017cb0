//! The Inspector's command line.

use std::time::Duration;

use anyhow::{Context, Result};
use infield_tests::{Server, binary};
use serde_json::Value;

use crate::programs::{clean, succeed, tool};

/// How long one call of the Inspector may take; it starts Node and the server anew.
const LIMIT: Duration = Duration::from_secs(60);

fn inspect(target: &[String], words: &[&str]) -> Result<Value> {
    let mut command = clean(tool("node_modules/node/bin/node")?)?;
    // It wants a home, for the list of servers that it was shown.
    let home = tempfile::tempdir()?;
    command.env("HOME", home.path());
    command.arg(tool("node_modules/.bin/mcp-inspector")?).args(["--cli", "--quiet"]);
    command.args(target).args(words);
    let said = succeed(command, LIMIT)?;
    serde_json::from_str(&said).with_context(|| format!("not JSON:\n{said}"))
}

fn check(target: &[String], era: &str) -> Result<()> {
    let era = ["--protocol-era", era];
    // Strict: a schema that some client would refuse ends it with an error.
    let list = inspect(target, &[&["--method", "tools/list", "--strict"][..], &era].concat())?;
    assert_eq!(list["tools"].as_array().map(Vec::len), Some(10), "{list}");

    let words = ["--method", "tools/call", "--tool-name", "execute_code"];
    let arguments = ["--tool-arg", "code=print(6*7)", "language=python"];
    let answer = inspect(target, &[&words[..], &arguments, &era].concat())?;
    assert_eq!(answer["structuredContent"]["stdout"], "42\n", "{answer}");

    let list = inspect(target, &[&["--method", "resources/list"][..], &era].concat())?;
    assert_eq!(list["resources"][0]["uri"], "sandbox://", "{list}");

    let words = ["--method", "prompts/get", "--prompt-name", "clean_up"];
    let prompt = inspect(target, &[&words[..], &era].concat())?;
    let text = prompt["messages"][0]["content"]["text"].as_str();
    assert!(text.is_some_and(|text| text.contains("delete_sandbox")), "{prompt}");
    Ok(())
}

#[test]
fn the_inspector_works_over_both_transports_and_eras() -> Result<()> {
    let server = Server::start(&[])?;
    let binary = binary().display().to_string();
    let home = server.home.path().display().to_string();
    let stdio = [binary.as_str(), "--home", &home, "mcp"].map(str::to_owned);
    let header = format!("Authorization: Bearer {}", server.key("inspector")?);
    let url = server.url("/mcp");
    let http = [url.as_str(), "--transport", "http", "--header", &header].map(str::to_owned);
    for era in ["legacy", "modern"] {
        check(&stdio, era)?;
        check(&http, era)?;
    }
    Ok(())
}
