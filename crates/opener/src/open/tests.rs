//! Opened connections: a real client, a real host, TLS on both sides.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use infield_domain::SandboxId;
use infield_domain::secret::{Given, Placeholder, SecretName, Value};
use infield_net::handover::{Credit, WINDOW};
use infield_net::packet;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncWriteExt as _, Interest};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use super::*;
use crate::body::Body;
use crate::seal::Key;
use crate::trust::Trust;

const HOST: &str = "api.example.org";
const VALUE: &str = "the value itself";
const LIMIT: Duration = Duration::from_secs(20);

/// An authority of the world outside, and what it says of the host.
fn outside() -> (String, ServerConfig) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = params.self_signed(&key).expect("a root").pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec![HOST.to_owned()]).expect("a name");
    let certificate = params.signed_by(&key, &issuer).expect("signed");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key);
    (root, config.expect("a server"))
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// What the host does with a request.
type Answer = fn(Request<Incoming>) -> Response<Body>;

/// A connection that is open, and both ends of it.
struct Case {
    client: tokio_rustls::client::TlsStream<TcpStream>,
    reports: AsyncFd<OwnedFd>,
    placeholder: String,
    task: JoinHandle<()>,
}

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address: SocketAddr = listener.local_addr().expect("bound");
    let (one, other) = tokio::join!(TcpStream::connect(address), listener.accept());
    (one.expect("open"), other.expect("open").0)
}

fn descriptor(stream: TcpStream) -> OwnedFd {
    stream.into_std().expect("a socket").into()
}

/// Opens a connection whose client offers this protocol. Without trust the host is nobody's.
async fn open_one(protocol: &[u8], is_trusted: bool, answer: Answer) -> Case {
    let (root, mut config) = outside();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let trusted = if is_trusted { root.into_bytes() } else { Vec::new() };
    let (key, trust) = (Key(Zeroizing::new([1; 32])), Trust::new(trusted, &provider()));
    let secret: SecretName = "TOKEN".parse().expect("a name");
    let placeholder = Placeholder::from_random(&secret, [4; 32]);
    let hosts = vec![HOST.parse().expect("a host")];
    let value = Value::new(VALUE.to_owned()).expect("a value");
    let sealed = key.seal(&secret, &hosts, &value).expect("sealed");
    let word = placeholder.to_string();
    let given = vec![Given { secret, placeholder, hosts, sealed }];
    let id = SandboxId::from_random([2; 16]);
    let ward = Ward::new(&id, given, None, (&key, &trust, &provider()));
    let Ok(ward) = ward else { panic!("it is taken in") };

    let (host, theirs) = pair().await;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        let Ok(stream) = acceptor.accept(theirs).await else { return };
        let service =
            service_fn(move |request| std::future::ready(Ok::<_, Infallible>(answer(request))));
        let served = auto::Builder::new(TokioExecutor::new());
        drop(served.serve_connection(TokioIo::new(stream), service).await);
    });

    let mut roots = RootCertStore::empty();
    let pem = ward.authority.pem().as_bytes();
    roots.add(CertificateDer::from_pem_slice(pem).expect("a certificate")).expect("a root");
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("versions");
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let (client, inner) = pair().await;
    let flags = rustix::net::SocketFlags::CLOEXEC | rustix::net::SocketFlags::NONBLOCK;
    let (family, kind) = (rustix::net::AddressFamily::UNIX, rustix::net::SocketType::SEQPACKET);
    let (ours, reports) = rustix::net::socketpair(family, kind, flags, None).expect("a pair");
    let sockets = Sockets { client: descriptor(inner), server: descriptor(host), reports };
    let handover = Handover {
        sandbox: id,
        host: HOST.to_owned(),
        port: 443,
        first: Vec::new(),
        credit: WINDOW,
    };
    let task = tokio::spawn(open(Arc::new(ward), handover, sockets));
    let name = ServerName::try_from(HOST).expect("a name");
    let client = TlsConnector::from(Arc::new(config)).connect(name, client);
    let client = timeout(LIMIT, client).await.expect("in time").expect("it is trusted");
    let reports = packet::register(ours).expect("registered");
    Case { client, reports, placeholder: word, task }
}

