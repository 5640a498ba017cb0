use super::*;

fn wrong(method: &str, target: &str, status: u16, body: &str) -> String {
    let (content_type, body) = (Some("application/json"), body.as_bytes());
    let checked = check(&Answer { method, target, status, content_type, body });
    checked.err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn right_answers_pass() {
    let url = r#"{"url": "http://127.0.0.1:1/toolbox"}"#;
    assert_eq!(wrong("GET", "/api/sandbox/a/toolbox-proxy-url", 200, url), "");
    let executed = r#"{"exitCode": 0, "result": "hi"}"#;
    assert_eq!(wrong("POST", "/toolbox/a/process/execute?x=y", 200, executed), "");
    assert_eq!(wrong("GET", "/v1/sandboxes", 200, "what it likes"), "");
}

#[test]
fn wrong_answers_are_told_apart() {
    let executed = "/toolbox/a/process/execute";
    #[rustfmt::skip]
    let table = [
        ("POST", executed, 201, r#"{"exitCode": 0, "result": ""}"#, "this status is not described"),
        ("POST", executed, 200, r#"{"exitCode": 0}"#, "`result` is missing"),
        ("POST", executed, 200, r#"{"exitCode": 0.5, "result": ""}"#, "/exitCode: 0.5 is not of type"),
        ("POST", executed, 200, r#"{"exitCode": 0, "result": null}"#, "/result: null is not of type"),
        ("POST", executed, 200, r#"{"exitCode": 0, "result": "", "x": 1}"#, "`x` is not described"),
        ("POST", executed, 200, "{", "this is none"),
        ("GET", "/api/volumes", 200, r#"[{"id": "a"}]"#, "/0: `name` is missing"),
        ("GET", "/api/sandbox/a", 200, "{}", "`kvm` is missing"),
        ("GET", "/api/nowhere", 200, "{}", "neither the specification nor a fact"),
        ("GET", "/api/sandbox/a", 404, r#"{"message": "no"}"#, "`statusCode` is missing"),
    ];
    for (method, target, status, body, complaint) in table {
        let said = wrong(method, target, status, body);
        assert!(said.contains(complaint), "{body}: {said}");
    }
}
