use infield_testkit::Step;

use super::*;
use crate::testing::fixture;

fn project(language: &str) -> Project {
    Project { language: language.to_owned(), path: "/workspace".parse().expect("a path") }
}

#[tokio::test]
async fn what_cannot_be_begun_says_what_to_do() {
    let f = fixture().await;
    let sandbox = f.create("web").await;
    let inside = f.provider.inside(&sandbox.id).expect("it runs");
    inside.set_script(|_| vec![Step::Exit(NONE_FOUND)]);
    let missing = f.engine.start_language_server(&f.who, "web", &project("python")).await;
    let missing = missing.expect_err("no server");
    assert_eq!(missing.kind(), Kind::Unsupported);
    assert!(missing.hint().is_some_and(|hint| hint.contains("pip install")), "{missing:?}");
    let unknown = f.engine.start_language_server(&f.who, "web", &project("klingon")).await;
    assert_eq!(unknown.expect_err("unknown").kind(), Kind::Invalid);
    let stopped = f.engine.stop_language_server(&f.who, "web", &project("python")).await;
    assert_eq!(stopped.expect_err("not started").kind(), Kind::Conflict);
    let file = "a.py".parse().expect("a path");
    let about = (&project("python"), &file);
    let asked = f.engine.document_symbols(&f.who, "web", about).await;
    assert_eq!(asked.expect_err("not started").kind(), Kind::Conflict);
}
