use infield_domain::network::{Choice, Connection, Judgement, Policy};
use infield_domain::{Kind, Permission, Principal};
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
