use super::*;

fn parts(target: &str, hosts: &[&str]) -> Parts {
    let mut request = Request::builder().uri(target);
    for host in hosts {
        request = request.header(header::HOST, *host);
    }
    request.body(()).expect("a request").into_parts().0
}

#[test]
fn a_request_names_one_host() {
    let check = |target: &str, hosts: &[&str], expected: Option<&str>| {
        let found = host(&parts(target, hosts)).ok();
        let found = found.as_ref().and_then(|host| host.to_str().ok());
        assert_eq!(found, expected, "{target} {hosts:?}");
    };
    check("/", &["a.localhost"], Some("a.localhost"));
    check("http://a.localhost/", &[], Some("a.localhost"));
    check("http://a.localhost/", &["A.localhost"], Some("A.localhost"));
    check("http://a.localhost/", &["b.localhost"], None);
    check("/", &["a.localhost", "b.localhost"], None);
    check("/", &["a.localhost", "a.localhost"], None);
    check("/", &[], None);
}

#[test]
fn tokens_are_taken_out_of_a_query_and_nothing_else() {
    let check = |query: &str, rest: &str, tokens: &[&str]| {
        let (left, found) = without_tokens(query);
        assert_eq!(
            (left.as_str(), found),
            (rest, tokens.iter().map(|t| (*t).to_owned()).collect())
        );
    };
    check("a=1&infield_preview_token=t&b=%20&&c", "a=1&b=%20&&c", &["t"]);
    check("DAYTONA_SANDBOX_AUTH_KEY=d", "", &["d"]);
    check("infield_preview_token=a&infield_preview_token=b=c", "", &["a", "b=c"]);
    check(
        "xinfield_preview_token=t&infield_preview_token",
        "xinfield_preview_token=t&infield_preview_token",
        &[],
    );
    check("", "", &[]);
}
