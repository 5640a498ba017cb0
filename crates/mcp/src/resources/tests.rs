use super::address::{Address, file_uri, parse, sandbox_uri};

fn check(uri: &str, expected: Option<Address>) {
    assert_eq!(parse(uri), expected, "{uri}");
}

fn file(reference: &str, path: &str) -> Option<Address> {
    Some(Address::File(reference.to_owned(), path.to_owned()))
}

#[test]
fn addresses() {
    check("sandbox://", Some(Address::All));
    check("sandbox://web", Some(Address::Sandbox("web".to_owned())));
    check("sandbox://web/", file("web", "/"));
    check("sandbox://web/etc/passwd", file("web", "/etc/passwd"));
    check("sandbox://web/a%20b%2F%C3%A4", file("web", "/a b/ä"));
    check("sandbox:///etc/passwd", None);
    check("sandbox://web/%zz", None);
    check("sandbox://web/%ff", None);
    check("file:///etc/passwd", None);
    check("", None);
}

#[test]
fn what_is_written_can_be_read() {
    for path in ["/", "/a", "/a b/ü#?%25.txt", "/weird\n name"] {
        check(&file_uri("sbx-1", path), file("sbx-1", path));
    }
    check(&sandbox_uri("web-2"), Some(Address::Sandbox("web-2".to_owned())));
}
