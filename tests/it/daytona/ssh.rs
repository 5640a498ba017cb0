//! Access by SSH, by the SDKs.

use anyhow::Result;
use infield_tests::{Server, free_address};

use super::{python, typescript};

#[test]
fn access_by_ssh_is_given_used_and_taken_away() -> Result<()> {
    let listen = free_address()?.to_string();
    let server = Server::start(&["--ssh", &listen])?;
    python(&server, "ssh.py", "access access_async")?;
    typescript(&server, "ssh.mjs")
}
