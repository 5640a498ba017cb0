use infield_domain::network::{
    Allowance, Ceilings, Choice, Connection, Judgement, Policy, Traffic,
};
use infield_domain::{Kind, Permission, Principal, SandboxId};
use infield_testkit::Operation;

use crate::ListAudit;
use crate::testing::{SOON, fixture};

fn connection(name: &str, judgement: Judgement) -> Connection {
    Connection {
        at: 5,
        duration_ms: 12,
        name: Some(name.to_owned()),
        address: Some([93, 184, 0, 1].into()),
        port: 443,
        sent_bytes: 10,
        received_bytes: 20,
        judgement,
        reason: "no rule allows it".to_owned(),
        repeated: 0,
    }
}

async fn trail(fixture: &crate::testing::Fixture, id: &str) -> Vec<(String, String, String)> {
    let list = ListAudit {
        subject: Some(id.to_owned()),
        who: None,
        action: None,
        limit: 100,
        cursor: None,
    };
    let page = fixture.engine.list_audit(&fixture.who, list).await.expect("read");
    page.items.into_iter().map(|record| (record.action, record.detail, record.outcome)).collect()
}

#[tokio::test]
async fn connections_go_into_the_trail_and_refusals_stay_with_the_sandbox() {
    let fixture = fixture().await;
    let sandbox = fixture.create("one").await;
    let told = vec![
        connection("pypi.org", Judgement::Allowed),
        connection("evil.example", Judgement::Refused),
        connection("evil.example", Judgement::Refused),
    ];
    fixture.provider.tell(&sandbox.id, told);
    let kept = tokio::time::timeout(SOON, async {
        loop {
            let inspection =
                fixture.engine.inspect_sandbox(&fixture.who, "one").await.expect("seen");
            if !inspection.refusals.is_empty() {
                return inspection.refusals;
            }
            tokio::task::yield_now().await;
        }
    });
    let kept = kept.await.expect("in time");
    assert_eq!(kept, [connection("evil.example", Judgement::Refused)]);
    let trail = trail(&fixture, sandbox.id.as_str()).await;
    let line = "pypi.org:443 (93.184.0.1), sent 10, received 20, 12 ms: no rule allows it";
    assert!(trail.contains(&("network.connect".to_owned(), line.to_owned(), "ok".to_owned())));
    let denied = trail.iter().filter(|(_, _, outcome)| outcome == "denied").count();
    assert_eq!(denied, 2);
}

#[tokio::test]
async fn another_policy_is_recorded_when_the_provider_has_it() {
    let fixture = fixture().await;
    let sandbox = fixture.create("one").await;
    assert_eq!(sandbox.spec.network, Policy::Limited, "the setting, when nobody says otherwise");
    let policy = Policy::custom(vec!["allow pypi.org:443".parse().expect("a rule")]).expect("fits");
    let changed = fixture.engine.set_network(&fixture.who, "one", Choice::of(policy.clone())).await;
    assert_eq!(changed.expect("changed").spec.network, policy);
    assert_eq!(fixture.provider.calls(Operation::SetNetwork), 1);

    fixture.provider.fail_next(Operation::SetNetwork, Kind::Unavailable, "away");
    let refused = fixture.engine.set_network(&fixture.who, "one", Choice::of(Policy::Public)).await;
    assert_eq!(refused.expect_err("refused").kind(), Kind::Unavailable);
    let seen = fixture.engine.inspect_sandbox(&fixture.who, "one").await.expect("seen");
    assert_eq!(seen.sandbox.spec.network, policy, "what is recorded is what is in force");

    fixture.engine.stop_sandbox(&fixture.who, "one").await.expect("stopped");
    let changed = fixture.engine.set_network(&fixture.who, "one", Choice::of(Policy::None)).await;
    assert_eq!(changed.expect("changed at rest").spec.network, Policy::None);
    assert_eq!(fixture.provider.calls(Operation::SetNetwork), 2, "nothing runs, nothing to tell");
}

#[tokio::test]
async fn who_may_not_manage_changes_nothing() {
    let fixture = fixture().await;
    fixture.create("one").await;
    let reader = Principal { permissions: vec![Permission::Read], ..fixture.who.clone() };
    let choice = Choice::of(Policy::Public);
    let refused = fixture.engine.set_network(&reader, "one", choice).await.expect_err("refused");
    assert_eq!(refused.kind(), Kind::Denied);
    assert_eq!(fixture.provider.calls(Operation::SetNetwork), 0);
}

