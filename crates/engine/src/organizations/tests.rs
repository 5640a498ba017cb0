use super::*;
use crate::testing::fixture;
use crate::{CreateKey, ListOwnAudit};

fn key(name: &str, organization: &str) -> CreateKey {
    CreateKey {
        name: name.to_owned(),
        owner: None,
        organization: Some(organization.to_owned()),
        permissions: vec![Permission::Read, Permission::Manage],
        sees_all: false,
        expires_at: None,
    }
}

#[tokio::test]
async fn an_organization_lives_as_long_as_nothing_is_its_own() {
    let f = fixture().await;
    let missing = f.engine.create_key(&f.who, key("k", "team")).await.expect_err("nobody made it");
    assert_eq!(missing.kind(), Kind::NotFound);
    f.engine.create_organization(&f.who, "team").await.expect("made");
    let again = f.engine.create_organization(&f.who, "team").await.expect_err("it is there");
    assert_eq!(again.kind(), Kind::Conflict);
    let made = f.engine.create_key(&f.who, key("k", "team")).await.expect("made");
    assert_eq!(made.key.owner, "team");
    let other = CreateKey { organization: None, ..key("other", "") };
    f.engine.create_key(&f.who, other).await.expect("made");
    let names = async || {
        let all = f.engine.list_organizations(&f.who).await.expect("listed");
        all.into_iter().map(|organization| organization.name).collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["other", "team"], "one with a key is one");
    let error = f.engine.remove_organization(&f.who, "team").await.expect_err("it has a key");
    assert_eq!(error.kind(), Kind::Conflict);
    f.engine.revoke_key(&f.who, "k").await.expect("revoked");
    let team = Principal { owner: "team".to_owned(), ..f.who.clone() };
    let limits = infield_domain::volume::VolumeLimits::DEFAULT;
    let create = crate::CreateVolume { name: "data".parse().expect("a name"), limits };
    f.engine.create_volume(&team, create).await.expect("made");
    let error = f.engine.remove_organization(&f.who, "team").await.expect_err("it has a volume");
    assert!(error.message().contains("1 volumes"), "{error:?}");
    f.engine.delete_volume(&team, "data").await.expect("deleted");
    f.engine.remove_organization(&f.who, "team").await.expect("removed");
    assert_eq!(names().await, ["other"]);
    let error = f.engine.remove_organization(&f.who, "team").await.expect_err("it is gone");
    assert_eq!(error.kind(), Kind::NotFound);
    let guest = Principal { permissions: vec![Permission::Manage], ..f.who.clone() };
    let error = f.engine.create_organization(&guest, "x").await.expect_err("no admin");
    assert_eq!(error.kind(), Kind::Denied);
}

#[tokio::test]
async fn an_owner_reads_what_its_own_did_page_by_page() {
    let f = fixture().await;
    let bob = Principal {
        permissions: vec![Permission::Read, Permission::Manage],
        sees_all: false,
        ..Principal::operator("bob")
    };
    f.create("alice-box").await;
    for name in ["one", "two", "three"] {
        f.engine.create_sandbox(&bob, crate::testing::named(name)).await.expect("made");
    }
    let list = |page| ListOwnAudit { page, limit: 2, ..ListOwnAudit::all() };
    let first = f.engine.list_own_audit(&bob, list(1)).await.expect("listed");
    let second = f.engine.list_own_audit(&bob, list(2)).await.expect("listed");
    assert_eq!((first.total, first.items.len(), second.items.len()), (3, 2, 1));
    assert!(first.items.iter().chain(&second.items).all(|record| record.who == "bob"));
    assert!(first.items[0].sequence > second.items[0].sequence, "the newest first");
    let none = ListOwnAudit { to: 1, ..ListOwnAudit::all() };
    assert_eq!(f.engine.list_own_audit(&bob, none).await.expect("listed").total, 0);
    let deaf = Principal { permissions: vec![Permission::Execute], ..bob };
    let refused = f.engine.list_own_audit(&deaf, list(1)).await.err();
    assert_eq!(refused.map(|error| error.kind()), Some(Kind::Denied));
}
