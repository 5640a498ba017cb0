//! Executions over an upgraded connection.

use std::io::Cursor;

use anyhow::{Context, Result};
use bytes::Bytes;
use infield_domain::command::{Ending, Signal};
use infield_rest::stream::{ClientFrame, FrameReader, FrameWriter, ServerFrame};
use infield_testkit::eventually;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, Chain, ReadHalf, WriteHalf};

use super::client::{Client, LIMIT, Wire};
use super::server::Server;

/// What was read ahead, and then the connection.
type Source = Chain<Cursor<Vec<u8>>, ReadHalf<Box<dyn Wire>>>;

/// The client's side of a stream.
struct Stream {
    reader: FrameReader<Source>,
    writer: FrameWriter<WriteHalf<Box<dyn Wire>>>,
}

impl Stream {
    /// Asks for a stream, and expects to get one.
    async fn open(mut client: Client, target: &str, body: Value) -> Result<Self> {
        let reply = client.ask(&head(target, &body), body.to_string()).await?;
        anyhow::ensure!(reply.status == 101, "{} {}", reply.status, reply.json());
        assert_eq!(reply.header("upgrade"), Some("infield-stream"));
        assert!(reply.header("infield-request-id").is_some());
        Ok(Self::of(client))
    }

    /// The frames of a connection that was upgraded.
    fn of(client: Client) -> Self {
        let (ahead, wire) = client.into_stream();
        let (reader, writer) = tokio::io::split(wire);
        let reader = FrameReader::new(Cursor::new(ahead).chain(reader));
        Self { reader, writer: FrameWriter::new(writer) }
    }

    async fn hear(&mut self) -> Result<Option<ServerFrame>> {
        let frame = tokio::time::timeout(LIMIT, self.reader.next()).await??;
        Ok(frame.map(ServerFrame::from_frame).transpose()?)
    }

    async fn tell(&mut self, frame: ClientFrame) -> Result<()> {
        let frame = frame.into_frame()?;
        Ok(tokio::time::timeout(LIMIT, self.writer.send(&frame)).await??)
    }

    /// The rest of the stream: stdout, stderr and the ending.
    async fn rest(mut self) -> Result<(Vec<u8>, Vec<u8>, Ending)> {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        loop {
            match self.hear().await?.context("the stream ended early")? {
                ServerFrame::Started(_) | ServerFrame::Refused(_) => {}
                ServerFrame::Stdout(bytes) => stdout.extend_from_slice(&bytes),
                ServerFrame::Stderr(bytes) => stderr.extend_from_slice(&bytes),
                ServerFrame::Ended(ending) => {
                    assert_eq!(self.hear().await?, None, "the ending comes last");
                    return Ok((stdout, stderr, ending));
                }
                ServerFrame::Error(body) => anyhow::bail!("{}", body.error.message),
            }
        }
    }
}

fn head(target: &str, body: &Value) -> String {
    format!(
        "POST {target} HTTP/1.1\nHost: localhost\nConnection: Upgrade\nUpgrade: infield-stream\n\
         Content-Type: application/json\nContent-Length: {}",
        body.to_string().len()
    )
}

const BOX: &str = "/v1/sandboxes/box/executions";

#[tokio::test]
async fn a_stream_carries_everything() -> Result<()> {
    let server = Server::plain().await?;
    server.sandbox("box").await?;
    let wish = json!({"command": "echo out\nerr bad\nexit 7"});
    let mut stream = Stream::open(server.unix().await?, BOX, wish).await?;
    let Some(ServerFrame::Started(started)) = stream.hear().await? else {
        anyhow::bail!("the start comes first")
    };
    assert_eq!(started.sandbox_name, "box");
    let (stdout, stderr, ending) = stream.rest().await?;
    assert_eq!((stdout.as_slice(), stderr.as_slice()), (&b"out\n"[..], &b"bad\n"[..]));
    assert_eq!(ending.exit_code, 7);
    server.end().await
}

