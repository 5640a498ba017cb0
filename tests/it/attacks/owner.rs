//! What an attack must not take from the owner of its sandbox: to look, and to stop it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{Stage, can_attack};

/// The promise is a second. The other one is for a debug build on a machine that runs all tests.
const LIMIT: Duration = Duration::from_secs(2);

/// Lets a program loose and asks for a file, for the output, and for the end.
fn check(test: &str, options: &[&str], attack: &str) -> Result<()> {
    if !can_attack(test) {
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
