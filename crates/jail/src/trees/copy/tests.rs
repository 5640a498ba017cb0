use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use proptest::prelude::*;
use rustix::fs::{FileType, Mode, XattrFlags};

use super::copy;
use crate::trees::{Tally, TreeError, measure};

/// Copies what `make` made and compares everything that can be seen of it.
fn check(make: impl FnOnce(&Path)) -> Tally {
    let place = tempfile::tempdir().expect("a temporary folder can be made");
    let (from, to) = (place.path().join("from"), place.path().join("to"));
    for folder in [&from, &to] {
        std::fs::create_dir(folder).expect("a folder can be made");
    }
    make(&from);
    let tally = copy_between(&from, &to).expect("it can be copied");
    assert_eq!(seen(&from), seen(&to));
    tally
}

fn copy_between(from: &Path, to: &Path) -> Result<Tally, TreeError> {
    let open = |path| std::fs::File::open(path).expect("a folder can be opened");
    copy(open(from).as_fd(), open(to).as_fd())
}

/// Each name with what there is to know about it; files that are one have one number.
fn seen(top: &Path) -> BTreeMap<Vec<u8>, String> {
    let mut all = BTreeMap::new();
    let mut numbers = BTreeMap::new();
    let mut waiting = vec![top.to_owned()];
    while let Some(path) = waiting.pop() {
        let meta = std::fs::symlink_metadata(&path).expect("it can be looked at");
        let kind = meta.file_type();
        let content = if kind.is_dir() {
            for entry in std::fs::read_dir(&path).expect("it can be listed") {
                waiting.push(entry.expect("it can be listed").path());
            }
            Vec::new()
        } else if kind.is_symlink() {
            std::fs::read_link(&path).expect("it is a link").as_os_str().as_bytes().to_vec()
        } else if kind.is_file() {
            std::fs::read(&path).expect("it can be read")
        } else {
            Vec::new()
        };
        let next = numbers.len();
        let number = match meta.nlink() > 1 && !kind.is_dir() {
            true => Some(*numbers.entry(meta.ino()).or_insert(next)),
            false => None,
        };
        let time = (meta.mtime(), meta.mtime_nsec());
        let owner = (meta.uid(), meta.gid(), meta.rdev());
        let mark = attribute(&path);
        let line = format!("{:o} {owner:?} {time:?} {number:?} {mark:?} {content:?}", meta.mode());
        let name = path.strip_prefix(top).expect("it is below the top").as_os_str().as_bytes();
        all.insert(name.to_vec(), line);
    }
    all
}

const MARK: &str = "user.overlay.opaque";

fn attribute(path: &Path) -> Option<Vec<u8>> {
    let mut value = Vec::with_capacity(100);
    rustix::fs::lgetxattr(path, MARK, rustix::buffer::spare_capacity(&mut value)).ok()?;
    Some(value)
}

#[test]
fn keeps_files_modes_and_links() {
    let tally = check(|top| {
        std::fs::create_dir_all(top.join("a/b")).expect("folders can be made");
        std::fs::write(top.join("a/b/file"), "content").expect("a file can be written");
        std::fs::set_permissions(top.join("a/b/file"), PermissionsExt::from_mode(0o4751))
            .expect("a mode can be set");
        std::fs::set_permissions(top.join("a"), PermissionsExt::from_mode(0o2511))
            .expect("a mode can be set");
        symlink("/nowhere\u{7f}", top.join("link")).expect("a link can be made");
    });
    assert_eq!(tally.entries, 4);
}

#[test]
fn keeps_whiteouts_pipes_and_overlays_marks() {
    check(|top| {
        let open = std::fs::File::open(top).expect("the top can be opened");
        for (name, kind) in [("pipe", FileType::Fifo), ("gone", FileType::CharacterDevice)] {
            rustix::fs::mknodat(&open, name, kind, Mode::RUSR, 0).expect("a node can be made");
        }
        std::fs::create_dir(top.join("opaque")).expect("a folder can be made");
        rustix::fs::setxattr(top.join("opaque"), MARK, b"y", XattrFlags::empty())
            .expect("an attribute can be set");
    });
}

#[test]
fn keeps_names_of_one_file_together() {
    check(|top| {
        std::fs::create_dir(top.join("z")).expect("a folder can be made");
        std::fs::write(top.join("one"), "shared").expect("a file can be written");
        // A name that is taken already where the copy keeps its own.
        std::fs::write(top.join(".infield-links"), "taken").expect("a file can be written");
        for name in ["two", "z/three"] {
            std::fs::hard_link(top.join("one"), top.join(name)).expect("a link can be made");
        }
    });
}

#[test]
fn keeps_holes() {
    let tally = check(|top| {
        let file = std::fs::File::create(top.join("sparse")).expect("a file can be made");
        file.set_len(4 << 20).expect("a length can be set");
        file.write_all_at(b"middle", 2 << 20).expect("it can be written");
    });
    assert!(tally.bytes < 1 << 20, "{tally:?}");
}

#[test]
fn leaves_sockets_out() {
    let place = tempfile::tempdir().expect("a temporary folder can be made");
    let (from, to) = (place.path().join("from"), place.path().join("to"));
    for folder in [&from, &to] {
        std::fs::create_dir(folder).expect("a folder can be made");
    }
    let socket = std::os::unix::net::UnixListener::bind(from.join("socket"));
    socket.expect("a socket can be bound");
    let tally = copy_between(&from, &to).expect("the rest can be copied");
    assert_eq!((tally.entries, tally.sockets), (0, 1));
    assert_eq!(std::fs::read_dir(to).expect("it is there").count(), 0);
}

#[test]
fn copies_from_memory_to_disk() {
    let memory = tempfile::tempdir_in("/dev/shm").expect("there is a tmpfs at /dev/shm");
    let disk = tempfile::tempdir().expect("a temporary folder can be made");
    let file = std::fs::File::create(memory.path().join("file")).expect("a file can be made");
    file.set_len(3 << 20).expect("a length can be set");
    file.write_all_at(&[7; 300_000], 1 << 20).expect("it can be written");
    copy_between(memory.path(), disk.path()).expect("it can be copied");
    assert_eq!(seen(memory.path()), seen(disk.path()));
}

#[test]
fn copies_more_levels_than_stay_open() {
    check(|top| {
        let mut path = top.to_owned();
        for level in 0..80 {
            std::fs::write(path.join(format!("before {level}")), "").expect("a file is written");
            std::fs::write(path.join(format!("z {level}")), "").expect("a file is written");
            path.push("d");
            std::fs::create_dir(&path).expect("a folder can be made");
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_copy_measures_like_its_source(
        names in proptest::collection::btree_map("[a-c]{1,2}(/[a-c]{1,2}){0,3}", 0_usize..5000, 0..30)
    ) {
        let place = tempfile::tempdir().expect("a temporary folder can be made");
        let (from, to) = (place.path().join("from"), place.path().join("to"));
        for folder in [&from, &to] {
            std::fs::create_dir(folder).expect("a folder can be made");
        }
        for (name, length) in &names {
            let path = from.join(name);
            let parent = path.parent().expect("it is below the top");
            // A file may stand in the way of a folder, and the other way round.
            if std::fs::create_dir_all(parent).is_ok() && !path.exists() {
                std::fs::write(&path, vec![1; *length]).expect("a file can be written");
            }
        }
        let tally = copy_between(&from, &to).expect("it can be copied");
        prop_assert_eq!(seen(&from), seen(&to));
        let open = std::fs::File::open(&to).expect("a folder can be opened");
        prop_assert_eq!(measure(open.as_fd()).expect("it can be measured").entries, tally.entries);
    }
}
