//! Connections by the proxy of a sandbox, on real sockets.

use super::*;

/// A sandbox whose listener is a proxy.
async fn proxied(texts: &[&str]) -> Case {
    let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    Case::by_proxy(rules(&texts, Allowance::DEFAULT)).await
}

/// Rules for a server of this test.
fn open_to(port: u16) -> [String; 2] {
    [format!("allow {HOST}:{port}"), format!("allow 127.0.0.1:{port}")]
}

async fn say(case: &Case, words: &[u8]) -> TcpStream {
    let mut client = case.connect().await;
    client.write_all(words).await.expect("open");
    client
}

async fn all(client: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = timeout(LIMIT, client.read_to_end(&mut answer)).await.expect("in time");
    read.expect("it is told, and not reset");
    String::from_utf8_lossy(&answer).into_owned()
}

async fn some(client: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut answer = vec![0; count];
    timeout(LIMIT, client.read_exact(&mut answer)).await.expect("in time").expect("it comes");
    answer
}

const GRANTED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

#[tokio::test]
async fn a_tunnel_carries_what_both_sides_say() {
    let port = echo().await;
    let rules = open_to(port);
    let case = proxied(&[&rules[0], &rules[1]]).await;
    // What comes along with its head is not lost.
    let mut client =
        say(&case, format!("CONNECT {HOST}:{port} HTTP/1.1\r\n\r\n\0one").as_bytes()).await;
    assert_eq!(some(&mut client, GRANTED.len()).await, GRANTED);
    assert_eq!(some(&mut client, 4).await, b"\0one");
    client.write_all(b"two").await.expect("open");
    assert_eq!(some(&mut client, 3).await, b"two");
    drop(client);
    let entry = case.entry().await;
    assert_eq!(entry.judgement, Judgement::Allowed, "{entry:?}");
    assert_eq!((entry.name.as_deref(), entry.port), (Some(HOST), port));
    assert_eq!((entry.sent_bytes, entry.received_bytes), (7, 7));
}

#[tokio::test]
async fn socks_carries_what_both_sides_say() {
    let port = echo().await;
    let rules = open_to(port);
    let case = proxied(&[&rules[0], &rules[1]]).await;
    let mut client = say(&case, &[5, 1, 0]).await;
    assert_eq!(some(&mut client, 2).await, [5, 0]);
    let host = [&[5, 1, 0, 3, 12], HOST.as_bytes(), &port.to_be_bytes(), b"\0hello"].concat();
    client.write_all(&host).await.expect("open");
    assert_eq!(some(&mut client, 10).await[..2], [5, 0]);
    assert_eq!(some(&mut client, 6).await, b"\0hello");
}

#[tokio::test]
async fn what_is_not_allowed_is_refused_in_words() {
    let case = proxied(&["allow host.example:443", "allow 10.0.0.5/32:443"]).await;
    for (host, why) in [
        ("host.example:22", "no rule allows it"),
        ("other.example:443", "no rule allows it"),
        // The name leads to the loopback here.
        (
            "host.example:443",
            "127.0.0.1 is not public (Loopback), and no rule names it with its port",
        ),
        ("10.0.0.5:80", "10.0.0.5 is not public (Private-Use), and no rule names it with its port"),
        ("[::ffff:10.0.0.5]:80", "10.0.0.5 is not public (Private-Use)"),
        ("169.254.169.254:80", "169.254.169.254 is not public (Link Local)"),
        ("198.18.1.0:443", "198.18.1.0 is not public (Benchmarking)"),
    ] {
        let mut client = say(&case, format!("CONNECT {host} HTTP/1.1\r\n\r\n").as_bytes()).await;
        let answer = all(&mut client).await;
        assert!(
            answer.starts_with("HTTP/1.1 403 infield refused the connection"),
            "{host}: {answer}"
        );
        let entry = case.entry().await;
        assert_eq!(entry.judgement, Judgement::Refused, "{entry:?}");
        assert!(entry.reason.starts_with(why), "{host}: {}", entry.reason);
        assert!(answer.contains(&entry.reason), "{answer}");
    }
    let mut client = say(&case, &[5, 1, 0]).await;
    some(&mut client, 2).await;
    client.write_all(&[5, 1, 0, 1, 10, 0, 0, 5, 0, 80]).await.expect("open");
    assert_eq!(some(&mut client, 10).await[..2], [5, 2]);
}

