//! Volumes over the command line: where they may be, and what they may hold.

use std::fs::symlink_metadata;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use infield_testkit::eventually;
use infield_tests::Home;
use serde_json::Value;

/// How long a volume that is over its limit may stay in use.
const STOPPED: Duration = Duration::from_secs(20);
/// An id that owns nothing.
const USER: u32 = 61_003;

fn json(home: &Home, words: &[&str]) -> Result<Value> {
    let answer = home.run(&[words, &["--json"]].concat())?;
    serde_json::from_str(&answer).context("the answer is no JSON")
}

fn refused(home: &Home, words: &[&str]) -> Result<(Option<i32>, String)> {
    let output = home.command(words).output()?;
    Ok((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// What a sandbox makes of its mount path while it runs decides nothing at the next start.
#[test]
fn a_link_in_the_way_is_a_start_that_fails_and_says_so() -> Result<()> {
    if !infield_tests::is_root("volumes") {
        return Ok(());
    }
    let home = Home::new()?;
    home.run(&["volume", "create", "corpus"])?;
    home.run(&["create", "--name", "one", "--volume", "corpus:/workspace/a/data"])?;
    let swap = "cd /workspace && mv a b && ln -s /proc a";
    home.run(&["exec", "one", "sh", "-c", swap])?;
    home.run(&["stop", "one"])?;
    let (code, error) = refused(&home, &["start", "one"])?;
    let said = error.contains("/workspace/a/data") && error.contains("is in its way");
    ensure!(code != Some(0) && said, "{code:?} {error}");
    let id = json(&home, &["volume", "inspect", "corpus"])?;
    let id = id["volume"]["id"].as_str().context("it has an id")?;
    let root = home.path().join("volumes").join(id).join("data");
    ensure!(symlink_metadata(root)?.is_dir(), "the volume is as it was");
    Ok(())
}

#[tokio::test]
async fn a_full_volume_stops_those_that_have_it() -> Result<()> {
    if !infield_tests::is_root("volumes") {
        return Ok(());
    }
    let home = Home::new()?;
    home.run(&["volume", "create", "small", "--size", "2m"])?;
    home.run(&["create", "--name", "one", "--volume", "small:/data"])?;
    home.run(&["create", "--name", "other"])?;
    home.run(&["exec", "one", "sh", "-c", "head -c 8000000 /dev/zero > /data/big"])?;
    let stopped = || {
        let info = json(&home, &["info", "one"]).ok()?;
        let cause = &info["sandbox"]["cause"];
        (info["sandbox"]["state"] == "stopped").then(|| cause.clone())
    };
    eventually(STOPPED, "it is stopped", || stopped().is_some()).await;
    let cause = stopped().context("it is stopped")?;
    ensure!(cause["reason"] == "out_of_disk", "{cause}");
    ensure!(cause["detail"].as_str().is_some_and(|text| text.contains("its volume")), "{cause}");
    ensure!(json(&home, &["info", "other"])?["sandbox"]["state"] == "running", "it has none");
    home.run(&["start", "one"])?;
    home.run(&["exec", "one", "rm", "/data/big"])?;
    Ok(())
}

#[test]
fn an_ordinary_user_has_volumes_too() -> Result<()> {
    if !infield_tests::is_root("volumes as an ordinary user") {
        return Ok(());
    }
    let home = Home::of_user(USER)?;
    home.run(&["volume", "create", "corpus"])?;
    home.run(&["create", "--name", "one", "--volume", "corpus:/data"])?;
    home.run(&["create", "--name", "two", "--volume", "corpus:/data:sub"])?;
    home.run(&["exec", "one", "sh", "-c", "echo shared > /data/sub/note"])?;
    ensure!(home.run(&["exec", "two", "cat", "/data/note"])? == "shared\n");
    home.run(&["rm", "-f", "one", "two"])?;
    home.run(&["volume", "rm", "corpus"])?;
    let doctor = home.run(&["doctor"])?;
    ensure!(doctor.contains("mounted with the one id that there is"), "{doctor}");
    Ok(())
}
