//! Logs that are followed, terminals and interpreters, by the SDKs.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use infield_tests::Server;

use super::{LIMIT, python, typescript};
use crate::programs::{clean, succeed, tool};

/// How long what a daemon leaves behind may take to end.
const END: Duration = Duration::from_secs(20);

#[test]
fn what_is_written_comes_at_once() -> Result<()> {
    python(&Server::start(&[])?, "streams.py", "everything")
}

#[test]
fn the_typescript_sdk_follows_what_is_written() -> Result<()> {
    typescript(&Server::start(&[])?, "streams.mjs")
}

#[test]
fn sessions_terminals_and_contexts_end_with_the_daemon_and_leave_nothing() -> Result<()> {
    let mut server = Server::start(&[])?;
    let key = server.key("leaver")?;
    leave_behind(&server, &key)?;
    server.restart(&[])?;
    nothing_is_left(&server)?;
    leave_behind(&server, &key)?;
    server.revive(&[])?;
    nothing_is_left(&server)
}

fn leave_behind(server: &Server, key: &str) -> Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/daytona/streams.py");
    let mut command = clean(tool("venv-daytona/bin/python")?)?;
    command
        .arg("-B")
        .arg(script)
        .arg("left")
        .env("DAYTONA_API_URL", server.url("/api"))
        .env("DAYTONA_API_KEY", key);
    succeed(command, LIMIT).map(drop)
}

/// Neither a process nor a dead one that nobody has looked after.
fn nothing_is_left(server: &Server) -> Result<()> {
    let begun = Instant::now();
    loop {
        let all = server.home.run(&["exec", "left", "--", "ps", "ax", "-o", "stat,args"])?;
        let left: Vec<_> = all
            .lines()
            .filter(|line| line.starts_with('Z') || line.contains("sleep 700"))
            .collect();
        if left.is_empty() {
            return Ok(());
        }
        ensure!(begun.elapsed() < END, "{left:?} is left");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}
