//! A name server for tests: it says what it was told to say, and counts what it is asked.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::rdata::CNAME;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

/// What is said of one name and type.
#[derive(Clone, Debug)]
pub(crate) enum Says {
    /// This address, for so many seconds.
    Address(IpAddr, u32),
    /// Sixty addresses, from this one on.
    Many(Ipv4Addr, u32),
    /// It is another name of this one.
    OtherName(&'static str),
    /// The name exists, and has nothing of this type.
    Nothing,
    NoSuchName,
    Failure,
    /// Nothing is said.
    Silence,
    /// Something is, and nobody knows what.
    Garbage,
    /// This, by TCP alone.
    Cut(Box<Says>),
    /// This, after a while that is too short for anyone to ask again.
    Late(Box<Says>),
}

impl Says {
    pub(crate) fn cut(self) -> Self {
        Self::Cut(Box::new(self))
    }

    pub(crate) fn late(self) -> Self {
        Self::Late(Box::new(self))
    }
}

/// The server. It ends with its value.
pub(crate) struct Authority {
    state: Arc<State>,
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct State {
    says: Mutex<HashMap<(String, RecordType), Says>>,
    asked: Mutex<Vec<String>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Udp,
    Tcp,
}

impl Authority {
    /// A server that knows no name.
    pub(crate) async fn start() -> Self {
        let (datagrams, streams) = loop {
            let datagrams = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
            let address = datagrams.local_addr().expect("bound");
            // The same port may be taken for TCP.
            if let Ok(streams) = TcpListener::bind(address).await {
                break (datagrams, streams);
            }
        };
        let (state, address) = (Arc::<State>::default(), datagrams.local_addr().expect("bound"));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_datagrams(Arc::new(datagrams), Arc::clone(&state)));
        tasks.spawn(serve_streams(streams, Arc::clone(&state)));
        Self { state, address, _tasks: tasks }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What to say from now on.
    pub(crate) fn say(&self, name: &str, kind: RecordType, says: Says) {
        let key = (format!("{name}."), kind);
        self.state.says.lock().expect("whole").insert(key, says);
    }

    /// Questions so far.
    pub(crate) fn asked(&self) -> usize {
        self.names().len()
    }

    /// Names that were asked about so far, each as often as it was.
    pub(crate) fn names(&self) -> Vec<String> {
        self.state.asked.lock().expect("whole").clone()
    }
}

async fn serve_datagrams(socket: Arc<UdpSocket>, state: Arc<State>) {
    let (mut buffer, mut tasks) = ([0; 4_096], JoinSet::new());
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await.expect("received");
        let (bytes, state, socket) =
            (buffer[..length].to_vec(), Arc::clone(&state), Arc::clone(&socket));
        tasks.spawn(async move {
            if let Some(answer) = answer(&bytes, By::Udp, &state).await {
                socket.send_to(&answer, from).await.expect("sent");
            }
        });
    }
}

async fn serve_streams(listener: TcpListener, state: Arc<State>) {
    let mut tasks = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.expect("accepted");
        let state = Arc::clone(&state);
        tasks.spawn(async move { serve_stream(stream, state).await });
    }
}

async fn serve_stream(mut stream: TcpStream, state: Arc<State>) {
    while let Ok(length) = stream.read_u16().await {
        let mut bytes = vec![0; length.into()];
        stream.read_exact(&mut bytes).await.expect("a whole question");
        if let Some(answer) = answer(&bytes, By::Tcp, &state).await {
            let length = u16::try_from(answer.len()).expect("short");
            stream.write_u16(length).await.expect("sent");
            stream.write_all(&answer).await.expect("sent");
        }
    }
}

async fn answer(bytes: &[u8], by: By, state: &State) -> Option<Vec<u8>> {
    let question = Message::from_vec(bytes).expect("a question");
    let query = question.queries.first().expect("a question").clone();
    let name = query.name.to_ascii().to_lowercase();
    state.asked.lock().expect("whole").push(name.clone());
    let known = state.says.lock().expect("whole").get(&(name, query.query_type)).cloned();
    let mut says = known.unwrap_or(Says::NoSuchName);
    while let Says::Late(then) = says {
        tokio::time::sleep(Duration::from_millis(200)).await;
        says = *then;
    }
    let mut answer = Message::new(question.id, MessageType::Response, question.op_code);
    answer.add_query(query.clone());
    match (says, by) {
        (Says::Silence, _) => return None,
        (Says::Garbage, _) => return Some(bytes[..2].iter().copied().chain([0xff; 40]).collect()),
        (Says::Cut(_), By::Udp) => answer.metadata.truncation = true,
        (Says::Cut(then), By::Tcp) => fill(&mut answer, &query, *then),
        (says, _) => fill(&mut answer, &query, says),
    }
    Some(answer.to_vec().expect("an answer"))
}

fn fill(answer: &mut Message, query: &Query, says: Says) {
    let mut add = |ttl, data| {
        answer.add_answer(Record::from_rdata(query.name.clone(), ttl, data));
    };
    match says {
        Says::Address(address, ttl) => add(ttl, address.into()),
        Says::Many(first, ttl) => (0..60).for_each(|number| {
            add(ttl, RData::A(Ipv4Addr::from_bits(first.to_bits() + number).into()));
        }),
        Says::OtherName(name) => {
            let name = Name::from_ascii(format!("{name}.")).expect("a name");
            add(60, RData::CNAME(CNAME(name)));
        }
        Says::NoSuchName => answer.metadata.response_code = ResponseCode::NXDomain,
        Says::Failure => answer.metadata.response_code = ResponseCode::ServFail,
        Says::Nothing | Says::Silence | Says::Garbage | Says::Cut(_) | Says::Late(_) => {}
    }
}
