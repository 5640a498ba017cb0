use super::*;
use crate::testing::fixture;

fn create(name: &str) -> CreateKey {
    CreateKey {
        name: name.to_owned(),
        owner: None,
        organization: None,
        permissions: vec![Permission::Read, Permission::Execute],
        sees_all: false,
        expires_at: None,
    }
}

#[tokio::test]
async fn a_key_opens_until_it_is_revoked() {
    let f = fixture().await;
    let new = f.engine.create_key(&f.who, create("ci")).await.expect("made");
    let who = f.engine.authenticate(&new.secret).await.expect("known");
    assert_eq!((who.owner.as_str(), who.sees_all), ("ci", false));
    assert_eq!(who.permissions, [Permission::Read, Permission::Execute]);
    let taken = f.engine.create_key(&f.who, create("ci")).await.expect_err("taken");
    assert_eq!(taken.kind(), Kind::Conflict);
    let denied = f.engine.create_key(&who, create("more")).await.expect_err("not an admin");
    assert_eq!(denied.kind(), Kind::Denied);
    f.engine.revoke_key(&f.who, "ci").await.expect("revoked");
    let refused = f.engine.authenticate(&new.secret).await.expect_err("revoked");
    assert_eq!(refused.kind(), Kind::Unauthenticated);
    assert!(f.engine.list_keys(&f.who).await.expect("listed").is_empty());
}

#[tokio::test]
async fn what_is_no_key_opens_nothing() {
    let f = fixture().await;
    for text in ["", "inf_", "Bearer x", &names::key_secret()] {
        let refused = f.engine.authenticate(text).await.expect_err("unknown");
        assert_eq!(refused.kind(), Kind::Unauthenticated);
    }
}
