//! Secrets, by the SDKs.

use anyhow::Result;
use infield_tests::Server;

use super::{python, typescript};

#[test]
fn secrets_are_kept_given_and_never_shown() -> Result<()> {
    let server = Server::start(&[])?;
    python(&server, "secret.py", "secrets secrets_async")?;
    typescript(&server, "secret.mjs")
}
