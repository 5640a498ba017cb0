//! Connections to other sandboxes, with a daemon that gives one end of a socket pair.

use std::os::fd::OwnedFd;

use infield_domain::SandboxId;
use infield_domain::network::{Membership, Terms, Traffic};
use tokio::net::UnixStream;

use super::*;
use crate::control::{Outcome, Reach};

fn id(number: u8) -> SandboxId {
    SandboxId::from_random([number; 16])
}

/// The sandbox that connects has 7; the other one `number`.
fn joins(case: &Case, number: u8, (owner, name): (&str, &str), networks: &[&str]) {
    let networks = networks.iter().map(|network| network.parse().expect("a word")).collect();
    let (owner, name) = (owner.to_owned(), name.parse().expect("a name"));
    let terms = Terms {
        policy: Policy::Limited,
        allowance: Allowance::DEFAULT,
        membership: Membership { owner, name, networks },
        before: Traffic::default(),
    };
    case.sandbox.peers.peers.change(&id(number), Some(&terms));
}

/// A sandbox that connects to `db`, with which it is in one network.
async fn case(rules: &[&str]) -> Case {
    let rules: Vec<_> = rules.iter().map(|rule| (*rule).to_owned()).collect();
    let case = Case::by_sandbox(super::rules(&rules, Allowance::DEFAULT), "db", 443).await;
    joins(&case, 7, ("alice", "web"), &["dev", "team"]);
    joins(&case, 8, ("alice", "db"), &["team"]);
    case
}

/// Answers the next question of the sandbox, and gives the other end.
async fn answered(case: &Case, early: &[u8]) -> (Reach, UnixStream) {
    let reach = asked(case).await;
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    let socket = OwnedFd::from(theirs.into_std().expect("it is one"));
    case.sandbox.peers.peers.answer(&reach, Outcome::Connected(early.to_vec()), Some(socket));
    (reach, ours)
}

async fn asked(case: &Case) -> Reach {
    eventually(|| case.sandbox.peers.peers.take().pop()).await
}

