use super::*;
use crate::testing::{Fixture, fixture};

const WORK: [Permission; 3] = [Permission::Read, Permission::Manage, Permission::Execute];

fn own(name: &str, permissions: &[Permission]) -> CreateOwnKey {
    CreateOwnKey { name: name.to_owned(), permissions: permissions.to_vec(), expires_at: None }
}

/// A caller with a key of this owner.
async fn holder(f: &Fixture, owner: &str, expires_at: Option<Millis>) -> Principal {
    let create = CreateKey {
        name: "first".to_owned(),
        owner: Some(owner.to_owned()),
        organization: None,
        permissions: WORK.to_vec(),
        sees_all: false,
        expires_at,
    };
    let made = f.engine.create_key(&f.who, create).await.expect("made");
    f.engine.authenticate(&made.secret).await.expect("known")
}

#[tokio::test]
async fn owners_have_keys_of_the_same_names_and_see_their_own_alone() {
    let f = fixture().await;
    let (alice, bob) = (holder(&f, "a", None).await, holder(&f, "b", None).await);
    let made = f.engine.create_own_key(&alice, own("ci", &WORK)).await.expect("made");
    f.engine.create_own_key(&bob, own("ci", &WORK)).await.expect("the name is free here");
    let taken = f.engine.create_own_key(&alice, own("ci", &WORK)).await.expect_err("taken");
    assert_eq!(taken.kind(), Kind::Conflict);

    let listed = f.engine.list_own_keys(&alice).await.expect("listed");
    assert!(listed.iter().all(|key| key.owner == "a"), "{listed:?}");
    assert_eq!(listed.len(), 2);
    let found = f.engine.get_own_key(&alice, "ci").await.expect("it is hers");
    assert_eq!(found.id, made.key.id);
    for reference in [made.key.id.as_str(), "nobody"] {
        let missing = f.engine.get_own_key(&bob, reference).await.expect_err("not his");
        assert_eq!(missing.kind(), Kind::NotFound);
        let missing = f.engine.revoke_own_key(&bob, reference).await.expect_err("not his");
        assert_eq!(missing.kind(), Kind::NotFound);
    }
    let current = f.engine.current_key(&alice).await.expect("she came with one");
    assert_eq!((current.name.as_str(), current.owner.as_str()), ("first", "a"));

    f.engine.revoke_own_key(&alice, "ci").await.expect("revoked");
    f.engine.get_own_key(&bob, "ci").await.expect("his own is still there");
    let several = f.engine.revoke_key(&f.who, "first").await.expect_err("there are two");
    assert_eq!(several.kind(), Kind::Conflict);
}

#[tokio::test]
async fn a_key_gives_no_more_than_it_has() {
    let f = fixture().await;
    let ends = f.engine.now() + 60_000;
    let alice = holder(&f, "a", Some(ends)).await;
    let denied = f.engine.create_own_key(&alice, own("up", &[Permission::Admin])).await;
    assert_eq!(denied.expect_err("she is no admin").kind(), Kind::Denied);
    let made = f.engine.create_own_key(&alice, own("ci", &[Permission::Read])).await.expect("made");
    assert_eq!(made.key.expires_at, Some(ends));
    assert_eq!((made.key.owner.as_str(), made.key.sees_all), ("a", false));
    let reader = f.engine.authenticate(&made.secret).await.expect("known");
    let denied = f.engine.create_own_key(&reader, own("next", &[Permission::Read])).await;
    assert_eq!(denied.expect_err("it only reads").kind(), Kind::Denied);
    let denied = f.engine.revoke_own_key(&reader, "first").await.expect_err("it only reads");
    assert_eq!(denied.kind(), Kind::Denied);
}

#[tokio::test]
async fn a_key_that_may_more_is_not_ended_by_one_that_may_less() {
    let f = fixture().await;
    let alice = holder(&f, "a", None).await;
    for (name, permissions, sees_all) in
        [("root", Permission::ALL.to_vec(), false), ("eye", WORK.to_vec(), true)]
    {
        let owner = Some("a".to_owned());
        let name = name.to_owned();
        let create = CreateKey {
            name: name.clone(),
            owner,
            organization: None,
            permissions,
            sees_all,
            expires_at: None,
        };
        f.engine.create_key(&f.who, create).await.expect("made");
        let denied = f.engine.revoke_own_key(&alice, &name).await.expect_err("it may more");
        assert_eq!(denied.kind(), Kind::Denied);
    }
}
