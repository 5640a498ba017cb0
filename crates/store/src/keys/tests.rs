use infield_domain::{Kind, Permission};

use super::*;

fn key(letter: u8) -> Key {
    Key {
        id: KeyId::from_random([letter; 16]),
        name: "ci".to_owned(),
        owner: "ci".to_owned(),
        permissions: vec![Permission::Read],
        sees_all: false,
        created_at: 1,
        expires_at: None,
        used_at: None,
    }
}

#[test]
fn only_the_hash_is_kept() {
    let home = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(home.path()).expect("opens");
    let secret = "inf_the-secret-text";
    store.insert_key(&key(1), KeyHash::of(secret)).expect("inserted");
    assert_eq!(store.key_by_hash(KeyHash::of(secret)).expect("read"), Some(key(1)));
    assert_eq!(store.key_by_hash(KeyHash::of("inf_other")).expect("read"), None);
    drop(store);
    for entry in std::fs::read_dir(home.path()).expect("listed") {
        let bytes = std::fs::read(entry.expect("an entry").path()).expect("read");
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
}

#[test]
fn a_revoked_key_is_gone_and_its_name_free() {
    let mut store = Store::in_memory().expect("memory");
    store.insert_key(&key(1), KeyHash::of("a")).expect("inserted");
    let taken = store.insert_key(&key(2), KeyHash::of("b")).expect_err("the name is taken");
    assert_eq!(taken.kind(), Kind::Conflict);
    store.touch_key(&key(1).id, 77).expect("touched");
    assert_eq!(store.keys().expect("read")[0].used_at, Some(77));
    assert!(store.revoke_key(&key(1).id, 5).expect("revoked"));
    assert!(!store.revoke_key(&key(1).id, 6).expect("it was revoked before"));
    assert_eq!(store.key_by_hash(KeyHash::of("a")).expect("read"), None);
    store.insert_key(&key(2), KeyHash::of("b")).expect("free again");
}
