//! Who a caller is, and the keys of an organization, by the SDKs and the clients beneath them.

use anyhow::Result;
use infield_tests::Server;

use super::{Besides, python, python_with};

#[test]
fn a_caller_learns_who_it_is_and_what_there_is() -> Result<()> {
    python(&Server::start(&[])?, "accounts.py", "who")
}

#[test]
fn an_organization_makes_and_ends_keys_of_its_own() -> Result<()> {
    python(&Server::start(&[])?, "accounts.py", "keys")
}

#[test]
fn organizations_see_nothing_of_each_other() -> Result<()> {
    let server = Server::start(&[])?;
    assert!(server.key_with("stranger", &["--org", "strangers"]).is_err(), "nobody made it");
    server.home.run(&["org", "create", "strangers"])?;
    let stranger = server.key_with("stranger", &["--org", "strangers"])?;
    assert!(server.home.run(&["org", "rm", "strangers"]).is_err(), "it has a key");
    let stranger = [("STRANGER", stranger.as_str())];
    let stranger = Besides { variables: &stranger, ..Besides::default() };
    python_with(&server, ("accounts.py", "strangers"), stranger)?;
    python_with(&server, ("accounts.py", "walls"), stranger)
}
