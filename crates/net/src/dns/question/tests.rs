use super::*;

fn check(text: &str, expected: Subject) {
    assert_eq!(subject(&Name::from_ascii(text).expect("a name")), expected, "{text}");
}

#[test]
fn names_that_could_be_outside() {
    for text in
        ["example.org.", "a.b.example.org.", "_dmarc.example.org.", "xn--bcher-kva.example."]
    {
        check(text, Subject::Name(text.parse().expect("a name")));
    }
    check("WWW.Example.ORG.", Subject::Name("www.example.org".parse().expect("a name")));
    // What ends in such letters is another name.
    check("notlocal.", Subject::Sandbox("notlocal".parse().expect("a name")));
    check("my.notlocal.", Subject::Name("my.notlocal".parse().expect("a name")));
}

#[test]
fn names_that_never_are() {
    for text in [
        "printer.local.",
        "metadata.google.internal.",
        "x.onion.",
        "a.alt.",
        "a.invalid.",
        "arpa.",
        "home.arpa.",
        "router.home.arpa.",
        "10.in-addr.arpa.",
        "1.2.3.4.",
        "*.example.org.",
    ] {
        check(text, Subject::Nothing);
    }
    check(".", Subject::Root);
}

#[test]
fn other_sandboxes() {
    for text in ["printer.", "db.infield.internal.", "a.db.infield.internal."] {
        let name = text.trim_end_matches('.').parse().expect("a name");
        check(text, Subject::Sandbox(name));
    }
    check("infield.internal.", Subject::Nothing);
}

#[test]
fn the_sandbox_itself() {
    for text in ["localhost.", "LOCALHOST.", "a.b.localhost."] {
        check(text, Subject::Localhost);
    }
    check(
        "localhost.example.org.",
        Subject::Name("localhost.example.org".parse().expect("a name")),
    );
}

#[test]
fn addresses() {
    check("1.0.18.198.in-addr.arpa.", Subject::Address("198.18.0.1".parse().expect("an address")));
    let six = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.0.0.0.1.0.0.2.ip6.arpa.";
    check(six, Subject::Address("2001:2::1".parse().expect("an address")));
}

#[test]
fn bytes_that_no_name_has_are_no_other_name() {
    for label in [&b"a.b"[..], b"\xff", b"a b", b"a\0", b"-a", "ü".as_bytes()] {
        let name = Name::from_labels([label, b"example", b"org"]).expect("a name");
        assert_eq!(subject(&name), Subject::Nothing, "{name:?}");
    }
}