#[tokio::test]
async fn who_is_not_reached_is_told() {
    let (server, port) = server().await;
    drop(server);
    let rules = open_to(port);
    let case = proxied(&[&rules[0], &rules[1]]).await;
    let mut client = say(&case, format!("CONNECT {HOST}:{port} HTTP/1.1\r\n\r\n").as_bytes()).await;
    let answer = all(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 502 infield did not reach host.example"), "{answer}");
    assert_eq!(case.entry().await.judgement, Judgement::Allowed);
}

#[tokio::test]
async fn what_is_not_understood_is_refused() {
    let case = proxied(&["allow host.example"]).await;
    for words in
        ["GET / HTTP/1.1\r\nHost: host.example\r\n\r\n", "CONNECT host.example HTTP/1.1\r\n\r\n"]
    {
        let answer = all(&mut say(&case, words.as_bytes()).await).await;
        assert!(answer.starts_with("HTTP/1.1 400 infield: "), "{answer}");
        let entry = case.entry().await;
        assert_eq!((entry.judgement, entry.name, entry.address), (Judgement::Refused, None, None));
    }
    let mut client = say(&case, b"\x16\x03\x01").await;
    timeout(LIMIT, client.read(&mut [0])).await.expect("in time").expect_err("reset");
    assert_eq!(case.sandbox.counters.traffic().refused, 3);
}

#[tokio::test]
async fn a_tunnel_on_an_inspected_port_is_for_its_name() {
    // Nobody listens on these ports here, so what is refused later is seen in a tunnel elsewhere.
    let port = echo().await;
    let rules = open_to(port);
    let case = proxied(&[&rules[0], &rules[1]]).await;
    for (words, why) in [
        ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "its request is for another host"),
        (
            "CONNECT evil.example:1 HTTP/1.1\r\nHost: evil.example:1\r\n\r\n",
            "its request asks for a tunnel (CONNECT)",
        ),
    ] {
        let mut client =
            say(&case, format!("CONNECT {HOST}:{port} HTTP/1.1\r\n\r\n").as_bytes()).await;
        assert_eq!(some(&mut client, GRANTED.len()).await, GRANTED);
        client.write_all(words.as_bytes()).await.expect("open");
        let answer = all(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 403 Forbidden"), "{answer}");
        let entry = case.entry().await;
        assert_eq!((entry.judgement, &*entry.reason), (Judgement::Refused, why));
    }
}

#[tokio::test]
async fn a_tunnel_is_cut_when_the_policy_changes() {
    let port = echo().await;
    let texts = open_to(port);
    let case = proxied(&[&texts[0], &texts[1]]).await;
    let mut client =
        say(&case, format!("CONNECT {HOST}:{port} HTTP/1.1\r\n\r\n\0").as_bytes()).await;
    some(&mut client, GRANTED.len() + 1).await;
    case.sandbox.rules.send_replace(rules(&["deny host.example".to_owned()], Allowance::DEFAULT));
    let error = timeout(LIMIT, client.read(&mut [0])).await.expect("in time");
    assert_eq!(error.expect_err("cut").kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(case.entry().await.judgement, Judgement::Cut);
}

#[tokio::test]
async fn who_says_nothing_takes_a_place_and_no_more() {
    let allowance = Allowance { connections: 3, ..Allowance::DEFAULT };
    let case = Case::by_proxy(rules(&["allow host.example".to_owned()], allowance)).await;
    let mut idle = Vec::new();
    for _ in 0..3 {
        idle.push(say(&case, b"CONN").await);
    }
    // It may be reset before this side knows that it was made.
    if let Ok(mut more) = TcpStream::connect(case.door).await {
        timeout(LIMIT, more.read(&mut [0])).await.expect("in time").expect_err("reset");
    }
    let entry = case.entry().await;
    assert_eq!((entry.judgement, &*entry.reason), (Judgement::Exceeded, CROWDED));
    idle.pop();
    eventually_served(&case).await;
}

/// Whether a client gets an answer.
async fn is_served(case: &Case) -> io::Result<()> {
    let mut client = TcpStream::connect(case.door).await?;
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").await?;
    let mut answer = [0; 12];
    client.read_exact(&mut answer).await?;
    assert_eq!(&answer, b"HTTP/1.1 400");
    Ok(())
}

/// A place was given back.
async fn eventually_served(case: &Case) {
    timeout(LIMIT, async {
        loop {
            if is_served(case).await.is_ok() {
                return;
            }
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("it is served in time");
}
