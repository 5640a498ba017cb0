use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

fn open(path: &std::path::Path) -> OwnedFd {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).expect("it is there")
}

#[test]
fn a_record_is_read_as_it_was_written() {
    let volume =
        Volume { range: 1_900_131_072, limits: VolumeLimits { bytes: 1 << 30, inodes: 64 } };
    let text = volume.encode();
    assert_eq!(Volume::decode(&text), Some(volume));
    assert_eq!(Volume::decode(&text[..text.len() - 5]), None, "cut short");
    assert_eq!(Volume::decode(""), None);
}

#[test]
fn missing_folders_are_made_and_open_to_all() {
    let home = tempfile::tempdir().expect("a folder can be made");
    for _ in 0..2 {
        descend(open(home.path()), "users/alice", None).expect("it is made, then found");
    }
    for path in ["users", "users/alice"] {
        let found = fs::metadata(home.path().join(path)).expect("it is there");
        assert_eq!(found.permissions().mode() & 0o7777, 0o777, "{path}");
    }
    let reached = descend(open(home.path()), "", None).expect("all of it");
    let same = rustix::fs::fstat(&reached).expect("it is open").st_ino;
    assert_eq!(same, rustix::fs::stat(home.path()).expect("it is there").st_ino);
}

#[test]
fn no_way_goes_by_a_link_or_upwards() {
    let home = tempfile::tempdir().expect("a folder can be made");
    let root = home.path().join("root");
    fs::create_dir_all(root.join("real")).expect("a folder can be made");
    symlink("/", root.join("out")).expect("a link can be made");
    symlink("real", root.join("in")).expect("a link can be made");
    fs::write(root.join("file"), "").expect("a file can be made");
    for way in ["out", "out/etc", "in", "in/new", "file", "file/x", "..", "real/../.."] {
        let failed = descend(open(&root), way, None);
        assert!(failed.is_err(), "{way} leads to {failed:?}");
    }
    assert!(!root.join("real/new").exists(), "nothing is made by way of a link");
}

/// Somebody swaps a folder of the way for a link, over and over: the way ends in the volume or
/// nowhere.
#[test]
fn a_swap_on_the_way_leads_nowhere_else() {
    let home = tempfile::tempdir().expect("a folder can be made");
    let (root, outside) = (home.path().join("root"), home.path().join("outside"));
    fs::create_dir_all(root.join("a/b")).expect("a folder can be made");
    fs::create_dir_all(outside.join("b")).expect("a folder can be made");
    symlink(&outside, root.join("link")).expect("a link can be made");
    let forbidden = rustix::fs::stat(outside.join("b")).expect("it is there").st_ino;
    let stop = std::sync::atomic::AtomicBool::new(false);
    let relaxed = std::sync::atomic::Ordering::Relaxed;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let folder = open(&root);
            while !stop.load(relaxed) {
                let flags = rustix::fs::RenameFlags::EXCHANGE;
                rustix::fs::renameat_with(&folder, "a", &folder, "link", flags).expect("both are");
            }
        });
        let (mut reached, mut refused) = (0, 0);
        while (reached < 50 || refused < 50) && reached + refused < 200_000 {
            match descend(open(&root), "a/b", None) {
                Ok(folder) => {
                    let found = rustix::fs::fstat(&folder).expect("it is open").st_ino;
                    assert_ne!(found, forbidden, "out of the volume");
                    reached += 1;
                }
                Err(_) => refused += 1,
            }
        }
        stop.store(true, relaxed);
        assert!(reached > 0 && refused > 0, "{reached} reached, {refused} refused");
    });
}
