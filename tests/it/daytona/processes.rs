//! Commands, programs and sessions, by the SDKs.

use std::path::Path;

use anyhow::Result;
use infield_tests::{Server, tools};

use super::witness::Witness;
use super::{LIMIT, python};
use crate::programs::{clean, succeed, tool};

#[test]
fn the_typescript_sdk_runs_commands_and_keeps_a_session() -> Result<()> {
    let server = Server::start(&[])?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/daytona/processes.mjs");
    for package in ["@daytona/sdk", "daytona-sdk-old"] {
        let witness = Witness::before(server.address)?;
        let mut command = clean(tool("node_modules/node/bin/node")?)?;
        command
            .arg(&script)
            .arg(package)
            .current_dir(tools())
            .env("DAYTONA_API_URL", witness.url("/api"))
            .env(
                "DAYTONA_API_KEY",
                server.key(package.trim_start_matches('@').replace('/', "-").as_str())?,
            );
        succeed(command, LIMIT)?;
        witness.judge()?;
    }
    Ok(())
}

#[test]
fn commands_and_programs_run_to_their_end() -> Result<()> {
    let server = Server::start(&[])?;
    python(&server, "processes.py", "commands programs commands_async")
}

#[test]
fn a_sandbox_tells_its_folders_and_takes_variables() -> Result<()> {
    python(&Server::start(&[])?, "processes.py", "surroundings")
}

#[test]
fn a_session_is_one_living_shell() -> Result<()> {
    let server = Server::start(&[])?;
    python(&server, "processes.py", "session session_async")
}

#[test]
fn commands_of_a_session_go_on_by_themselves() -> Result<()> {
    let server = Server::start(&[])?;
    python(&server, "processes.py", "background session_failures")
}
