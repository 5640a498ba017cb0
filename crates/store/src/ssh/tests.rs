use infield_domain::lifecycle::State;

use super::*;
use crate::sandboxes::tests::row as sandbox;

fn access(letter: u8, sandbox_id: &SandboxId, expires_at: Millis) -> SshAccessRow {
    let id = SshAccessId::from_random([letter; 16]);
    SshAccessRow { id, sandbox_id: sandbox_id.clone(), created_at: 100, expires_at }
}

#[test]
fn an_access_is_found_by_its_hash_until_it_is_removed() {
    let mut store = Store::in_memory().expect("memory");
    let of = sandbox("one", 1);
    store.insert_sandbox(&of).expect("inserted");
    let rows = [access(1, &of.sandbox.id, 200), access(2, &of.sandbox.id, 200)];
    for (row, token) in rows.iter().zip(["a", "b"]) {
        assert!(store.insert_ssh_access(row, KeyHash::of(token), 2).expect("inserted"));
    }
    let more = access(3, &of.sandbox.id, 200);
    assert!(!store.insert_ssh_access(&more, KeyHash::of("c"), 2).expect("there is no room"));
    assert_eq!(store.ssh_access_by_hash(KeyHash::of("a")).expect("read"), Some(rows[0].clone()));
    assert_eq!(store.ssh_access_by_hash(KeyHash::of("c")).expect("read"), None);
    assert_eq!(store.remove_ssh_accesses(&of.sandbox.id, Some(KeyHash::of("a"))).expect("one"), 1);
    assert!(!store.has_ssh_access(&rows[0].id).expect("read"));
    assert!(store.has_ssh_access(&rows[1].id).expect("read"));
    assert_eq!(store.remove_ssh_accesses(&of.sandbox.id, None).expect("the rest"), 1);
    assert!(!store.has_ssh_access(&rows[1].id).expect("read"));
}

#[test]
fn what_has_ended_makes_room() {
    let mut store = Store::in_memory().expect("memory");
    let of = sandbox("one", 1);
    store.insert_sandbox(&of).expect("inserted");
    let old = access(1, &of.sandbox.id, 150);
    assert!(store.insert_ssh_access(&old, KeyHash::of("a"), 1).expect("inserted"));
    let new = SshAccessRow { created_at: 150, ..access(2, &of.sandbox.id, 300) };
    assert!(store.insert_ssh_access(&new, KeyHash::of("b"), 1).expect("inserted"));
    assert!(!store.has_ssh_access(&old.id).expect("read"));
}

#[test]
fn an_access_ends_with_its_sandbox() {
    let mut store = Store::in_memory().expect("memory");
    let of = sandbox("one", 1);
    store.insert_sandbox(&of).expect("inserted");
    let row = access(1, &of.sandbox.id, 200);
    assert!(store.insert_ssh_access(&row, KeyHash::of("a"), 1).expect("inserted"));
    let stopped = infield_domain::sandbox::Sandbox { state: State::Stopped, ..of.sandbox.clone() };
    store.update_sandbox(&stopped).expect("updated");
    assert!(store.has_ssh_access(&row.id).expect("a stopped sandbox keeps it"));
    let deleted = infield_domain::sandbox::Sandbox { state: State::Deleted, ..of.sandbox };
    store.update_sandbox(&deleted).expect("updated");
    assert!(!store.has_ssh_access(&row.id).expect("read"));
}
