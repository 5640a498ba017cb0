//! A sandbox with its resolver, an authority behind it, and a program that asks.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Edns, Message, Query, ResponseCode};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::{Name, RData, RecordType};
use infield_domain::SandboxId;
use infield_domain::network::{Allowance, Membership, Policy, Terms, Traffic};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::super::{serve_datagrams, serve_stream};
use crate::defence::Without;
use crate::journal::Journal;
use crate::names::{Meaning, Names};
use crate::sandbox::{Counters, Rules, Sandbox};
use crate::upstream::Upstream;
use crate::upstream::tests::authority::{Authority, Says};

const FOUR: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

/// Everything between a program and an authority.
pub(super) struct World {
    pub(super) authority: Authority,
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) datagrams: SocketAddr,
    streams: SocketAddr,
    _tasks: JoinSet<()>,
}

/// A policy as it is written: a word, or rules between commas.
pub(super) fn policy(text: &str) -> Policy {
    text.parse().unwrap_or_else(|_| {
        let rules = text.split(',').map(|rule| rule.parse().expect("a rule"));
        Policy::custom(rules.collect()).expect("few rules")
    })
}

fn rules(text: &str) -> Arc<Rules> {
    let limited = ["allow pypi.org:443", "allow *.pythonhosted.org:443"];
    let limited = limited.map(|rule| rule.parse().expect("a rule"));
    Arc::new(Rules {
        policy: policy(text),
        limited: Arc::new(limited),
        secrets: Arc::new([]),
        allowance: Allowance::DEFAULT,
        without: Without::default(),
    })
}

impl World {
    pub(super) async fn start(policy: &str) -> Self {
        let authority = Authority::start().await;
        let sandbox = Arc::new(Sandbox {
            id: SandboxId::from_random([0; 16]),
            rules: watch::Sender::new(rules(policy)),
            names: Names::default(),
            lookups: crate::dns::Limits::default(),
            counters: Counters::default(),
            opener: Arc::default(),
            peers: Default::default(),
            crowd: Default::default(),
            journal: Journal::new(Arc::default()),
        });
        let upstream = Arc::new(Upstream::new(&[authority.address()]));
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let datagrams = socket.local_addr().expect("bound");
        let streams = listener.local_addr().expect("bound");
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_datagrams(socket, Arc::clone(&sandbox), Arc::clone(&upstream)));
        tasks.spawn(accept(listener, Arc::clone(&sandbox), upstream));
        Self { authority, sandbox, datagrams, streams, _tasks: tasks }
    }

    /// Makes a name exist.
    pub(super) fn exists(&self, name: &str, how: fn(Says) -> Says) {
        self.authority.say(name, RecordType::A, how(Says::Address(FOUR, 60)));
        self.authority.say(name, RecordType::AAAA, how(Says::Nothing));
    }

    /// Puts the sandbox into a named network.
    pub(super) fn joins(&self, network: &str) {
        let networks = [network.parse().expect("a word")].into();
        let (owner, name) = ("alice".to_owned(), "web".parse().expect("a name"));
        let terms = Terms {
            policy: Policy::Limited,
            allowance: Allowance::DEFAULT,
            membership: Membership { owner, name, networks },
            before: Traffic::default(),
        };
        self.sandbox.peers.peers.change(&self.sandbox.id, Some(&terms));
    }

    pub(super) fn change(&self, policy: &str) {
        self.sandbox.rules.send_replace(rules(policy));
    }

    /// Asks by a datagram, as a program does.
    pub(super) async fn ask(&self, name: &str, kind: RecordType) -> Message {
        self.send(&question(name, kind)).await.expect("an answer")
    }

    /// Sends a datagram, and waits for what comes back.
    pub(super) async fn send(&self, question: &Message) -> Option<Message> {
        let socket = self.socket().await;
        socket.send(&question.to_vec().expect("a message")).await.expect("sent");
        let reply = receive(&socket).await?;
        assert_eq!(reply.id, question.id);
        Some(reply)
    }

    pub(super) async fn socket(&self) -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        socket.connect(self.datagrams).await.expect("connected");
        socket
    }

    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.streams).await.expect("connected")
    }

    /// Holds if a name is answered with the addresses that stand for it.
    pub(super) async fn check_stand_in(&self, name: &str) {
        for kind in [RecordType::A, RecordType::AAAA] {
            let reply = self.ask(name, kind).await;
            assert_eq!(reply.response_code, ResponseCode::NoError, "{name} {kind}: {reply}");
            let [record] = &reply.answers[..] else { panic!("{name} {kind}: {reply}") };
            assert_eq!((record.record_type(), record.ttl), (kind, 30));
            let address = record.data.ip_addr().expect("an address");
            let meaning = self.sandbox.names.meaning(address);
            assert_eq!(meaning, Meaning::Name(name.parse().expect("a name")));
        }
    }

    /// Holds if a question is answered with this code and this data.
    pub(super) async fn check(
        &self,
        name: &str,
        kind: RecordType,
        expected: (ResponseCode, &[RData]),
    ) {
        let reply = self.ask(name, kind).await;
        let data: Vec<_> = reply.answers.iter().map(|record| record.data.clone()).collect();
        assert_eq!((reply.response_code, &data[..]), expected, "{name} {kind}");
    }
}

async fn accept(listener: TcpListener, sandbox: Arc<Sandbox>, upstream: Arc<Upstream>) {
    let mut tasks = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.expect("accepted");
        tasks.spawn(serve_stream(stream, Arc::clone(&sandbox), Arc::clone(&upstream)));
    }
}

pub(super) fn question(name: &str, kind: RecordType) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(format!("{name}.")).expect("a name"), kind));
    message.set_edns(Edns::new());
    message
}

/// The next datagram; none when there is none for long.
pub(super) async fn receive(socket: &UdpSocket) -> Option<Message> {
    let mut buffer = [0; 2_048];
    let received = timeout(Duration::from_secs(7), socket.recv(&mut buffer)).await.ok()?;
    Some(Message::from_vec(&buffer[..received.expect("received")]).expect("a message"))
}

/// The reason that a reply gives.
pub(super) fn reason(reply: &Message) -> Option<(u16, String)> {
    let edns = reply.edns.as_ref()?;
    let EdnsOption::Unknown(15, data) = edns.option(15.into())? else { return None };
    let (code, text) = data.split_first_chunk()?;
    Some((u16::from_be_bytes(*code), String::from_utf8(text.to_vec()).ok()?))
}

pub(super) async fn write(stream: &mut TcpStream, question: &Message) {
    let bytes = question.to_vec().expect("a message");
    stream.write_u16(u16::try_from(bytes.len()).expect("short")).await.expect("sent");
    stream.write_all(&bytes).await.expect("sent");
}

pub(super) async fn read(stream: &mut TcpStream) -> Message {
    let mut bytes = vec![0; stream.read_u16().await.expect("a length").into()];
    stream.read_exact(&mut bytes).await.expect("an answer");
    Message::from_vec(&bytes).expect("a message")
}
