use super::*;

fn check_take_off(lines: &[&str], expected: Option<&str>) {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(header::COOKIE, HeaderValue::from_str(line).expect("a header"));
    }
    take_off(&mut headers);
    let left: Vec<_> = headers.get_all(header::COOKIE).iter().collect();
    assert!(left.len() <= 1);
    assert_eq!(left.first().and_then(|line| line.to_str().ok()), expected, "{lines:?}");
}

#[test]
fn ours_are_taken_off_and_others_pass() {
    check_take_off(&["a=1; infield-preview=x; b=2"], Some("a=1; b=2"));
    check_take_off(&["infield-preview=x"], None);
    check_take_off(&["a=1", "__Host-infield-preview=x", "b=\"q; c"], Some("a=1; b=\"q; c"));
    check_take_off(&["INFIELD-PREVIEW=x;  infield-preview = y"], None);
    check_take_off(&["xinfield-preview=1; session"], Some("xinfield-preview=1; session"));
    check_take_off(&[], None);
}

#[test]
fn ours_are_read_by_the_name_of_the_scheme() {
    let mut headers = HeaderMap::new();
    let line = "infield-preview=a; __Host-infield-preview=b; infield-preview=c";
    headers.insert(header::COOKIE, HeaderValue::from_static(line));
    assert_eq!(ours(&headers, Scheme::Http), ["a", "c"]);
    assert_eq!(ours(&headers, Scheme::Https), ["b"]);
}

#[test]
fn our_cookie_is_for_one_host_and_no_script() {
    let plain = set(Scheme::Http, "x", 60).expect("a header");
    assert_eq!(plain, "infield-preview=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax");
    let secure = set(Scheme::Https, "x", 60).expect("a header");
    let expected = "__Host-infield-preview=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure";
    assert_eq!(secure, expected);
    for line in [plain, secure] {
        assert!(!line.to_str().expect("text").to_ascii_lowercase().contains("domain"));
    }
}

fn check_confine(line: &str, expected: Option<&str>) {
    let mut headers = HeaderMap::new();
    headers.append(header::SET_COOKIE, HeaderValue::from_str(line).expect("a header"));
    confine(&mut headers);
    let left = headers.get(header::SET_COOKIE).map(|line| line.to_str().expect("text"));
    assert_eq!(left, expected, "{line}");
}

#[test]
fn cookies_from_inside_stay_in_their_host() {
    check_confine("a=1; Path=/; Domain=localhost; HttpOnly", Some("a=1; Path=/; HttpOnly"));
    check_confine("a=1;DOMAIN = .example.org;domain=x", Some("a=1"));
    check_confine("a=domain=x; Secure", Some("a=domain=x; Secure"));
    check_confine("a=1; Domain", Some("a=1"));
    check_confine("infield-preview=x", None);
    check_confine(" Infield-Preview =x", None);
    check_confine("__host-infield-preview=x; Secure; Path=/", None);
    check_confine("=infield-preview=x", None);
    check_confine("infield-preview", None);
}
