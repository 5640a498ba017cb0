use infield_domain::Kind;
use infield_domain::lifecycle::State;

use super::*;

pub(crate) fn row(name: &str, letter: u8) -> SandboxRow {
    let sandbox = serde_json::json!({
        "id": SandboxId::from_random([letter; 16]),
        "owner": "alice",
        "request_key": format!("key of {name}"),
        "spec": {
            "name": name, "image": "host", "language": "python", "user": "root",
            "working_directory": "/workspace", "environment": {"A": "b"}, "labels": {},
            "retention": {
                "persistent": true, "stop_after_idle_ms": null, "delete_after_stop_ms": null,
                "time_to_live_ms": null
            },
            "resources": infield_domain::sandbox::Resources::DEFAULT,
            "network": "none", "require": []
        },
        "state": "creating", "cause": null, "provider": "fake", "enforcement": null,
        "created_at": u64::from(letter), "changed_at": 10, "active_at": 10
    });
    let sandbox = serde_json::from_value(sandbox).expect("a sandbox");
    SandboxRow { sandbox, single_use: false, traffic: Default::default() }
}

#[test]
fn what_is_written_is_read() {
    let mut store = Store::in_memory().expect("memory");
    let mut first = row("web", 1);
    store.insert_sandbox(&first).expect("inserted");
    assert_eq!(store.living_sandboxes().expect("read"), [first.clone()]);
    first.sandbox.state = State::Running;
    store.update_sandbox(&first.sandbox).expect("updated");
    store.touch_sandbox(&first.sandbox.id, 99).expect("touched");
    first.sandbox.active_at = 99;
    assert_eq!(store.sandbox(&first.sandbox.id).expect("read"), Some(first.clone()));
    store.touch_sandbox(&first.sandbox.id, 50).expect("touched");
    assert_eq!(store.sandbox(&first.sandbox.id).expect("read"), Some(first));
}

#[test]
fn names_and_keys_are_free_again_after_deletion() {
    let mut store = Store::in_memory().expect("memory");
    let mut first = row("web", 1);
    store.insert_sandbox(&first).expect("inserted");
    let second = row("web", 2);
    let error = store.insert_sandbox(&second).expect_err("taken");
    assert_eq!(error.kind(), Kind::Conflict);
    first.sandbox.state = State::Deleted;
    store.update_sandbox(&first.sandbox).expect("updated");
    store.insert_sandbox(&second).expect("free again");
    let gone = store.deleted_sandboxes((u64::MAX, ""), 10).expect("read");
    assert_eq!(gone, [first]);
    assert_eq!(store.deleted_sandboxes((1, ""), 10).expect("read"), []);
    assert_eq!(store.forget_sandboxes(11).expect("forgotten"), 1);
    assert_eq!(store.living_sandboxes().expect("read").len(), 1);
}
