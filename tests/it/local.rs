//! A real sandbox of this host, from its creation to its end, through the real binary.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use infield_testkit::eventually;
use infield_tests::{Home, Server};
use serde_json::Value;

use crate::traces::{Traces, lies};

/// How long the host may take to let go of the last process of a sandbox.
const LET_GO: Duration = Duration::from_secs(5);

fn records(home: &Home) -> Result<Vec<Value>> {
    let listed = home.run(&["ls", "--json"])?;
    Ok(serde_json::from_str::<Value>(&listed)?.as_array().context("no list")?.clone())
}

/// Waits until the host has what the records say, and nothing else.
async fn agree(home: &Home) -> Result<Vec<Value>> {
    let (mut seen, mut wrong) = (Vec::new(), vec!["nobody looked".to_owned()]);
    let look = || {
        let found = records(home).and_then(|records| Ok((records, Traces::of(&home.path())?)));
        match found {
            Ok((records, traces)) => {
                wrong = lies(&records, &traces);
                seen = records;
            }
            Err(error) => wrong = vec![error.to_string()],
        }
        wrong.is_empty()
    };
    eventually(LET_GO, "the records and the host agree", look).await;
    Ok(seen)
}

#[tokio::test]
async fn a_sandbox_runs_code_and_leaves_nothing() -> Result<()> {
    let server = Server::start(&[])?;
    let home = &server.home;
    home.run(&["create", "--name", "first"])?;
    assert_eq!(home.run(&["exec", "first", "python3", "-c", "print(1)"])?, "1\n");
    assert_eq!(agree(home).await?.len(), 1);
    home.run(&["rm", "-f", "first"])?;
    assert_eq!(agree(home).await?.len(), 0);
    assert_eq!(home.run(&["run", "-c", "print(6 * 7)"])?, "42\n");
    assert_eq!(agree(home).await?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn files_outlive_a_stop_in_memory_and_on_disk() -> Result<()> {
    let server = Server::start(&[])?;
    let home = &server.home;
    for (name, place) in [("memory", None), ("disk", Some("--persistent"))] {
        let words: Vec<_> = ["create", "--name", name].into_iter().chain(place).collect();
        home.run(&words)?;
        home.run(&["exec", name, "sh", "-c", "echo kept > /workspace/note; mkdir /etc/x"])?;
        home.run(&["stop", name])?;
        agree(home).await?;
        home.run(&["start", name])?;
        let note = home.run(&["exec", name, "sh", "-c", "cat /workspace/note; ls -d /etc/x"])?;
        assert_eq!(note, "kept\n/etc/x\n");
        agree(home).await?;
    }
    Ok(())
}

#[tokio::test]
async fn sandboxes_outlive_the_daemon() -> Result<()> {
    let server = Server::start(&[])?;
    server.home.run(&["create", "--name", "steady"])?;
    server.home.run(&["shutdown"])?;
    // The next command starts a daemon in the background.
    let listed = records(&server.home)?;
    assert_eq!(listed[0]["state"], "running");
    assert_eq!(server.home.run(&["exec", "steady", "echo", "here"])?, "here\n");
    agree(&server.home).await?;
    Ok(())
}

#[tokio::test]
async fn a_sandbox_that_passes_its_disk_limit_is_stopped() -> Result<()> {
    let server = Server::start(&[])?;
    let home = &server.home;
    home.run(&["create", "--name", "full", "--persistent", "--disk", "20m"])?;
    let words =
        ["exec", "-d", "full", "dd", "if=/dev/zero", "of=/workspace/x", "bs=1M", "count=99"];
    home.run(&words)?;
    let stopped = || {
        records(home).is_ok_and(|all| {
            all[0]["state"] == "stopped" && all[0]["cause"]["reason"] == "out_of_disk"
        })
    };
    eventually(LET_GO, "it is stopped for its disk use", stopped).await;
    agree(home).await?;
    Ok(())
}

#[tokio::test]
async fn an_imported_image_runs_and_goes() -> Result<()> {
    let server = Server::start(&[])?;
    let home = &server.home;
    let root = tempfile::TempDir::new()?;
    for folder in ["bin", "etc", "lib64", "lib/x86_64-linux-gnu"] {
        fs::create_dir_all(root.path().join(folder))?;
    }
    for (from, to) in [
        ("/usr/bin/dash", "bin/sh"),
        ("/lib64/ld-linux-x86-64.so.2", "lib64/ld-linux-x86-64.so.2"),
        ("/lib/x86_64-linux-gnu/libc.so.6", "lib/x86_64-linux-gnu/libc.so.6"),
    ] {
        fs::copy(from, root.path().join(to)).with_context(|| format!("`{from}`"))?;
    }
    fs::write(root.path().join("etc/motto"), "small\n")?;
    let folder = root.path().to_str().context("a plain path")?;
    home.run(&["image", "import", "team/tiny:1", folder])?;
    home.run(&["create", "--name", "tiny", "--image", "team/tiny:1"])?;
    let said = home.run(&["exec", "tiny", "sh", "-c", "read word < /etc/motto; echo $word"])?;
    assert_eq!(said, "small\n");
    assert!(home.run(&["image", "rm", "team/tiny:1"]).is_err(), "a sandbox has it");
    home.run(&["rm", "-f", "tiny"])?;
    home.run(&["image", "rm", "team/tiny:1"])?;
    agree(home).await?;
    let names = Traces::of(&home.path())?.names;
    let left: Vec<_> = names.iter().filter(|name| name.contains("tiny")).collect();
    assert!(left.is_empty(), "{left:?}");
    Ok(())
}
