use infield_domain::Kind;

use super::*;
use crate::testing::{SOON, fixture, named};

async fn next(events: &mut SandboxEvents) -> (Option<State>, State) {
    let event = tokio::time::timeout(SOON, events.next()).await.expect("in time").expect("told");
    (event.before, event.sandbox.state)
}

#[tokio::test]
async fn each_change_is_told_to_those_who_may_see_it() {
    let f = fixture().await;
    let mut mine = f.engine.sandbox_events(&f.who).expect("they may");
    let stranger = Principal { sees_all: false, ..Principal::operator("mallory") };
    let mut theirs = f.engine.sandbox_events(&stranger).expect("they may");
    f.create("web").await;
    f.engine.stop_sandbox(&f.who, "web").await.expect("stops");
    let expected = [
        (None, State::Creating),
        (Some(State::Creating), State::Running),
        (Some(State::Running), State::Stopping),
        (Some(State::Stopping), State::Stopped),
    ];
    for change in expected {
        assert_eq!(next(&mut mine).await, change);
    }
    f.engine.create_sandbox(&stranger, named("other")).await.expect("made");
    let first = tokio::time::timeout(SOON, theirs.next()).await.expect("in time").expect("told");
    assert_eq!(first.sandbox.spec.name.as_str(), "other", "the first that they see is their own");
}

#[tokio::test]
async fn nobody_listens_without_permission_and_the_slow_are_told() {
    let f = fixture().await;
    let deaf = Principal { permissions: Vec::new(), ..Principal::operator("bob") };
    assert_eq!(f.engine.sandbox_events(&deaf).err().map(|error| error.kind()), Some(Kind::Denied));
    let mut slow = f.engine.sandbox_events(&f.who).expect("they may");
    let made = f.create("web").await;
    for _ in 0..ROOM {
        f.engine.bell().ring(&made, Some(State::Running));
    }
    let missed = slow.next().await.expect_err("the oldest are gone");
    assert_eq!(missed.kind(), Kind::Unavailable);
}