fn moved(bytes: u64) -> Traffic {
    Traffic { received_bytes: bytes, connections: 1, ..Traffic::default() }
}

/// Waits until the engine has taken what was told.
async fn until_moved(fixture: &crate::testing::Fixture, id: &SandboxId, expected: Traffic) {
    let seat = fixture.engine.registry().by_id(id).expect("it is there");
    let known = tokio::time::timeout(SOON, async {
        while seat.moved.get() != expected {
            tokio::task::yield_now().await;
        }
    });
    known.await.expect("in time");
}

#[tokio::test]
async fn what_was_moved_counts_over_a_stop_and_another_daemon() {
    let fixture = fixture().await;
    let sandbox = fixture.create("one").await;
    fixture.provider.tell_moved(&sandbox.id, moved(7));
    until_moved(&fixture, &sandbox.id, moved(7)).await;
    fixture.engine.stop_sandbox(&fixture.who, "one").await.expect("stopped");
    fixture.engine.start_sandbox(&fixture.who, "one").await.expect("started");
    assert_eq!(fixture.provider.before(&sandbox.id), Some(moved(7)));

    fixture.provider.tell_moved(&sandbox.id, moved(9));
    until_moved(&fixture, &sandbox.id, moved(9)).await;
    fixture.provider.tell_moved(&sandbox.id, Traffic::default());
    let id = sandbox.id.clone();
    let row = fixture.engine.records().call(move |store| store.sandbox(&id)).await;
    assert_eq!(row.expect("read").expect("there").traffic, moved(9), "a count never falls");
}

#[tokio::test]
async fn other_ceilings_are_recorded_when_the_provider_has_them() {
    let fixture = fixture().await;
    let sandbox = fixture.create("one").await;
    assert_eq!(sandbox.spec.allowance, Allowance::DEFAULT);
    let ceilings = Ceilings { total_bytes: Some(100), ..Ceilings::default() };
    let changed = fixture.engine.limit_network(&fixture.who, "one", ceilings).await;
    let expected = Allowance { total_bytes: Some(100), ..Allowance::DEFAULT };
    assert_eq!(changed.expect("changed").spec.allowance, expected);
    let terms = fixture.provider.terms(&sandbox.id).expect("told");
    assert_eq!((terms.allowance, terms.policy), (expected, Policy::Limited));

    let policy = Choice::of(Policy::Public);
    fixture.engine.set_network(&fixture.who, "one", policy).await.expect("changed");
    let terms = fixture.provider.terms(&sandbox.id).expect("told");
    assert_eq!((terms.allowance, terms.policy), (expected, Policy::Public), "they stay");

    let wrong = Ceilings { connections: Some(0), ..Ceilings::default() };
    let refused = fixture.engine.limit_network(&fixture.who, "one", wrong).await;
    assert_eq!(refused.expect_err("refused").kind(), Kind::Invalid);
    let reader = Principal { permissions: vec![Permission::Read], ..fixture.who.clone() };
    let refused = fixture.engine.limit_network(&reader, "one", ceilings).await;
    assert_eq!(refused.expect_err("refused").kind(), Kind::Denied);
}

#[tokio::test]
async fn whoever_met_a_ceiling_learns_how_to_raise_it() {
    let fixture = fixture().await;
    let sandbox = fixture.create("one").await;
    let exceeded = Connection {
        reason: "the sandbox has moved as many bytes as it may".to_owned(),
        ..connection("pypi.org", Judgement::Exceeded)
    };
    let said = crate::refused_sentence(&sandbox, std::slice::from_ref(&exceeded)).expect("said");
    let expected =
        "The network stopped pypi.org:443: the sandbox has moved as many bytes as it may.";
    assert!(said.starts_with(expected) && said.contains("`infield net limit one`"), "{said}");
    let both = [connection("evil.example", Judgement::Refused), exceeded];
    let said = crate::refused_sentence(&sandbox, &both).expect("said");
    assert!(
        said.contains("refused evil.example:443. ") && said.contains("net limit one"),
        "{said}"
    );
    assert_eq!(crate::refused_sentence(&sandbox, &[]), None);
    let odd = connection("evil.example", Judgement::Refused);
    let odd = Connection { name: None, address: None, reason: "its request is odd".into(), ..odd };
    let said = crate::refused_sentence(&sandbox, &[odd]).expect("said");
    assert_eq!(said, "A request to the sandbox's proxy was refused: its request is odd.");
}
