//! A reader that stops.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

const LIMIT: Duration = Duration::from_millis(50);

#[tokio::test]
async fn a_reader_that_stops_is_given_up() {
    let (near, _far) = tokio::io::duplex(10);
    let mut limited = Limited::new(near, LIMIT);
    limited.write_all(b"1234567890").await.expect("there is room");
    let error = limited.write_all(b"1").await.expect_err("nobody reads");
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn a_slow_reader_is_not() {
    let (near, mut far) = tokio::io::duplex(10);
    let mut limited = Limited::new(near, LIMIT);
    let writing = tokio::spawn(async move { limited.write_all(&[7; 300]).await });
    let (mut rhythm, mut seen) = (tokio::time::interval(LIMIT / 10), 0);
    while seen < 300 {
        rhythm.tick().await;
        let mut page = [0; 10];
        seen += far.read(&mut page).await.expect("the writer lives");
    }
    writing.await.expect("it does not panic").expect("it took longer than the limit in all");
}
