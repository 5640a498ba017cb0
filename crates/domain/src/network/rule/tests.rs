use super::*;

fn check(text: &str, expected: std::result::Result<&str, &str>) {
    let read = text.parse::<Rule>();
    match (&read, expected) {
        (Ok(rule), Ok(shown)) => {
            assert_eq!(rule.to_string(), shown, "{text}");
            assert_eq!(&shown.parse::<Rule>().expect("what is shown is read"), rule);
        }
        (Err(error), Err(part)) => {
            assert!(error.message().contains(part), "{text}: {error}");
        }
        (Ok(_) | Err(_), _) => panic!("{text}: {read:?}"),
    }
}

#[test]
fn rules_are_read_and_shown_alike() {
    for (text, shown) in [
        ("allow pypi.org", "allow pypi.org"),
        ("  deny   *.Example.ORG:80,443 ", "deny *.example.org:80,443"),
        ("allow 93.184.0.0/16:8000-8100", "allow 93.184.0.0/16:8000-8100"),
        ("allow 10.0.0.1:5432", "allow 10.0.0.1:5432"),
        ("deny 10.0.0.0/8", "deny 10.0.0.0/8"),
        ("allow [2606:4700::]/32:443", "allow [2606:4700::]/32:443"),
        ("allow 2606:4700::/32", "allow [2606:4700::]/32"),
        ("deny 0.0.0.0/0", "deny 0.0.0.0/0"),
    ] {
        check(text, Ok(shown));
    }
}

#[test]
fn what_is_wrong_is_said() {
    for (text, part) in [
        ("pypi.org", "is no rule"),
        ("permit pypi.org", "begins with `permit`"),
        ("allow pypi.org:0", "is no port"),
        ("allow pypi.org:90-80", "is no port"),
        ("allow 10.0.0.1/8:22", "bits behind its prefix"),
        ("allow 10.0.0.0/8", "is not public"),
        ("allow 10.0.0.0/40:22", "more than 32 bits"),
        ("allow ::ffff:10.0.0.1", "version 4"),
        ("allow 1.2.3", "last part is a number"),
    ] {
        check(text, Err(part));
    }
}
