//! Volumes, by the SDKs.

use anyhow::Result;
use infield_tests::Server;

use super::{python, typescript};

#[test]
fn a_volume_is_shared_and_goes() -> Result<()> {
    let server = Server::start(&[])?;
    python(&server, "volumes.py", "both")?;
    typescript(&server, "volumes.mjs")
}
