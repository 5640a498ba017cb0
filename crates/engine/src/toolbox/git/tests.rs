use infield_domain::network::Choice;
use infield_testkit::Step;

use super::*;
use crate::testing::fixture;

/// Checks the arguments that an operation gives git, after our own settings.
fn check(operation: &GitOperation, expected: &[&str]) {
    assert_eq!(steps(operation).expect("it is sound").argv, expected);
}

#[test]
fn arguments_are_never_taken_for_options() {
    let url = "/srv/a.git".to_owned();
    let clone = GitOperation::Clone { url, branch: Some("dev".to_owned()), path: None };
    check(&clone, &["clone", "--branch", "dev", "--", "/srv/a.git"]);
    check(
        &GitOperation::Commit { message: "--amend".to_owned(), all: false },
        &["commit", "--message=--amend"],
    );
    check(&GitOperation::Add { paths: vec!["-n".parse().expect("a path")] }, &["add", "--", "-n"]);
    check(
        &GitOperation::Push { remote: None, branch: None },
        &["push", "--set-upstream", "--", "origin", "HEAD"],
    );
    for operation in [
        GitOperation::Checkout { reference: "--orphan".to_owned(), create: false },
        GitOperation::Branch { name: Some("-D".to_owned()) },
        GitOperation::Pull { remote: Some("--upload-pack=id".to_owned()), branch: None },
    ] {
        assert_eq!(steps(&operation).err().map(|error| error.kind()), Some(Kind::Invalid));
    }
}

fn request(operation: GitOperation) -> GitRequest {
    GitRequest { operation, working_directory: None, timeout_ms: 10_000 }
}

#[tokio::test]
async fn a_remote_outside_is_refused_before_anything_is_made() {
    let f = fixture().await;
    let id = f.create("web").await.id;
    let none = Choice::of(infield_domain::network::Policy::None);
    f.engine.set_network(&f.who, "web", none).await.expect("set");
    let url = "https://example.com/a.git".to_owned();
    let clone = GitOperation::Clone { url, branch: None, path: None };
    let error = f.engine.git(&f.who, "web", request(clone)).await.expect_err("no network");
    assert_eq!(error.kind(), Kind::Unsupported);
    let inside = f.provider.inside(&id).expect("it runs");
    assert!(inside.commands().is_empty());
    inside.set_script(|command| {
        let asks = command.argv.iter().any(|part| part == "get-url" || part == "--get-url");
        let address = "https://example.com/a.git\n";
        if asks { vec![Step::Out(address.into())] } else { vec![Step::Exit(99)] }
    });
    for operation in [
        GitOperation::Push { remote: None, branch: None },
        GitOperation::Pull { remote: None, branch: None },
    ] {
        let error = f.engine.git(&f.who, "web", request(operation)).await.expect_err("refused");
        assert_eq!(error.kind(), Kind::Unsupported);
    }
}

#[tokio::test]
async fn a_commit_without_an_author_gets_one() {
    let f = fixture().await;
    let id = f.create("web").await.id;
    f.provider.inside(&id).expect("it runs").set_script(|command| {
        let named = command.argv.iter().any(|part| part.starts_with("user.name="));
        let words = "fatal: no email was given and auto-detection is disabled\n";
        if named { vec![] } else { vec![Step::Err(words.into()), Step::Exit(128)] }
    });
    let commit = GitOperation::Commit { message: "first".to_owned(), all: false };
    let outcome = f.engine.git(&f.who, "web", request(commit)).await.expect("it ran");
    assert!(outcome.success, "{outcome:?}");
}

#[tokio::test]
async fn a_clone_that_fails_leaves_nothing() {
    let f = fixture().await;
    let id = f.create("web").await.id;
    let inside = f.provider.inside(&id).expect("it runs");
    let (url, path) = ("/srv/a.git".to_owned(), Some("made".parse().expect("a path")));
    let half = inside.clone();
    inside.set_script(move |_| {
        half.put_file("/workspace/made/.git/config", b"half");
        vec![Step::Exit(128)]
    });
    let clone = GitOperation::Clone { url, branch: None, path };
    let outcome = f.engine.git(&f.who, "web", request(clone)).await.expect("it ran");
    assert!(!outcome.success);
    assert_eq!(inside.file("/workspace/made/.git/config"), None);
}
