//! What an attack must not take from the owner of its sandbox: to look, and to stop it.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::Stage;

/// The promise is a second. The other one is for a debug build on a machine that runs all tests.
const LIMIT: Duration = Duration::from_secs(2);

/// Lets a program loose and asks for a file, for the output, and for the end.
fn check(test: &str, options: &[&str], attack: &str) -> Result<()> {
    if !infield_tests::is_root(test) {
        return Ok(());
    }
    let stage = Stage::new(None)?;
    let sandbox = stage.sandbox(options)?;
    sandbox.python("open('file', 'w').write('here')")?;
    let hold = "\nopen('/tmp/ready', 'w')\ntime.sleep(60)";
    let id = sandbox.leave_running(&format!("print('begun', flush=True)\n{attack}{hold}"))?;
    while !stage.home().run(&["logs", &id])?.contains("begun") {}
    let source = format!("{}:file", sandbox.name);
    for words in [&["cp", &source, "-"][..], &["logs", &id], &["stop", &sandbox.name]] {
        let begun = Instant::now();
        stage.home().run(words)?;
        ensure!(begun.elapsed() < LIMIT, "{words:?} took {:?}", begun.elapsed());
    }
    Ok(())
}

/// What no host sends: nothing, noise, a length without end, and an old friend.
const GARBAGE: &[&[u8]] = &[b"", &[0; 4096], &[0xff; 65_536], b"GET / HTTP/1.1\r\n\r\n"];

#[test]
fn garbage_does_not_silence_the_agent() -> Result<()> {
    if !infield_tests::is_root("garbage_does_not_silence_the_agent") {
        return Ok(());
    }
    let stage = Stage::new(None)?;
    let sandbox = stage.sandbox(&[])?;
    let listed: serde_json::Value = serde_json::from_str(&stage.home().run(&["ls", "--json"])?)?;
    let id = listed[0]["id"].as_str().context("the sandbox has no id")?;
    let socket = stage.home().path().join("sandboxes").join(id).join("agent.sock");
    let mut open = Vec::new();
    for round in 0..64 {
        let mut stream = UnixStream::connect(&socket)?;
        stream.set_write_timeout(Some(LIMIT))?;
        match stream.write_all(GARBAGE[round % GARBAGE.len()]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(error.into()),
            // It may have hung up on the first bytes, and must have.
            Ok(()) | Err(_) => {}
        }
        open.push(stream);
    }
    let begun = Instant::now();
    ensure!(sandbox.python("print('alive')")? == "alive\n", "the agent is silent");
    ensure!(begun.elapsed() < LIMIT, "it took {:?}", begun.elapsed());
    // The third kind is too long for a frame, and nothing that comes after it can be meant.
    open[2].set_read_timeout(Some(LIMIT))?;
    let ended = open[2].read(&mut [0; 4096]);
    ensure!(!matches!(&ended, Err(error) if error.kind() == ErrorKind::WouldBlock), "{ended:?}");
    Ok(())
}

#[test]
fn a_fork_bomb_leaves_the_owner_in_charge() -> Result<()> {
    let bomb = "
while True:
    try:
        os.fork()
    except OSError:
        pass";
    check("a_fork_bomb_leaves_the_owner_in_charge", &["--pids-limit=64"], bomb)
}

#[test]
fn full_memory_leaves_the_owner_in_charge() -> Result<()> {
    let eat = "
while True:
    if os.fork() == 0:
        hold = bytearray(256 << 20)
        for at in range(0, len(hold), 4096):
            hold[at] = 1
    os.wait()";
    check("full_memory_leaves_the_owner_in_charge", &["--memory=64m"], eat)
}

#[test]
fn a_full_disk_leaves_the_owner_in_charge() -> Result<()> {
    let fill = "
for place in ('/workspace/x', '/tmp/x'):
    try:
        open(place, 'wb').write(bytes(64 << 20))
    except OSError:
        pass";
    check("a_full_disk_leaves_the_owner_in_charge", &["--disk=16m", "--memory=512m"], fill)
}