#[tokio::test]
async fn a_key_streams_over_the_network() -> Result<()> {
    let server = Server::plain().await?;
    server.sandbox("box").await?;
    let key = server.key("ci", &["read", "manage", "execute"]).await?;
    let body = json!({"command": "echo hi"});
    let reply = server.tcp().await?.ask(&head(BOX, &body), body.to_string()).await?;
    assert_eq!(reply.status, 401, "no key, no stream");
    let keyed = |target, body| format!("{}\nAuthorization: Bearer {key}", head(target, body));
    let reply = server.tcp().await?.ask(&keyed(BOX, &body), body.to_string()).await?;
    assert_eq!((reply.status, reply.error().0.as_str()), (404, "not_found"), "not its sandbox");
    let body = json!({"execution": body});
    let mut client = server.tcp().await?;
    let reply = client.ask(&keyed("/v1/run", &body), body.to_string()).await?;
    assert_eq!(reply.status, 101);
    assert_eq!(Stream::of(client).rest().await?.0, b"hi\n");
    server.end().await
}

#[tokio::test]
async fn input_and_its_end_go_in() -> Result<()> {
    let server = Server::plain().await?;
    server.sandbox("box").await?;
    let wish = json!({"argv": ["cat"], "stdin": "stream"});
    let mut stream = Stream::open(server.unix().await?, BOX, wish).await?;
    let page = Bytes::from(vec![b'x'; 700_000]);
    for _ in 0..3 {
        stream.tell(ClientFrame::Stdin(page.clone())).await?;
    }
    stream.tell(ClientFrame::StdinEnd).await?;
    let (stdout, _, ending) = stream.rest().await?;
    assert_eq!((stdout.len(), ending.exit_code), (2_100_000, 0));
    server.end().await
}

#[tokio::test]
async fn a_signal_ends_it() -> Result<()> {
    let server = Server::plain().await?;
    server.sandbox("box").await?;
    let mut stream = Stream::open(server.unix().await?, BOX, json!({"argv": ["hang"]})).await?;
    stream.tell(ClientFrame::Signal(Signal::Kill)).await?;
    assert_eq!(stream.rest().await?.2.exit_code, 137);
    server.end().await
}

#[tokio::test]
async fn a_client_that_goes_ends_it_or_not() -> Result<()> {
    let server = Server::plain().await?;
    let guest = server.sandbox("box").await?;
    let wish = json!({"argv": ["hang"]});
    drop(Stream::open(server.unix().await?, BOX, wish).await?);
    eventually(LIMIT, "the command ended with its client", || !guest.is_busy()).await;

    let wish = json!({"argv": ["hang"], "on_disconnect": "continue"});
    let mut stream = Stream::open(server.unix().await?, BOX, wish).await?;
    let Some(ServerFrame::Started(started)) = stream.hear().await? else {
        anyhow::bail!("the start comes first")
    };
    drop(stream);
    let absent = || server.clients.absent_for().is_some();
    eventually(LIMIT, "the client is gone", absent).await;
    assert!(guest.is_busy(), "it goes on");

    let target = format!("/v1/executions/{}/attach", started.execution_id);
    let mut again = Stream::open(server.unix().await?, &target, json!({})).await?;
    again.tell(ClientFrame::Signal(Signal::Interrupt)).await?;
    assert_eq!(again.rest().await?.2.exit_code, 137);
    server.end().await
}

#[tokio::test]
async fn attaching_starts_where_it_is_asked_to() -> Result<()> {
    let server = Server::plain().await?;
    server.sandbox("box").await?;
    let wish = json!({"command": "echo 0123456789\nerr abc"});
    let ran = server.good(200, ("POST", BOX, wish)).await?;
    let id = ran["execution_id"].as_str().context("it has one")?;
    let target = format!("/v1/executions/{id}/attach");
    let from = json!({"stdout_offset": 4, "stderr_offset": 1});
    let (stdout, stderr, _) =
        Stream::open(server.unix().await?, &target, from).await?.rest().await?;
    assert_eq!((stdout.as_slice(), stderr.as_slice()), (&b"456789\n"[..], &b"bc\n"[..]));
    server.end().await
}

