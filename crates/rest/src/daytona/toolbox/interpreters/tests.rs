use infield_domain::Kind;
use infield_engine::toolbox::interpreters::Fault;

use super::*;

/// Texts as they are, closes as their codes.
fn check(news: Option<News>, expected: &[&str]) {
    let shown = said(news).into_iter().map(|say| match say {
        Say::Text(text) => text,
        Say::Close(close) => close.code.to_string(),
        Say::Binary(_) => panic!("nothing is binary here"),
    });
    assert_eq!(shown.collect::<Vec<_>>(), expected);
}

#[test]
fn messages_are_those_of_the_contract() {
    let out = |stream| Some(News::Output(stream, "a\n".to_owned()));
    check(out(Output::Stdout), &[r#"{"type":"stdout","text":"a\n"}"#]);
    check(out(Output::Stderr), &[r#"{"type":"stderr","text":"a\n"}"#]);
    let fault = Fault { name: "E".to_owned(), value: "v".to_owned(), traceback: "t".to_owned() };
    let error = r#"{"type":"error","name":"E","value":"v","traceback":"t"}"#;
    check(Some(News::Failed(fault)), &[error]);
    check(Some(News::Completed), &[r#"{"type":"control","text":"completed"}"#, "1000"]);
    check(Some(News::TimedOut), &["4008"]);
    let gone = r#"{"type":"error","name":"ContextEnded","value":"x; what the context kept is gone","traceback":""}"#;
    check(Some(News::Gone("x".to_owned())), &[gone, "1000"]);
}

#[test]
fn a_wish_is_read_strictly() {
    let run = wished(br#"{"code":"1","timeout":1.5,"envs":{"A":"b"}}"#).expect("a wish");
    assert_eq!(run.time_limit, Some(Duration::from_millis(1_500)));
    assert_eq!((run.context, run.environment["A"].as_str()), (None, "b"));
    for wrong in ["", "[]", "{}", r#"{"code":" "}"#, r#"{"code":"1","timeout":-1}"#] {
        assert_eq!(wished(wrong.as_bytes()).expect_err(wrong).kind(), Kind::Invalid, "{wrong}");
    }
}
