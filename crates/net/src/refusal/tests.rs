use infield_domain::network::Allowance;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use super::*;
use crate::accept::tests::{Case, HOST, LIMIT, rules};

/// What curl says when its address is refused: its output, its complaint, its exit code.
async fn curl(case: &Case, port: u16, url: &str) -> (String, String, Option<i32>) {
    let to = format!("{HOST}:{port}:{}", case.door);
    let mut command = Command::new("curl");
    command.args(["-sS", "--noproxy", "*", "-m", "10", "--connect-to", &to, url]);
    let output = timeout(LIMIT, command.kill_on_drop(true).output()).await.expect("in time");
    let output = output.expect("curl is installed");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

async fn closed(port: u16) -> Case {
    let nothing = rules(&["allow other.example:443".to_owned()], Allowance::DEFAULT);
    Case::by_name(nothing, port).await
}

#[tokio::test]
async fn curl_prints_the_page() {
    let case = closed(80).await;
    let (page, _, code) = curl(&case, 80, "http://host.example/x").await;
    let sandbox = &case.sandbox.id;
    assert_eq!(
        page,
        format!(
            "infield refused the connection to host.example:80 under the network policy `custom` \
             (no rule allows it); a person can allow it with `infield net allow {sandbox} \
             host.example:80`\n"
        )
    );
    assert_eq!(code, Some(0));
    // With a body that is longer than anybody reads, too.
    let case = closed(8080).await;
    let body = "x".repeat(100_000);
    let mut command = Command::new("curl");
    let to = format!("{HOST}:8080:{}", case.door);
    command.args(["-sS", "-m", "10", "--connect-to", &to, "-d", &body, "http://host.example:8080"]);
    let output = command.output().await.expect("curl is installed");
    assert!(String::from_utf8_lossy(&output.stdout).contains("infield net allow"), "{output:?}");
}

#[tokio::test]
async fn curl_names_the_alert() {
    for version in ["", "--tls-max 1.2"] {
        let case = closed(443).await;
        let mut command = Command::new("curl");
        let to = format!("{HOST}:443:{}", case.door);
        command.args(["-sS", "-m", "10", "--connect-to", &to]).args(version.split_whitespace());
        let output = command.arg("https://host.example/").output().await;
        let output = output.expect("curl is installed");
        let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
        assert!(said.contains("alert") && said.contains("access denied"), "{said}");
        assert_eq!(output.status.code(), Some(35));
    }
}

#[tokio::test]
async fn everything_else_is_reset_soon() {
    let case = closed(22).await;
    let mut client = case.connect().await;
    let read = timeout(Duration::from_secs(3), client.read(&mut [0])).await.expect("soon");
    assert_eq!(read.expect_err("reset").kind(), io::ErrorKind::ConnectionReset);
}

#[test]
fn an_alert_has_the_version_of_the_hello() {
    let hello = |minor| [0x16, 3, 1, 0, 40, 1, 0, 0, 36, 3, minor, 0];
    assert_eq!(alert(&hello(1)), [0x15, 3, 1, 0, 2, 2, 49]);
    assert_eq!(alert(&hello(3)), [0x15, 3, 3, 0, 2, 2, 49]);
    assert_eq!(alert(&hello(9)), [0x15, 3, 3, 0, 2, 2, 49]);
    assert_eq!(alert(&[0x16, 3]), [0x15, 3, 3, 0, 2, 2, 49]);
}
