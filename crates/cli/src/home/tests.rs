//! Which home is meant, and which is refused.

use std::ffi::OsString;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use super::{Home, Owner, User, usual};

fn check_usual(user: User, variables: &[(&str, &str)], expected: Option<&str>) {
    let variable = |name: &str| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
    };
    assert_eq!(usual(user, variable).ok(), expected.map(PathBuf::from));
}

#[test]
fn the_usual_home_follows_the_user() {
    check_usual(User::Root, &[("HOME", "/root")], Some("/var/lib/infield"));
    check_usual(User::Other, &[("HOME", "/home/eve")], Some("/home/eve/.local/share/infield"));
    check_usual(User::Other, &[("HOME", "/home/eve"), ("XDG_DATA_HOME", "/d")], Some("/d/infield"));
    check_usual(
        User::Other,
        &[("HOME", "/h"), ("XDG_DATA_HOME", "d")],
        Some("/h/.local/share/infield"),
    );
    check_usual(User::Other, &[], None);
}

fn me() -> Owner {
    let me = rustix::process::geteuid().as_raw();
    Owner { operator: me, daemon: me }
}

fn check_open(prepare: impl FnOnce(&PathBuf), owner: Owner, refusal: Option<&str>) {
    let scratch =
        std::env::temp_dir().join(format!("infield-home-{:?}", std::thread::current().id()));
    std::fs::create_dir_all(&scratch).expect("the scratch folder is ours");
    let path = scratch.join("home");
    prepare(&path);
    let opened = Home::resolve(Some(&path)).expect("the path is fine").open(owner);
    match (opened, refusal) {
        (Ok(_), None) => {
            let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
        }
        (Err(error), Some(part)) => {
            assert!(error.message().contains(part), "{error}");
            assert!(error.hint().is_some());
        }
        (opened, _) => panic!("{opened:?} where {refusal:?} was expected"),
    }
    std::fs::remove_dir_all(&scratch).expect("the scratch folder is ours");
}

#[test]
fn only_a_home_of_ones_own_is_opened() {
    check_open(|_| {}, me(), None);
    check_open(|path| drop(std::fs::create_dir(path)), me(), Some("others may enter"));
    check_open(|path| symlink("/tmp", path).expect("made"), me(), Some("is a link"));
    check_open(
        |path| std::fs::write(path, "").expect("made"),
        me(),
        Some("is a link or no directory"),
    );
    let stranger = Owner { operator: u32::MAX - 2, daemon: u32::MAX - 2 };
    check_open(|_| {}, stranger, Some("belongs to the user"));
}
