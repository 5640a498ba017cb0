//! Repositories, by the SDKs.

use anyhow::Result;
use infield_tests::Server;

use super::{Besides, python, python_with, typescript};

#[test]
fn a_repository_is_made_changed_sent_and_brought_in() -> Result<()> {
    let server = Server::start(&[])?;
    python(&server, "git.py", "repository repository_async")?;
    typescript(&server, "git.mjs")
}

#[test]
fn refusals_of_git_have_the_classes_that_users_catch() -> Result<()> {
    python(&Server::start(&[])?, "git.py", "failures")
}

/// The server is inside the sandbox itself, whose loopback is all that it reaches.
#[test]
fn a_credential_opens_a_remote_over_http_and_stays_nowhere() -> Result<()> {
    let server = Server::start(&[])?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/it/daytona/forge.py");
    server.home.run(&["create", "--name", "forge", "--user", "daytona"])?;
    server.home.run(&["cp", script, "forge:/tmp/forge.py"])?;
    server.home.run(&["exec", "--detach", "forge", "python3", "/tmp/forge.py"])?;
    let all = Besides { key: &["--sees-all"], ..Besides::default() };
    python_with(&server, ("git.py", "remote"), all)
}
