//! Kills while a sandbox has a volume.

use anyhow::{Result, ensure};
use serde_json::Value;

use super::field::{Field, Victim};

#[test]
fn a_volume_outlives_every_kill_and_who_has_it_keeps_it() -> Result<()> {
    if !infield_tests::is_root("volumes") {
        return Ok(());
    }
    let mut field = Field::open()?;
    field.ask(&["volume", "create", "corpus", "--size", "1g"])?;
    field.ask(&["create", "--name", "one", "--volume", "corpus:/data"])?;
    field.ask(&["exec", "one", "sh", "-c", "echo first > /data/note"])?;
    for victim in [Victim::Daemon, Victim::Launcher, Victim::Keeper] {
        let pid = field.find(victim)?;
        field.kill(victim, pid)?;
        field.check_steady()?;
        let note = field.ask(&["exec", "one", "cat", "/data/note"])?;
        ensure!(note == "first\n", "after the kill: {note}");
        let refused = field.home.command(&["volume", "rm", "corpus"]).output()?;
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        let (code, told) = (refused.status.code(), error.contains("has the volume"));
        ensure!(code == Some(5) && told, "{code:?} {error}");
    }
    field.ask(&["stop", "one"])?;
    field.ask(&["start", "one"])?;
    field.ask(&["create", "--name", "two", "--volume", "corpus:/place:sub"])?;
    field.ask(&["exec", "two", "sh", "-c", "echo second > /place/note"])?;
    let both = field.ask(&["exec", "one", "cat", "/data/note", "/data/sub/note"])?;
    ensure!(both == "first\nsecond\n", "{both}");
    let found = field.ask(&["volume", "inspect", "corpus", "--json"])?;
    let found: Value = serde_json::from_str(&found)?;
    ensure!(found["sandboxes"].as_array().is_some_and(|all| all.len() == 2), "{found}");
    ensure!(found["volume"]["enforced"] == "sampled", "{found}");
    field.ask(&["rm", "-f", "one", "two"])?;
    field.ask(&["volume", "rm", "corpus"])?;
    let volumes = field.home.path().join("volumes");
    ensure!(std::fs::read_dir(volumes)?.count() == 0, "nothing is left on disk");
    Ok(())
}
