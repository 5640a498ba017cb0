use super::*;

fn create(text: &str) -> Result<CreateOwnKey> {
    create_key(serde_json::from_str(text).expect("a wish"))
}

#[test]
fn scopes_are_permissions_and_every_key_reads() {
    let permissions = |scopes: &str| {
        let create = create(&format!(r#"{{"name": "ci", "permissions": [{scopes}]}}"#));
        create.expect("it is valid").permissions
    };
    assert_eq!(permissions(""), [Permission::Read]);
    assert_eq!(
        permissions(r#""write:sandboxes""#),
        [Permission::Read, Permission::Manage, Permission::Execute]
    );
    assert_eq!(permissions(r#""write:snapshots""#), [Permission::Read, Permission::Images]);
    assert_eq!(permissions(r#""read:audit_logs""#), [Permission::Read]);
}

#[test]
fn an_answer_says_all_that_a_key_may() {
    let scopes = scopes(&[Permission::Read, Permission::Manage, Permission::Execute]);
    for scope in [Scope::WriteSandboxes, Scope::DeleteSandboxes, Scope::ManageApiKeys] {
        assert!(scopes.contains(&scope), "{scope:?}");
    }
    assert!(!scopes.contains(&Scope::WriteSnapshots));
    for scope in scopes {
        let needed = permitted(scope);
        assert!(!needed.contains(&Permission::Images), "{scope:?} would open more");
    }
}

#[test]
fn an_end_is_a_moment() {
    let made = create(r#"{"name": "ci", "expiresAt": "1970-01-01T00:00:02Z"}"#);
    assert_eq!(made.expect("it is valid").expires_at, Some(2_000));
    assert!(create(r#"{"name": "ci", "expiresAt": "soon"}"#).is_err());
    assert_eq!(create(r#"{"name": "ci", "expiresAt": null}"#).expect("valid").expires_at, None);
}