impl Case {
    async fn report(&self) -> Report {
        let read = |socket: &OwnedFd| {
            let mut buffer = vec![0; 4096];
            let (length, _) = packet::receive(socket, &mut buffer)?;
            Ok(buffer[..length].to_vec())
        };
        let heard = timeout(LIMIT, self.reports.async_io(Interest::READABLE, read)).await;
        postcard::from_bytes(&heard.expect("in time").expect("told")).expect("a report")
    }
}

/// A request of HTTP/1.1 by hand, and all that is answered.
async fn ask(case: &mut Case, head: &str, body: &str) -> String {
    let head = head.replace("TOKEN", &case.placeholder);
    let text = format!("{head}\r\nHost: {HOST}\r\nConnection: close\r\n\r\n{body}");
    case.client.write_all(text.as_bytes()).await.expect("open");
    let mut answer = Vec::new();
    let read = timeout(LIMIT, case.client.read_to_end(&mut answer)).await.expect("in time");
    // Some ends have no farewell.
    drop(read);
    String::from_utf8_lossy(&answer).into_owned()
}

fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Says the request's head, all in capitals where it shall not be masked.
fn echo(request: Request<Incoming>) -> Response<Body> {
    let key = request.headers().get("x-key").and_then(|key| key.to_str().ok()).unwrap_or("");
    let text = format!("{} {key} {}", request.uri(), key.to_uppercase());
    Response::new(full(text))
}

#[tokio::test]
async fn a_placeholder_goes_out_as_the_value_and_comes_back() {
    let mut case = open_one(b"http/1.1", true, echo).await;
    let said = ask(&mut case, "GET /a?b=TOKEN HTTP/1.1\r\nX-Key: TOKEN", "").await;
    let word = case.placeholder.clone();
    assert!(said.contains(&format!("/a?b={word} {word} {}", VALUE.to_uppercase())), "{said}");
    let (mut out, mut back) = (0, 0);
    while let Report::Moved { sent, received } = case.report().await {
        (out, back) = (out + sent, back + received);
    }
    assert!(out > 100 && back > 100, "{out} {back}");
    timeout(LIMIT, case.task).await.expect("in time").expect("it ended");
}

#[tokio::test]
async fn http_2_is_spoken_on_both_sides() {
    let case = open_one(b"h2", true, |request| {
        assert_eq!(request.version(), http::Version::HTTP_2);
        echo(request)
    });
    let case = case.await;
    let io = TokioIo::new(case.client);
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.expect("HTTP/2");
    let driving = tokio::spawn(connection);
    for _ in 0..3 {
        let request = Request::get(format!("https://{HOST}/x")).header("x-key", &case.placeholder);
        let answer = sender.send_request(request.body(full("")).expect("a request"));
        let answer = timeout(LIMIT, answer).await.expect("in time").expect("an answer");
        let body = answer.into_body().collect().await.expect("whole").to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        assert!(
            text.ends_with(&format!("{} {}", case.placeholder, VALUE.to_uppercase())),
            "{text}"
        );
    }
    driving.abort();
}

/// Answers with so many bytes, all at once.
fn flood(_: Request<Incoming>) -> Response<Body> {
    Response::new(full(vec![b'x'; 3 * usize::try_from(WINDOW).expect("small")]))
}

