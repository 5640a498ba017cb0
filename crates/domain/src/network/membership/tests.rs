use super::*;

fn member(owner: &str, name: &str, networks: &[&str]) -> Membership {
    let networks = networks.iter().map(|network| network.parse().expect("a word")).collect();
    Membership { owner: owner.to_owned(), name: name.parse().expect("a name"), networks }
}

#[test]
fn members_of_one_network_of_one_owner_have_something_in_common() {
    let one = member("alice", "one", &["dev", "team"]);
    let check = |other: Membership, expected: Option<&str>| {
        assert_eq!(one.common(&other).map(NetworkName::as_str), expected, "{other:?}");
        assert_eq!(other.common(&one).map(NetworkName::as_str), expected, "{other:?}");
    };
    check(member("alice", "two", &["team", "other"]), Some("team"));
    check(member("alice", "two", &["other"]), None);
    check(member("alice", "two", &[]), None);
    check(member("bob", "two", &["team"]), None);
}

#[test]
fn names_of_sandboxes_are_of_one_label_or_in_their_zone() {
    let check = |name: &str, sandbox: Option<&str>, in_zone: bool| {
        let name: DomainName = name.parse().expect("a name");
        assert_eq!(sandbox_called(&name), sandbox, "{name}");
        assert_eq!(is_in_zone(&name), in_zone, "{name}");
    };
    check("db", Some("db"), false);
    check("DB.infield.internal", Some("db"), true);
    check("a.b.infield.internal", Some("a.b"), true);
    check("infield.internal", None, false);
    check("db.xinfield.internal", None, false);
    check("xinfield.internal", None, false);
    check("db.internal", None, false);
    check("example.org", None, false);
    assert!(member("alice", "Web", &[]).is_called("web"));
}

#[test]
fn a_denial_is_about_both_forms_of_a_name() {
    let policy = |rules: &[&str]| {
        let rules = rules.iter().map(|rule| rule.parse().expect("a rule")).collect();
        Policy::custom(rules).expect("few rules")
    };
    let check = |rules: &[&str], denied: bool| {
        let policy = policy(rules);
        assert_eq!(policy.denial(&[], "db", 80).is_some(), denied, "{rules:?}");
    };
    check(&["deny db"], true);
    check(&["deny db.infield.internal"], true);
    check(&["deny *.infield.internal"], true);
    check(&["deny db:443"], false);
    check(&["allow db", "deny other", "deny 0.0.0.0/0"], false);
    assert_eq!(Policy::Public.denial(&[], "db", 80), None);
}

#[test]
fn a_sandbox_joins_eight_networks_and_leaves_what_it_is_in() {
    let name = |number: usize| -> NetworkName { format!("n{number}").parse().expect("a word") };
    let mut networks = BTreeSet::new();
    for number in 0..MOST_NETWORKS {
        Move::Join(name(number)).apply(&mut networks).expect("there is room");
    }
    Move::Join(name(0)).apply(&mut networks).expect("it is in it already");
    let more = Move::Join(name(MOST_NETWORKS)).apply(&mut networks.clone());
    assert_eq!(more.expect_err("too many").kind(), crate::Kind::Invalid);
    Move::Leave(name(0)).apply(&mut networks).expect("it is in it");
    let error = Move::Leave(name(0)).apply(&mut networks).expect_err("it has left");
    assert_eq!(error.kind(), crate::Kind::NotFound);
}
