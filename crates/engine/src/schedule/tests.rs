use infield_domain::ImageName;
use infield_domain::language::Language;
use infield_domain::network::Policy;
use infield_domain::sandbox::{Resources, Retention, Spec};

use super::*;

fn sandbox(state: State, retention: Retention) -> Sandbox {
    Sandbox {
        id: crate::names::sandbox_id(),
        owner: "alice".to_owned(),
        request_key: None,
        spec: Spec {
            name: crate::names::sandbox_name(),
            image: ImageName::host(),
            language: Language::Python,
            user: "root".to_owned(),
            working_directory: "/workspace".parse().expect("a path"),
            environment: Default::default(),
            labels: Default::default(),
            retention,
            resources: Resources::DEFAULT,
            networks: Default::default(),
            secrets: Vec::new(),
            volumes: Vec::new(),
            network: Policy::None,
            previews: infield_domain::preview::Previews::default(),
            allowance: infield_domain::network::Allowance::DEFAULT,
            require: Vec::new(),
        },
        state,
        cause: None,
        provider: "fake".to_owned(),
        enforcement: None,
        created_at: 1_000,
        changed_at: 2_000,
        active_at: 2_000,
    }
}

const SHORT: Retention = Retention {
    persistent: false,
    stop_after_idle_ms: Some(100),
    pause_after_idle_ms: None,
    delete_after_stop_ms: Some(500),
    archive_after_stop_ms: Some(200),
    time_to_live_ms: Some(10_000),
};

/// Checks what is due at a moment: nothing, `stop` or `delete`.
fn check(state: State, work: Work, now: Millis, expected: &str) {
    let word = match due(&sandbox(state, SHORT), work, now) {
        None => "nothing",
        Some(Wish::Stop(_)) => "stop",
        Some(Wish::Delete(_)) => "delete",
        Some(Wish::Start) => "start",
        Some(Wish::Pause) => "pause",
        Some(Wish::Archive) => "archive",
    };
    assert_eq!(word, expected, "{state:?} {work:?} at {now}");
}

#[test]
fn timers_know_running_work() {
    let idle = Work { working: false, active_at: 3_000 };
    let busy = Work { working: true, active_at: 3_000 };
    check(State::Running, idle, 3_099, "nothing");
    check(State::Running, idle, 3_100, "stop");
    check(State::Running, busy, 9_000, "nothing");
    check(State::Running, busy, 11_000, "delete");
    check(State::Stopped, idle, 2_199, "nothing");
    check(State::Stopped, idle, 2_200, "archive");
    check(State::Archived, idle, 2_499, "nothing");
    check(State::Archived, idle, 2_500, "delete");
    check(State::Paused, idle, 10_999, "nothing");
    check(State::Paused, idle, 11_000, "delete");
    check(State::Stopped, idle, 2_500, "delete");
    check(State::Failed, idle, 2_500, "delete");
    check(State::Stopping, idle, 9_000, "nothing");
    check(State::Creating, idle, 9_000, "nothing");
}

#[test]
fn what_is_idle_is_paused_where_that_is_meant() {
    let retention = Retention { stop_after_idle_ms: None, pause_after_idle_ms: Some(100), ..SHORT };
    let work = Work { working: false, active_at: 3_000 };
    let due = |now| super::due(&sandbox(State::Running, retention), work, now);
    assert_eq!((due(3_099), due(3_100)), (None, Some(Wish::Pause)));
    assert!(retention.check().is_ok());
    assert!(Retention { stop_after_idle_ms: Some(1), ..retention }.check().is_err());
}

#[test]
fn what_is_persistent_has_no_timers() {
    let work = Work { working: false, active_at: 0 };
    for state in [State::Running, State::Paused, State::Stopped, State::Archived, State::Failed] {
        assert_eq!(next(&sandbox(state, Retention::PERSISTENT), work), None);
    }
}
