//! Connections through the door of a sandbox, on real sockets.

mod ceilings;
mod opened;
mod peer;
mod proxy;
mod secure;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Mutex;

use infield_domain::network::{Allowance, Connection, Policy, Rule};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::defence::Without;
use crate::journal::Journal;
use crate::sandbox::{Counters, Rules};

pub(crate) const HOST: &str = "host.example";
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// A sandbox whose connections are taken, and what they reach.
pub(crate) struct Case {
    pub(crate) sandbox: Arc<Sandbox>,
    /// Where its programs connect to.
    pub(crate) door: SocketAddr,
    /// Where they mean to go; none where they say it.
    meant: Arc<Mutex<Option<SocketAddr>>>,
    task: JoinHandle<()>,
}

pub(crate) fn rules(texts: &[String], allowance: Allowance) -> Arc<Rules> {
    let rules: Vec<Rule> = texts.iter().map(|text| text.parse().expect("a rule")).collect();
    let policy = Policy::custom(rules).expect("few rules");
    let (secrets, without) = (Arc::new([]), Without::default());
    Arc::new(Rules { policy, limited: Arc::new([]), allowance, secrets, without })
}

/// Rules that allow the name, and the addresses that tests have servers on.
pub(crate) fn open(port: u16) -> Vec<String> {
    vec![format!("allow {HOST}:{port}"), format!("allow 127.0.0.1:{port}")]
}

fn sandbox(rules: Arc<Rules>) -> Arc<Sandbox> {
    Arc::new(Sandbox {
        id: infield_domain::SandboxId::from_random([7; 16]),
        rules: tokio::sync::watch::Sender::new(rules),
        names: Default::default(),
        lookups: Default::default(),
        counters: Counters::default(),
        opener: Arc::default(),
        peers: Default::default(),
        crowd: Default::default(),
        journal: Journal::new(Arc::default()),
    })
}

impl Case {
    /// Connections go to this port of the name, which is the loopback's here.
    pub(crate) async fn by_name(rules: Arc<Rules>, port: u16) -> Self {
        let sandbox = sandbox(rules);
        let (address, _) = sandbox.names.bind(&HOST.parse().expect("a name"));
        Self::start(sandbox, Some(SocketAddr::new(address.into(), port))).await
    }

    /// The same for the name of another sandbox.
    pub(crate) async fn by_sandbox(rules: Arc<Rules>, called: &str, port: u16) -> Self {
        let sandbox = sandbox(rules);
        let (address, _) = sandbox.names.bind(&called.parse().expect("a name"));
        Self::start(sandbox, Some(SocketAddr::new(address.into(), port))).await
    }

    /// Connections say where they go; each name is the loopback's here.
    pub(crate) async fn by_proxy(rules: Arc<Rules>) -> Self {
        Self::start(sandbox(rules), None).await
    }

    async fn start(sandbox: Arc<Sandbox>, meant: Option<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let door = listener.local_addr().expect("bound");
        let dial = Dial {
            addresses: Box::new(|_| Box::pin(async { Ok(vec![Ipv4Addr::LOCALHOST.into()]) })),
            is_own: |_| false,
        };
        let shared = Shared {
            sandbox: Arc::clone(&sandbox),
            upstream: Arc::new(Upstream::new(&[])),
            dial,
            pace: Arc::default(),
        };
        let meant = Arc::new(Mutex::new(meant));
        let asked = Arc::clone(&meant);
        let asked = move |_: &TcpStream| Ok(*asked.lock().expect("whole"));
        let task = tokio::spawn(take(listener, Arc::new(shared), asked));
        Self { sandbox, door, meant, task }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.door).await.expect("the door is open")
    }

    /// The next entry of the journal.
    pub(crate) async fn entry(&self) -> Connection {
        eventually(|| self.sandbox.journal.take(1).pop()).await
    }
}

pub(crate) async fn eventually<T>(mut found: impl FnMut() -> Option<T>) -> T {
    timeout(LIMIT, async {
        loop {
            match found() {
                Some(found) => return found,
                None => sleep(Duration::from_millis(5)).await,
            }
        }
    })
    .await
    .expect("it happens in time")
}

pub(crate) async fn server() -> (TcpListener, u16) {
    let server = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = server.local_addr().expect("bound").port();
    (server, port)
}

/// A server that gives back what it gets.
async fn echo() -> u16 {
    let (server, port) = server().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = server.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                drop(tokio::io::copy(&mut from, &mut to).await);
                drop(to.shutdown().await);
            });
        }
    });
    port
}

pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let mut bytes: Vec<u8> = std::iter::repeat_with(next).take(length).collect();
    // No word and no record.
    bytes[0] = 0;
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn big_data_comes_back_whole_after_a_half_close() {
    let port = echo().await;
    let case = Case::by_name(rules(&open(port), Allowance::DEFAULT), port).await;
    let (mut from, mut to) = case.connect().await.into_split();
    let sent = noise(32 << 20);
    let copy = sent.clone();
    let writer = tokio::spawn(async move {
        to.write_all(&copy).await.expect("it is taken");
        to.shutdown().await.expect("it is open");
    });
    let mut received = Vec::new();
    timeout(LIMIT, from.read_to_end(&mut received)).await.expect("in time").expect("it ends");
    writer.await.expect("it ran");
    assert!(received == sent);
    let entry = case.entry().await;
    assert_eq!(entry.judgement, Judgement::Allowed, "{entry:?}");
    assert_eq!((entry.sent_bytes, entry.received_bytes), (32 << 20, 32 << 20));
    assert_eq!(entry.name.as_deref(), Some(HOST));
    assert_eq!(entry.address, Some(Ipv4Addr::LOCALHOST.into()));
    assert_eq!(entry.reason, format!("allow 127.0.0.1:{port}"));
    let traffic = case.sandbox.counters.traffic();
    assert_eq!((traffic.open, traffic.connections, traffic.sent_bytes), (0, 1, 32 << 20));
}

