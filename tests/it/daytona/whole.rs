//! One program that does everything a sandbox is for, by each SDK.

use anyhow::{Context, Result};
use infield_tests::Server;

use super::{Besides, lsp, python_with, typescript_with};

#[test]
fn a_program_of_a_user_runs_from_creation_to_deletion() -> Result<()> {
    let server = Server::start(&[])?;
    let pylsp = lsp::packed_pylsp(&server)?;
    let pylsp = pylsp.to_str().context("a path")?;
    let forge = concat!(env!("CARGO_MANIFEST_DIR"), "/it/daytona/forge.py");
    let besides =
        Besides { variables: &[("PYLSP", pylsp), ("FORGE", forge)], ..Besides::default() };
    python_with(&server, ("whole.py", "whole whole_async"), besides)?;
    typescript_with(&server, "whole.mjs", besides)
}
