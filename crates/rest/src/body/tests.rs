//! Bodies: what is wrong with them, and how much of them is taken.

use http::HeaderValue;
use infield_domain::Kind;
use infield_domain::files::Range;
use serde::Deserialize;

use super::*;
use crate::wire;

/// Parses `text` as `T` and expects the error's message and hint.
fn check_malformed<T: DeserializeOwned>(text: &str, message: &str, hint: Option<&str>) {
    let error = parse_json::<T>(text.as_bytes()).err().expect("it is malformed");
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.message().contains(message), "{} lacks {message}", error.message());
    assert_eq!(error.hint(), hint, "{}", error.message());
}

#[test]
fn errors_name_the_field_and_the_near_word() {
    check_malformed::<wire::CreateSandbox>(
        r#"{"nmae": "x"}"#,
        "unknown field `nmae`",
        Some("did you mean `name`?"),
    );
    check_malformed::<wire::Run>(
        r#"{"sandbox": {"resources": {"pids": "many"}}}"#,
        "sandbox.resources.pids: invalid type",
        None,
    );
    check_malformed::<wire::StatFile>("{}", "missing field `path`", None);
    check_malformed::<wire::StatFile>("[1]", "invalid", None);
    check_malformed::<wire::StatFile>("{", "the body is malformed: ", None);
    check_malformed::<wire::SendSignal>(
        r#"{"signal": "kil"}"#,
        "unknown variant `kil`",
        Some("did you mean `kill`?"),
    );
}

#[derive(Debug, PartialEq, Deserialize)]
struct Number {
    number: u8,
}

async fn read(body: impl Into<Body>, limit: u64) -> Result<Number> {
    let upload = Upload { body: body.into(), tasks: TaskTracker::new() };
    gather_json(upload.into_stream(limit, Duration::from_millis(50))).await
}

#[tokio::test]
async fn json_is_read_up_to_the_limit() {
    assert_eq!(read(r#"{"number":7}"#, 12).await.expect("it fits"), Number { number: 7 });
    let error = read(r#"{"number":7}"#, 11).await.expect_err("one byte too many");
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.message().contains("larger than 11 bytes"));
}

#[tokio::test]
async fn a_body_that_stops_coming_is_given_up() {
    let never = Body::from_stream(stream::pending::<Result<Bytes>>());
    assert_eq!(read(never, 99).await.expect_err("nothing comes").kind(), Kind::Timeout);
}

#[tokio::test]
async fn an_upload_ends_after_its_first_error() {
    let endless = stream::repeat_with(|| Ok::<_, Error>(Bytes::from_static(&[0; 10])));
    let upload = Upload { body: Body::from_stream(endless), tasks: TaskTracker::new() };
    let items: Vec<_> = upload.into_stream(25, Duration::from_secs(9)).collect().await;
    let sizes: Vec<_> = items.iter().map(|item| item.as_ref().map(Bytes::len).ok()).collect();
    assert_eq!(sizes, [Some(10), Some(10), None]);
}

fn check_range(text: &'static str, expected: Option<(u64, Option<u64>)>) {
    let mut headers = HeaderMap::new();
    headers.insert(header::RANGE, HeaderValue::from_static(text));
    let expected = expected.map(|(offset, length)| Range { offset, length });
    assert_eq!(parse_range(&headers), expected, "{text}");
}

#[test]
fn one_range_from_the_start_is_heeded() {
    check_range("bytes=0-0", Some((0, Some(1))));
    check_range("bytes=5-", Some((5, None)));
    check_range("bytes=5-9", Some((5, Some(5))));
    check_range("bytes=9-5", None);
    check_range("bytes=-5", None);
    check_range("bytes=0-1,4-5", None);
    check_range("bytes=0-18446744073709551615", None);
    check_range("lines=1-2", None);
    check_range("bytes=a-b", None);
}
