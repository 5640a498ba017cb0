//! Whole trees, as tar streams.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use infield_domain::guest::Guest;
use infield_domain::{Kind, Result};

use crate::agent::{Agent, path};
use crate::files::{content, gather};

fn out(agent: &Agent, name: &str) -> Result<Vec<u8>> {
    agent.wait(async { gather(agent.client.archive_out(&path(name)).await?).await })
}

fn land(agent: &Agent, name: &str, archive: &[u8]) -> Result<u64> {
    agent.wait(agent.client.archive_in(&path(name), content(&[archive])))
}

#[test]
fn ten_thousand_small_files_go_out_and_in() {
    let agent = Agent::start();
    for folder in 0..100 {
        let folder = agent.workspace().join(format!("many/{folder}"));
        fs::create_dir_all(&folder).expect("ours");
        for file in 0..100 {
            fs::write(folder.join(format!("{file}.txt")), format!("file {file}\n")).expect("ours");
        }
    }
    let before = Instant::now();
    let archive = out(&agent, "many").expect("goes out");
    let went_out = before.elapsed();
    let count = land(&agent, "copy", &archive).expect("comes in");
    let came_in = before.elapsed() - went_out;
    // What a build with optimisations does in a tenth of it.
    assert!(went_out < Duration::from_secs(5), "{went_out:?}");
    assert!(came_in < Duration::from_secs(5), "{came_in:?}");
    assert_eq!(count, 10_101);
    let same = Command::new("diff")
        .args(["-r", "many", "copy/many"])
        .current_dir(agent.workspace())
        .stdout(Stdio::null())
        .status()
        .expect("diff runs");
    assert!(same.success());
}

#[test]
fn links_modes_and_long_names_survive_and_the_rest_stays_out() {
    let agent = Agent::start();
    let tree = agent.workspace().join("tree");
    let long = tree.join("l".repeat(150)).join("m".repeat(150));
    fs::create_dir_all(&long).expect("ours");
    fs::write(long.join("file"), vec![b'x'; 70_000]).expect("ours");
    fs::write(tree.join("tool"), "#!/bin/sh\n").expect("ours");
    fs::set_permissions(tree.join("tool"), fs::Permissions::from_mode(0o4755)).expect("ours");
    symlink("/etc/passwd", tree.join("link")).expect("ours");
    agent.shell("mkfifo tree/pipe");
    let archive = out(&agent, "tree").expect("goes out");
    land(&agent, "copy", &archive).expect("comes in");
    let copy = agent.workspace().join("copy/tree");
    assert_eq!(fs::read_link(copy.join("link")).expect("a link").as_os_str(), "/etc/passwd");
    let mode = fs::metadata(copy.join("tool")).expect("is there").permissions().mode();
    assert_eq!(mode & 0o7777, 0o755);
    let file = copy.join("l".repeat(150)).join("m".repeat(150)).join("file");
    assert_eq!(fs::read(file).expect("is there").len(), 70_000);
    assert!(!copy.join("pipe").exists());
}

#[test]
fn what_the_host_packs_comes_in() {
    let agent = Agent::start();
    fs::create_dir_all(agent.workspace().join("a/b")).expect("ours");
    fs::write(agent.workspace().join("a/b/c"), "content").expect("ours");
    fs::hard_link(agent.workspace().join("a/b/c"), agent.workspace().join("a/hard")).expect("ours");
    for format in ["gnu", "posix", "ustar"] {
        let mut tar = Command::new("tar")
            .args(["-c", "--format", format, "-C"])
            .arg(agent.workspace())
            .arg("a")
            .stdout(Stdio::piped())
            .spawn()
            .expect("tar runs");
        let mut archive = Vec::new();
        tar.stdout.take().expect("a pipe").read_to_end(&mut archive).expect("an archive");
        assert!(tar.wait().expect("tar ends").success());
        assert_eq!(land(&agent, format, &archive).expect("comes in"), 4);
        let copy = agent.workspace().join(format).join("a/hard");
        assert_eq!(fs::read_to_string(copy).expect("is there"), "content");
    }
}

/// Wants an archive of one member refused, and nothing written outside of the folder.
fn check_refused(name: &str, kind: tar::EntryType, target: &str) {
    let agent = Agent::start();
    symlink("..", agent.workspace().join("up")).expect("ours");
    fs::create_dir(agent.workspace().join("in")).expect("ours");
    symlink("..", agent.workspace().join("in/up")).expect("ours");
    let mut header = tar::Header::new_ustar();
    // `set_path` would refuse what is to be refused here.
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.as_mut_bytes()[157..157 + target.len()].copy_from_slice(target.as_bytes());
    header.set_entry_type(kind);
    header.set_size(0);
    header.set_mode(0o644);
    header.set_cksum();
    let mut archive = header.as_bytes().to_vec();
    archive.extend_from_slice(&[0; 1024]);
    let refused = land(&agent, "in", &archive).map_err(|error| error.kind());
    assert_eq!(refused, Err(Kind::Invalid), "{name}");
    assert!(!agent.workspace().join("evil").exists(), "{name}");
}

#[test]
fn members_that_lead_out_are_refused() {
    check_refused("../evil", tar::EntryType::Regular, "");
    check_refused("a/../../evil", tar::EntryType::Regular, "");
    check_refused("/evil", tar::EntryType::Regular, "");
    check_refused("up/evil", tar::EntryType::Regular, "");
    check_refused("up/evil", tar::EntryType::Directory, "");
    check_refused("up/evil", tar::EntryType::Symlink, "x");
    check_refused("hard", tar::EntryType::Link, "../evil");
    check_refused("null", tar::EntryType::Char, "");
    check_refused("pipe", tar::EntryType::Fifo, "");
    check_refused("link", tar::EntryType::Symlink, "");
}

#[test]
fn what_is_no_archive_is_refused() {
    let agent = Agent::start();
    let refused = land(&agent, "in", &[7; 4096]).map_err(|error| error.kind());
    assert_eq!(refused, Err(Kind::Invalid));
}

#[test]
fn a_missing_tree_is_told_before_the_stream() {
    let agent = Agent::start();
    let refused = agent.wait(agent.client.archive_out(&path("none"))).err();
    assert_eq!(refused.map(|error| error.kind()), Some(Kind::NotFound));
}
