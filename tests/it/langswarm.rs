//! LangSwarm's own remote client, unmodified, against the route that is made for it.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use infield_tests::Server;

use crate::programs::{clean, succeed, tool};

/// Time that the client may take.
const LIMIT: Duration = Duration::from_secs(120);

#[test]
fn its_remote_client_works_unchanged() -> Result<()> {
    let server = Server::start(&[])?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/langswarm/remote.py");
    let mut command = clean(tool("venv-langswarm/bin/python")?)?;
    command.arg("-B").arg(script).args([server.url("/langswarm"), server.key("langswarm")?]);
    succeed(command, LIMIT).map(drop)
}
