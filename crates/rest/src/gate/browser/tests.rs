//! The table of what a web page can send, and of what programs send.

use http::{HeaderName, HeaderValue, Request};

use super::*;

/// A request by its method, its target and its headers, one a line.
struct Sent(&'static str, &'static str, &'static str);

const ADDRESS: ([u8; 4], u16) = ([10, 1, 2, 3], 3986);

/// Holds one request against the rules of a server at 10.1.2.3:3986 that is also called
/// `box.example` and `tunnel.example:99`, and that allows one origin.
fn judge(Sent(method, target, headers): Sent, address: Option<SocketAddr>) -> Result<()> {
    let mut request = Request::builder().method(method).uri(target);
    for line in headers.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').expect("a header has a colon");
        let name: HeaderName = name.parse().expect("the name is valid");
        let value = HeaderValue::from_str(value.trim()).expect("the value is valid");
        request = request.header(name, value);
    }
    let request = request.body(()).expect("the request is valid");
    let hosts = ["box.example".to_owned(), "tunnel.example:99".to_owned()];
    let origins = ["https://tools.example".to_owned()];
    let rules = Rules { address, hosts: &hosts, origins: &origins, is_signed: false };
    check(request.method(), request.uri(), request.headers(), &rules)
}

fn check_request(sent: Sent, expected: &str) {
    let Sent(method, target, headers) = sent;
    let shown = format!("{method} {target} {headers}");
    let verdict = match judge(sent, Some(ADDRESS.into())) {
        Ok(()) => "in".to_owned(),
        Err(error) => {
            assert!(error.hint().is_some(), "{shown}: every refusal says what to do");
            error.message().to_owned()
        }
    };
    assert!(verdict.contains(expected), "{shown}: {verdict} instead of {expected}");
}

#[test]
fn the_host_is_one_of_ours() {
    let strange = "`Host`";
    for (host, expected) in [
        ("Host: 127.0.0.1:3986", "in"),
        ("Host: localhost", "in"),
        ("Host: LOCALHOST:3986", "in"),
        ("Host: localhost:8080", "in"),
        ("Host: [::1]:3986", "in"),
        ("Host: [::1]", "in"),
        ("Host: 10.1.2.3:3986", "in"),
        ("Host: box.example", "in"),
        ("Host: box.example:3986", "in"),
        ("Host: tunnel.example:99", "in"),
        ("Host: tunnel.example:98", strange),
        ("Host: 10.1.2.4:3986", strange),
        ("Host: rebound.example:3986", strange),
        ("Host: localhost.rebound.example", strange),
        ("Host: 127.0.0.1.rebound.example", strange),
        ("Host: localhost.", strange),
        ("Host: localhost@rebound.example", strange),
        ("Host:", strange),
        ("", strange),
        ("Host: localhost\nHost: rebound.example", strange),
    ] {
        check_request(Sent("GET", "/v1/sandboxes", host), expected);
    }
    check_request(Sent("GET", "http://rebound.example/v1/host", "Host: localhost"), strange);
    check_request(Sent("GET", "http://localhost/v1/host", "Host: localhost"), "in");
}

#[test]
fn no_page_but_an_allowed_one_gets_in() {
    let page = "web pages";
    for (headers, expected) in [
        ("Origin: https://evil.example", page),
        ("Origin: null", page),
        ("Origin: http://localhost:3986", page),
        ("Origin: http://127.0.0.1:3986", page),
        ("Origin: http://localhost", "in"),
        ("Origin: http://LOCALHOST", "in"),
        ("Origin: https://localhost", page),
        ("Origin: http://localhost\nOrigin: https://evil.example", page),
        ("Origin: http://localhost\nSec-Fetch-Site: cross-site", page),
        ("Origin: https://tools.example.evil.example", page),
        ("Origin: https://tools.example", "in"),
        ("Origin: https://tools.example\nOrigin: https://evil.example", page),
        ("Origin: https://evil.example\nOrigin: https://tools.example", page),
        ("Sec-Fetch-Site: cross-site", page),
        ("Sec-Fetch-Site: same-site", page),
        ("Sec-Fetch-Site: none", "in"),
        ("Sec-Fetch-Site: same-origin", "in"),
        ("Origin: https://tools.example\nSec-Fetch-Site: cross-site", "in"),
    ] {
        let headers: &'static str = Box::leak(format!("Host: localhost\n{headers}").into());
        check_request(Sent("GET", "/v1/sandboxes", headers), expected);
        check_request(Sent("GET", "/mcp", headers), expected);
    }
}

#[test]
fn what_changes_something_cannot_come_from_a_form() {
    let (wrong, bare, none) = ("content type", "no content type", "could have sent");
    for (headers, expected) in [
        ("Content-Type: application/json\nContent-Length: 2", "in"),
        ("Content-Type: Application/JSON; charset=utf-8\nContent-Length: 2", "in"),
        ("Content-Type: application/x-tar\nTransfer-Encoding: chunked", "in"),
        ("Content-Type: application/octet-stream\nContent-Length: 9", "in"),
        ("Content-Type: application/json", "in"),
        ("Content-Type: text/plain\nContent-Length: 2", wrong),
        ("Content-Type: text/plain; application/json\nContent-Length: 2", wrong),
        ("Content-Type: application/x-www-form-urlencoded\nContent-Length: 2", wrong),
        ("Content-Type: multipart/form-data; boundary=x\nContent-Length: 2", wrong),
        ("Content-Type: multipart/form-data; boundary=x\nAuthorization: Basic eDp5", wrong),
        ("Content-Type: multipart/form-data; boundary=x\nAuthorization: Bearer inf_x", "in"),
        ("Content-Type: text/plain", wrong),
        ("Content-Type: text/plain\nAuthorization: Bearer k\nContent-Length: 2", wrong),
        ("Content-Length: 2", bare),
        ("Transfer-Encoding: chunked", bare),
        ("Authorization: Bearer k\nContent-Length: 2", bare),
        ("", none),
        ("Content-Length: 0", none),
        ("X-HTTP-Method-Override: GET", none),
        ("Authorization: Bearer k", "in"),
        ("Infield-Client: cli", "in"),
        ("Infield-Build: 1\nContent-Length: 0", "in"),
        ("Mcp-Session-Id: 7", "in"),
    ] {
        let headers: &'static str = Box::leak(format!("Host: localhost\n{headers}").into());
        for method in ["POST", "PUT", "DELETE", "PATCH", "BREW"] {
            check_request(Sent(method, "/v1/sandboxes", headers), expected);
        }
        check_request(Sent("GET", "/v1/sandboxes", headers), "in");
    }
}

#[test]
fn no_preflight_is_granted() {
    let asked = "Host: localhost\nAccess-Control-Request-Method: POST\nOrigin: ";
    for (origin, expected) in
        [("https://evil.example", "web pages"), ("https://tools.example", "preflight")]
    {
        let headers: &'static str = Box::leak(format!("{asked}{origin}").into());
        check_request(Sent("OPTIONS", "/v1/sandboxes", headers), expected);
    }
}

#[test]
fn a_unix_client_names_any_host_and_is_no_page() {
    let judge = |headers| judge(Sent("GET", "/v1/sandboxes", headers), None).is_ok();
    assert!(judge("Host: infield"));
    assert!(judge(""));
    assert!(!judge("Host: infield\nOrigin: https://evil.example"));
}
