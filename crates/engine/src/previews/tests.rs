use std::sync::atomic::{AtomicU64, Ordering};

use infield_domain::preview::Change;
use infield_domain::sandbox::Sandbox;
use infield_store::Store;
use infield_testkit::FakeProvider;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::testing::{Fixture, SOON, fixture, named};
use crate::{ListAudit, Settings};

fn port(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).expect("not zero")
}

fn name(sandbox: &Sandbox, number: u16) -> PreviewName {
    PreviewName { port: port(number), sandbox: sandbox.id.clone() }
}

fn token(text: &str) -> Proof {
    Proof { tokens: vec![text.to_owned()], cookies: Vec::new() }
}

fn cookie(text: &str) -> Proof {
    Proof { tokens: Vec::new(), cookies: vec!["other".to_owned(), text.to_owned()] }
}

fn link(fixture: &Fixture, sandbox: &Sandbox, lifetime: Lifetime) -> PreviewLink {
    let wish = LinkPreview { port: port(3000), lifetime };
    fixture.engine.link_preview(&fixture.who, sandbox.id.as_str(), &wish).expect("made")
}

fn refused(fixture: &Fixture, name: &PreviewName, proof: &Proof) {
    let error = fixture.engine.visit_preview(name, proof).err().expect("it is refused");
    assert_eq!(error.kind(), Kind::Unauthenticated);
    assert_eq!(error.message(), "this preview wants a link", "all refusals are alike");
}

#[tokio::test]
async fn a_token_is_good_for_its_port_of_its_sandbox_alone() {
    let fixture = fixture().await;
    let (one, two) = (fixture.create("one").await, fixture.create("two").await);
    let made = link(&fixture, &one, Lifetime::Unlimited);
    let pass = fixture.engine.visit_preview(&name(&one, 3000), &token(&made.token)).expect("good");
    let (kept, seconds) = pass.cookie().expect("it is remembered");
    assert!(seconds > 3600, "a browser is remembered");
    fixture.engine.visit_preview(&name(&one, 3000), &cookie(&kept)).expect("the cookie is good");
    for proof in [token(&made.token), cookie(&kept)] {
        refused(&fixture, &name(&one, 3001), &proof);
        refused(&fixture, &name(&two, 3000), &proof);
    }
    // Each has one use.
    refused(&fixture, &name(&one, 3000), &token(&kept));
    refused(&fixture, &name(&one, 3000), &cookie(&made.token));
    let unknown =
        PreviewName { port: port(3000), sandbox: infield_domain::SandboxId::from_random([5; 16]) };
    refused(&fixture, &unknown, &token(&made.token));
    for wrong in ["", "x", &made.token[1..], &format!("{}.9999999999999", made.token)] {
        refused(&fixture, &name(&one, 3000), &token(wrong));
    }
    refused(&fixture, &name(&one, 3000), &Proof::default());
}

#[tokio::test]
async fn ending_links_ends_tokens_cookies_and_passes() {
    let fixture = fixture().await;
    let one = fixture.create("one").await;
    let made = link(&fixture, &one, Lifetime::Unlimited);
    let at = name(&one, 3000);
    let pass = fixture.engine.visit_preview(&at, &token(&made.token)).expect("good");
    let (kept, _) = pass.cookie().expect("it is remembered");
    let change = (port(3000), Change::Expire);
    fixture.engine.change_preview(&fixture.who, "one", change).await.expect("ended");
    tokio::time::timeout(SOON, pass.ended()).await.expect("the pass ends");
    refused(&fixture, &at, &token(&made.token));
    refused(&fixture, &at, &cookie(&kept));
    let again = link(&fixture, &one, Lifetime::Unlimited);
    fixture.engine.visit_preview(&at, &token(&again.token)).expect("a new one is good");
}

#[tokio::test]
async fn a_public_port_is_open_until_it_is_private() {
    let fixture = fixture().await;
    let one = fixture.create("one").await;
    let at = name(&one, 3000);
    let change = |access| {
        fixture.engine.change_preview(&fixture.who, "one", (port(3000), Change::Access(access)))
    };
    change(Access::Public).await.expect("public");
    let pass = fixture.engine.visit_preview(&at, &Proof::default()).expect("everybody");
    assert!(pass.cookie().is_none(), "nobody is remembered for what is open");
    refused(&fixture, &name(&one, 3001), &Proof::default());
    let listed = fixture.engine.list_ports(&fixture.who, "one").await.expect("a list");
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].access, listed[0].is_listening), (Access::Public, Some(false)));
    change(Access::Private).await.expect("private");
    tokio::time::timeout(SOON, pass.ended()).await.expect("the pass ends");
    refused(&fixture, &at, &Proof::default());
}

#[tokio::test]
async fn a_link_that_ends_takes_its_cookie_along() {
    let now = Arc::new(AtomicU64::new(1_000_000));
    let clock = now.clone();
    let settings = Settings {
        clock: Arc::new(move || clock.load(Ordering::SeqCst)),
        previews: Some("http://localhost:3987".parse().expect("an origin")),
        ..Settings::standard()
    };
    let (provider, store) = (FakeProvider::new(), Store::in_memory().expect("memory"));
    let engine = Engine::open(store, provider.clone(), settings).expect("opens");
    engine.recover().await.expect("recovers");
    let fixture = Fixture { engine, provider, who: Principal::operator("alice") };
    let one = fixture.create("one").await;
    let made = link(&fixture, &one, Lifetime::For(60_000));
    let url = format!("http://3000-{}.localhost:3987/", one.id);
    assert_eq!(made.url.as_deref(), Some(url.as_str()));
    assert_eq!(made.link, Some(format!("{url}?infield_preview_token={}", made.token)));
    assert_eq!(made.expires_at, Some(1_060_000));
    let at = name(&one, 3000);
    let pass = fixture.engine.visit_preview(&at, &token(&made.token)).expect("good");
    let (kept, seconds) = pass.cookie().expect("it is remembered");
    assert_eq!(seconds, 60);
    now.store(1_060_000, Ordering::SeqCst);
    tokio::time::timeout(SOON, pass.ended()).await.expect("the pass ends");
    refused(&fixture, &at, &token(&made.token));
    refused(&fixture, &at, &cookie(&kept));
}

