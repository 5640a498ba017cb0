use http::Request;

use super::*;

fn parts(method: &str, lines: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method);
    for (name, value) in lines {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a request").into_parts().0
}

fn check(method: &str, lines: &[(&str, &str)], expected: bool) {
    let host = HeaderValue::from_static("3000-x.p.example:3987");
    assert_eq!(may_use_cookie(&parts(method, lines), &host), expected, "{method} {lines:?}");
}

#[test]
fn a_cookie_counts_for_its_own_pages_and_for_links_that_are_followed() {
    let (site, mode) = ("sec-fetch-site", "sec-fetch-mode");
    check("GET", &[], true);
    check("POST", &[("origin", "http://3000-x.p.example:3987")], true);
    check("POST", &[("origin", "null"), (site, "same-origin")], true);
    check("GET", &[(site, "none"), (mode, "navigate")], true);
    check("GET", &[(site, "cross-site"), (mode, "navigate")], true);
    check("POST", &[(site, "same-site"), (mode, "navigate")], false);
    check("GET", &[(site, "same-site"), (mode, "cors")], false);
    check("GET", &[(site, "same-site"), (mode, "websocket")], false);
    check("GET", &[("origin", "http://3001-x.p.example:3987")], false);
    check("GET", &[("origin", "null")], false);
    check("GET", &[("origin", "http://3000-x.p.example:3987"), ("origin", "http://e")], false);
}

#[test]
fn only_people_are_sent_on() {
    let check = |method, lines: &[(&str, &str)], expected| {
        assert_eq!(is_navigation(&parts(method, lines)), expected, "{method} {lines:?}");
    };
    check("GET", &[("accept", "text/html,*/*")], true);
    check("GET", &[("sec-fetch-mode", "navigate"), ("accept", "*/*")], true);
    check("GET", &[("sec-fetch-mode", "cors"), ("accept", "text/html")], false);
    check("GET", &[("accept", "*/*")], false);
    check("POST", &[("accept", "text/html")], false);
    check("GET", &[("accept", "text/html"), ("upgrade", "websocket")], false);
}
