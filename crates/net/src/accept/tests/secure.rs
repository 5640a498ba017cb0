//! TLS through the door of a sandbox: a real client, a real server.

use std::process::Stdio;

use infield_domain::network::{Allowance, Judgement};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::{Case, Duration, HOST, LIMIT, open, rules, server, sleep};

/// A server that takes these key exchanges alone.
async fn secure(folder: &std::path::Path, groups: &str) -> (Child, u16) {
    let (key, certificate) = (folder.join("key"), folder.join("certificate"));
    let mut make = Command::new("openssl");
    make.args(["req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    make.args(["-subj", "/CN=host.example", "-days", "2", "-keyout"]).arg(&key);
    make.arg("-out").arg(&certificate).stderr(Stdio::null());
    assert!(make.status().await.expect("openssl is installed").success());
    let (listener, port) = server().await;
    drop(listener);
    let mut serve = Command::new("openssl");
    serve.args(["s_server", "-quiet", "-www", "-accept", &format!("127.0.0.1:{port}")]);
    serve.arg("-key").arg(&key).arg("-cert").arg(&certificate).args(["-groups", groups]);
    serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let child = serve.spawn().expect("openssl is installed");
    timeout(LIMIT, async {
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("it listens in time");
    (child, port)
}

/// Both kinds of handshakes, and one in which the server asks for a second hello: curl offers
/// no key of that group at first.
#[tokio::test(flavor = "multi_thread")]
async fn curl_reads_a_page() {
    let folder = tempfile::tempdir().expect("a folder");
    for (groups, version) in [("X25519:P-256", "1.2"), ("X25519:P-256", "1.3"), ("P-384", "1.3")] {
        let (mut server, port) = secure(folder.path(), groups).await;
        let case = Case::by_name(rules(&open(port), Allowance::DEFAULT), port).await;
        let mut curl = Command::new("curl");
        let to = format!("{HOST}:{port}:{}", case.door);
        curl.args(["-sSk", "-m", "10", "--tls-max", version, "--connect-to", &to]);
        let output = curl.arg(format!("https://{HOST}:{port}/")).output().await;
        let output = output.expect("curl is installed");
        let page = String::from_utf8_lossy(&output.stdout);
        assert!(page.contains("<HTML>"), "{groups} {version} {output:?}");
        let entry = case.entry().await;
        assert_eq!(entry.judgement, Judgement::Allowed, "{entry:?}");
        server.kill().await.expect("it is ours");
    }
}

#[tokio::test]
async fn a_hello_for_another_host_reaches_nobody() {
    let (listener, port) = server().await;
    let case = Case::by_name(rules(&open(port), Allowance::DEFAULT), port).await;
    let mut curl = Command::new("curl");
    let to = format!("other.example:{port}:{}", case.door);
    curl.args(["-sSk", "-m", "10", "--connect-to", &to, &format!("https://other.example:{port}/")]);
    let output = curl.output().await.expect("curl is installed");
    let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
    assert!(said.contains("access denied"), "{said}");
    let entry = case.entry().await;
    assert_eq!(entry.judgement, Judgement::Refused);
    assert_eq!((&*entry.reason, entry.sent_bytes), ("its TLS hello is for another host", 0));
    // The server saw a connection at most, and nothing on it.
    let (mut stream, _) =
        timeout(LIMIT, listener.accept()).await.expect("in time").expect("it came");
    assert!(!matches!(stream.read(&mut [0]).await, Ok(1..)));
}
