use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::audit::NewRecord;

fn record(action: &str) -> NewRecord {
    NewRecord {
        at: 1,
        who: "alice".to_owned(),
        credential: "socket".to_owned(),
        action: action.to_owned(),
        subject: String::new(),
        detail: String::new(),
        outcome: "ok".to_owned(),
        request_id: String::new(),
    }
}

#[test]
fn files_are_private_and_found_again() {
    let home = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(home.path()).expect("opens");
    store.append_audit(record("a")).expect("appended");
    drop(store);
    for name in ["infield.db", "audit.key"] {
        let mode = fs::metadata(home.path().join(name)).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let mut store = Store::open(home.path()).expect("opens again");
    assert_eq!(store.append_audit(record("b")).expect("appended"), 2);
    assert_eq!(store.verify_audit().expect("verified").broken_at, None);
}

#[test]
fn another_key_does_not_fit_the_trail() {
    let home = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(home.path()).expect("opens");
    store.append_audit(record("a")).expect("appended");
    drop(store);
    fs::write(home.path().join("audit.key"), [1; 32]).expect("written");
    let store = Store::open(home.path()).expect("opens");
    assert_eq!(store.verify_audit().expect("verified").broken_at, Some(1));
    drop(store);
    fs::write(home.path().join("audit.key"), [1; 3]).expect("written");
    assert!(Store::open(home.path()).is_err());
}
