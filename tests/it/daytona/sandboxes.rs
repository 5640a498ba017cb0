//! The life of a sandbox, by the SDKs.

use anyhow::Result;
use infield_tests::Server;

use super::python;

#[test]
fn a_sandbox_lives_and_goes() -> Result<()> {
    let server = Server::start(&[])?;
    python(&server, "sandboxes.py", "life life_async")
}

#[test]
fn failures_have_the_classes_that_users_catch() -> Result<()> {
    python(&Server::start(&[])?, "sandboxes.py", "failures")
}
