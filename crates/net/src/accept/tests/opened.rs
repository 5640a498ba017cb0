//! Connections to secret hosts: handed over, never passed unopened, and cut from here.

use std::os::fd::{AsFd, OwnedFd};
use std::process::Stdio;

use infield_domain::network::{Allowance, Judgement};
use infield_domain::secret::{Guarded, Placeholder, SecretName};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, Interest};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::{Case, HOST, LIMIT, eventually, open, rules, server};
use crate::handover::{Credit, HANDOVER_BYTES, Handover, Report};
use crate::packet;

fn secret() -> Guarded {
    let secret: SecretName = "TOKEN".parse().expect("a name");
    let placeholder = Placeholder::from_random(&secret, [5; 32]);
    Guarded { secret, placeholder, hosts: vec![HOST.parse().expect("a host")] }
}

async fn guarded(port: u16) -> Case {
    let case = Case::by_name(rules(&open(port), Allowance::DEFAULT), port).await;
    case.sandbox.rules.send_modify(|rules| {
        *rules = rules.with_secrets([secret()].into()).into();
    });
    case
}

fn curl(case: &Case, url: &str) -> Child {
    let mut curl = Command::new("curl");
    let port = url.trim_end_matches('/').rsplit(':').next().expect("a port");
    let to = format!("{HOST}:{port}:{}", case.door);
    curl.args(["-sSk", "-m", "20", "--connect-to", &to, url]).kill_on_drop(true);
    curl.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("curl is installed")
}

async fn said(curl: Child) -> String {
    let output = curl.wait_with_output().await.expect("it ran");
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).to_lowercase()
}

/// The opener's side of its link.
fn link(case: &Case) -> AsyncFd<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let pair = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None);
    let (ours, theirs) = pair.expect("a pair");
    case.sandbox.opener.replace(Some(theirs));
    packet::register(ours).expect("registered")
}

async fn hear(socket: &AsyncFd<OwnedFd>) -> (Vec<u8>, Vec<OwnedFd>) {
    let read = |socket: &OwnedFd| {
        let mut buffer = vec![0; HANDOVER_BYTES];
        let (length, descriptors) = packet::receive(socket, &mut buffer)?;
        buffer.truncate(length);
        Ok((buffer, descriptors))
    };
    let heard = timeout(LIMIT, socket.async_io(Interest::READABLE, read)).await;
    heard.expect("in time").expect("heard")
}

#[tokio::test]
async fn without_an_opener_nothing_passes() {
    let (listener, port) = server().await;
    let case = guarded(port).await;
    let said = said(curl(&case, &format!("https://{HOST}:{port}/"))).await;
    assert!(said.contains("access denied"), "{said}");
    let entry = case.entry().await;
    assert_eq!(entry.judgement, Judgement::Refused);
    assert!(entry.reason.contains("is away"), "{entry:?}");
    let (mut stream, _) =
        timeout(LIMIT, listener.accept()).await.expect("in time").expect("it came");
    assert!(!matches!(stream.read(&mut [0; 1]).await, Ok(1..)));
}

#[tokio::test]
async fn a_connection_is_handed_over_counted_and_cut() {
    let (listener, port) = server().await;
    let case = guarded(port).await;
    let link = link(&case);
    let client = curl(&case, &format!("https://{HOST}:{port}/"));
    let (bytes, descriptors) = hear(&link).await;
    let handover: Handover = postcard::from_bytes(&bytes).expect("a handover");
    assert_eq!((handover.host.as_str(), handover.port), (HOST, port));
    assert_eq!(handover.first.first(), Some(&0x16), "it begins with the hello");
    let [_client, theirs, reports] = <[OwnedFd; 3]>::try_from(descriptors).expect("three");
    let (stream, _) = timeout(LIMIT, listener.accept()).await.expect("in time").expect("it came");
    let reports = packet::register(reports).expect("registered");
    let report = postcard::to_stdvec(&Report::Moved { sent: 70, received: 300 }).expect("plain");
    packet::send(reports.as_fd(), &report, &[]).expect("told");
    let (credit, _) = hear(&reports).await;
    assert_eq!(postcard::from_bytes::<Credit>(&credit).expect("credit").0, 370);
    let traffic = case.sandbox.counters.traffic();
    assert_eq!((traffic.sent_bytes, traffic.received_bytes), (70, 300));
    // The opener keeps its copies; the connection ends all the same.
    case.sandbox.rules.send_replace(rules(&[format!("deny {HOST}")], Allowance::DEFAULT));
    let mut theirs = TcpStream::from_std(theirs.into()).expect("registered");
    let ended = timeout(LIMIT, theirs.read(&mut [0; 1])).await.expect("in time");
    assert!(!matches!(ended, Ok(1..)));
    assert!(hear(&reports).await.0.is_empty());
    drop(stream);
    let entry = case.entry().await;
    assert_eq!((entry.judgement, entry.sent_bytes), (Judgement::Cut, 70), "{entry:?}");
    drop(said(client).await);
}

#[tokio::test]
async fn a_last_word_is_heard_though_a_credit_was_not_read() {
    let (_listener, port) = server().await;
    let case = guarded(port).await;
    let link = link(&case);
    let client = curl(&case, &format!("https://{HOST}:{port}/"));
    let (_, descriptors) = hear(&link).await;
    let [_, _, reports] = <[OwnedFd; 3]>::try_from(descriptors).expect("three");
    let tell = |report: &Report| {
        let report = postcard::to_stdvec(report).expect("plain");
        packet::send(reports.as_fd(), &report, &[]).expect("told");
    };
    tell(&Report::Moved { sent: 70, received: 300 });
    eventually(|| (case.sandbox.counters.traffic().sent_bytes == 70).then_some(())).await;
    tell(&Report::Broken("it broke in its own way".to_owned()));
    drop(reports);
    let entry = case.entry().await;
    assert!(entry.reason.contains("it broke in its own way"), "{entry:?}");
    drop(said(client).await);
}

#[tokio::test]
async fn it_ends_with_the_opener() {
    let (_listener, port) = server().await;
    let case = guarded(port).await;
    let link = link(&case);
    let client = curl(&case, &format!("https://{HOST}:{port}/"));
    let (_, descriptors) = hear(&link).await;
    drop(descriptors);
    let text = said(client).await;
    assert!(!text.is_empty(), "it failed");
    let entry = case.entry().await;
    assert!(entry.reason.contains("the process that opens TLS ended"), "{entry:?}");
}

#[tokio::test]
async fn a_placeholder_leaves_no_plain_request() {
    let (listener, port) = server().await;
    let case = guarded(port).await;
    let placeholder = secret().placeholder;
    for how in [["-H", "X-Key: PLACEHOLDER"], ["-u", "me:PLACEHOLDER"], ["-A", "x PLACEHOLDER y"]] {
        let mut curl = Command::new("curl");
        let to = format!("{HOST}:{port}:{}", case.door);
        let how = how.map(|word| word.replace("PLACEHOLDER", placeholder.as_str()));
        curl.args(["-sS", "-m", "20", "--connect-to", &to, &format!("http://{HOST}:{port}/")]);
        let output = curl.args(how).output().await.expect("curl is installed");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("carries the placeholder of the secret `TOKEN`"), "{said}");
        let entry = eventually(|| case.sandbox.journal.take(1).pop()).await;
        assert_eq!(entry.judgement, Judgement::Refused);
    }
    drop(listener);
}
