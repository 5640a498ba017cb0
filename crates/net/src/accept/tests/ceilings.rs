//! What the connections of one sandbox may hold and move, all together.

use infield_domain::network::{Allowance, Judgement};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Case, Duration, LIMIT, echo, eventually, noise, open, rules, server};

#[tokio::test]
async fn connections_and_bytes_have_their_ceilings() {
    let port = echo().await;
    let allowance = Allowance { connections: 2, total_bytes: Some(1_000), ..Allowance::DEFAULT };
    let case = Case::by_name(rules(&open(port), allowance), port).await;
    let mut clients = Vec::new();
    for _ in 0..2 {
        let mut client = case.connect().await;
        client.write_all(b"\0").await.expect("open");
        client.read_exact(&mut [0]).await.expect("it comes back");
        clients.push(client);
    }
    let mut third = case.connect().await;
    timeout(LIMIT, third.read(&mut [0])).await.expect("in time").expect_err("too many");
    let entry = case.entry().await;
    assert_eq!(entry.judgement, Judgement::Exceeded);
    assert_eq!(entry.reason, "the sandbox has as many connections as it may");

    let mut client = clients.pop().expect("two");
    client.write_all(&noise(2_000)).await.expect("open");
    let mut received = Vec::new();
    let read = timeout(LIMIT, client.read_to_end(&mut received)).await.expect("in time");
    read.expect_err("it is cut");
    let entry = case.entry().await;
    assert_eq!(entry.judgement, Judgement::Exceeded);
    assert_eq!(entry.reason, "the sandbox has moved as many bytes as it may");
    let traffic = case.sandbox.counters.traffic();
    assert!(traffic.sent_bytes + traffic.received_bytes <= 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_keep_the_pace_of_their_sandbox() {
    let port = echo().await;
    let allowance = Allowance { bytes_per_second: Some(1 << 20), ..Allowance::DEFAULT };
    let case = Case::by_name(rules(&open(port), allowance), port).await;
    let began = tokio::time::Instant::now();
    // Four connections, there and back: 2 MiB in all.
    let mut moving = JoinSet::new();
    for _ in 0..4 {
        let client = case.connect().await;
        moving.spawn(async move {
            let (mut from, mut to) = client.into_split();
            let bytes = noise(256 << 10);
            let writer = tokio::spawn(async move { to.write_all(&bytes).await.map(|()| to) });
            let mut received = vec![0; 256 << 10];
            from.read_exact(&mut received).await.expect("it comes back");
            drop(writer.await);
        });
    }
    timeout(LIMIT, moving.join_all()).await.expect("in time");
    let took = began.elapsed().as_secs_f64();
    assert!((1.6..=2.4).contains(&took), "{took}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_connections_at_once_hold_no_pipes() {
    let port = echo().await;
    let allowance = Allowance { connections: 2_000, ..Allowance::DEFAULT };
    let case = Case::by_name(rules(&open(port), allowance), port).await;
    let mut clients = Vec::new();
    for _ in 0..1_000 {
        let mut client = case.connect().await;
        client.write_all(&[0; 64]).await.expect("open");
        clients.push(client);
    }
    for client in &mut clients {
        let mut back = [1; 64];
        timeout(LIMIT, client.read_exact(&mut back)).await.expect("in time").expect("it comes");
        assert_eq!(back, [0; 64]);
    }
    assert_eq!(case.sandbox.counters.traffic().open, 1_000);
    assert!(pipes() < 64, "{} pipes", pipes());
    case.task.abort();
    drop(clients);
    eventually(|| (case.sandbox.counters.traffic().open == 0).then_some(())).await;
}

/// More than all buffers on the way take.
static MUCH: [u8; 32 << 20] = [7; 32 << 20];

#[tokio::test(flavor = "multi_thread")]
async fn slow_readers_hold_almost_nothing() {
    let (server, port) = server().await;
    tokio::spawn(async move {
        let mut streams = JoinSet::new();
        while let Ok((mut stream, _)) = server.accept().await {
            streams.spawn(async move { stream.write_all(&MUCH).await });
        }
    });
    let case = Case::by_name(rules(&open(port), Allowance::DEFAULT), port).await;
    let mut clients = Vec::new();
    for _ in 0..200 {
        let mut client = case.connect().await;
        timeout(LIMIT, client.read_exact(&mut [0])).await.expect("in time").expect("it comes");
        clients.push(client);
    }
    // Until nothing moves any more.
    let moved = || case.sandbox.counters.traffic().received_bytes;
    let mut before = 0;
    timeout(LIMIT, async {
        while moved() != before {
            before = moved();
            sleep(Duration::from_millis(200)).await;
        }
    })
    .await
    .expect("readers are slow");
    assert!(moved() / 200 < 512 << 10, "{} bytes wait for each", moved() / 200);
    assert!(pipes() < 64, "{} pipes", pipes());
}

/// How many ends of pipes this process holds.
fn pipes() -> usize {
    let held = std::fs::read_dir("/proc/self/fd").expect("the process's own");
    let links = held.filter_map(|held| std::fs::read_link(held.ok()?.path()).ok());
    links.filter(|link| link.to_string_lossy().starts_with("pipe:")).count()
}
