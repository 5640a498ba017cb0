//! Many files over one connection, and files that are the business of a user.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use infield_domain::files::{Removal, Write, WriteMode};
use infield_domain::guest::{FileIn, FileOut, FilesIn, Guest};
use infield_domain::{Kind, Result};

use crate::agent::{Agent, path};
use crate::files::content;

fn files(all: &[(&str, &[&[u8]])]) -> FilesIn {
    let pieces = all.iter().flat_map(|(name, pieces)| {
        let begin = FileIn::Begin { path: path(name), permissions: None };
        let data = pieces.iter().map(|piece| FileIn::Data(Bytes::copy_from_slice(piece)));
        std::iter::once(begin).chain(data)
    });
    stream::iter(pieces.map(Ok).collect::<Vec<Result<FileIn>>>()).boxed()
}

/// What comes out, as a name and a content or the kind of a refusal.
async fn read(agent: &Agent, names: &[&str]) -> Result<Vec<std::result::Result<Vec<u8>, Kind>>> {
    let names = names.iter().copied().map(path).collect();
    let mut out = agent.client.read_all(names).await?;
    let mut all = Vec::new();
    let mut current = Vec::new();
    while let Some(piece) = out.next().await {
        match piece? {
            FileOut::Begin(_) => current = Vec::new(),
            FileOut::Data(bytes) => current.extend_from_slice(&bytes),
            FileOut::End => all.push(Ok(std::mem::take(&mut current))),
            FileOut::Refused(error) => all.push(Err(error.kind())),
        }
    }
    Ok(all)
}

#[test]
fn many_files_go_in_and_come_out() {
    let agent = Agent::start();
    let at = |name: &str| agent.workspace().join(name);
    fs::write(at("real"), "old").expect("ours");
    fs::set_permissions(at("real"), Permissions::from_mode(0o600)).expect("ours");
    symlink("real", at("link")).expect("ours");
    let all: [(&str, &[&[u8]]); 4] =
        [("a/b/c", &[b"one", b"two"]), ("empty", &[]), ("link", &[b"new"]), ("last", &[b"x"])];
    let written = agent.wait(agent.client.write_all(files(&all))).expect("is written");
    assert_eq!((written.count, written.refused.len()), (4, 0));
    assert!(fs::symlink_metadata(at("link")).expect("is there").is_symlink());
    let mode = |name: &str| fs::metadata(at(name)).expect("is there").mode() & 0o777;
    assert_eq!((mode("a/b/c"), mode("real")), (0o644, 0o600));
    let names = ["last", "none", "a/b/c", "a", "empty", "real"];
    let read = agent.wait(read(&agent, &names)).expect("is read");
    let expected = [
        Ok(b"x".to_vec()),
        Err(Kind::NotFound),
        Ok(b"onetwo".to_vec()),
        Err(Kind::Invalid),
        Ok(Vec::new()),
        Ok(b"new".to_vec()),
    ];
    assert_eq!(read, expected);
}

#[test]
fn files_that_fail_are_named_and_the_others_written() {
    let agent = Agent::start();
    fs::create_dir(agent.workspace().join("folder")).expect("ours");
    let much: &[u8] = &[b'x'; 300_000];
    let all: [(&str, &[&[u8]]); 5] = [
        ("before", &[b"kept"]),
        ("folder", &[much, much]),
        ("before/below", &[]),
        ("after", &[b"kept too"]),
        ("folder", &[b"x"]),
    ];
    let written = agent.wait(agent.client.write_all(files(&all))).expect("goes on");
    assert_eq!(written.count, 2);
    let refused: Vec<_> = written.refused.iter().map(|error| error.message()).collect();
    assert_eq!(refused.len(), 3, "{refused:?}");
    assert!(refused[0].contains("/folder`") && refused[1].contains("/before"), "{refused:?}");
    let mut left: Vec<_> = fs::read_dir(agent.workspace())
        .expect("ours")
        .map(|entry| entry.expect("ours").file_name().to_string_lossy().into_owned())
        .collect();
    left.sort();
    assert_eq!(left, ["after", "before", "folder"]);
    let content = fs::read_to_string(agent.workspace().join("after")).expect("is there");
    assert_eq!(content, "kept too");
}

#[test]
fn of_very_many_failed_files_some_are_named() {
    let agent = Agent::start();
    fs::create_dir(agent.workspace().join("folder")).expect("ours");
    let all: Vec<(&str, &[&[u8]])> = vec![("folder", &[b"x"]); 5_000];
    let written = agent.wait(agent.client.write_all(files(&all))).expect("goes on");
    assert_eq!((written.count, written.refused.len()), (0, 100));
}

/// Needs root, who can become somebody else.
#[test]
fn a_user_does_what_a_user_may() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let agent = Agent::start();
    let folder = agent.workspace();
    fs::write(folder.join("secret"), "x").expect("ours");
    fs::set_permissions(folder.join("secret"), Permissions::from_mode(0o600)).expect("ours");
    for open in [folder.as_path(), folder.parent().expect("it has one")] {
        fs::set_permissions(open, Permissions::from_mode(0o777)).expect("ours");
    }
    let nobody = agent.client.clone().acting_as("65534");
    let write =
        |name: &str| Write { path: path(name), mode: WriteMode::Replace, permissions: None };
    agent.wait(nobody.write(write("mine"), content(&[b"x"]))).expect("the folder is open");
    let metadata = fs::metadata(folder.join("mine")).expect("is there");
    assert_eq!((metadata.uid(), metadata.gid()), (65534, 65534));
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).expect("ours");
    let refused = [
        agent.wait(nobody.write(write("secret"), content(&[b"x"]))).err(),
        agent.wait(nobody.remove(&path("secret"), Removal::One)).err(),
        agent.wait(nobody.make_directory(&path("more"))).err(),
    ];
    for error in refused {
        assert_eq!(error.map(|error| error.kind()), Some(Kind::Denied));
    }
    let unknown = agent.client.clone().acting_as("nobody-of-this-name");
    let error = agent.wait(unknown.stat(&path("secret"))).expect_err("there is no such user");
    assert_eq!(error.kind(), Kind::NotFound);
}