#[tokio::test]
async fn a_port_is_reached_while_the_sandbox_runs() {
    let fixture = fixture().await;
    let one = fixture.create("one").await;
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a server");
    let inside = fixture.provider.inside(&one.id).expect("it runs");
    inside.open_port(port(3000), server.local_addr().expect("an address"));
    let made = link(&fixture, &one, Lifetime::Unlimited);
    let proof = token(&made.token);
    let pass = fixture.engine.visit_preview(&name(&one, 3000), &proof).expect("good");
    let mut visit = pass.dial().await.expect("it listens");
    let (mut there, _) = server.accept().await.expect("a visitor");
    visit.write_all(b"ping").await.expect("sent");
    let mut heard = [0; 4];
    there.read_exact(&mut heard).await.expect("heard");
    assert_eq!(&heard, b"ping");
    drop(visit);
    let wish = LinkPreview { port: port(3001), lifetime: Lifetime::Unlimited };
    let other = fixture.engine.link_preview(&fixture.who, "one", &wish).expect("made");
    let pass_there = fixture.engine.visit_preview(&name(&one, 3001), &token(&other.token));
    let nobody = pass_there.expect("good").dial().await.err().expect("nobody listens");
    assert_eq!(nobody.kind(), Kind::NotFound);
    fixture.engine.stop_sandbox(&fixture.who, "one").await.expect("stopped");
    let stopped = pass.dial().await.err().expect("it is stopped");
    assert_eq!(stopped.kind(), Kind::Conflict);
    assert_eq!(stopped.hint(), Some("start it with `infield start one`"));
    // The operator's own way starts it.
    fixture.engine.dial_port(&fixture.who, "one", port(3000)).await.expect("it is started");
}

#[tokio::test]
async fn a_new_listener_is_told_once_and_never_to_a_reader() {
    let fixture = fixture().await;
    let one = fixture.create("one").await;
    let inside = fixture.provider.inside(&one.id).expect("it runs");
    inside.open_port(port(3000), "127.0.0.1:9".parse().expect("an address"));
    let seat = fixture.engine.registry().by_id(&one.id).expect("it lives");
    let reader = Principal { permissions: vec![Permission::Read], ..fixture.who.clone() };
    assert!(fixture.engine.new_previews(&reader, &seat).await.is_empty());
    let told = fixture.engine.new_previews(&fixture.who, &seat).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].name, name(&one, 3000));
    assert!(fixture.engine.new_previews(&fixture.who, &seat).await.is_empty());
}

#[tokio::test]
async fn what_a_caller_may_not_do_is_refused_and_all_is_recorded() {
    let fixture = fixture().await;
    let one = fixture.create("one").await;
    let reader = Principal { permissions: vec![Permission::Read], ..fixture.who.clone() };
    let wish = LinkPreview { port: port(3000), lifetime: Lifetime::Unlimited };
    let denied = fixture.engine.link_preview(&reader, "one", &wish).expect_err("it is refused");
    assert_eq!(denied.kind(), Kind::Denied);
    let change = (port(3000), Change::Access(Access::Public));
    let denied = fixture.engine.change_preview(&reader, "one", change).await;
    assert_eq!(denied.expect_err("it is refused").kind(), Kind::Denied);
    assert!(fixture.engine.dial_port(&reader, "one", port(3000)).await.is_err());
    let stranger = Principal { sees_all: false, ..Principal::operator("mallory") };
    let hidden = fixture.engine.link_preview(&stranger, "one", &wish).expect_err("it is hidden");
    assert_eq!(hidden.kind(), Kind::NotFound);
    fixture.engine.change_preview(&fixture.who, "one", change).await.expect("public");
    let list = ListAudit {
        subject: Some(one.id.to_string()),
        who: None,
        action: None,
        limit: 100,
        cursor: None,
    };
    let page = fixture.engine.list_audit(&fixture.who, list).await.expect("read");
    let said: Vec<_> = page.items.iter().map(|r| format!("{} {}", r.action, r.outcome)).collect();
    for expected in
        ["preview.link denied", "preview.public denied", "preview.dial denied", "preview.public ok"]
    {
        assert!(said.contains(&expected.to_owned()), "{expected} in {said:?}");
    }
}

#[tokio::test]
async fn what_is_public_outlives_the_daemon() {
    let home = tempfile::tempdir().expect("a folder");
    let provider = FakeProvider::new();
    let id = {
        let store = Store::open(home.path()).expect("a store");
        let engine = Engine::open(store, provider.clone(), Settings::standard()).expect("opens");
        engine.recover().await.expect("recovers");
        let who = Principal::operator("alice");
        let made = engine.create_sandbox(&who, named("one")).await.expect("made");
        let change = (port(3000), Change::Access(Access::Public));
        engine.change_preview(&who, "one", change).await.expect("public");
        let ended = engine.shutdown(&who, crate::Shutdown::LeaveSandboxes).await;
        ended.expect("it ends");
        made.id
    };
    let store = Store::open(home.path()).expect("a store");
    let engine = Engine::open(store, provider, Settings::standard()).expect("opens");
    engine.recover().await.expect("recovers");
    let at = PreviewName { port: port(3000), sandbox: id };
    engine.visit_preview(&at, &Proof::default()).expect("it is still public");
}
