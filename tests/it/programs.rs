//! Foreign programs, such as the clients that people have, run to their end.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use infield_tests::tools;

/// A program of the test tools that is missing is a failure with the command that brings it.
pub(crate) fn tool(path: &str) -> Result<PathBuf> {
    let path = tools().join(path);
    if !path.exists() {
        bail!("`{}` is missing: run `cargo xtask install`", path.display());
    }
    Ok(path)
}

/// A command with an environment made from nothing but what programs need.
pub(crate) fn clean(program: PathBuf) -> Result<Command> {
    let node = tool("node_modules/node/bin/node")?;
    let folder = node.parent().context("a program is in a folder")?;
    let mut path = folder.as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut command = Command::new(program);
    command.env_clear().env("PATH", path).env("HOME", "/nonexistent").stdin(Stdio::null());
    Ok(command)
}

/// Runs a command to its end, which must come within `limit`; gives its output and exit code.
pub(crate) fn finish(mut command: Command, limit: Duration) -> Result<(String, Option<i32>)> {
    let output = tempfile::tempfile()?;
    let mut child = command
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?)
        .spawn()
        .with_context(|| format!("cannot start {command:?}"))?;
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if begun.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            break None;
        }
        std::thread::park_timeout(Duration::from_millis(50));
    };
    let said = text_of(output)?;
    let Some(status) = status else { bail!("{command:?} did not end within {limit:?}:\n{said}") };
    Ok((said, status.code()))
}

fn text_of(mut file: std::fs::File) -> Result<String> {
    use std::io::{Read, Seek};
    file.rewind()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Runs a command that must succeed.
pub(crate) fn succeed(command: Command, limit: Duration) -> Result<String> {
    let shown = format!("{command:?}");
    let (said, code) = finish(command, limit)?;
    if code != Some(0) {
        bail!("{shown} ended with {code:?}:\n{said}");
    }
    Ok(said)
}
