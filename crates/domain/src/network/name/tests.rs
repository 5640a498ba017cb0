use super::*;

#[test]
fn names_are_read_as_they_are_on_the_wire() {
    for (text, expected) in [
        ("PyPI.org", Some("pypi.org")),
        ("pypi.org.", Some("pypi.org")),
        ("a_b.example.org", Some("a_b.example.org")),
        ("", None),
        (".", None),
        ("a..b", None),
        ("-a.org", None),
        ("1.2.3.4", None),
        ("münchen.de", None),
        ("a b.org", None),
        ("a\u{1b}.org", None),
    ] {
        let name = text.parse::<DomainName>().ok();
        assert_eq!(name.as_ref().map(DomainName::as_str), expected, "{text:?}");
    }
    let long = format!("{}.org", "a".repeat(64));
    assert!(long.parse::<DomainName>().is_err());
    assert!("a.".repeat(127).parse::<DomainName>().is_ok());
    assert!("a.".repeat(128).parse::<DomainName>().is_err());
}

#[test]
fn a_wildcard_means_names_below_and_no_other() {
    let pattern: Pattern = "*.example.org".parse().expect("a pattern");
    for (name, fits) in [
        ("www.example.org", true),
        ("a.b.example.org", true),
        ("example.org", false),
        ("badexample.org", false),
        ("example.org.evil.com", false),
    ] {
        assert_eq!(pattern.fits(&name.parse().expect("a name")), fits, "{name}");
    }
    assert!("w*.example.org".parse::<Pattern>().is_err());
    assert!("*".parse::<Pattern>().is_err());
}
