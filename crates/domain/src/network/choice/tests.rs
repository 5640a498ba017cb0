use super::super::DomainName;
use super::*;

fn settled(word: Option<&str>, allow: &[&str], deny: &[&str]) -> Result<Policy> {
    let own = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    let limited = ["allow pypi.org:443".parse().expect("a rule")];
    Choice::parse(word, &own(allow), &own(deny))?.settle(&Policy::Limited, &limited)
}

fn check(word: Option<&str>, allow: &[&str], deny: &[&str], expected: &[&str]) {
    let policy = settled(word, allow, deny).expect("a policy");
    let Policy::Custom(rules) = policy else { panic!("{policy} has no rules of its own") };
    assert_eq!(rules.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
}

#[test]
fn a_word_alone_is_what_it_says() {
    assert_eq!(settled(None, &[], &[]).expect("one"), Policy::Limited);
    assert_eq!(settled(Some("none"), &[], &[]).expect("one"), Policy::None);
    assert_eq!(settled(Some("public"), &[], &[]).expect("one"), Policy::Public);
    assert!(settled(Some("all"), &[], &[]).is_err());
}

#[test]
fn rules_come_on_top_of_the_word() {
    check(None, &["a.org:80"], &[], &["allow pypi.org:443", "allow a.org:80"]);
    check(Some("none"), &["a.org"], &["b.a.org"], &["allow a.org", "deny b.a.org"]);
    check(
        Some("public"),
        &[],
        &["evil.org"],
        &["allow 0.0.0.0/0", "allow [::]/0", "deny evil.org"],
    );
    assert!(settled(None, &["a.org:0"], &[]).is_err());
    assert!(settled(None, &["10.0.0.0/8"], &[]).is_err(), "what is private needs ports");
}

#[test]
fn all_public_addresses_but_some_names_still_resolve() {
    let policy = settled(Some("public"), &[], &["*.evil.org"]).expect("a policy");
    let name = |text: &str| text.parse::<DomainName>().expect("a name");
    assert!(policy.resolves(&[], &name("fine.org")));
    assert!(!policy.resolves(&[], &name("a.evil.org")));
}