#[tokio::test]
async fn a_server_may_speak_first() {
    let (server, port) = server().await;
    let case = Case::by_name(rules(&open(port), Allowance::DEFAULT), port).await;
    let mut client = case.connect().await;
    let (mut stream, _) =
        timeout(LIMIT, server.accept()).await.expect("in time").expect("it comes");
    stream.write_all(b"220 hello\r\n").await.expect("open");
    let mut greeting = [0; 11];
    timeout(LIMIT, client.read_exact(&mut greeting)).await.expect("in time").expect("it comes");
    client.write_all(b"EHLO me\r\n").await.expect("open");
    let mut answer = [0; 9];
    timeout(LIMIT, stream.read_exact(&mut answer)).await.expect("in time").expect("it comes");
    assert_eq!(&answer, b"EHLO me\r\n");
}

#[tokio::test]
async fn a_reset_goes_on_as_a_reset_both_ways() {
    let (server, port) = server().await;
    let case = Case::by_name(rules(&open(port), Allowance::DEFAULT), port).await;
    for who in ["client", "server"] {
        let mut client = case.connect().await;
        client.write_all(b"\0").await.expect("open");
        let (mut stream, _) = server.accept().await.expect("it comes");
        stream.read_exact(&mut [0]).await.expect("it comes");
        let (gone, mut other) = if who == "client" { (client, stream) } else { (stream, client) };
        relay::reset(&gone);
        drop(gone);
        let error = timeout(LIMIT, other.read(&mut [0])).await.expect("in time");
        assert_eq!(error.expect_err(who).kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(case.entry().await.judgement, Judgement::Allowed);
    }
}

#[tokio::test]
async fn what_no_longer_fits_is_cut() {
    let port = echo().await;
    let case = Case::by_name(rules(&open(port), Allowance::DEFAULT), port).await;
    let mut client = case.connect().await;
    client.write_all(b"\0").await.expect("open");
    client.read_exact(&mut [0]).await.expect("it comes back");
    // What changes nothing for it leaves it alone.
    let mut more = open(port);
    more.push("allow other.example:443".to_owned());
    case.sandbox.rules.send_replace(rules(&more, Allowance::DEFAULT));
    client.write_all(b"\0").await.expect("open");
    client.read_exact(&mut [0]).await.expect("it comes back");
    more.push(format!("deny {HOST}"));
    case.sandbox.rules.send_replace(rules(&more, Allowance::DEFAULT));
    let error = timeout(LIMIT, client.read(&mut [0])).await.expect("in time");
    assert_eq!(error.expect_err("cut").kind(), io::ErrorKind::ConnectionReset);
    let entry = case.entry().await;
    assert_eq!(entry.judgement, Judgement::Cut);
    assert_eq!(entry.reason, format!("the policy changed: deny {HOST}"));
    assert_eq!((entry.sent_bytes, entry.received_bytes), (2, 2));
}

#[tokio::test]
async fn what_the_policy_cannot_allow_is_not_looked_up() {
    let case =
        Case::by_name(rules(&["allow other.example:443".to_owned()], Allowance::DEFAULT), 22);
    let case = case.await;
    let mut client = case.connect().await;
    client.write_all(b"SSH-2.0-x\r\n").await.expect("open");
    timeout(LIMIT, client.read(&mut [0])).await.expect("in time").expect_err("reset");
    let entry = case.entry().await;
    assert_eq!((entry.judgement, &*entry.reason), (Judgement::Refused, "no rule allows it"));
    assert_eq!((entry.name.as_deref(), entry.address), (Some(HOST), None));
    assert_eq!(case.sandbox.counters.traffic().refused, 1);
}

#[tokio::test]
async fn addresses_go_by_their_rules_and_the_listener_itself_by_none() {
    let port = echo().await;
    let case =
        Case::by_name(rules(&["allow 93.184.0.0/16".to_owned()], Allowance::DEFAULT), 1).await;
    for (meant, reason) in [
        (format!("127.0.0.1:{port}"), "it went to the listener itself"),
        (format!("[::1]:{port}"), "it went to the listener itself"),
        (format!("[::ffff:127.0.0.1]:{port}"), "it went to the listener itself"),
        ("198.19.200.1:443".to_owned(), "its address stands for no name any more"),
        ("8.8.8.8:444".to_owned(), "no rule allows it"),
        (
            "10.0.0.1:444".to_owned(),
            "10.0.0.1 is not public (Private-Use), and no rule names it with its port",
        ),
    ] {
        *case.meant.lock().expect("whole") = Some(meant.parse().expect("an address"));
        let mut client = case.connect().await;
        timeout(LIMIT, client.read(&mut [0])).await.expect("in time").expect_err("reset");
        let entry = case.entry().await;
        assert_eq!((entry.judgement, &*entry.reason), (Judgement::Refused, reason), "{meant}");
    }
}

#[tokio::test]
async fn own_addresses_open_for_no_rule() {
    let (_server, port) = server().await;
    let dial = Dial::new(Arc::new(Upstream::new(&[])));
    let open = rules(&open(port), Allowance::DEFAULT);
    let refused = dial.by_address(&open, Ipv4Addr::LOCALHOST.into(), port);
    assert!(
        matches!(refused, Err(dial::Failure::Refused(why)) if why == "it leads to the host itself")
    );
}
