//! What is settled about sandboxes, and how they are listed, by the SDKs.

use anyhow::Result;
use infield_tests::Server;

use super::{python, typescript};

#[test]
fn settings_are_kept_and_shown() -> Result<()> {
    let server = Server::start(&[])?;
    python(&server, "changes.py", "settings settings_async")
}

#[test]
fn networks_and_sizes_are_changed() -> Result<()> {
    let server = Server::start(&[])?;
    python(&server, "changes.py", "network sizes")
}

#[test]
fn lists_are_narrowed_sorted_and_counted() -> Result<()> {
    let server = Server::start(&[])?;
    python(&server, "changes.py", "lists numbered")
}

#[test]
fn links_to_ports_let_their_holders_in_until_they_end() -> Result<()> {
    python(&Server::start(&[])?, "changes.py", "previews")
}

#[test]
fn a_sandbox_lives_and_is_changed_in_typescript() -> Result<()> {
    typescript(&Server::start(&[])?, "sandboxes.mjs")
}
