use super::*;

fn name(text: &str) -> SecretName {
    text.parse().expect("a name")
}

#[test]
fn names_are_plain_words() {
    let check = |text: &str, expected: bool| {
        assert_eq!(text.parse::<SecretName>().is_ok(), expected, "{text}");
    };
    check("GITHUB_TOKEN", true);
    check("a", true);
    check(&"a".repeat(64), true);
    check(&"a".repeat(65), false);
    check("", false);
    check("1a", false);
    check("_a", false);
    check("a-b", true);
    check("a=b", false);
    check("ä", false);
}

#[test]
fn a_placeholder_is_recognised_and_plain() {
    let placeholder = Placeholder::from_random(&name("A_b"), [9; 32]);
    assert_eq!(placeholder.as_str(), "infield_secret_A_b_99999999999999999999999999999999");
    assert_eq!(placeholder.as_str().parse::<Placeholder>().expect("its own text"), placeholder);
    for wrong in ["infield_secret_A_b_9", "infield_secret__99999999999999999999999999999999", "x"] {
        assert!(wrong.parse::<Placeholder>().is_err(), "{wrong}");
    }
}

#[test]
fn a_value_is_bounded_and_never_shown() {
    assert!(Value::new("x".repeat(7)).is_err());
    assert!(Value::new("x".repeat((8 << 10) + 1)).is_err());
    let value = Value::new("correct horse".to_owned()).expect("long enough");
    assert_eq!(value.expose().as_str(), "correct horse");
    assert!(!format!("{value:?}").contains("horse"));
    let refused = Value::new("short".to_owned()).expect_err("too short");
    assert!(!format!("{refused:?}").contains("short\""), "{refused:?}");
}

#[test]
fn hosts_are_checked_and_ordered() {
    let check = |texts: &[&str], expected: Option<&[&str]>| {
        let texts: Vec<_> = texts.iter().map(|&text| text.to_owned()).collect();
        let found = hosts(&texts).ok();
        let found = found.map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(
            found.as_deref().map(|all| all.iter().map(String::as_str).collect::<Vec<_>>()),
            expected.map(<[&str]>::to_vec),
            "{texts:?}"
        );
    };
    check(&["b.example", "A.example", "b.example"], Some(&["a.example", "b.example"]));
    check(&["*.example.org"], Some(&["*.example.org"]));
    check(&["*.org"], None);
    check(&["*"], None);
    check(&["192.0.2.1"], None);
    check(&["example.org:443"], None);
    check(&[], None);
}

#[test]
fn a_wish_names_a_variable() {
    let wish = |text: &str| text.parse::<Wanted>().ok().map(|wish| (wish.secret.0, wish.variable));
    let pair = |one: &str, other: &str| Some((one.to_owned(), other.to_owned()));
    assert_eq!(wish("TOKEN"), pair("TOKEN", "TOKEN"));
    assert_eq!(wish("TOKEN=GH_TOKEN"), pair("TOKEN", "GH_TOKEN"));
    assert_eq!(wish("TOKEN="), None);
    assert_eq!(wish("TOKEN=A=B"), None);
    assert_eq!(wish("TOKEN=1A"), None);
}
