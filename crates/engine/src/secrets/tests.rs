use std::collections::BTreeMap;

use infield_domain::{Kind, Principal};
use infield_testkit::Operation;

use super::*;
use crate::testing::{Fixture, fixture, named};
use crate::{CreateSandbox, ListAudit};

const VALUE: &str = "a value of eighteen";

fn set(name: &str, owner: Option<&str>) -> SetSecret {
    SetSecret {
        name: name.parse().expect("a name"),
        owner: owner.map(str::to_owned),
        description: None,
        hosts: secret::hosts(&["api.example.org".to_owned()]).expect("a host"),
        value: Value::new(VALUE.to_owned()).expect("a value"),
    }
}

fn with_secrets(name: &str, wishes: &[&str]) -> CreateSandbox {
    let wish = |text: &&str| text.parse().expect("a wish");
    CreateSandbox { secrets: wishes.iter().map(wish).collect(), ..named(name) }
}

async fn refused(f: &Fixture, create: CreateSandbox) -> Kind {
    f.engine.create_sandbox(&f.who, create).await.expect_err("refused").kind()
}

#[tokio::test]
async fn a_sandbox_has_a_placeholder_and_never_the_value() {
    let f = fixture().await;
    let kept = f.engine.set_secret(&f.who, set("TOKEN", None)).await.expect("set");
    assert_eq!((kept.owner.as_str(), kept.created_at), ("alice", kept.changed_at));
    let made = f.engine.create_sandbox(&f.who, with_secrets("a", &["TOKEN=GH_TOKEN"])).await;
    let sandbox = made.expect("made");
    let [grant] = &sandbox.spec.secrets[..] else { panic!("{:?}", sandbox.spec.secrets) };
    assert_eq!(grant.variable, "GH_TOKEN");
    let variables = environment(&sandbox);
    assert_eq!(variables["GH_TOKEN"], grant.placeholder.as_str());
    assert_eq!(variables["SSL_CERT_FILE"], trust::BUNDLE);
    let given = f.provider.given(&sandbox.id);
    assert_eq!(given.len(), 1);
    assert_eq!(given[0].placeholder, grant.placeholder);
    let other = f.engine.create_sandbox(&f.who, with_secrets("b", &["TOKEN"])).await.expect("made");
    assert_ne!(other.spec.secrets[0].placeholder, grant.placeholder);
    let plain = f.create("c").await;
    assert_eq!(environment(&plain), BTreeMap::new());
    let list = ListAudit { subject: None, who: None, action: None, limit: 100, cursor: None };
    let audit = f.engine.list_audit(&f.who, list).await.expect("read");
    assert!(audit.items.iter().any(|record| record.action == "secret.set"));
    assert!(!format!("{audit:?}{sandbox:?}{kept:?}").contains(VALUE));
}

#[tokio::test]
async fn commands_are_told_of_a_proxy_where_there_is_one() {
    use infield_domain::isolation::{Control, Enforcement, Mechanism};
    let f = fixture().await;
    let mut sandbox = f.create("a").await;
    for (mechanism, expected) in [(Mechanism::SkLookup, None), (Mechanism::Proxy, Some(proxy::URL))]
    {
        sandbox.enforcement = Some(Enforcement([(Control::Egress, mechanism)].into()));
        let variables = environment(&sandbox);
        assert_eq!(variables.get("https_proxy").map(String::as_str), expected);
        assert_eq!(variables.contains_key("NO_PROXY"), expected.is_some());
    }
    sandbox.spec.environment.insert("HTTPS_PROXY".to_owned(), "http://other:1".to_owned());
    assert_eq!(environment(&sandbox)["HTTPS_PROXY"], "http://other:1", "its own come first");
}

#[tokio::test]
async fn what_cannot_be_given_is_refused() {
    let f = fixture().await;
    f.engine.set_secret(&f.who, set("TOKEN", None)).await.expect("set");
    f.engine.set_secret(&f.who, set("THEIRS", Some("bob"))).await.expect("set");
    assert_eq!(refused(&f, with_secrets("a", &["NONE"])).await, Kind::NotFound);
    assert_eq!(refused(&f, with_secrets("a", &["TOKEN", "TOKEN"])).await, Kind::Invalid);
    let closed = CreateSandbox {
        network: infield_domain::network::Choice::parse(Some("none"), &[], &[]).expect("a choice"),
        ..with_secrets("a", &["TOKEN"])
    };
    assert_eq!(refused(&f, closed).await, Kind::Invalid);
    let mut twice = with_secrets("a", &["TOKEN"]);
    twice.environment.insert("TOKEN".to_owned(), "x".to_owned());
    assert_eq!(refused(&f, twice).await, Kind::Invalid);
    let mut alice = Principal::operator("alice");
    alice.sees_all = false;
    let made = f.engine.create_sandbox(&alice, with_secrets("a", &["THEIRS"])).await;
    assert_eq!(made.expect_err("it is bob's").kind(), Kind::NotFound);
    alice.permissions = vec![Permission::Manage];
    let denied = f.engine.set_secret(&alice, set("OWN", None)).await;
    assert_eq!(denied.expect_err("not admin").kind(), Kind::Denied);
    assert_eq!(f.engine.list_secrets(&alice).await.expect_err("not admin").kind(), Kind::Denied);
}

