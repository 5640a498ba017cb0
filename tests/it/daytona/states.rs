//! Sandboxes that are held, put away and resized, and how others hear of it, by the SDKs.

use anyhow::Result;
use infield_tests::Server;

use super::{Besides, python, python_with, typescript};

#[test]
fn a_sandbox_is_paused_put_away_and_resized() -> Result<()> {
    let server = Server::start(&[])?;
    python(&server, "states.py", "states states_async")
}

#[test]
fn changes_are_learned_by_events_and_by_those_who_may() -> Result<()> {
    let server = Server::start(&[])?;
    let stranger = server.key_with("stranger", &["--owner", "stranger"])?;
    let variables = [("STRANGER_KEY", stranger.as_str())];
    let besides = Besides { variables: &variables, ..Besides::default() };
    python_with(&server, ("states.py", "events"), besides)?;
    python(&server, "states.py", "events_async")
}

#[test]
fn a_sandbox_is_held_and_put_away_in_typescript() -> Result<()> {
    typescript(&Server::start(&[])?, "states.mjs")
}
