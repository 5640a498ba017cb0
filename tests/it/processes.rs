//! Keeper, launcher and daemon: what each may do, and what its death or its end does.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use infield_testkit::eventually;
use infield_tests::{Home, Server, binary};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::traces::child;

/// How long a process may take to end.
const END: Duration = Duration::from_secs(10);
/// `infield`'s exit codes for what is refused.
const CONFLICT: i32 = 5;
const DENIED: i32 = 6;

fn pid(number: u32) -> Result<Pid> {
    Pid::from_raw(i32::try_from(number)?).context("no pid")
}

async fn ended(number: u32) -> Result<()> {
    let process = pid(number)?;
    // A process that was not reaped yet counts as gone: its parent may be slow.
    let gone = || {
        let stat = fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
        test_kill_process(process).is_err() || stat.contains(") Z ")
    };
    eventually(END, "the process has ended", gone).await;
    Ok(())
}

fn status(number: u32, field: &str) -> Result<String> {
    let status = fs::read_to_string(format!("/proc/{number}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    Ok(line.with_context(|| format!("no `{field}`"))?.trim().to_owned())
}

fn part(server: &Server, word: &str) -> Result<u32> {
    child(server.pid(), word)?.with_context(|| format!("no `{word}`"))
}

#[tokio::test]
async fn the_daemon_has_nothing_to_lose() -> Result<()> {
    let server = Server::start(&[])?;
    let daemon = part(&server, "__daemon")?;
    for field in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(status(daemon, field)?, "0000000000000000", "{field}");
    }
    assert_eq!(status(daemon, "NoNewPrivs:")?, "1");
    let home = fs::metadata(server.home.path())?;
    assert_eq!(home.mode() & 0o777, 0o700);
    let owner = home.uid().to_string();
    assert_eq!(status(daemon, "Uid:")?, [owner.as_str(); 4].join("\t"), "it is the home's owner");
    if rustix::process::geteuid().is_root() {
        ensure!(home.uid() != 0, "the daemon of root is not root");
        assert_eq!(status(daemon, "Groups:")?, "");
    }
    let socket = fs::metadata(server.home.path().join("infield.sock"))?;
    assert_eq!(socket.mode() & 0o777, 0o600);
    // It reads nobody's environment: nothing but what infield itself needs is handed down.
    let environment = fs::read(format!("/proc/{daemon}/environ"))?;
    let names = environment.split(|byte| *byte == 0).filter(|entry| !entry.is_empty());
    for entry in names {
        let entry = String::from_utf8_lossy(entry);
        let known = entry.starts_with("PATH=") || entry.starts_with("INFIELD_");
        ensure!(known, "the daemon was given `{entry}`");
    }
    Ok(())
}

#[tokio::test]
async fn the_end_of_the_keeper_ends_all_but_the_sandboxes() -> Result<()> {
    for signal in [Signal::TERM, Signal::KILL] {
        let server = Server::start(&[])?;
        server.home.run(&["create", "--name", "steady"])?;
        let parts = [server.pid(), part(&server, "__launcher")?, part(&server, "__daemon")?];
        kill_process(pid(server.pid())?, signal)?;
        for process in parts {
            ended(process).await?;
        }
        // The next command starts the next daemon, which finds the sandbox.
        assert_eq!(server.home.run(&["exec", "steady", "echo", "here"])?, "here\n");
    }
    Ok(())
}

#[tokio::test]
async fn a_home_has_one_daemon() -> Result<()> {
    let server = Server::start(&[])?;
    let begun = Instant::now();
    let second = server.home.command(&["serve"]).output()?;
    assert_eq!(second.status.code(), Some(CONFLICT));
    ensure!(begun.elapsed() < Duration::from_secs(2), "a running daemon is seen at once");
    ensure!(String::from_utf8_lossy(&second.stderr).contains("runs in"), "{second:?}");
    server.home.run(&["ls"])?;
    Ok(())
}

fn serve_in(path: &std::path::Path, words: &[&str]) -> Result<Output> {
    Ok(Command::new(binary()).arg("--home").arg(path).arg("serve").args(words).output()?)
}

#[test]
fn a_home_that_others_may_enter_is_refused() -> Result<()> {
    let folder = tempfile::TempDir::new()?;
    let home = folder.path().join("open");
    fs::create_dir(&home)?;
    fs::set_permissions(&home, fs::Permissions::from_mode(0o750))?;
    let refused = serve_in(&home, &[])?;
    assert_eq!(refused.status.code(), Some(DENIED));
    ensure!(String::from_utf8_lossy(&refused.stderr).contains("others may enter"), "{refused:?}");
    Ok(())
}

#[test]
fn a_server_without_keys_stays_on_the_loopback() -> Result<()> {
    let folder = tempfile::TempDir::new()?;
    let refused = serve_in(&folder.path().join("home"), &["--listen", "0.0.0.0:0", "--no-auth"])?;
    assert_eq!(refused.status.code(), Some(DENIED));
    Ok(())
}

#[test]
fn a_daemon_of_the_background_holds_no_pipe_of_its_caller() -> Result<()> {
    let home = Home::new()?;
    let (mut reader, writer) = std::io::pipe()?;
    let mut command = home.command(&["ls"]);
    // The shell hands its own descriptor 9 down, as scripts and build servers do.
    let words = format!("exec {} ls 9>&1 >/dev/null", binary().display());
    let mut shell = Command::new("sh");
    shell.args(["-c", &words]).env_clear();
    for (name, value) in command.env("TZ", "UTC").get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    let ran = shell.stdin(Stdio::null()).stdout(writer).status()?;
    ensure!(ran.success(), "`infield ls` ended with {ran}");
    drop(shell);
    // The end comes as soon as nobody holds the other end; a daemon would for ten minutes.
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest)?;
    ensure!(rest.is_empty(), "{rest:?}");
    Ok(())
}

#[tokio::test]
async fn a_process_of_another_namespace_is_not_the_operator() -> Result<()> {
    let server = Server::start(&[])?;
    let mut inside = Command::new("unshare");
    inside.args(["--pid", "--fork"]);
    if !rustix::process::geteuid().is_root() {
        inside.args(["--user", "--map-current-user"]);
    }
    inside.arg(binary()).arg("--home").arg(server.home.path()).arg("ls");
    let refused = inside.output().context("unshare(1) of util-linux is missing")?;
    ensure!(!refused.status.success(), "it was let in");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    ensure!(said.contains("another namespace"), "{said}");
    Ok(())
}
