use std::collections::BTreeMap;
use std::num::NonZeroU16;

use infield_domain::Kind;
use infield_domain::sandbox::Resources;
use infield_testkit::{FakeProvider, Operation};

use super::*;
use crate::ListAudit;
use crate::testing::{Daemon, SOON, fixture, named};

fn port(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).expect("a port")
}

#[tokio::test]
async fn each_change_is_in_force_and_on_record() {
    let f = fixture().await;
    let made = f.create("web").await;
    let labels = BTreeMap::from([("team".to_owned(), "web".to_owned())]);
    let changes = [
        SandboxChange::Labels(labels.clone()),
        SandboxChange::StopAfterIdle(Some(60_000)),
        SandboxChange::ArchiveAfterStop(Some(120_000)),
        SandboxChange::DeleteAfterStop(None),
        SandboxChange::TimeToLive(Some(3_600_000)),
        SandboxChange::Previews(Access::Public),
    ];
    for change in changes {
        f.engine.change_sandbox(&f.who, "web", change).await.expect("changed");
    }
    let now = f.engine.get_sandbox(&f.who, "web").await.expect("it is there");
    let retention = now.spec.retention;
    assert_eq!(now.spec.labels, labels);
    assert_eq!(retention.stop_after_idle_ms, Some(60_000));
    assert_eq!(retention.archive_after_stop_ms, Some(120_000));
    assert_eq!(retention.delete_after_stop_ms, None);
    let ends = now.expires_at().expect("it ends");
    assert!(ends >= made.created_at + 3_600_000, "{ends}");
    assert_eq!(now.spec.previews.access(port(3_000)), Access::Public);
    assert_eq!(now.changed_at, made.changed_at, "its timers count from its last change of state");

    let list = ListAudit {
        subject: Some(made.id.to_string()),
        who: None,
        action: Some("sandbox.change".to_owned()),
        limit: 10,
        cursor: None,
    };
    let records = f.engine.list_audit(&f.who, list).await.expect("listed").items;
    assert_eq!(records.len(), 6);
    assert_eq!(records[0].detail, "public");
}

#[test]
fn what_was_settled_outlives_the_daemon() {
    let home = tempfile::tempdir().expect("a folder");
    let provider = FakeProvider::new();
    let who = Principal::operator("alice");
    let first = Daemon::start(home.path(), &provider);
    first.run(async {
        first.engine.create_sandbox(&who, named("web")).await.expect("made");
        let change = SandboxChange::StopAfterIdle(Some(77_000));
        first.engine.change_sandbox(&who, "web", change).await.expect("changed");
    });
    first.kill();
    let second = Daemon::start(home.path(), &provider);
    let found = second.run(second.engine.get_sandbox(&who, "web")).expect("it is there");
    assert_eq!(found.spec.retention.stop_after_idle_ms, Some(77_000));
}

#[tokio::test]
async fn a_sandbox_is_resized_as_it_runs_and_its_disk_at_rest() {
    let f = fixture().await;
    f.create("web").await;
    let wish = Resize { cpu_millis: Some(3_000), ..Resize::default() };
    let resize = |wish: Resize| f.engine.change_sandbox(&f.who, "web", SandboxChange::Resize(wish));
    let resized = resize(wish).await.expect("it runs").spec.resources;
    assert_eq!(resized, Resources { cpu_millis: 3_000, ..Resources::DEFAULT });
    assert_eq!(f.provider.calls(Operation::Resize), 1);
    f.provider.fail_next(Operation::Resize, Kind::Invalid, "more is in use");
    let less = Resize { memory_bytes: Some(1 << 30), ..Resize::default() };
    let error = resize(less).await.expect_err("more is in use");
    assert_eq!(error.kind(), Kind::Invalid);
    let disk = Resize { disk_bytes: Some(4 << 30), ..Resize::default() };
    assert_eq!(resize(disk).await.expect_err("it runs").kind(), Kind::Conflict);
    let kept = f.engine.get_sandbox(&f.who, "web").await.expect("there").spec.resources;
    assert_eq!(kept, resized, "what was refused changed nothing");
    f.engine.stop_sandbox(&f.who, "web").await.expect("stops");
    let grown = resize(disk).await.expect("it rests").spec.resources;
    assert_eq!(grown, Resources { disk_bytes: 4 << 30, ..resized });
    assert_eq!(f.provider.calls(Operation::Resize), 2, "nothing runs that could be resized");
    for wrong in [
        Resize { disk_bytes: Some(1 << 30), ..Resize::default() },
        Resize { memory_bytes: Some(1), ..Resize::default() },
    ] {
        let error = resize(wrong).await.expect_err("it is out of range");
        assert_eq!(error.kind(), Kind::Invalid);
    }
}

#[tokio::test]
async fn work_is_told_and_a_stranger_settles_nothing() {
    let f = fixture().await;
    let made = f.create("web").await;
    let touched = async {
        // The clock may still stand where it stood at the creation.
        while f.engine.get_sandbox(&f.who, "web").await.expect("there").active_at <= made.active_at
        {
            f.engine.touch_sandbox(&f.who, "web").await.expect("touched");
        }
    };
    tokio::time::timeout(SOON, touched).await.expect("its work is told");
    let stranger = Principal { sees_all: false, ..Principal::operator("mallory") };
    let change = SandboxChange::Labels(BTreeMap::new());
    let error = f.engine.change_sandbox(&stranger, "web", change).await.expect_err("not theirs");
    assert_eq!(error.kind(), Kind::NotFound);
    let error = f.engine.touch_sandbox(&stranger, "web").await.expect_err("not theirs");
    assert_eq!(error.kind(), Kind::NotFound);
}
