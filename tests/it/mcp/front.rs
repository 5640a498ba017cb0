//! Files between the host and a sandbox over `infield mcp`: the front does them itself, below the
//! folders that its caller opened, with the caller's rights.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use infield_tests::Home;
use serde_json::{Value, json};

/// Calls `file_operation` once for each arguments, in order, and gives the answers.
fn calls(home: &Home, allowed: &Path, all: &[Value]) -> Result<Vec<Value>> {
    let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"}
    }});
    let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let mut answers = Vec::new();
    for arguments in all {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": "file_operation", "arguments": arguments}});
        let mut front = home.command(&["mcp", "--allow-dir"]);
        let mut front = front
            .arg(allowed)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut input = front.stdin.take().context("no standard input")?;
        input.write_all(format!("{hello}\n{ready}\n{call}\n").as_bytes())?;
        drop(input);
        let output = front.wait_with_output()?;
        ensure!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout)?;
        let lines: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        let answer = lines.into_iter().find(|line| line["id"] == 1).context("no answer")?;
        answers.push(answer["result"].clone());
    }
    Ok(answers)
}

fn download(from: &str, to: &Path) -> Value {
    json!({"sandbox_id": "box", "operation": "download", "file_path": from, "local_path": to})
}

/// What the sandbox has: a file, and a tree with everything that must not come out as it is.
const MAKE: &str = "printf 'from the sandbox' > one
mkdir -p tree/deep tree/empty; printf a > tree/a; printf b > tree/deep/b
chmod 4755 tree/a
ln -s a tree/inside; ln -s /etc/passwd tree/outside; ln -s ../../.. tree/above
mkfifo tree/pipe
head -c 8000000 /dev/zero > large";

#[test]
fn files_and_trees_come_out_below_the_folder_that_was_opened() -> Result<()> {
    let home = Home::new()?;
    let folder = tempfile::tempdir()?;
    let (allowed, other) = (folder.path().join("allowed"), folder.path().join("other"));
    fs::create_dir(&allowed)?;
    fs::create_dir(&other)?;
    // What the caller left there: a file to replace, and a way out of the folder.
    fs::write(allowed.join("old"), "before")?;
    symlink(&other, allowed.join("way"))?;
    symlink(other.join("target"), allowed.join("link"))?;
    home.run(&["create", "--name", "box"])?;
    home.run(&["exec", "box", "sh", "-c", MAKE])?;

    let done = [
        download("one", &allowed.join("one")),
        download("one", &allowed.join("old")),
        download("tree", &allowed.join("tree")),
    ];
    for (answer, call) in calls(&home, &allowed, &done)?.iter().zip(&done) {
        ensure!(answer["isError"] == false, "{call}: {answer}");
    }
    for name in ["one", "old"] {
        assert_eq!(fs::read_to_string(allowed.join(name))?, "from the sandbox", "{name}");
    }
    check_tree(&allowed.join("tree"))?;

    let refused = [
        download("one", &other.join("x")),
        download("one", &allowed.join("../other/x")),
        download("one", &allowed.join("way/x")),
        download("one", &allowed.join("link")),
        download("one", Path::new("/etc/infield-was-here")),
        download("large", &other.join("x")),
        download("large", &other.join("y")),
        download("large", &allowed.join("link")),
        download("large", &allowed.join("way/x")),
        download("nothing", &allowed.join("nothing")),
    ];
    for (answer, call) in calls(&home, &allowed, &refused)?.iter().zip(&refused) {
        ensure!(answer["isError"] == true, "{call}: {answer}");
        // The reason, and not that the other side closed the line.
        ensure!(!answer.to_string().contains("lost"), "{call}: {answer}");
    }
    ensure!(fs::read_dir(&other)?.next().is_none(), "something was written beside the folder");
    ensure!(!Path::new("/etc/infield-was-here").exists() && !allowed.join("nothing").exists());
    Ok(())
}

fn check_tree(tree: &Path) -> Result<()> {
    assert_eq!(fs::read_to_string(tree.join("a"))?, "a");
    assert_eq!(fs::read_to_string(tree.join("deep/b"))?, "b");
    ensure!(tree.join("empty").is_dir(), "an empty folder was left out");
    let file = fs::metadata(tree.join("a"))?;
    assert_eq!(file.mode() & 0o7000, 0, "a set-id bit came out");
    assert_eq!(file.uid(), rustix::process::geteuid().as_raw(), "it is not the caller's own");
    assert_eq!(fs::read_link(tree.join("inside"))?, Path::new("a"));
    for name in ["outside", "above", "pipe"] {
        ensure!(fs::symlink_metadata(tree.join(name)).is_err(), "`{name}` came out");
    }
    Ok(())
}
