use infield_domain::lifecycle::{Cause, Reason, State};
use infield_domain::provider::Found;
use infield_domain::sandbox::Retention;
use infield_domain::{Kind, Principal};
use infield_testkit::{Operation, eventually};
use std::time::Duration;

use crate::testing::{SOON, fixture, named};
use crate::{CreateSandbox, ListSandboxes};

fn all() -> ListSandboxes {
    ListSandboxes { states: Vec::new(), labels: Default::default(), limit: 100, cursor: None }
}

#[tokio::test]
async fn a_creation_that_fails_leaves_a_record_with_its_phase() {
    let f = fixture().await;
    f.provider.fail_next(Operation::Create, Kind::Quota, "phase `rooted`: no space");
    let error = f.engine.create_sandbox(&f.who, named("web")).await.expect_err("it fails");
    assert_eq!(error.kind(), Kind::Quota);
    let sandbox = f.engine.get_sandbox(&f.who, "web").await.expect("recorded");
    assert_eq!(sandbox.state, State::Failed);
    let cause = sandbox.cause.expect("a cause");
    assert_eq!(cause.detail.as_deref(), Some("phase `rooted`: no space"));
    assert_eq!(f.provider.count(), 0);
    // It never ran, so that a start makes it.
    let started = f.engine.start_sandbox(&f.who, "web").await.expect("starts");
    assert_eq!(started.state, State::Running);
    assert_eq!(f.provider.calls(Operation::Create), 2);
}

#[tokio::test]
async fn a_provider_that_was_away_is_asked_again() {
    let f = fixture().await;
    f.provider.fail_next(Operation::Create, Kind::Unavailable, "the launcher is away");
    f.create("web").await;
    assert_eq!(f.provider.calls(Operation::Create), 2);
}

#[tokio::test]
async fn deletion_interrupts_a_creation_that_hangs() {
    let f = fixture().await;
    f.provider.delay(Operation::Create, Duration::from_secs(3_600));
    let (engine, who) = (f.engine.clone(), f.who.clone());
    let creation = tokio::spawn(async move { engine.create_sandbox(&who, named("web")).await });
    eventually(SOON, "it is being made", || f.provider.calls(Operation::Create) == 1).await;
    let deleted = f.engine.delete_sandbox(&f.who, "web").await.expect("deleted");
    assert_eq!(deleted.state, State::Deleted);
    assert_eq!(f.provider.count(), 0);
    let refused = creation.await.expect("no panic").expect_err("it was deleted");
    assert_eq!(refused.kind(), Kind::Conflict);
}

#[tokio::test]
async fn a_death_is_told_with_its_cause() {
    let f = fixture().await;
    let sandbox = f.create("web").await;
    f.provider.kill(&sandbox.id, Cause::of(Reason::OutOfMemory));
    let seat = f.engine.registry().by_id(&sandbox.id).expect("it lives");
    let stopped = seat.wait_for(|state| state == State::Stopped, SOON).await;
    assert_eq!(stopped.state, State::Stopped);
    assert_eq!(stopped.cause.as_ref().map(|cause| cause.reason), Some(Reason::OutOfMemory));
    assert_eq!(f.provider.calls(Operation::Stop), 1, "what is left of its layer is saved");
}

#[tokio::test]
async fn what_nothing_enforces_does_not_start() {
    let f = fixture().await;
    f.provider.leave_unenforced(infield_domain::isolation::Control::Memory);
    let require = vec![infield_domain::isolation::Control::Memory];
    let create = CreateSandbox { require, ..named("web") };
    let error = f.engine.create_sandbox(&f.who, create).await.expect_err("it must not start");
    assert_eq!(error.kind(), Kind::Unsupported);
    assert_eq!(f.provider.count(), 0);
}

#[tokio::test]
async fn idle_and_old_sandboxes_go_by_themselves() {
    let f = fixture().await;
    let retention = Retention {
        persistent: false,
        stop_after_idle_ms: Some(30),
        delete_after_stop_ms: Some(30),
        pause_after_idle_ms: None,
        archive_after_stop_ms: None,
        time_to_live_ms: None,
    };
    let create = CreateSandbox { retention, ..named("web") };
    let sandbox = f.engine.create_sandbox(&f.who, create).await.expect("made");
    eventually(SOON, "it is gone", || f.engine.registry().by_id(&sandbox.id).is_none()).await;
    let calls: Vec<_> = f.provider.history().into_iter().map(|(call, _)| call).collect();
    let expected = [Operation::Inventory, Operation::Create, Operation::Stop, Operation::Delete];
    assert_eq!(calls, expected);
    let system = Principal::system();
    assert!(f.engine.list_sandboxes(&system, all()).await.expect("listed").items.is_empty());
}

#[tokio::test]
async fn a_removal_that_fails_is_tried_again() {
    let f = fixture().await;
    let sandbox = f.create("web").await;
    f.provider.fail_next(Operation::Delete, Kind::Internal, "busy");
    let error = f.engine.delete_sandbox(&f.who, "web").await.expect_err("not at once");
    assert_eq!(error.message(), "busy");
    eventually(SOON, "it is gone", || f.engine.registry().by_id(&sandbox.id).is_none()).await;
    assert_eq!(f.provider.count(), 0);
}

