//! Single files: looked at, read, written, changed, searched.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use infield_domain::files::{Edit, FileKind, List, Range, Removal, Search, Write, WriteMode};
use infield_domain::guest::{ByteStream, Guest};
use infield_domain::{Error, Kind, Result};

use crate::agent::{Agent, path};

pub(crate) fn content(pieces: &[&[u8]]) -> ByteStream {
    let pieces: Vec<Result<Bytes>> =
        pieces.iter().map(|&p| Ok(Bytes::copy_from_slice(p))).collect();
    stream::iter(pieces).boxed()
}

pub(crate) async fn gather(stream: ByteStream) -> Result<Vec<u8>> {
    stream
        .try_fold(Vec::new(), |mut all, piece| async move {
            all.extend(piece);
            Ok(all)
        })
        .await
}

fn write(name: &str, mode: WriteMode) -> Write {
    Write { path: path(name), mode, permissions: None }
}

fn kind<T>(result: Result<T>) -> (Kind, String) {
    let error = result.err().expect("it is refused");
    (error.kind(), error.message().to_owned())
}

#[test]
fn a_file_is_written_and_read_back_in_ranges() {
    let agent = Agent::start();
    let large: Vec<u8> = (0..1_000_003_u32).map(|number| number.to_le_bytes()[0]).collect();
    let written = write("deep/er/file.bin", WriteMode::Replace);
    let entry = agent.wait(agent.client.write(written, content(&[&large]))).expect("is written");
    assert_eq!((entry.kind, entry.size, entry.mode), (FileKind::File, 1_000_003, 0o644));
    for (offset, length) in
        [(0, None), (5, Some(10)), (1_000_000, Some(100)), (2_000_000, None), (0, Some(0))]
    {
        let range = Range { offset, length };
        let read = agent.wait(async {
            let (entry, bytes) = agent.client.read(&path("deep/er/file.bin"), range).await?;
            Ok::<_, Error>((entry.size, gather(bytes).await?))
        });
        let (size, bytes) = read.expect("is read");
        let from = usize::try_from(offset).expect("small").min(large.len());
        let until = length.map_or(large.len(), |length| {
            large.len().min(from + usize::try_from(length).expect("small"))
        });
        assert_eq!(size, 1_000_003);
        assert!(bytes == large[from..until], "from {offset}, {length:?}");
    }
}

#[test]
fn each_way_of_writing_treats_what_is_there() {
    let agent = Agent::start();
    let file = agent.workspace().join("f");
    let put = |mode, text: &str| {
        agent.wait(agent.client.write(write("f", mode), content(&[text.as_bytes()])))
    };
    put(WriteMode::New, "one").expect("there is none");
    put(WriteMode::Append, "two").expect("is added");
    assert_eq!(fs::read_to_string(&file).expect("is there"), "onetwo");
    assert_eq!(kind(put(WriteMode::New, "x")).0, Kind::Conflict);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o750)).expect("ours");
    std::os::unix::fs::chown(&file, Some(12), Some(34)).expect("ours");
    let entry = put(WriteMode::Replace, "three").expect("is replaced");
    assert_eq!((entry.mode, entry.uid, entry.gid, entry.size), (0o750, 12, 34, 5));
    assert_eq!(fs::read_dir(agent.workspace()).expect("is there").count(), 1);
}

#[test]
fn links_are_written_through() {
    let agent = Agent::start();
    let at = |name: &str| agent.workspace().join(name);
    fs::write(at("real"), "old").expect("ours");
    symlink("real", at("link")).expect("ours");
    symlink("nowhere", at("broken")).expect("ours");
    agent
        .wait(agent.client.write(write("link", WriteMode::Replace), content(&[b"new"])))
        .expect("is written");
    assert_eq!(fs::read_to_string(at("real")).expect("is there"), "new");
    assert!(fs::symlink_metadata(at("link")).expect("is there").is_symlink());
    agent
        .wait(agent.client.write(write("broken", WriteMode::Replace), content(&[b"x"])))
        .expect("is written");
    assert_eq!(fs::read_to_string(at("nowhere")).expect("is there"), "x");
    assert!(fs::symlink_metadata(at("broken")).expect("is there").is_symlink());
    symlink("loop", at("loop")).expect("ours");
    let refused =
        agent.wait(agent.client.write(write("loop", WriteMode::Replace), content(&[b"x"])));
    assert_eq!(kind(refused).0, Kind::Invalid);
}

