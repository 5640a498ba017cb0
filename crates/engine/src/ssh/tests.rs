use std::sync::atomic::{AtomicU64, Ordering};

use infield_store::Store;
use infield_testkit::FakeProvider;
use tokio::time::timeout;

use super::*;
use crate::Settings;
use crate::testing::{Fixture, SOON};

async fn fixture(now: &Arc<AtomicU64>) -> Fixture {
    let clock = now.clone();
    let settings = Settings {
        clock: Arc::new(move || clock.load(Ordering::SeqCst)),
        ssh: Some(SshPlace { host: "localhost".to_owned(), port: 22 }),
        ..Settings::standard()
    };
    let (provider, store) = (FakeProvider::new(), Store::in_memory().expect("memory"));
    let engine = Engine::open(store, provider.clone(), settings).expect("opens");
    engine.recover().await.expect("recovers");
    Fixture { engine, provider, who: Principal::operator("alice") }
}

async fn access(fixture: &Fixture, minutes: Option<u64>) -> Result<SshAccess> {
    fixture.engine.create_ssh_access(&fixture.who, "one", CreateSshAccess { minutes }).await
}

async fn is_refused(fixture: &Fixture, token: &str) {
    let error = fixture.engine.admit_ssh(token).await.err().expect("it is refused");
    assert_eq!(error.kind(), Kind::Unauthenticated);
    assert_eq!(error.message(), "this access is not right, or is over", "all are alike");
}

#[tokio::test]
async fn a_token_lets_into_its_sandbox_with_few_permissions() {
    let fixture = fixture(&Arc::new(AtomicU64::new(1_000_000))).await;
    let one = fixture.create("one").await;
    let made = access(&fixture, None).await.expect("made");
    assert_eq!(made.expires_at - made.created_at, 3_600_000);
    let pass = fixture.engine.admit_ssh(&made.token).await.expect("good");
    assert_eq!(pass.sandbox(), &one.id);
    assert_eq!(pass.who.permissions, [Permission::Read, Permission::Execute]);
    assert!(!pass.who.sees_all);
    for wrong in ["", "x", &made.token[1..], &"0".repeat(TOKEN_LETTERS), made.id.as_str()] {
        is_refused(&fixture, wrong).await;
    }
    let valid = fixture.engine.validate_ssh_access(&fixture.who, &made.token).await.expect("read");
    assert_eq!(valid, Some(one.id));
    let stranger = Principal { sees_all: false, ..Principal::operator("mallory") };
    let hidden = fixture.engine.validate_ssh_access(&stranger, &made.token).await.expect("read");
    assert_eq!(hidden, None, "a stranger learns nothing of it");
}

#[tokio::test]
async fn time_revocation_and_deletion_end_what_came_by_it() {
    let now = Arc::new(AtomicU64::new(1_000_000));
    let fixture = fixture(&now).await;
    fixture.create("one").await;
    let made = access(&fixture, Some(1)).await.expect("made");
    let pass = fixture.engine.admit_ssh(&made.token).await.expect("good");
    let kept = access(&fixture, Some(5)).await.expect("made");
    let other = fixture.engine.admit_ssh(&kept.token).await.expect("good");
    let revoked = fixture.engine.revoke_ssh_access(&fixture.who, "one", Some(&made.token));
    revoked.await.expect("revoked");
    timeout(SOON, pass.ended()).await.expect("the pass ends");
    is_refused(&fixture, &made.token).await;
    assert!(other.holds().await, "the other access is not touched");
    let again = fixture.engine.revoke_ssh_access(&fixture.who, "one", Some(&made.token)).await;
    assert_eq!(again.expect_err("it is gone").kind(), Kind::NotFound);

    now.store(1_000_000 + 5 * 60_000, Ordering::SeqCst);
    timeout(SOON, other.ended()).await.expect("its time is over");
    is_refused(&fixture, &kept.token).await;

    let last = access(&fixture, None).await.expect("made");
    let pass = fixture.engine.admit_ssh(&last.token).await.expect("good");
    fixture.engine.delete_sandbox(&fixture.who, "one").await.expect("deleted");
    timeout(SOON, pass.ended()).await.expect("it ends with its sandbox");
    is_refused(&fixture, &last.token).await;
}

#[tokio::test]
async fn what_a_caller_may_not_do_is_refused() {
    let fixture = fixture(&Arc::new(AtomicU64::new(1_000_000))).await;
    fixture.create("one").await;
    let reader = Principal { permissions: vec![Permission::Read], ..fixture.who.clone() };
    let create = CreateSshAccess { minutes: None };
    let denied = fixture.engine.create_ssh_access(&reader, "one", create).await;
    assert_eq!(denied.expect_err("it is refused").kind(), Kind::Denied);
    let denied = fixture.engine.revoke_ssh_access(&reader, "one", None).await;
    assert_eq!(denied.expect_err("it is refused").kind(), Kind::Denied);
    for minutes in [0, LONGEST_MINUTES + 1] {
        let wrong = access(&fixture, Some(minutes)).await.expect_err("it is out of range");
        assert_eq!(wrong.kind(), Kind::Invalid);
    }
    for _ in 0..MOST_ACCESSES {
        access(&fixture, None).await.expect("there is room");
    }
    assert_eq!(access(&fixture, None).await.expect_err("it is full").kind(), Kind::Quota);
}

#[tokio::test]
async fn a_server_without_a_gateway_says_so() {
    let fixture = crate::testing::fixture().await;
    fixture.create("one").await;
    let refused = access(&fixture, None).await.expect_err("there is no gateway");
    assert_eq!(refused.kind(), Kind::Unsupported);
}