#[tokio::test]
async fn a_paused_sandbox_is_held_until_somebody_wants_it() {
    let f = fixture().await;
    let made = f.create("web").await;
    let paused = f.engine.pause_sandbox(&f.who, "web").await.expect("paused");
    assert_eq!((paused.state, paused.cause), (State::Paused, None));
    assert!(matches!(f.provider.found(&made.id), Some(Found::Paused(_))));
    let again = f.engine.pause_sandbox(&f.who, "web").await.expect("it is so already");
    assert_eq!(again.state, State::Paused);
    assert_eq!(f.provider.calls(Operation::Pause), 1);
    let started = f.engine.start_sandbox(&f.who, "web").await.expect("goes on");
    assert_eq!(started.state, State::Running);
    assert_eq!(f.provider.calls(Operation::Start), 0, "nothing of it was started anew");

    f.engine.pause_sandbox(&f.who, "web").await.expect("paused");
    let path = "/workspace".parse().expect("a path");
    f.engine.make_directory(&f.who, "web", &path).await.expect("whoever uses it wakes it");
    assert_eq!(f.engine.get_sandbox(&f.who, "web").await.expect("there").state, State::Running);

    f.engine.pause_sandbox(&f.who, "web").await.expect("paused");
    let stopped = f.engine.stop_sandbox(&f.who, "web").await.expect("stops");
    assert_eq!(stopped.state, State::Stopped);
    let error = f.engine.pause_sandbox(&f.who, "web").await.expect_err("nothing runs");
    assert_eq!(error.kind(), Kind::Conflict);
    f.engine.start_sandbox(&f.who, "web").await.expect("starts");
    f.engine.pause_sandbox(&f.who, "web").await.expect("paused");
    f.engine.delete_sandbox(&f.who, "web").await.expect("deleted");
    assert_eq!(f.provider.count(), 0);
}

#[tokio::test]
async fn what_cannot_be_paused_goes_on_and_what_cannot_go_on_stays() {
    let f = fixture().await;
    let made = f.create("web").await;
    f.provider.fail_next(Operation::Pause, Kind::Unsupported, "no such group");
    let error = f.engine.pause_sandbox(&f.who, "web").await.expect_err("refused");
    assert_eq!(error.kind(), Kind::Unsupported);
    let now = f.engine.get_sandbox(&f.who, "web").await.expect("there");
    assert_eq!(now.state, State::Running);
    f.engine.pause_sandbox(&f.who, "web").await.expect("paused");
    f.provider.fail_next(Operation::SetNetwork, Kind::Internal, "no policy");
    let error = f.engine.start_sandbox(&f.who, "web").await.expect_err("without its policy");
    assert_eq!(error.message(), "no policy");
    let now = f.engine.get_sandbox(&f.who, "web").await.expect("there");
    assert_eq!(now.state, State::Paused);
    assert!(matches!(f.provider.found(&made.id), Some(Found::Paused(_))), "it stays held");
    f.provider.kill(&made.id, Cause::of(Reason::Killed));
    let seat = f.engine.registry().by_id(&made.id).expect("there");
    seat.wait_for(|state| state == State::Stopped, SOON).await;
    assert_eq!(seat.sandbox().cause, Some(Cause::of(Reason::Killed)), "its death is seen");
}

#[tokio::test]
async fn what_is_idle_is_paused_and_what_rests_is_archived() {
    let f = fixture().await;
    let retention = Retention {
        pause_after_idle_ms: Some(30),
        archive_after_stop_ms: Some(30),
        ..Retention::PERSISTENT
    };
    let create = CreateSandbox { retention, ..named("web") };
    let sandbox = f.engine.create_sandbox(&f.who, create).await.expect("made");
    let seat = f.engine.registry().by_id(&sandbox.id).expect("there");
    let paused = seat.wait_for(|state| state == State::Paused, SOON).await;
    assert_eq!(paused.state, State::Paused);
    let error = f.engine.archive_sandbox(&f.who, "web").await.expect_err("it has to stop first");
    assert_eq!(error.kind(), Kind::Conflict);
    let stopped = f.engine.stop_sandbox(&f.who, "web").await.expect("stops");
    let archived = seat.wait_for(|state| state == State::Archived, SOON).await;
    assert_eq!(archived.state, State::Archived);
    assert_eq!(archived.changed_at, stopped.changed_at, "it rests since it stopped");
    let again = f.engine.archive_sandbox(&f.who, "web").await.expect("it is so already");
    assert_eq!(again.state, State::Archived);
    let error = f.engine.stop_sandbox(&f.who, "web").await.expect_err("it has stopped long ago");
    assert_eq!(error.kind(), Kind::Conflict);
    let started = f.engine.start_sandbox(&f.who, "web").await.expect("comes back");
    assert_eq!(started.state, State::Running);
}