async fn read(client: &mut TcpStream) -> String {
    let mut text = String::new();
    timeout(LIMIT, client.read_to_string(&mut text)).await.expect("in time").expect("it ends");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn big_data_goes_both_ways_with_what_came_early_first() {
    let case = case(&[]).await;
    let (mut from, mut to) = case.connect().await.into_split();
    // Nobody looks at it, also on a port that is for TLS elsewhere.
    let sent = noise(32 << 20);
    let copy = sent.clone();
    let writer = tokio::spawn(async move {
        to.write_all(&copy).await.expect("it is taken");
        to.shutdown().await.expect("it is open");
    });
    let (reach, other) = answered(&case, b"early").await;
    assert_eq!((reach.from, reach.to, reach.port), (id(7), id(8), 443));
    let echo = tokio::spawn(async move {
        let (mut read, mut write) = other.into_split();
        tokio::io::copy(&mut read, &mut write).await.expect("it goes on")
    });
    let mut received = Vec::new();
    timeout(LIMIT, from.read_to_end(&mut received)).await.expect("in time").expect("it ends");
    writer.await.expect("it ran");
    assert_eq!(echo.await.expect("it ran"), 32 << 20, "a half-close goes on as one");
    assert_eq!(received.get(..5), Some(&b"early"[..]));
    assert!(received.get(5..) == Some(&sent));
    let entry = case.entry().await;
    assert_eq!(entry.judgement, Judgement::Allowed);
    assert_eq!(entry.reason, "both are in the network `team`");
    assert_eq!((entry.name.as_deref(), entry.address), (Some("db"), None));
    assert_eq!((entry.sent_bytes, entry.received_bytes), (32 << 20, (32 << 20) + 5));
    let traffic = case.sandbox.counters.traffic();
    assert_eq!((traffic.open, traffic.connections, traffic.refused), (0, 1, 0));
}

#[tokio::test]
async fn a_stranger_is_refused_with_words() {
    for (owner, networks, rules) in [
        ("alice", &["other"][..], &[][..]),
        ("bob", &["team"], &[]),
        ("alice", &["team"], &["deny db:443"]),
        ("alice", &["team"], &["deny *.infield.internal"]),
    ] {
        let case = case(rules).await;
        joins(&case, 8, (owner, "db"), networks);
        let mut client = case.connect().await;
        client.write_all(b"GET / HTTP/1.1\r\nHost: db\r\n\r\n").await.expect("open");
        let page = read(&mut client).await;
        assert!(page.starts_with("HTTP/1.1 403 ") && page.contains("net join"), "{page}");
        let entry = case.entry().await;
        assert_eq!(entry.judgement, Judgement::Refused);
        let why = rules.first().copied().unwrap_or("no sandbox `db` runs in a network that");
        assert!(entry.reason.starts_with(why), "{}", entry.reason);
        assert!(case.sandbox.peers.peers.take().is_empty(), "nobody was asked");
        assert_eq!(case.sandbox.counters.traffic().refused, 1);
    }
}

#[tokio::test]
async fn the_daemon_has_the_last_word() {
    let case = case(&[]).await;
    let mut client = case.connect().await;
    client.write_all(b"GET / HTTP/1.1\r\nHost: db\r\n\r\n").await.expect("open");
    case.sandbox.peers.peers.answer(&asked(&case).await, Outcome::Refused, None);
    assert!(read(&mut client).await.starts_with("HTTP/1.1 403 "));
    assert_eq!(case.entry().await.judgement, Judgement::Refused);

    let mut client = case.connect().await;
    let outcome = Outcome::Unreachable("nothing listens on port 443".to_owned());
    case.sandbox.peers.peers.answer(&asked(&case).await, outcome, None);
    let error = timeout(LIMIT, client.read(&mut [0])).await.expect("in time");
    assert_eq!(error.expect_err("reset").kind(), io::ErrorKind::ConnectionReset);
    let entry = case.entry().await;
    assert_eq!(entry.judgement, Judgement::Allowed);
    let expected = "both are in the network `team`; not reached: nothing listens on port 443";
    assert_eq!(entry.reason, expected);
}

/// Something that ends what was allowed.
type Change = fn(&Case);

#[tokio::test]
async fn who_leaves_is_cut_and_who_moves_something_else_is_not() {
    let changes: [(&str, Change); 5] = [
        ("it left", |case| joins(case, 8, ("alice", "db"), &["other"])),
        ("this one left", |case| joins(case, 7, ("alice", "web"), &["other"])),
        ("it ended", |case| case.sandbox.peers.peers.change(&id(8), None)),
        ("its name is another's", |case| {
            case.sandbox.peers.peers.change(&id(8), None);
            joins(case, 9, ("alice", "db"), &["team"]);
        }),
        ("it is denied", |case| {
            let denied = rules(&["deny db".to_owned()], Allowance::DEFAULT);
            case.sandbox.rules.send_replace(denied);
        }),
    ];
    for (what, change) in changes {
        let case = case(&[]).await;
        let mut client = case.connect().await;
        let (_, mut other) = answered(&case, b"").await;
        // Neither a third member nor another network of both changes anything.
        joins(&case, 9, ("alice", "third"), &["team"]);
        joins(&case, 8, ("alice", "db"), &["dev", "team"]);
        client.write_all(b"x").await.expect("open");
        timeout(LIMIT, other.read_exact(&mut [0])).await.expect("in time").expect("it comes");
        change(&case);
        let error = timeout(LIMIT, client.read(&mut [0])).await.expect("in time");
        assert_eq!(error.expect_err(what).kind(), io::ErrorKind::ConnectionReset, "{what}");
        let ended = timeout(LIMIT, other.read(&mut [0])).await.expect("in time");
        assert!(!matches!(ended, Ok(1..)), "{what}: {ended:?}");
        assert_eq!(case.entry().await.judgement, Judgement::Cut, "{what}");
    }
}
