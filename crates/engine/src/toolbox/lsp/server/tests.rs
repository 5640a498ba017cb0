use std::sync::Arc;

use futures_core::future::BoxFuture;
use infield_domain::Kind;
use infield_domain::command::Ending;
use serde_json::json;

use super::*;

/// The other end of a server's pipes.
struct Far {
    says: mpsc::UnboundedSender<Result<ProcessEvent>>,
    hears: mpsc::Receiver<Bytes>,
}

struct Sink(mpsc::Sender<Bytes>);

impl InputSink for Sink {
    fn send(&mut self, input: ProcessInput) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            if let ProcessInput::Stdin(bytes) = input {
                self.0.send(bytes).await.map_err(|_| Error::unavailable("nobody reads"))?;
            }
            Ok(())
        })
    }
}

/// Long enough for whatever answers.
const LONG: Duration = Duration::from_secs(30);
/// Longer than nothing.
const SHORT: Duration = Duration::from_millis(50);

fn server(limit: Duration) -> (Arc<Server>, Far) {
    let (says, mut events) = mpsc::unbounded_channel();
    let (sink, hears) = mpsc::channel(1);
    let events = futures_util::stream::poll_fn(move |context| events.poll_recv(context));
    let process = Process { events: Box::pin(events), input: Box::new(Sink(sink)) };
    let (server, ears) = Server::new(process, limit);
    let server = Arc::new(server);
    let listening = server.clone();
    drop(tokio::spawn(async move {
        listening.listen(ears).await;
        listening.over.cancel();
    }));
    (server, Far { says, hears })
}

impl Far {
    fn say(&self, bytes: &[u8]) {
        let (stream, data) = (Stream::Stdout, Bytes::copy_from_slice(bytes));
        let said = self.says.send(Ok(ProcessEvent::Output { stream, offset: 0, data }));
        said.expect("the server listens");
    }

    fn complain(&self, text: &str) {
        let (stream, data) = (Stream::Stderr, Bytes::copy_from_slice(text.as_bytes()));
        let said = self.says.send(Ok(ProcessEvent::Output { stream, offset: 0, data }));
        said.expect("the server listens");
    }

    fn end(&self, exit_code: i32) {
        let ending = Ending { exit_code, signal: None, stopped_by: None, wall_ms: 1 };
        self.says.send(Ok(ProcessEvent::Ended(ending))).expect("the server listens");
    }

    async fn heard(&mut self) -> Value {
        let frame = self.hears.recv().await.expect("something is said");
        let text = String::from_utf8(frame.to_vec()).expect("text");
        let (_, body) = text.split_once("\r\n\r\n").expect("a frame");
        serde_json::from_str(body).expect("JSON")
    }
}

async fn ask(server: &Server) -> Result<Vec<u32>> {
    server.ask("question", &json!({})).await
}

/// What somebody who asks gets when the server does `act` instead of answering.
async fn refused(act: impl FnOnce(&Far)) -> Error {
    let (server, mut far) = server(LONG);
    let asking = server.clone();
    let answer = tokio::spawn(async move { ask(&asking).await });
    far.heard().await;
    act(&far);
    let error = answer.await.expect("asked").expect_err("no answer");
    assert!(server.over.is_cancelled());
    let later = ask(&server).await.expect_err("over");
    assert_eq!((later.kind(), later.message()), (error.kind(), error.message()));
    error
}

#[tokio::test]
async fn answers_find_whoever_asked_whatever_comes_between() {
    let (server, mut far) = server(LONG);
    let asking = server.clone();
    let answer = tokio::spawn(async move { ask(&asking).await });
    assert_eq!(far.heard().await["id"], 1);
    let frame = |value: Value| framed(&value).expect("a frame");
    far.say(&frame(json!({ "method": "textDocument/publishDiagnostics", "params": {} })));
    far.say(&frame(json!({ "id": "q", "method": "client/registerCapability" })));
    far.say(&frame(json!({ "id": 1, "method": "workspace/configuration" })));
    far.say(&frame(json!({ "id": 7, "result": [7] })));
    far.say(&frame(json!({ "id": 1, "result": [1, 2] })));
    assert_eq!(answer.await.expect("asked").expect("answered"), [1, 2]);
    assert_eq!(far.heard().await, json!({ "jsonrpc": "2.0", "id": "q", "result": null }));
    assert_eq!(far.heard().await["error"]["code"], -32601);
}

#[tokio::test]
async fn a_refusal_is_told_and_the_server_goes_on() {
    let (server, far) = server(LONG);
    let refusal = json!({ "id": 1, "error": { "code": 1, "message": "no\nproject" } });
    let asking = server.clone();
    let answer = tokio::spawn(async move { ask(&asking).await });
    let mut far = far;
    far.heard().await;
    far.say(&framed(&refusal).expect("a frame"));
    let error = answer.await.expect("asked").expect_err("refused");
    assert_eq!(error.message(), "the language server refuses: noproject");
    assert!(!server.over.is_cancelled());
}

#[tokio::test]
async fn a_server_that_breaks_the_protocol_is_over() {
    let message = |error: Error| error.message().to_owned();
    assert!(message(refused(|far| far.say(&[b'x'; 5_000])).await).contains("no end"));
    let huge = b"Content-Length: 999999999\r\n\r\n";
    assert!(message(refused(|far| far.say(huge)).await).contains("more than"));
    let garbage = b"Content-Length: 4\r\n\r\n\xff\xfe{}";
    assert!(message(refused(|far| far.say(garbage)).await).contains("none of JSON-RPC"));
}

#[tokio::test]
async fn a_server_that_dies_says_why() {
    let error = refused(|far| {
        far.complain(&"x".repeat(10_000));
        far.complain("\nout of \x1b[1mluck\n\n");
        far.end(3);
    });
    let expected = "the language server ended with exit code 3: out of [1mluck";
    let error = error.await;
    assert_eq!((error.kind(), error.message()), (Kind::Unavailable, expected));
    let error = refused(|far| {
        let broken = Error::unavailable("the sandbox died");
        far.says.send(Err(broken)).expect("the server listens");
    });
    assert_eq!(error.await.kind(), Kind::Unavailable);
}

#[tokio::test]
async fn a_silent_server_costs_a_limit_and_lives() {
    let (server, mut far) = server(SHORT);
    let error = ask(&server).await.expect_err("silent");
    assert_eq!(error.kind(), Kind::Timeout);
    assert_eq!(far.heard().await["method"], "question");
    assert_eq!(far.heard().await["method"], "$/cancelRequest");
    assert!(!server.over.is_cancelled());
}

#[tokio::test]
async fn a_server_that_does_not_read_holds_little() {
    let (server, _far) = server(SHORT);
    let mut told = 0;
    let error = loop {
        match server.tell(&json!("x")).await {
            Ok(()) => told += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), Kind::Timeout);
    // What the outbox has, what is being written, and what the pipe took.
    assert!((OUTBOX..=OUTBOX + 2).contains(&told), "{told}");
}
