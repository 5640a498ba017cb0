use super::*;
use crate::testing::fixture;
use crate::{CommandLine, RunOptions, TimeLimit};

fn check(pieces: &[(u8, usize)], expected: (usize, bool)) {
    let mut ends = Ends::default();
    for (byte, count) in pieces {
        ends.push(&vec![*byte; *count]);
    }
    let text = ends.into_text();
    assert_eq!((text.len() > expected.0, text.contains("left out")), (false, expected.1));
    assert_eq!(text.as_bytes().first(), pieces.first().map(|(byte, _)| byte));
    assert_eq!(text.as_bytes().last(), pieces.last().map(|(byte, _)| byte));
}

#[test]
fn a_long_output_keeps_its_ends() {
    check(&[(b'a', 10), (b'b', 5)], (15, false));
    check(&[(b'a', MOST_BYTES), (b'b', MOST_BYTES), (b'c', 7)], (2 * MOST_BYTES + 100, true));
}

fn command(text: &str, time_limit: TimeLimit) -> RunCommand {
    RunCommand {
        target: Target::Existing("web".to_owned()),
        command: CommandLine::Shell(text.to_owned()),
        options: RunOptions { time_limit, ..RunOptions::standard() },
    }
}

#[tokio::test]
async fn both_streams_are_one_text() {
    let f = fixture().await;
    f.create("web").await;
    let run = command("echo out\nerr bad\nexit 3", TimeLimit::Never);
    let done = f.engine.execute_command(&f.who, run).await.expect("runs");
    assert_eq!((done.exit_code, done.output.as_str()), (3, "out\nbad\n"));
}

#[tokio::test]
async fn a_sandbox_that_is_not_there_is_an_error() {
    let f = fixture().await;
    let run = command("echo out", TimeLimit::Never);
    let error = f.engine.execute_command(&f.who, run).await.expect_err("no sandbox");
    assert_eq!(error.kind(), Kind::NotFound);
}
