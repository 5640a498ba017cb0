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
