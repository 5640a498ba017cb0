use base64::Engine as _;
use infield_domain::network::DomainName;
use infield_domain::secret::{Placeholder, SecretName, Value};

use super::*;
use crate::exchange::Held;

const VALUE: &str = "s3cret/+value";

fn held(name: &str, host: &str, value: &str) -> Held {
    let secret: SecretName = name.parse().expect("a name");
    Held {
        placeholder: Placeholder::from_random(&secret, [3; 32]),
        secret,
        hosts: vec![host.parse().expect("a host")],
        value: Value::new(value.to_owned()).expect("a value"),
    }
}

fn exchange() -> (Exchange, String, String) {
    let held = [held("A", "a.example", VALUE), held("B", "b.example", "other value")];
    let words = [0, 1].map(|place: usize| held[place].placeholder.to_string());
    let host: DomainName = "a.example".parse().expect("a name");
    let [ours, other] = words;
    (
        Exchange::new(&held, &host, &std::sync::Arc::new(tokio::sync::Semaphore::new(1)))
            .expect("tables"),
        ours,
        other,
    )
}

#[test]
fn placeholders_become_values_in_the_form_of_their_place() {
    let (exchange, ours, _) = exchange();
    let credentials = STANDARD.encode(format!("user:{ours}"));
    let mut request = Request::get(format!("/a/{ours}?key={ours}&x=1"))
        .header("authorization", format!("Bearer {ours}"))
        .header("proxy-authorization", format!("basic {credentials}"))
        .header("cookie", "a=b")
        .body(())
        .expect("a request");
    fill(&mut request, &exchange).expect("it may go");
    assert_eq!(request.uri(), "/a/s3cret%2F%2Bvalue?key=s3cret%2F%2Bvalue&x=1");
    let header = |name: &str| request.headers()[name].to_str().expect("text").to_owned();
    assert_eq!(header("authorization"), format!("Bearer {VALUE}"));
    let expected = STANDARD.encode(format!("user:{VALUE}"));
    assert_eq!(header("proxy-authorization"), format!("Basic {expected}"));
    assert_eq!(header("cookie"), "a=b");
    assert!(request.headers()["authorization"].is_sensitive());
}

#[test]
fn a_placeholder_of_another_host_is_refused() {
    let (exchange, _, other) = exchange();
    let credentials = STANDARD.encode(format!("user:{other}"));
    for request in [
        Request::get(format!("/?key={other}")).body(()),
        Request::get("/").header("x-key", &other).body(()),
        Request::get("/").header("authorization", format!("Basic {credentials}")).body(()),
    ] {
        let why = fill(&mut request.expect("a request"), &exchange).expect_err("refused");
        assert_eq!(
            why,
            "it carries the placeholder of the secret `B`, which does not name this host"
        );
    }
}

#[test]
fn values_become_placeholders_in_every_form() {
    let (exchange, ours, _) = exchange();
    let mut headers = HeaderMap::new();
    let echo = [VALUE.to_owned(), "s3cret%2F%2Bvalue".to_owned(), STANDARD.encode(VALUE)];
    for text in echo {
        headers.append("x-echo", format!("<{text}>").parse().expect("a value"));
    }
    mask(&mut headers, &exchange);
    for value in headers.get_all("x-echo") {
        let text = value.to_str().expect("text");
        assert!(text.contains(&ours) && !text.contains("alue"), "{text}");
    }
}

#[test]
fn requests_of_both_versions_become_each_other() {
    let mut request = Request::get("https://a.example:8443/x?y")
        .version(Version::HTTP_2)
        .body(())
        .expect("a request");
    flatten(&mut request).expect("sound");
    assert_eq!(
        (request.uri().to_string(), &request.headers()[HOST]),
        ("/x?y".into(), &HeaderValue::from_static("a.example:8443"))
    );
    raise(&mut request).expect("sound");
    assert_eq!(request.uri(), "https://a.example:8443/x?y");
    assert!(request.headers().get(HOST).is_none());
    let twice = Request::get("https://a.example/").version(Version::HTTP_2);
    let mut twice = twice.header(HOST, "b.example").body(()).expect("a request");
    assert!(flatten(&mut twice).is_err());
    let plain = Request::get("http://a.example/").version(Version::HTTP_2);
    assert!(flatten(&mut plain.body(()).expect("a request")).is_err());
}
