use std::collections::BTreeSet;

use infield_domain::network::{Choice, Connection, Judgement, MOST_MEMBERS, Policy};
use infield_domain::{Kind, NetworkName, Permission, Principal};
use infield_testkit::Operation;

use crate::testing::{fixture, named};
use crate::{CreateSandbox, ListAudit};

fn word(text: &str) -> NetworkName {
    text.parse().expect("a word")
}

fn in_network(name: &str, network: &str) -> CreateSandbox {
    CreateSandbox { networks: BTreeSet::from([word(network)]), ..named(name) }
}

#[tokio::test]
async fn a_network_is_joined_and_left_when_the_provider_knows_it() {
    let f = fixture().await;
    let sandbox = f.create("one").await;
    let joined = f.engine.join_network(&f.who, "one", word("team")).await.expect("joined");
    assert_eq!(joined.spec.networks, BTreeSet::from([word("team")]));
    let terms = f.provider.terms(&sandbox.id).expect("told");
    assert_eq!(terms.membership.owner, "alice");
    assert_eq!(terms.membership.name.as_str(), "one");
    assert_eq!(terms.membership.networks, joined.spec.networks);

    let policy = Choice::of(Policy::Public);
    f.engine.set_network(&f.who, "one", policy).await.expect("changed");
    let terms = f.provider.terms(&sandbox.id).expect("told");
    assert_eq!(terms.membership.networks, joined.spec.networks, "another policy leaves it");

    f.provider.fail_next(Operation::SetNetwork, Kind::Unavailable, "away");
    let failed = f.engine.leave_network(&f.who, "one", word("team")).await.expect_err("away");
    assert_eq!(failed.kind(), Kind::Unavailable);
    let seen = f.engine.get_sandbox(&f.who, "one").await.expect("seen");
    assert_eq!(seen.spec.networks, joined.spec.networks, "what is recorded is what is in force");

    f.engine.stop_sandbox(&f.who, "one").await.expect("stopped");
    let left = f.engine.leave_network(&f.who, "one", word("team")).await.expect("left at rest");
    assert!(left.spec.networks.is_empty());
    let again = f.engine.leave_network(&f.who, "one", word("team")).await.expect_err("not in it");
    assert_eq!(again.kind(), Kind::NotFound);
}

#[tokio::test]
async fn joining_and_leaving_are_in_the_trail() {
    let f = fixture().await;
    let sandbox = f.engine.create_sandbox(&f.who, in_network("one", "team")).await.expect("made");
    f.engine.join_network(&f.who, "one", word("dev")).await.expect("joined");
    f.engine.leave_network(&f.who, "one", word("dev")).await.expect("left");
    let list = ListAudit {
        subject: Some(sandbox.id.to_string()),
        who: None,
        action: None,
        limit: 100,
        cursor: None,
    };
    let trail = f.engine.list_audit(&f.who, list).await.expect("read").items;
    let detail = |action: &str| {
        let found = trail.iter().find(|record| record.action == action);
        found.map(|record| record.detail.clone())
    };
    assert_eq!(detail("network.join").as_deref(), Some("dev"));
    assert_eq!(detail("network.leave").as_deref(), Some("dev"));
    assert!(detail("sandbox.create").expect("made").contains("in network team"));
}

#[tokio::test]
async fn who_may_not_manage_or_see_moves_nobody() {
    let f = fixture().await;
    f.create("one").await;
    let reader = Principal { permissions: vec![Permission::Read], ..f.who.clone() };
    let refused = f.engine.join_network(&reader, "one", word("team")).await;
    assert_eq!(refused.expect_err("refused").kind(), Kind::Denied);
    let bob = Principal { sees_all: false, ..Principal::operator("bob") };
    let refused = f.engine.join_network(&bob, "one", word("team")).await;
    assert_eq!(refused.expect_err("refused").kind(), Kind::NotFound);
    assert_eq!(f.provider.calls(Operation::SetNetwork), 0);
}

#[tokio::test]
async fn the_network_is_of_the_sandboxes_owner_whoever_asks() {
    let f = fixture().await;
    let sandbox = f.create("one").await;
    let admin = Principal::operator("admin");
    f.engine.join_network(&admin, "one", word("team")).await.expect("joined");
    assert_eq!(f.provider.terms(&sandbox.id).expect("told").membership.owner, "alice");
}

#[tokio::test]
async fn a_sandbox_without_a_network_is_in_no_other() {
    let f = fixture().await;
    let none = Choice::of(Policy::None);
    let create = CreateSandbox { network: none.clone(), ..in_network("one", "team") };
    let refused = f.engine.create_sandbox(&f.who, create).await.expect_err("refused");
    assert_eq!(refused.kind(), Kind::Invalid);
    let create = CreateSandbox { network: none, ..named("one") };
    f.engine.create_sandbox(&f.who, create).await.expect("made");
    let refused = f.engine.join_network(&f.who, "one", word("team")).await.expect_err("refused");
    assert_eq!(refused.kind(), Kind::Conflict);
    assert!(refused.hint().expect("a hint").contains("infield net set"));
}

#[tokio::test]
async fn a_network_has_so_many_members_and_no_two_of_one_name() {
    let f = fixture().await;
    for number in 0..MOST_MEMBERS {
        let create = in_network(&format!("s{number}"), "team");
        f.engine.create_sandbox(&f.who, create).await.expect("made");
    }
    let full = f.engine.create_sandbox(&f.who, in_network("more", "team")).await;
    assert_eq!(full.expect_err("full").kind(), Kind::Quota);
    f.create("more").await;
    let full = f.engine.join_network(&f.who, "more", word("team")).await;
    assert_eq!(full.expect_err("full").kind(), Kind::Quota);
    f.engine.join_network(&f.who, "s0", word("team")).await.expect("it is in it already");
    let bob = Principal::operator("bob");
    f.engine.create_sandbox(&bob, in_network("bobs", "team")).await.expect("bob's has room");

    f.engine.join_network(&f.who, "s0", word("dev")).await.expect("joined");
    let same = f.engine.create_sandbox(&f.who, in_network("S0", "dev")).await;
    assert_eq!(same.expect_err("one name").kind(), Kind::Conflict);
    f.engine.create_sandbox(&f.who, in_network("S0", "other")).await.expect("elsewhere");
}

#[tokio::test]
async fn a_refusal_of_a_sandbox_names_the_way_to_it() {
    let f = fixture().await;
    let sandbox = f.create("one").await;
    let refusal = |name: &str| Connection {
        at: 5,
        duration_ms: 1,
        name: Some(name.to_owned()),
        address: None,
        port: 80,
        sent_bytes: 0,
        received_bytes: 0,
        judgement: Judgement::Refused,
        reason: "no sandbox".to_owned(),
        repeated: 0,
    };
    let said = crate::refused_sentence(&sandbox, &[refusal("db"), refusal("pypi.org")]);
    let said = said.expect("said");
    assert!(said.contains("refused pypi.org:80. "), "{said}");
    assert!(said.contains("may not reach db:80. ") && said.contains("net join one"), "{said}");
}
