//! Daytona's official SDKs, unmodified, against the real binary: only the address and the key are
//! set, as a user sets them. What happens is in the scenarios, which assert by themselves; each answer
//! is held against the specifications on its way ([`witness`], [`schema`]).

mod accounts;
mod changes;
mod files;
mod git;
mod hostile;
mod lsp;
mod processes;
mod replay;
mod sandboxes;
mod schema;
mod secret;
mod ssh;
mod states;
mod streams;
mod volumes;
mod walk;
mod whole;
mod witness;

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use infield_tests::Server;

use self::witness::Witness;
use crate::programs::{clean, succeed, tool};

/// Time that a scenario may take.
const LIMIT: Duration = Duration::from_secs(300);
/// The newest Python SDK, and the one that the specifications were published with.
const PYTHON: [&str; 2] = ["venv-daytona", "venv-daytona-old"];
/// The same in TypeScript.
const TYPESCRIPT: [&str; 2] = ["@daytona/sdk", "daytona-sdk-old"];

/// What a run has besides an address and a key.
#[derive(Clone, Copy, Default)]
struct Besides<'a> {
    /// The options with which the key is made.
    key: &'a [&'a str],
    variables: &'a [(&'a str, &'a str)],
}

/// Runs scenarios of a script in Python, by their names, with every version of the SDK. Loading an
/// SDK takes seconds, so those of one script share a process.
fn python(server: &Server, script: &str, scenarios: &str) -> Result<()> {
    python_with(server, (script, scenarios), Besides::default())
}

/// The same, with something besides.
fn python_with(
    server: &Server,
    (script, scenarios): (&str, &str),
    besides: Besides<'_>,
) -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/daytona");
    let mut answers = 0;
    for environment in PYTHON {
        let name = format!("{environment}-{}", scenarios.replace(' ', "-"));
        let key = server.key_with(&name, besides.key)?;
        let witness = Witness::before(server.address)?;
        let mut command = clean(tool(&format!("{environment}/bin/python"))?)?;
        command
            .args(["-B", "-W", "error::ResourceWarning"])
            .arg(folder.join(script))
            .args(scenarios.split(' '))
            .envs(besides.variables.iter().copied())
            .env("DAYTONA_API_URL", witness.url("/api"))
            .env("DAYTONA_API_KEY", key);
        succeed(command, LIMIT)?;
        answers += witness.judge()?;
    }
    ensure!(answers > 0, "no answer went by");
    Ok(())
}

/// Runs a script in Node, with every version of the TypeScript SDK; the script is told which.
fn typescript(server: &Server, script: &str) -> Result<()> {
    typescript_with(server, script, Besides::default())
}

/// The same, with something besides.
fn typescript_with(server: &Server, script: &str, besides: Besides<'_>) -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/daytona");
    let mut answers = 0;
    for package in TYPESCRIPT {
        let name = format!("node-{package}-{script}").replace(['@', '/', '.'], "-");
        let key = server.key_with(&name, besides.key)?;
        let entry = tool(&format!("node_modules/{package}/esm/index.js"))?;
        let witness = Witness::before(server.address)?;
        let mut command = clean(tool("node_modules/node/bin/node")?)?;
        command
            .arg(folder.join(script))
            .arg(entry)
            .envs(besides.variables.iter().copied())
            .env("DAYTONA_API_URL", witness.url("/api"))
            .env("DAYTONA_API_KEY", key);
        succeed(command, LIMIT)?;
        answers += witness.judge()?;
    }
    ensure!(answers > 0, "no answer went by");
    Ok(())
}