#[tokio::test]
async fn changes_reach_sandboxes_that_run() {
    let f = fixture().await;
    f.engine.set_secret(&f.who, set("TOKEN", None)).await.expect("set");
    let made = f.engine.create_sandbox(&f.who, with_secrets("a", &["TOKEN"])).await;
    let id = made.expect("made").id;
    let before = f.provider.given(&id);
    let mut other = set("TOKEN", None);
    other.hosts = secret::hosts(&["other.example".to_owned()]).expect("a host");
    f.engine.set_secret(&f.who, other).await.expect("set");
    let after = f.provider.given(&id);
    assert_eq!(after[0].placeholder, before[0].placeholder);
    assert_ne!(after[0].hosts, before[0].hosts);
    f.engine.remove_secret(&f.who, "TOKEN").await.expect("removed");
    assert_eq!(f.provider.given(&id), []);
    f.engine.stop_sandbox(&f.who, "a").await.expect("stopped");
    let started = f.engine.start_sandbox(&f.who, "a").await.expect_err("its secret is gone");
    assert_eq!(started.kind(), Kind::NotFound);
    let gone = f.engine.remove_secret(&f.who, "TOKEN").await.expect_err("gone");
    assert_eq!(gone.kind(), Kind::NotFound);
    assert_eq!(f.provider.calls(Operation::SetSecrets), 2);
}

#[tokio::test]
async fn owners_have_their_own_names_and_secrets_are_changed_by_id() {
    let f = fixture().await;
    let mut guest = Principal::operator("bob");
    guest.sees_all = false;
    guest.permissions = vec![Permission::Read, Permission::Manage, Permission::Secrets];
    let own = f.engine.create_secret(&f.who, set("TOKEN", None)).await.expect("made");
    let theirs = f.engine.create_secret(&guest, set("TOKEN", None)).await.expect("made");
    assert_ne!(own.id, theirs.id);
    let twice = f.engine.create_secret(&guest, set("TOKEN", None)).await.expect_err("it is there");
    assert_eq!(twice.kind(), Kind::Conflict);
    assert_eq!(f.engine.list_secrets(&guest).await.expect("listed"), std::slice::from_ref(&theirs));
    let hidden = f.engine.get_secret(&guest, own.id.as_str()).await.expect_err("not bob's");
    assert_eq!(hidden.kind(), Kind::NotFound);
    let foreign = f.engine.set_secret(&guest, set("TOKEN", Some("alice"))).await;
    assert_eq!(foreign.expect_err("not admin").kind(), Kind::Denied);

    let about = ChangeSecret { description: Some("for tests".to_owned()), ..Default::default() };
    let changed = f.engine.change_secret(&guest, theirs.id.as_str(), about).await.expect("changed");
    assert_eq!(changed.description.as_deref(), Some("for tests"));
    let elsewhere = || Some(secret::hosts(&["b.example".to_owned()]).expect("a host"));
    let led = ChangeSecret { hosts: elsewhere(), ..Default::default() };
    let refused =
        f.engine.change_secret(&guest, "TOKEN", led).await.expect_err("without the value");
    assert_eq!(refused.kind(), Kind::Invalid);
    let value = Value::new(VALUE.to_owned()).expect("a value");
    let anew = ChangeSecret { hosts: elsewhere(), value: Some(value), ..Default::default() };
    let changed = f.engine.change_secret(&guest, "TOKEN", anew).await.expect("with the value");
    assert_eq!(changed.hosts[0].to_string(), "b.example");
}

#[tokio::test]
async fn a_sandbox_that_runs_is_given_others() {
    let f = fixture().await;
    for name in ["ONE", "TWO"] {
        f.engine.set_secret(&f.who, set(name, None)).await.expect("set");
    }
    let wanted = |text: &str| text.parse::<Wanted>().expect("a wish");
    let id = f.create("a").await.id;
    assert_eq!(f.provider.given(&id), []);
    let made = f.engine.give_secrets(&f.who, "a", &[wanted("ONE=KEY")]).await.expect("given");
    let first = made.spec.secrets[0].placeholder.clone();
    assert_eq!(f.provider.given(&id)[0].placeholder, first);
    let both = [wanted("ONE=KEY"), wanted("TWO")];
    let made = f.engine.give_secrets(&f.who, "a", &both).await.expect("given");
    assert_eq!((made.spec.secrets.len(), &made.spec.secrets[0].placeholder), (2, &first));
    let held = f.engine.sandbox_secrets(&f.who, "a").await.expect("read");
    assert_eq!(held[1].hosts[0].to_string(), "api.example.org");
    let none = f.engine.give_secrets(&f.who, "a", &[wanted("NONE")]).await.expect_err("unknown");
    assert!(is_unknown_secret(&none), "{none:?}");
    assert_eq!(f.provider.given(&id).len(), 2, "what failed changed nothing");
    let bare = f.engine.give_secrets(&f.who, "a", &[]).await.expect("taken away");
    assert_eq!((bare.spec.secrets.len(), f.provider.given(&id).len()), (0, 0));
}