#[tokio::test]
async fn a_one_shot_sandbox_goes_with_its_stream() -> Result<()> {
    let server = Server::plain().await?;
    let wish = json!({"execution": {"code": "print(1)"}});
    let stream = Stream::open(server.unix().await?, "/v1/run", wish).await?;
    assert_eq!(stream.rest().await?.0, b"1\n");
    eventually(LIMIT, "the sandbox is gone", || server.provider.count() == 0).await;

    let wish = json!({"execution": {"argv": ["hang"]}});
    drop(Stream::open(server.unix().await?, "/v1/run", wish).await?);
    eventually(LIMIT, "the sandbox goes with its client", || server.provider.count() == 0).await;
    server.end().await
}

#[tokio::test]
async fn a_refused_stream_is_an_ordinary_answer() -> Result<()> {
    let server = Server::plain().await?;
    for (target, body, status) in [
        ("/v1/sandboxes/none/executions", json!({"argv": ["cat"]}), 404),
        ("/v1/run", json!({"execution": {}}), 400),
        ("/v1/executions/ex-0000000000000000/attach", json!({}), 404),
    ] {
        let mut client = server.unix().await?;
        let reply = client.ask(&head(target, &body), body.to_string()).await?;
        assert_eq!(reply.status, status, "{target}: {:?}", reply.error());
    }
    server.end().await
}

#[tokio::test]
async fn the_end_of_the_server_is_told() -> Result<()> {
    let server = Server::plain().await?;
    let guest = server.sandbox("box").await?;
    let wish = json!({"argv": ["hang"], "on_disconnect": "continue"});
    let mut stream = Stream::open(server.unix().await?, BOX, wish).await?;
    assert!(matches!(stream.hear().await?, Some(ServerFrame::Started(_))));
    server.shutdown.cancel();
    let Some(ServerFrame::Error(body)) = stream.hear().await? else {
        anyhow::bail!("the error comes last")
    };
    assert_eq!(body.error.kind, "unavailable");
    assert_eq!(stream.hear().await?, None);
    drop(stream);
    server.end().await?;
    assert!(guest.is_busy(), "the command goes on");
    Ok(())
}

#[tokio::test]
async fn a_dead_sandbox_is_told() -> Result<()> {
    use infield_domain::lifecycle::{Cause, Reason};
    let server = Server::plain().await?;
    let made = server.good(201, ("POST", "/v1/sandboxes", json!({"name": "box"}))).await?;
    let mut stream = Stream::open(server.unix().await?, BOX, json!({"argv": ["hang"]})).await?;
    assert!(matches!(stream.hear().await?, Some(ServerFrame::Started(_))));
    let id = made["id"].as_str().context("it has one")?.parse()?;
    server.provider.kill(&id, Cause::of(Reason::OutOfMemory));
    let Some(ServerFrame::Error(body)) = stream.hear().await? else {
        anyhow::bail!("the error comes last")
    };
    assert_eq!(body.error.kind, "unavailable");
    drop(stream);
    server.end().await
}

#[tokio::test]
async fn a_client_of_a_json_answer_may_go_too() -> Result<()> {
    let server = Server::plain().await?;
    let guest = server.sandbox("box").await?;
    let body = json!({"argv": ["hang"], "on_disconnect": "kill"}).to_string();
    let mut client = server.unix().await?;
    let head = format!(
        "POST {BOX} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    client.send(head).await?;
    eventually(LIMIT, "it runs", || guest.is_busy()).await;
    drop(client);
    eventually(LIMIT, "it ended with its client", || !guest.is_busy()).await;
    server.end().await
}
