//! A made-up command on one side and a made-up client on the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::BoxFuture;
use futures_util::stream;
use infield_domain::command::{Ending, Signal};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::*;

const LIMIT: Duration = Duration::from_secs(5);
const NEVER: Duration = Duration::from_secs(3_600);

/// Bytes that a connection holds between the two sides.
const PIPE_BYTES: usize = 1_000;

/// The test's end of a command.
struct Command {
    events: mpsc::Sender<Result<ProcessEvent>>,
    input: mpsc::Receiver<ProcessInput>,
    /// How many events the pump has taken.
    taken: Arc<AtomicUsize>,
}

/// A client, a command and the pump between them.
struct Scene {
    client: FrameReader<ReadHalf<DuplexStream>>,
    sender: FrameWriter<WriteHalf<DuplexStream>>,
    command: Command,
    shutdown: CancellationToken,
    pump: JoinHandle<Result<()>>,
}

struct Sink(mpsc::Sender<ProcessInput>);

impl InputSink for Sink {
    fn send(&mut self, input: ProcessInput) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            self.0.send(input).await.map_err(|_| Error::unavailable("the command is gone"))
        })
    }
}

fn scene(heartbeat: Duration) -> Scene {
    let (near, far) = tokio::io::duplex(PIPE_BYTES);
    let (events, incoming) = mpsc::channel(1);
    let (outgoing, input) = mpsc::channel(1);
    let taken = Arc::new(AtomicUsize::new(0));
    let count = taken.clone();
    let incoming = stream::unfold(incoming, |mut incoming| async {
        incoming.recv().await.map(|event| (event, incoming))
    });
    let incoming = incoming.inspect(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
    });
    let process = Process { events: Box::pin(incoming), input: Box::new(Sink(outgoing)) };
    let started = Started {
        execution_id: "ex".to_owned(),
        sandbox_id: "sbx".to_owned(),
        sandbox_name: "box".to_owned(),
    };
    let shutdown = CancellationToken::new();
    let link = Link {
        shutdown: shutdown.clone(),
        heartbeat,
        request_id: "r1".to_owned(),
        refused: Box::new(Vec::new),
    };
    let pump = tokio::spawn(run(link, far, started, process));
    let (client, sender) = tokio::io::split(near);
    Scene {
        client: FrameReader::new(client),
        sender: FrameWriter::new(sender),
        command: Command { events, input, taken },
        shutdown,
        pump,
    }
}

impl Scene {
    /// The next frame that the client gets; none at the end.
    async fn hear(&mut self) -> Option<ServerFrame> {
        let frame = tokio::time::timeout(LIMIT, self.client.next()).await.expect("a frame comes");
        frame
            .expect("it is whole")
            .map(|frame| ServerFrame::from_frame(frame).expect("it is known"))
    }

    async fn hear_started(&mut self) {
        assert!(matches!(self.hear().await, Some(ServerFrame::Started(_))));
    }

    async fn tell(&mut self, frame: ClientFrame) {
        let frame = frame.into_frame().expect("it packs");
        let sent = tokio::time::timeout(LIMIT, self.sender.send(&frame)).await;
        sent.expect("it is taken").expect("the pump listens");
    }

    async fn emit(&self, event: Result<ProcessEvent>) {
        let sent = tokio::time::timeout(LIMIT, self.command.events.send(event)).await;
        sent.expect("it is taken").expect("the pump lives");
    }

    /// Waits until the pump has dropped its half of the command.
    async fn hear_dropped(&self) {
        let closed = self.command.events.closed();
        tokio::time::timeout(LIMIT, closed).await.expect("the pump lets go of the command");
    }

    async fn ended(self) -> Result<()> {
        drop(self.command);
        let pump = tokio::time::timeout(LIMIT, self.pump).await.expect("the pump ends");
        pump.expect("the pump does not panic")
    }
}

fn output(stream: Stream, data: &'static [u8]) -> Result<ProcessEvent> {
    Ok(ProcessEvent::Output { stream, offset: 0, data: Bytes::from_static(data) })
}

const ENDING: Ending = Ending { exit_code: 3, signal: None, stopped_by: None, wall_ms: 9 };

#[tokio::test]
async fn tells_the_start_the_output_and_the_end() {
    let mut scene = scene(NEVER);
    scene.hear_started().await;
    scene.emit(output(Stream::Stdout, b"out")).await;
    scene.emit(output(Stream::Stderr, b"err")).await;
    scene.emit(Ok(ProcessEvent::Ended(ENDING))).await;
    assert_eq!(scene.hear().await, Some(ServerFrame::Stdout(Bytes::from_static(b"out"))));
    assert_eq!(scene.hear().await, Some(ServerFrame::Stderr(Bytes::from_static(b"err"))));
    assert_eq!(scene.hear().await, Some(ServerFrame::Ended(ENDING)));
    assert_eq!(scene.hear().await, None);
    scene.ended().await.expect("all went well");
}

