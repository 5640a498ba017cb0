use std::os::fd::AsFd;
use std::os::unix::fs::{PermissionsExt, symlink};

use rustix::fs::{FileType, Mode};

use super::remove_contents;
use crate::trees::beneath;

/// Makes a tree with `make` beside something that must survive, and removes it.
fn check(make: impl FnOnce(&std::path::Path)) {
    let place = tempfile::tempdir().expect("a temporary folder can be made");
    let tree = place.path().join("tree");
    std::fs::create_dir(&tree).expect("a folder can be made");
    std::fs::create_dir(place.path().join("outside")).expect("a folder can be made");
    std::fs::write(place.path().join("outside/kept"), "kept").expect("a file can be written");
    make(&tree);
    let open = std::fs::File::open(&tree).expect("the tree can be opened");
    remove_contents(open.as_fd()).expect("everything goes away");
    assert_eq!(std::fs::read_dir(&tree).expect("the tree is there").count(), 0);
    assert!(place.path().join("outside/kept").exists());
}

#[test]
fn removes_files_and_folders() {
    check(|tree| {
        std::fs::create_dir_all(tree.join("a/b/c")).expect("folders can be made");
        std::fs::write(tree.join("a/b/file"), "x").expect("a file can be written");
        std::fs::write(tree.join("a/\u{1}\n"), "x").expect("a file can be written");
    });
}

#[test]
fn removes_links_and_not_what_they_lead_to() {
    check(|tree| {
        symlink("../outside", tree.join("link")).expect("a link can be made");
        symlink("../outside/kept", tree.join("to file")).expect("a link can be made");
    });
}

#[test]
fn removes_what_is_closed() {
    check(|tree| {
        std::fs::create_dir_all(tree.join("closed/inner")).expect("folders can be made");
        for folder in ["closed/inner", "closed"] {
            std::fs::set_permissions(tree.join(folder), PermissionsExt::from_mode(0o000))
                .expect("a mode can be set");
        }
    });
}

#[test]
fn removes_pipes_and_whiteouts() {
    check(|tree| {
        let open = std::fs::File::open(tree).expect("the tree can be opened");
        for (name, kind) in [("pipe", FileType::Fifo), ("gone", FileType::CharacterDevice)] {
            rustix::fs::mknodat(&open, name, kind, Mode::RUSR, 0).expect("a node can be made");
        }
    });
}

#[test]
fn removes_more_names_than_are_read_at_once() {
    check(|tree| {
        for number in 0..3_000 {
            std::fs::write(tree.join(format!("file {number}")), "").expect("a file is written");
        }
    });
}

#[test]
fn removes_more_levels_than_stay_open() {
    check(|tree| {
        let open = std::fs::File::open(tree).expect("the tree can be opened");
        let mut here = beneath::own(open.as_fd()).expect("it can be opened again");
        let name = std::ffi::CString::new(vec![b'd'; 200]).expect("there is no zero byte");
        for _ in 0..500 {
            here = beneath::new_directory(here.as_fd(), &name).expect("a folder can be made");
        }
    });
}

/// Somebody exchanges a folder for a link that leads out, while everything is removed.
#[test]
fn no_race_removes_what_is_outside() {
    use std::sync::atomic::{AtomicBool, Ordering};

    for _ in 0..50 {
        check(|tree| {
            let open = std::fs::File::open(tree).expect("the tree can be opened");
            std::fs::create_dir_all(tree.join("d/kept")).expect("folders can be made");
            std::fs::write(tree.join("d/inner"), "x").expect("a file can be written");
            symlink("../outside", tree.join("l")).expect("a link can be made");
            let is_over = AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        let flags = rustix::fs::RenameFlags::EXCHANGE;
                        if rustix::fs::renameat_with(&open, "d", &open, "l", flags).is_err() {
                            break;
                        }
                    }
                });
                // It may end early, when a folder became a link under it; what counts is what
                // `check` looks at afterwards.
                drop(remove_contents(open.as_fd()));
                is_over.store(true, Ordering::Relaxed);
            });
        });
    }
}
