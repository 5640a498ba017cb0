use proptest::prelude::*;

use super::*;

fn rules(texts: &[&str]) -> Vec<Rule> {
    texts.iter().map(|text| text.parse().expect("a rule")).collect()
}

fn check(policy: &Policy, to: (&str, &str, u16), expected: bool) {
    let (name, address, port) = to;
    let name = (!name.is_empty()).then(|| name.parse().expect("a name"));
    let address = address.parse().expect("an address");
    let preset = rules(&["allow pypi.org:443", "allow *.pythonhosted.org:443"]);
    let verdict = policy.decide(&preset, &Destination { name: name.as_ref(), address, port });
    assert_eq!(verdict.is_allowed(), expected, "{policy} {to:?}: {verdict:?}");
}

#[test]
fn words_mean_what_they_say() {
    for (word, address, expected) in [
        ("none", "1.1.1.1", false),
        ("public", "1.1.1.1", true),
        ("public", "10.0.0.1", false),
        ("public", "169.254.169.254", false),
        ("public", "::ffff:10.0.0.1", false),
        ("public", "64:ff9b::7f00:1", false),
        ("public", "2606:4700::1111", true),
        ("limited", "1.1.1.1", false),
    ] {
        check(&word.parse().expect("a policy"), ("", address, 443), expected);
    }
}

#[test]
fn a_preset_goes_by_names_and_ports() {
    check(&Policy::Limited, ("pypi.org", "151.101.0.223", 443), true);
    check(&Policy::Limited, ("pypi.org", "151.101.0.223", 22), false);
    check(&Policy::Limited, ("files.pythonhosted.org", "151.101.0.223", 443), true);
    check(&Policy::Limited, ("pythonhosted.org", "151.101.0.223", 443), false);
    // A name that leads into the host's own network opens nothing there.
    check(&Policy::Limited, ("pypi.org", "127.0.0.1", 443), false);
}

#[test]
fn denial_wins_in_every_order() {
    let texts = ["allow *.example.org", "deny secret.example.org", "deny 93.184.0.0/16:22"];
    for turn in 0..texts.len() {
        let mut turned = texts;
        turned.rotate_left(turn);
        let policy = Policy::custom(rules(&turned)).expect("few rules");
        check(&policy, ("www.example.org", "93.184.1.1", 443), true);
        check(&policy, ("www.example.org", "93.184.1.1", 22), false);
        check(&policy, ("secret.example.org", "93.184.1.1", 443), false);
    }
}

#[test]
fn private_addresses_open_for_a_block_with_ports_alone() {
    let policy = Policy::custom(rules(&["allow 10.1.2.0/24:5432", "allow db.example.org"]));
    let policy = policy.expect("few rules");
    check(&policy, ("", "10.1.2.3", 5432), true);
    check(&policy, ("", "10.1.2.3", 22), false);
    check(&policy, ("db.example.org", "10.1.2.3", 5432), true);
    check(&policy, ("db.example.org", "10.9.9.9", 5432), false);
    check(&policy, ("db.example.org", "93.184.1.1", 5432), true);
    // A block with anything public in it names nothing private.
    let wide = Policy::custom(rules(&["allow 0.0.0.0/0:5432"])).expect("few rules");
    check(&wide, ("", "93.184.1.1", 5432), true);
    check(&wide, ("", "10.1.2.3", 5432), false);
}

#[test]
fn names_are_looked_up_only_where_they_could_be_reached() {
    let policy = Policy::custom(rules(&[
        "allow *.example.org:443",
        "deny bad.example.org",
        "deny half.example.org:80",
        "allow 93.184.0.0/16",
    ]));
    let policy = policy.expect("few rules");
    let looks_up = |name: &str| policy.resolves(&[], &name.parse().expect("a name"));
    assert!(looks_up("www.example.org"));
    assert!(looks_up("half.example.org"));
    assert!(!looks_up("bad.example.org"));
    assert!(!looks_up("example.com"));
    assert!(!Policy::None.resolves(&[], &"example.org".parse().expect("a name")));
}

proptest! {
    #[test]
    fn what_is_not_public_never_opens_without_an_explicit_rule(
        bits in any::<u32>(),
        port in 1_u16..,
    ) {
        let address = IpAddr::V4(bits.into());
        let open = Policy::custom(rules(&["allow *.org", "allow 0.0.0.0/0:1-65535"]));
        let open = open.expect("few rules");
        let name = "a.org".parse().expect("a name");
        let to = Destination { name: Some(&name), address, port };
        prop_assert_eq!(open.decide(&[], &to).is_allowed(), special(address).is_none());
        prop_assert_eq!(Policy::Public.decide(&[], &to).is_allowed(), special(address).is_none());
    }
}
