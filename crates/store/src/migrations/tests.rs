use infield_domain::secret::{Grant, Secret};
use infield_domain::{Permission, SecretId, principal::Key};
use rusqlite::params;
use serde_json::json;

use super::*;

/// The number of steps before secrets had ids.
const BEFORE_SECRET_IDS: usize = 8;

#[test]
fn secrets_get_ids_and_sandboxes_keep_theirs() {
    let mut connection = Connection::open_in_memory().expect("memory");
    let steps = Migrations::from_slice(STEPS);
    steps.to_version(&mut connection, BEFORE_SECRET_IDS).expect("the older schema");
    for (name, owner) in [("ONE", "alice"), ("TWO", "bob")] {
        let body = json!({
            "name": name, "owner": owner, "hosts": ["a.example"], "created_at": 1, "changed_at": 2,
        });
        connection
            .execute(
                "INSERT INTO secrets VALUES (?1, ?2, ?3)",
                params![name, [7_u8], body.to_string()],
            )
            .expect("a secret");
    }
    let grant = |name: &str| {
        let placeholder = format!("infield_secret_{name}_{}", "0".repeat(32));
        json!({"secret": name, "variable": name, "placeholder": placeholder})
    };
    let holds = json!([grant("TWO"), grant("GONE")]);
    for (id, spec) in [("a", json!({ "secrets": holds })), ("b", json!({}))] {
        let body = json!({ "spec": spec }).to_string();
        let sql =
            "INSERT INTO sandboxes VALUES (?1, 'alice', ?1, 'stopped', NULL, 0, 1, 1, 1, ?2, NULL)";
        connection.execute(sql, [id, &body]).expect("a sandbox");
    }
    for (id, permissions) in [("x", json!(["read", "admin"])), ("y", json!(["read"]))] {
        let body = json!({
            "id": format!("key-{}", id.repeat(16)), "name": id, "owner": "alice",
            "permissions": permissions, "sees_all": false, "created_at": 1,
            "expires_at": null, "used_at": null,
        });
        let sql = "INSERT INTO keys VALUES (?1, ?1, ?2, NULL, NULL, ?3)";
        connection.execute(sql, params![id, id.as_bytes(), body.to_string()]).expect("a key");
    }

    apply(&mut connection).expect("brought up to date");

    let mut ids: Vec<SecretId> = Vec::new();
    for (name, owner) in [("ONE", "alice"), ("TWO", "bob")] {
        let sql = "SELECT id, body, sealed FROM secrets WHERE owner = ?1 AND name = ?2";
        let (id, body, sealed): (String, String, Vec<u8>) = connection
            .query_row(sql, [owner, name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .expect("it is there");
        let secret: Secret = serde_json::from_str(&body).expect("a secret");
        assert_eq!((secret.id.as_str(), sealed), (id.as_str(), vec![7]));
        assert_eq!((secret.owner.as_str(), secret.changed_at), (owner, 2));
        ids.push(secret.id);
    }
    assert_ne!(ids[0], ids[1]);
    let body = |id: &str| -> serde_json::Value {
        let sql = "SELECT body FROM sandboxes WHERE id = ?1";
        let body: String = connection.query_row(sql, [id], |row| row.get(0)).expect("it is there");
        serde_json::from_str(&body).expect("an object")
    };
    let held: Vec<Grant> =
        serde_json::from_value(body("a")["spec"]["secrets"].clone()).expect("grants");
    assert_eq!(held[0].id, ids[1]);
    assert_eq!(held[0].secret.as_str(), "TWO");
    assert!(!ids.contains(&held[1].id), "it names none that is there");
    assert_eq!(body("b"), json!({"spec": {}}));
    let may = |id: &str| {
        let sql = "SELECT body FROM keys WHERE id = ?1";
        let body: String = connection.query_row(sql, [id], |row| row.get(0)).expect("it is there");
        serde_json::from_str::<Key>(&body).expect("a key").permissions
    };
    assert_eq!(may("x"), [Permission::Read, Permission::Admin, Permission::Secrets]);
    assert_eq!(may("y"), [Permission::Read]);
}
