use infield_domain::network::{Choice, Policy};
use infield_domain::principal::Credential;
use infield_domain::{Kind, Permission};
use infield_testkit::Operation;

use super::*;
use crate::testing::{fixture, named};
use crate::{ListAudit, ListSandboxes};

fn page(limit: u32, cursor: Option<String>) -> ListSandboxes {
    ListSandboxes { states: Vec::new(), labels: BTreeMap::new(), limit, cursor }
}

fn guest(owner: &str, permissions: &[Permission]) -> Principal {
    Principal {
        owner: owner.to_owned(),
        credential: Credential::None,
        permissions: permissions.to_vec(),
        sees_all: false,
        request_id: String::new(),
    }
}

#[tokio::test]
async fn a_sandbox_lives_and_goes() {
    let f = fixture().await;
    let made = f.create("web").await;
    assert_eq!(made.state, State::Running);
    let stopped = f.engine.stop_sandbox(&f.who, "web").await.expect("stops");
    assert_eq!(stopped.state, State::Stopped);
    let again = f.engine.stop_sandbox(&f.who, made.id.as_str()).await.expect("it rests already");
    assert_eq!(again.state, State::Stopped);
    let started = f.engine.start_sandbox(&f.who, "web").await.expect("starts");
    assert_eq!((started.state, started.cause), (State::Running, None));
    let gone = f.engine.delete_sandbox(&f.who, "web").await.expect("deleted");
    assert_eq!(gone.state, State::Deleted);
    let error = f.engine.get_sandbox(&f.who, "web").await.expect_err("gone");
    assert_eq!(error.kind(), Kind::NotFound);
    let list = ListSandboxes { states: vec![State::Deleted], ..page(10, None) };
    let deleted = f.engine.list_sandboxes(&f.who, list).await.expect("listed");
    assert_eq!(deleted.items.len(), 1);
}

#[tokio::test]
async fn a_taken_name_is_a_conflict_that_names_its_sandbox() {
    let f = fixture().await;
    let first = f.create("web").await;
    let error = f.engine.create_sandbox(&f.who, named("web")).await.expect_err("taken");
    assert_eq!(error.kind(), Kind::Conflict);
    assert!(error.message().contains(first.id.as_str()), "{error}");
}

#[tokio::test]
async fn owners_do_not_keep_each_other_out_of_a_name() {
    let f = fixture().await;
    let (mallory, bob) = (guest("mallory", &Permission::ALL), guest("bob", &Permission::ALL));
    let theirs = f.engine.create_sandbox(&mallory, named("web")).await.expect("free for them");
    let other = f.engine.create_sandbox(&bob, named("web")).await.expect("and for them");
    for (who, own) in [(&mallory, &theirs), (&bob, &other)] {
        let found = f.engine.get_sandbox(who, "web").await.expect("their own");
        assert_eq!(found.id, own.id);
    }
    // Who sees both takes no third one, and says which is meant.
    let error = f.engine.create_sandbox(&f.who, named("web")).await.expect_err("taken");
    assert_eq!(error.kind(), Kind::Conflict);
    let error = f.engine.get_sandbox(&f.who, "web").await.expect_err("two have it");
    assert_eq!(error.kind(), Kind::Conflict);
    let hint = error.hint().expect("a hint");
    assert!(hint.contains(theirs.id.as_str()) && hint.contains(other.id.as_str()), "{hint}");
    f.engine.delete_sandbox(&bob, "web").await.expect("deleted");
    assert_eq!(f.engine.get_sandbox(&f.who, "web").await.expect("one is left").id, theirs.id);
    let again = f.engine.create_sandbox(&bob, named("web")).await.expect("free again");
    assert_ne!(again.id, other.id);
}

#[tokio::test]
async fn the_same_request_gives_the_same_sandbox() {
    let f = fixture().await;
    let create =
        || CreateSandbox { request_key: Some("r1".to_owned()), ..CreateSandbox::standard() };
    let both = tokio::join!(
        f.engine.create_sandbox(&f.who, create()),
        f.engine.create_sandbox(&f.who, create()),
    );
    let (first, second) = (both.0.expect("made"), both.1.expect("found"));
    assert_eq!(first.id, second.id);
    assert_eq!(f.provider.calls(Operation::Create), 1);
    let stranger = guest("bob", &Permission::ALL);
    let other = f.engine.create_sandbox(&stranger, create()).await.expect("made");
    assert_ne!(other.id, first.id);
}

#[tokio::test]
async fn nobody_sees_what_is_not_theirs() {
    let f = fixture().await;
    f.create("web").await;
    let stranger = guest("mallory", &Permission::ALL);
    let found = f.engine.get_sandbox(&stranger, "web").await.expect_err("hidden");
    assert_eq!(found.kind(), Kind::NotFound);
    let deleted = f.engine.delete_sandbox(&stranger, "web").await.expect_err("hidden");
    assert_eq!(deleted.kind(), Kind::NotFound);
    let list = f.engine.list_sandboxes(&stranger, page(10, None)).await.expect("listed");
    assert!(list.items.is_empty());
    let reader = guest("alice", &[Permission::Read]);
    let denied = f.engine.stop_sandbox(&reader, "web").await.expect_err("denied");
    assert_eq!(denied.kind(), Kind::Denied);
}