#[test]
fn half_a_content_changes_nothing() {
    let agent = Agent::start();
    fs::write(agent.workspace().join("f"), "whole").expect("ours");
    for mode in [WriteMode::Replace, WriteMode::New] {
        let name = if mode == WriteMode::New { "n" } else { "f" };
        let pieces =
            vec![Ok(Bytes::from_static(b"half")), Err(Error::unavailable("the source broke"))];
        let broken = stream::iter(pieces).boxed();
        let refused = agent.wait(agent.client.write(write(name, mode), broken));
        assert_eq!(kind(refused), (Kind::Unavailable, "the source broke".to_owned()));
    }
    crate::agent::eventually("the old state", || {
        let names = fs::read_dir(agent.workspace()).expect("is there").count();
        names == 1 && fs::read(agent.workspace().join("f")).is_ok_and(|content| content == b"whole")
    });
}

#[test]
fn what_is_no_regular_file_is_neither_read_nor_written() {
    let agent = Agent::start();
    agent.shell("mkfifo pipe; mkdir folder");
    let range = Range { offset: 0, length: None };
    for (name, expected) in [
        ("pipe", Kind::Unsupported),
        ("folder", Kind::Invalid),
        ("/dev/null", Kind::Unsupported),
        ("none", Kind::NotFound),
    ] {
        let read = agent.wait(agent.client.read(&path(name), range));
        assert_eq!(kind(read.map(drop)).0, expected, "{name}");
    }
    for name in ["pipe", "folder"] {
        for mode in [WriteMode::Replace, WriteMode::Append, WriteMode::New] {
            let written = agent.wait(agent.client.write(write(name, mode), content(&[b"x"])));
            assert!(written.is_err(), "{name}, {mode:?}");
        }
    }
}

#[test]
fn set_id_bits_are_refused() {
    let agent = Agent::start();
    let write = Write { permissions: Some(0o4755), ..write("f", WriteMode::Replace) };
    assert_eq!(kind(agent.wait(agent.client.write(write, content(&[])))).0, Kind::Invalid);
}

/// Edits a file of this content, and wants this content or refusal.
fn check_edit(
    before: &[u8],
    (old, new, all): (&str, &str, bool),
    expected: std::result::Result<(u64, &[u8]), Kind>,
) {
    let agent = Agent::start();
    let file = agent.workspace().join("f");
    fs::write(&file, before).expect("ours");
    let edit = Edit { path: path("f"), old: old.to_owned(), new: new.to_owned(), all };
    let edited = agent.wait(agent.client.edit(edit)).map_err(|error| error.kind());
    let after = fs::read(&file).expect("is there");
    assert_eq!(edited.map(|count| (count, &*after)), expected);
}

#[test]
fn an_edit_is_exact() {
    check_edit(b"a b a", ("b", "c", false), Ok((1, b"a c a")));
    check_edit(b"a b a", ("a", "", true), Ok((2, b" b ")));
    check_edit(b"a b a", ("a", "x", false), Err(Kind::Conflict));
    check_edit(b"a b a", ("z", "x", true), Err(Kind::NotFound));
    check_edit(b"a b a", ("", "x", true), Err(Kind::Invalid));
    check_edit(b"\xff.a.\xff", (".a.", "b", false), Ok((1, b"\xffb\xff")));
    check_edit(b"aaa", ("aa", "b", true), Ok((1, b"ba")));
}

#[test]
fn listings_are_in_order_and_bounded() {
    let agent = Agent::start();
    agent.shell("mkdir -p b/c; touch a d b/x b/c/y; ln -s a l; mkfifo p");
    let list = |depth, limit| {
        let list = List { path: path("."), depth, limit };
        let listing = agent.wait(agent.client.list(list)).expect("is listed");
        let names: Vec<String> = listing.entries.into_iter().map(|entry| entry.path).collect();
        (names.join(" "), listing.truncated)
    };
    assert_eq!(list(1, 100), ("a b d l p".to_owned(), false));
    assert_eq!(list(2, 100), ("a b b/c b/x d l p".to_owned(), false));
    assert_eq!(list(9, 100), ("a b b/c b/c/y b/x d l p".to_owned(), false));
    assert_eq!(list(9, 3), ("a b b/c".to_owned(), true));
    assert_eq!(list(1, 0), (String::new(), true));
    let link = agent.wait(agent.client.stat(&path("l"))).expect("is there");
    assert_eq!((link.kind, link.target.as_deref()), (FileKind::Symlink, Some("a")));
    let missing = agent.wait(agent.client.list(List { path: path("none"), depth: 1, limit: 1 }));
    assert_eq!(kind(missing).0, Kind::NotFound);
}

#[test]
fn names_that_are_no_text_are_listed_all_the_same() {
    let agent = Agent::start();
    agent.shell("touch \"$(printf 'bad\\377name')\"");
    let listing = agent.wait(agent.client.list(List { path: path("."), depth: 1, limit: 9 }));
    assert_eq!(listing.expect("is listed").entries[0].path, "bad\u{fffd}name");
}

