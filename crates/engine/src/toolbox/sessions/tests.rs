use infield_domain::Kind;

use super::living::MOST_SESSIONS;
use super::*;
use crate::testing::fixture;

#[tokio::test]
async fn a_name_is_taken_once_and_bounded() {
    let f = fixture().await;
    f.create("web").await;
    f.engine.create_session(&f.who, "web", "one").await.expect("made");
    let twice = f.engine.create_session(&f.who, "web", "one").await.expect_err("taken");
    assert_eq!(twice.kind(), Kind::Conflict);
    let long = "x".repeat(MOST_NAME + 1);
    for wrong in ["", "a\nb", &long] {
        let error = f.engine.create_session(&f.who, "web", wrong).await.expect_err(wrong);
        assert_eq!(error.kind(), Kind::Invalid, "{wrong:?}");
    }
    for number in 1..MOST_SESSIONS {
        f.engine.create_session(&f.who, "web", &format!("s{number}")).await.expect("made");
    }
    let many = f.engine.create_session(&f.who, "web", "more").await.expect_err("too many");
    assert_eq!(many.kind(), Kind::Quota);
    f.engine.delete_session(&f.who, "web", "one").await.expect("gone");
    let gone = f.engine.get_session(&f.who, "web", "one").expect_err("gone");
    assert_eq!(gone.kind(), Kind::NotFound);
}

#[tokio::test]
async fn sessions_end_with_their_sandbox() {
    let f = fixture().await;
    f.create("web").await;
    f.engine.create_session(&f.who, "web", "one").await.expect("made");
    f.engine.stop_sandbox(&f.who, "web").await.expect("stops");
    infield_testkit::eventually(crate::testing::SOON, "the session is gone", || {
        f.engine.list_sessions(&f.who, "web").expect("listed").is_empty()
    })
    .await;
}
