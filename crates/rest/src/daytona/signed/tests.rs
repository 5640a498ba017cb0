use super::*;

const SIGNATURE: &str = "v1_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn read(method: &str, target: &str, headers: &HeaderMap) -> Option<SignedFile> {
    link(&method.parse().expect("a method"), &target.parse().expect("a target"), headers)
}

#[test]
fn a_link_stands_for_a_credential_on_two_routes_alone() {
    let none = HeaderMap::new();
    let query = format!("?path=%2Fa%20b&expires=7&signature={SIGNATURE}");
    let found = read("GET", &format!("/toolbox/sbx-1/files/download{query}"), &none);
    let found = found.expect("it is a link");
    assert_eq!((found.sandbox.as_str(), found.path.as_str(), found.expires), ("sbx-1", "/a b", 7));
    assert_eq!(found.signature, [0; 32]);
    assert!(read("POST", &format!("/toolbox/sbx-1/files/upload-v2{query}"), &none).is_some());
    for (method, path) in [
        ("POST", "/toolbox/sbx-1/files/download"),
        ("GET", "/toolbox/sbx-1/files/upload-v2"),
        ("DELETE", "/toolbox/sbx-1/files"),
        ("GET", "/toolbox/sbx-1/files"),
        ("GET", "/toolbox/sbx-1/files/download/"),
        ("GET", "/toolbox/x/sbx-1/files/download"),
        ("GET", "/api/sbx-1/files/download"),
    ] {
        assert!(read(method, &format!("{path}{query}"), &none).is_none(), "{method} {path}");
    }
}

#[test]
fn a_key_goes_before_a_link_and_half_a_link_is_none() {
    let mut with_key = HeaderMap::new();
    with_key.insert(header::AUTHORIZATION, "Bearer k".parse().expect("a value"));
    let base = "/toolbox/sbx-1/files/download";
    assert!(
        read("GET", &format!("{base}?path=a&expires=0&signature={SIGNATURE}"), &with_key).is_none()
    );
    for query in [
        "",
        "?path=a",
        "?path=a&expires=0",
        "?path=a&expires=-1&signature=v1_x",
        "?path=a&expires=0&signature=v1_x",
        "?path=a&expires=0&signature=v2_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        assert!(read("GET", &format!("{base}{query}"), &HeaderMap::new()).is_none(), "{query}");
    }
}
