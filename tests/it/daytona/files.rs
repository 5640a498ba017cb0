//! Files, by the SDKs.

use anyhow::Result;
use infield_tests::Server;

use super::{python, typescript};

#[test]
fn a_tree_is_made_searched_changed_and_removed() -> Result<()> {
    let server = Server::start(&[])?;
    python(&server, "files.py", "tree tree_async")?;
    typescript(&server, "files.mjs")
}

#[test]
fn failures_at_a_path_have_the_classes_that_users_catch() -> Result<()> {
    python(&Server::start(&[])?, "files.py", "failures")
}

#[test]
fn contents_come_back_as_they_went() -> Result<()> {
    let server = Server::start(&[])?;
    python(&server, "files.py", "transfers thousands")
}

#[test]
fn a_signed_link_is_good_for_one_file_until_the_key_changes() -> Result<()> {
    python(&Server::start(&[])?, "files.py", "links")
}

#[test]
fn a_sandbox_tells_what_it_uses() -> Result<()> {
    python(&Server::start(&[])?, "files.py", "system")
}
