use std::os::unix::fs::PermissionsExt as _;

use super::*;

#[test]
fn a_key_is_made_once_and_for_its_owner_alone() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = std::fs::File::open(home.path()).expect("it is there");
    let first = beside(&folder).expect("made");
    assert_eq!(beside(&folder).expect("found"), first);
    let mode = std::fs::metadata(home.path().join(FILE)).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(SecretKey::Beside.check().verdict, Verdict::Weak);
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("key");
    std::fs::write(&path, format!("{}\n", "0f".repeat(32))).expect("written");
    let check = |mode: u32, expected: bool| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&path, permissions).expect("changed");
        assert_eq!(read(&path).is_ok(), expected, "{mode:o}");
    };
    check(0o600, true);
    check(0o400, true);
    check(0o640, false);
    check(0o604, false);
    assert_eq!(*decode(&"0f".repeat(32)).expect("a key").0, [15; 32]);
}

#[test]
fn what_is_no_key_is_refused_without_being_shown() {
    for text in ["", "0f", &"0g".repeat(32), &"0f".repeat(33), &"ä".repeat(32)] {
        let refused = decode(text).expect_err("no key").to_string();
        assert!(text.len() < 4 || !refused.contains(text), "{refused}");
    }
}