#[tokio::test]
async fn no_more_is_moved_than_credit_was_given_for() {
    let mut case = open_one(b"http/1.1", true, flood).await;
    let head = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    case.client.write_all(head.as_bytes()).await.expect("open");
    let mut buffer = vec![0; 1 << 20];
    let mut got = 0;
    while let Ok(read) = timeout(Duration::from_millis(500), case.client.read(&mut buffer)).await {
        got += read.expect("open");
    }
    let window = usize::try_from(WINDOW).expect("small");
    assert!((window / 2..window + (1 << 20)).contains(&got), "{got}");
    let credit = postcard::to_stdvec(&Credit(4 * WINDOW)).expect("plain");
    packet::send(case.reports.get_ref(), &credit, &[]).expect("told");
    while got < 3 * window {
        let read = timeout(LIMIT, case.client.read(&mut buffer)).await.expect("in time");
        got += read.expect("open");
    }
}

#[tokio::test]
async fn it_ends_when_nobody_follows_it() {
    let case = open_one(b"http/1.1", true, echo).await;
    drop(case.reports);
    timeout(LIMIT, case.task).await.expect("in time").expect("it ended");
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_none() {
    let coded: Answer = |_| {
        let answer = Response::builder().header("content-encoding", "br").body(full("coded"));
        answer.expect("an answer")
    };
    let mut case = open_one(b"http/1.1", true, coded).await;
    let said = ask(&mut case, "GET / HTTP/1.1\r\nX-Key: TOKEN", "").await;
    assert!(said.starts_with("HTTP/1.1 502") && said.contains("compressed"), "{said}");
    let mut case = open_one(b"http/1.1", false, echo).await;
    let said = ask(&mut case, "GET / HTTP/1.1\r\nX-Key: TOKEN", "").await;
    assert!(said.starts_with("HTTP/1.1 502") && said.contains("UnknownIssuer"), "{said}");
}

#[tokio::test]
async fn a_request_for_another_host_is_refused() {
    let mut case = open_one(b"http/1.1", true, echo).await;
    let text = "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    case.client.write_all(text.as_bytes()).await.expect("open");
    let mut answer = [0; 12];
    timeout(LIMIT, case.client.read_exact(&mut answer)).await.expect("in time").expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 403");
    loop {
        match case.report().await {
            Report::Refused(why) => return assert_eq!(why, "its request is for another host"),
            Report::Moved { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

/// What the test lets the host say, bit by bit.
static PIECES: std::sync::Mutex<Option<mpsc::UnboundedReceiver<&'static str>>> =
    std::sync::Mutex::new(None);

#[tokio::test]
async fn an_answer_bit_by_bit_is_not_held_back() {
    let (say, pieces) = mpsc::unbounded_channel();
    *PIECES.lock().expect("whole") = Some(pieces);
    let stream: Answer = |_| {
        let mut pieces = PIECES.lock().expect("whole").take().expect("one request");
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            while let Some(piece) = pieces.recv().await {
                let frame = Ok::<_, crate::body::BodyError>(Frame::data(Bytes::from(piece)));
                drop(sender.send(frame).await);
            }
        });
        let frames = Frames(receiver);
        Response::builder().status(StatusCode::OK).body(frames.boxed_unsync()).expect("an answer")
    };
    let mut case = open_one(b"http/1.1", true, stream).await;
    let head = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    case.client.write_all(head.as_bytes()).await.expect("open");
    let mut seen = String::new();
    for (piece, expected) in [
        ("data: 1 th\n\n", "data: 1 th\n\n"),
        ("data: 2 the va", "data: 2 "),
        ("lue itself\n\n", "infield_secret_TOKEN_"),
    ] {
        say.send(piece).expect("somebody hears");
        while !seen.contains(expected) {
            let mut buffer = [0; 4096];
            let read = timeout(LIMIT, case.client.read(&mut buffer)).await.expect("in time");
            seen += &String::from_utf8_lossy(&buffer[..read.expect("open")]);
            assert!(!seen.contains("the va"), "{seen}");
        }
    }
}

/// Frames as they come.
struct Frames(mpsc::Receiver<Result<Frame<Bytes>, crate::body::BodyError>>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = crate::body::BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context)
    }
}