#[test]
fn folders_are_made_moved_and_removed() {
    let agent = Agent::start();
    let there = |name: &str| agent.workspace().join(name).exists();
    let client = &agent.client;
    agent.wait(client.make_directory(&path("a/b/c"))).expect("is made");
    agent.wait(client.make_directory(&path("a/b/c"))).expect("is there already");
    fs::write(agent.workspace().join("a/f"), "x").expect("ours");
    assert_eq!(kind(agent.wait(client.make_directory(&path("a/f")))).0, Kind::Conflict);
    agent.wait(client.rename(&path("a/f"), &path("new/g"))).expect("is moved");
    assert!(there("new/g") && !there("a/f"));
    assert_eq!(kind(agent.wait(client.rename(&path("new/g"), &path("a")))).0, Kind::Conflict);
    assert_eq!(kind(agent.wait(client.rename(&path("none"), &path("z")))).0, Kind::NotFound);
    assert_eq!(kind(agent.wait(client.remove(&path("a"), Removal::One))).0, Kind::Conflict);
    agent.wait(client.remove(&path("a"), Removal::Tree)).expect("is removed");
    agent.wait(client.remove(&path("new/g"), Removal::One)).expect("is removed");
    agent.wait(client.remove(&path("new"), Removal::One)).expect("is removed");
    assert_eq!(kind(agent.wait(client.remove(&path("new"), Removal::Tree))).0, Kind::NotFound);
    assert_eq!(fs::read_dir(agent.workspace()).expect("is there").count(), 0);
}

#[test]
fn removing_a_tree_does_not_follow_links() {
    let agent = Agent::start();
    agent.shell("mkdir keep gone; touch keep/f; ln -s ../keep gone/link");
    agent.wait(agent.client.remove(&path("gone"), Removal::Tree)).expect("is removed");
    assert!(agent.workspace().join("keep/f").exists());
}

/// Searches a small tree, and wants these matches.
fn check_search(name: Option<&str>, text: Option<&str>, limit: u32, expected: &[&str]) -> bool {
    let agent = Agent::start();
    agent.shell(
        "mkdir -p src/deep; printf 'one\\ntwo\\r\\nthree two\\n' > src/a.py; echo two > src/deep/b.py; \
         printf 'two\\0' > bin.py; echo two > c.txt; mkfifo d.py; ln -s a.py src/l.py",
    );
    let (name, content) = (name.map(str::to_owned), text.map(str::to_owned));
    let search = Search { path: path("."), name, content, limit };
    let listing = agent.wait(agent.client.search(search)).expect("is searched");
    let seen: Vec<String> = listing
        .entries
        .into_iter()
        .map(|found| match (found.line, found.text) {
            (Some(line), Some(text)) => format!("{}:{line}:{text}", found.path),
            _ => found.path,
        })
        .collect();
    assert_eq!(seen, expected);
    listing.truncated
}

#[test]
fn searches_look_at_names_and_lines() {
    assert!(!check_search(
        Some("*.py"),
        Some("^two|e two"),
        99,
        &["src/a.py:2:two", "src/a.py:3:three two", "src/deep/b.py:1:two"]
    ));
    assert!(!check_search(
        None,
        Some("two$"),
        99,
        &["c.txt:1:two", "src/a.py:2:two", "src/a.py:3:three two", "src/deep/b.py:1:two"]
    ));
    assert!(!check_search(
        Some("[bd]*"),
        None,
        99,
        &["bin.py", "d.py", "src/deep", "src/deep/b.py"]
    ));
    assert!(check_search(None, Some("two"), 1, &["c.txt:1:two"]));
    assert!(!check_search(Some("c.txt"), None, 1, &["c.txt"]));
}

#[test]
fn a_wrong_expression_is_named() {
    let agent = Agent::start();
    let search = Search { path: path("."), name: None, content: Some("(".to_owned()), limit: 1 };
    let (kind, message) = kind(agent.wait(agent.client.search(search)));
    assert_eq!(kind, Kind::Invalid);
    assert!(message.starts_with("`(` is no regular expression"), "{message}");
}

#[test]
fn the_agents_own_descriptors_are_out_of_reach() {
    let agent = Agent::start();
    let listing =
        agent.wait(agent.client.list(List { path: path("/proc/self/fd"), depth: 1, limit: 99 }));
    let names: Vec<String> =
        listing.expect("is listed").entries.into_iter().map(|e| e.path).collect();
    // The fourth was the listing itself.
    assert_eq!(names, ["0", "1", "2", "3"]);
}