#[tokio::test]
async fn passes_every_input_on() {
    let mut scene = scene(NEVER);
    let size = infield_domain::command::TerminalSize { columns: 9, rows: 5 };
    for (told, expected) in [
        (
            ClientFrame::Stdin(Bytes::from_static(b"x")),
            ProcessInput::Stdin(Bytes::from_static(b"x")),
        ),
        (ClientFrame::Resize(size), ProcessInput::Resize(size)),
        (ClientFrame::Signal(Signal::Kill), ProcessInput::Signal(Signal::Kill)),
        (ClientFrame::StdinEnd, ProcessInput::End),
    ] {
        scene.tell(told).await;
        assert_eq!(scene.command.input.recv().await, Some(expected));
    }
}

#[tokio::test]
async fn a_slow_client_holds_the_command_back() {
    let mut scene = scene(NEVER);
    let flood = scene.command.events.clone();
    let flooding = tokio::spawn(async move {
        let page: &'static [u8] = &[b'x'; 400];
        while flood.send(output(Stream::Stdout, page)).await.is_ok() {}
    });
    // The pipe takes two pages and part of a third; the pump waits with that one in its hand.
    let mut before = usize::MAX;
    while before != scene.command.taken.load(Ordering::SeqCst) {
        before = scene.command.taken.load(Ordering::SeqCst);
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
    assert!(before <= 3, "{before} pages were taken from the command");
    scene.hear_started().await;
    for _ in 0..10 {
        assert!(matches!(scene.hear().await, Some(ServerFrame::Stdout(_))));
    }
    assert!(scene.command.taken.load(Ordering::SeqCst) > before);
    scene.shutdown.cancel();
    flooding.await.expect("the flood ends with the pump");
}

#[tokio::test]
async fn a_command_that_reads_nothing_holds_no_output_back() {
    let mut scene = scene(NEVER);
    scene.hear_started().await;
    // One input fits the command, one the pump's hand, the rest the pipe.
    for _ in 0..10 {
        scene.tell(ClientFrame::Stdin(Bytes::from_static(&[b'i'; 90]))).await;
    }
    scene.emit(output(Stream::Stdout, b"still here")).await;
    assert_eq!(scene.hear().await, Some(ServerFrame::Stdout(Bytes::from_static(b"still here"))));
    scene.emit(Ok(ProcessEvent::Ended(ENDING))).await;
    assert_eq!(scene.hear().await, Some(ServerFrame::Ended(ENDING)));
}

#[tokio::test]
async fn a_client_that_goes_lets_go_of_the_command() {
    let mut scene = scene(NEVER);
    scene.hear_started().await;
    scene.sender.shutdown().await.expect("the pump lives");
    scene.hear_dropped().await;
    scene.ended().await.expect("that is no failure");
}

#[tokio::test]
async fn a_quiet_stream_finds_that_its_client_is_gone() {
    let mut scene = scene(Duration::from_millis(20));
    scene.hear_started().await;
    assert_eq!(scene.hear().await, Some(ServerFrame::Stdout(Bytes::new())));
    // Input that the command does not take keeps the pump from reading, and thus from the end.
    for _ in 0..4 {
        scene.tell(ClientFrame::Stdin(Bytes::from_static(b"i"))).await;
    }
    let Scene { client, sender, command, .. } = scene;
    drop((client, sender));
    let closed = command.events.closed();
    tokio::time::timeout(LIMIT, closed).await.expect("the heartbeat notices");
}

#[tokio::test]
async fn the_server_ends_a_stream_with_an_error() {
    let mut scene = scene(NEVER);
    // A frame that is larger than the pipe is half sent when the end comes.
    scene.emit(output(Stream::Stdout, &[b'x'; 5 * PIPE_BYTES])).await;
    scene.hear_started().await;
    scene.shutdown.cancel();
    scene.hear_dropped().await;
    assert!(matches!(scene.hear().await, Some(ServerFrame::Stdout(_))), "the half frame is whole");
    let Some(ServerFrame::Error(body)) = scene.hear().await else { panic!("the error is last") };
    assert_eq!((body.error.kind.as_str(), body.request_id.as_str()), ("unavailable", "r1"));
    assert_eq!(scene.hear().await, None);
}

#[tokio::test]
async fn errors_of_either_side_end_the_stream() {
    for (event, kind) in
        [(Some(Err(Error::unavailable("it died"))), "unavailable"), (None, "invalid")]
    {
        let mut scene = scene(NEVER);
        scene.hear_started().await;
        match event {
            Some(event) => scene.emit(event).await,
            None => {
                let nonsense = Frame { kind: 99, payload: Bytes::new() };
                scene.sender.send(&nonsense).await.expect("the pump listens");
            }
        }
        let Some(ServerFrame::Error(body)) = scene.hear().await else { panic!("an error comes") };
        assert_eq!(body.error.kind, kind);
        scene.hear_dropped().await;
    }
}