#[tokio::test]
async fn errors_name_what_there_is() {
    let f = fixture().await;
    let none = f.engine.get_sandbox(&f.who, "foo").await.expect_err("none");
    assert_eq!(none.hint(), Some("there are none yet: make one with create_sandbox"));
    let web = f.create("web").await;
    let error = f.engine.get_sandbox(&f.who, "foo").await.expect_err("another");
    assert_eq!(error.message(), "there is no sandbox `foo`");
    let hint = error.hint().expect("a hint");
    assert!(hint.contains(&format!("web ({}, running)", web.id)), "{hint}");
}

#[tokio::test]
async fn variables_are_masked_everywhere() {
    let f = fixture().await;
    let environment = BTreeMap::from([("TOKEN".to_owned(), "s3cret".to_owned())]);
    let create = CreateSandbox { environment, ..named("web") };
    let made = f.engine.create_sandbox(&f.who, create).await.expect("made");
    let listed = f.engine.list_sandboxes(&f.who, page(10, None)).await.expect("listed");
    let seen = f.engine.inspect_sandbox(&f.who, "web").await.expect("seen");
    let trail = ListAudit { subject: None, who: None, action: None, limit: 100, cursor: None };
    let trail = f.engine.list_audit(&f.who, trail).await.expect("the trail");
    let shown = format!("{made:?} {listed:?} {seen:?} {trail:?}");
    assert!(shown.contains("TOKEN") && !shown.contains("s3cret"), "{shown}");
}

#[tokio::test]
async fn lists_come_in_pages() {
    let f = fixture().await;
    for number in 0..5 {
        f.create(&format!("s{number}")).await;
    }
    let mut names = Vec::new();
    let mut cursor = None;
    loop {
        let list = f.engine.list_sandboxes(&f.who, page(2, cursor)).await.expect("listed");
        names.extend(list.items.iter().map(|sandbox| sandbox.spec.name.to_string()));
        cursor = list.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    names.sort();
    assert_eq!(names, ["s0", "s1", "s2", "s3", "s4"]);
}

#[tokio::test]
async fn what_has_no_network_brings_no_repository() {
    let f = fixture().await;
    for (url, kind, words) in [
        ("https://example.com/a.git", Kind::Unsupported, "no network"),
        ("https://user:pw@example.com/a.git", Kind::Invalid, "credential"),
    ] {
        let git = Some(GitSource { url: url.to_owned(), branch: None });
        let network = Choice::of(Policy::None);
        let create = CreateSandbox { git, network, ..named("web") };
        let error = f.engine.create_sandbox(&f.who, create).await.expect_err("refused");
        assert_eq!(error.kind(), kind);
        assert!(error.message().contains(words), "{error}");
        assert!(!error.message().contains("pw"), "{error}");
    }
    assert_eq!(f.provider.calls(Operation::Create), 0);
    assert!(f.engine.get_sandbox(&f.who, "web").await.is_err(), "nothing is half-made");
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_made() {
    let f = fixture().await;
    let known = f.create("web").await;
    f.engine.delete_sandbox(&f.who, "web").await.expect("deleted");
    // A row that only the database knows: its names are unique, so a second one is refused.
    let id = crate::names::sandbox_id();
    let sandbox = Sandbox { id, state: State::Running, ..known };
    let row = infield_store::SandboxRow { sandbox, single_use: false, traffic: Default::default() };
    let put = f.engine.records().call(move |store| store.insert_sandbox(&row));
    put.await.expect("recorded");
    f.engine.create_sandbox(&f.who, named("web")).await.expect_err("there is such a row");
    assert_eq!(f.provider.count(), 0, "nothing is left of it");
    assert!(f.engine.get_sandbox(&f.who, "web").await.is_err(), "nobody hears of it");
}

#[tokio::test]
async fn every_mutation_leaves_one_record() {
    let f = fixture().await;
    let who = f.who.clone().for_request("req-1");
    let made = f.engine.create_sandbox(&who, named("web")).await.expect("made");
    f.engine.stop_sandbox(&who, "web").await.expect("stopped");
    f.engine.delete_sandbox(&who, "nothing").await.expect_err("there is none");
    f.engine.delete_sandbox(&who, "web").await.expect("deleted");
    let list = ListAudit { subject: None, who: None, action: None, limit: 100, cursor: None };
    let trail = f.engine.list_audit(&f.who, list).await.expect("the trail");
    let told: Vec<_> = trail
        .items
        .iter()
        .rev()
        .map(|record| (record.action.as_str(), record.subject.as_str(), record.outcome.as_str()))
        .collect();
    let id = made.id.as_str();
    let expected = [
        ("sandbox.create", id, "ok"),
        ("sandbox.stop", id, "ok"),
        ("sandbox.delete", "nothing", "not_found"),
        ("sandbox.delete", id, "ok"),
    ];
    assert_eq!(told, expected);
    assert!(trail.items.iter().all(|record| record.request_id == "req-1"));
    let verdict = f.engine.verify_audit(&f.who).await.expect("verified");
    assert_eq!((verdict.records, verdict.broken_at), (4, None));
}

#[tokio::test]
async fn pruning_spares_what_is_persistent() {
    let f = fixture().await;
    let kept = CreateSandbox { retention: Retention::PERSISTENT, ..named("kept") };
    f.engine.create_sandbox(&f.who, kept).await.expect("made");
    f.create("old").await;
    f.create("runs").await;
    for name in ["kept", "old"] {
        f.engine.stop_sandbox(&f.who, name).await.expect("stops");
    }
    let prune = Prune { older_than_ms: 0, persistent: false };
    let pruned = f.engine.prune(&f.who, prune).await.expect("pruned");
    let names: Vec<_> = pruned.sandboxes.iter().map(|s| s.spec.name.as_str()).collect();
    assert_eq!(names, ["old"]);
}
