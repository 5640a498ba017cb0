use infield_domain::Kind;
use infield_testkit::Operation;

use super::*;
use crate::testing::{fixture, named};

#[tokio::test]
async fn an_ending_daemon_leaves_or_stops_its_sandboxes() {
    for (mode, stops) in [(Shutdown::LeaveSandboxes, 0), (Shutdown::StopSandboxes, 1)] {
        let f = fixture().await;
        f.create("web").await;
        assert!(f.engine.is_ready() && !f.engine.is_idle(0));
        f.engine.shutdown(&f.who, mode).await.expect("ends");
        f.engine.closed().await;
        assert_eq!(f.provider.calls(Operation::Stop), stops);
        assert!(!f.engine.is_ready());
        let late = f.engine.create_sandbox(&f.who, named("late")).await.expect_err("too late");
        assert_eq!(late.kind(), Kind::Unavailable);
    }
}

#[tokio::test]
async fn a_daemon_is_idle_when_all_rests_and_no_timer_is_near() {
    let f = fixture().await;
    assert!(f.engine.is_idle(600_000));
    f.create("web").await;
    f.engine.stop_sandbox(&f.who, "web").await.expect("stops");
    assert!(f.engine.is_idle(600_000));
    assert!(!f.engine.is_idle(25 * 3_600_000), "it is deleted a day after it stopped");
}
