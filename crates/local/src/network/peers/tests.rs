use infield_domain::SandboxId;
use infield_domain::network::{Allowance, Membership, Policy, Traffic};
use infield_net::control::Settings;
use tokio::sync::mpsc;

use super::*;

fn terms(policy: Policy, owner: &str, networks: &[&str]) -> Terms {
    let networks = networks.iter().map(|network| network.parse().expect("a word")).collect();
    let (owner, name) = (owner.to_owned(), "web".parse().expect("a name"));
    let membership = Membership { owner, name, networks };
    Terms { policy, allowance: Allowance::DEFAULT, membership, before: Traffic::default() }
}

#[tokio::test]
async fn both_have_to_be_served_and_in_one_network() {
    let (_sender, sockets) = mpsc::channel(1);
    let settings = Settings { limited: Vec::new(), resolvers: Vec::new() };
    let (network, _link) = Network::new(sockets, settings, 0);
    let id = |number: u8| SandboxId::from_random([number; 16]);
    let member = |policy, owner: &str, networks: &[&str]| {
        network.note(&id(2), &terms(policy, owner, networks));
    };
    let refused = Some(Outcome::Refused);
    let unknown = Some(Outcome::Unreachable(UNKNOWN.to_owned()));
    let check = |expected: &Option<Outcome>, what: &str| {
        for (from, to) in [(1, 2), (2, 1)] {
            let reach = Reach { number: 0, from: id(from), to: id(to), port: 80 };
            assert_eq!(network.objection(&reach), *expected, "{what}: {from} to {to}");
        }
    };
    network.note(&id(1), &terms(Policy::Limited, "alice", &["team"]));
    check(&unknown, "the other one does not run");
    member(Policy::Public, "alice", &["dev", "team"]);
    check(&None, "both are in it");
    member(Policy::Public, "alice", &["dev"]);
    check(&refused, "it has left");
    member(Policy::Public, "bob", &["team"]);
    check(&refused, "it is another owner's");
    member(Policy::None, "alice", &["team"]);
    check(&refused, "it has no network");
    member(Policy::Limited, "alice", &["team"]);
    check(&None, "it is back");
    network.lock().remove(&id(2));
    check(&unknown, "it ended");
}
