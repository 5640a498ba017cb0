use super::*;

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers
}

#[test]
fn a_request_keeps_its_host_and_loses_what_is_ours() {
    let mut inside = headers(&[
        ("host", "evil"),
        ("connection", "close, x-secret, host, content-length"),
        ("x-secret", "1"),
        ("content-length", "3"),
        ("transfer-encoding", "chunked"),
        ("te", "trailers"),
        ("keep-alive", "1"),
        ("proxy-authorization", "x"),
        ("x-infield-preview-token", "t"),
        ("x-daytona-preview-token", "t"),
        ("x-forwarded-for", "1.2.3.4"),
        ("forwarded", "for=1.2.3.4"),
        ("x-real-ip", "1.2.3.4"),
        ("authorization", "Bearer app"),
        ("cookie", "a=1; infield-preview=x"),
        ("accept", "*/*"),
    ]);
    let host = HeaderValue::from_static("3000-x.localhost:3987");
    let address = [127, 0, 0, 1].into();
    inward(&mut inside, &Visitor { address, host: &host, scheme: Scheme::Http });
    let expected = headers(&[
        ("host", "3000-x.localhost:3987"),
        ("content-length", "3"),
        ("authorization", "Bearer app"),
        ("cookie", "a=1"),
        ("accept", "*/*"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-host", "3000-x.localhost:3987"),
        ("x-forwarded-port", "3987"),
        ("x-forwarded-proto", "http"),
        ("forwarded", "for=127.0.0.1;host=\"3000-x.localhost:3987\";proto=http"),
    ]);
    assert_eq!(inside, expected);
    let host = HeaderValue::from_static("3000-x.example.org");
    let mut inside = HeaderMap::new();
    let address = std::net::Ipv6Addr::LOCALHOST.into();
    inward(&mut inside, &Visitor { address, host: &host, scheme: Scheme::Https });
    assert_eq!(inside["x-forwarded-port"], "443");
    assert_eq!(inside["forwarded"], "for=\"[::1]\";host=\"3000-x.example.org\";proto=https");
}

#[test]
fn an_answer_reaches_no_further_than_its_origin() {
    let mut outside = headers(&[
        ("connection", "keep-alive, x-hop"),
        ("x-hop", "1"),
        ("upgrade", "h2c"),
        ("alt-svc", "h2=\"evil:443\""),
        ("clear-site-data", "\"cookies\""),
        ("set-cookie", "a=1; Domain=localhost"),
        ("set-cookie", "infield-preview=x"),
        ("set-cookie", "b=2"),
        ("content-type", "text/html"),
    ]);
    outward(&mut outside);
    let expected =
        headers(&[("set-cookie", "a=1"), ("set-cookie", "b=2"), ("content-type", "text/html")]);
    assert_eq!(outside, expected);
}

#[test]
fn only_one_protocol_that_is_no_http_is_switched_to() {
    let check = |connection: &'static str, upgrade: &'static str, expected: bool| {
        let asked = headers(&[("connection", connection), ("upgrade", upgrade)]);
        assert_eq!(wanted_protocol(&asked).is_some(), expected, "{connection} {upgrade}");
    };
    check("Upgrade", "websocket", true);
    check("keep-alive, upgrade", "WebSocket", true);
    check("keep-alive", "websocket", false);
    check("upgrade", "h2c", false);
    check("upgrade", "H2C", false);
    check("upgrade", "websocket, h2c", false);
    check("upgrade", "", false);
}
