use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use futures_util::stream;
use tokio::task::JoinHandle;

use super::*;

const SHORT: Patience = Patience {
    ping: Duration::from_millis(20),
    silence: Duration::from_millis(200),
    stall: Duration::from_millis(100),
    farewell: Duration::from_millis(100),
};

/// The server's end of a socket whose client is this test.
struct Wire {
    heard: mpsc::UnboundedReceiver<Message>,
    told: mpsc::UnboundedSender<Message>,
    /// Whether the client takes nothing.
    is_stuck: bool,
}

impl Stream for Wire {
    type Item = Result<Message, Infallible>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
    ) -> Poll<Option<Self::Item>> {
        self.heard.poll_recv(context).map(|heard| heard.map(Ok))
    }
}

impl Sink<Message> for Wire {
    type Error = ();

    fn poll_ready(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Result<(), ()>> {
        if self.is_stuck { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), ()> {
        self.told.send(message).map_err(drop)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Result<(), ()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Result<(), ()>> {
        Poll::Ready(Ok(()))
    }
}

struct Client {
    says: mpsc::UnboundedSender<Message>,
    hears: mpsc::UnboundedReceiver<Message>,
    shutdown: CancellationToken,
    served: JoinHandle<()>,
}

impl Client {
    /// The next message that is no ping; none when the server is done.
    async fn hear(&mut self) -> Option<Message> {
        loop {
            match self.hears.recv().await? {
                Message::Ping(_) => {}
                other => return Some(other),
            }
        }
    }

    async fn hear_close(&mut self) -> (u16, String) {
        match self.hear().await {
            Some(Message::Close(Some(frame))) => (frame.code, frame.reason.to_string()),
            other => panic!("no close but {other:?}"),
        }
    }
}

fn client(
    says: impl Stream<Item = Say> + Send + Unpin + 'static,
    ear: Option<mpsc::Sender<ProcessInput>>,
    is_stuck: bool,
) -> Client {
    let ((client, heard), (told, hears)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
    let shutdown = CancellationToken::new();
    let besides = Pump { ear, shutdown: shutdown.clone(), patience: SHORT };
    let served = tokio::spawn(pump(Wire { heard, told, is_stuck }, says, besides));
    Client { says: client, hears, shutdown, served }
}

#[tokio::test]
async fn all_is_told_and_then_it_is_closed() {
    let says = [Say::Text("one".to_owned()), Say::Binary(Bytes::from_static(b"two"))];
    let mut client = client(stream::iter(says), None, false);
    assert_eq!(client.hear().await, Some(Message::text("one")));
    assert_eq!(client.hear().await, Some(Message::binary("two")));
    assert_eq!(client.hear_close().await, (DONE, String::new()));
    client.says.send(Message::Close(None)).expect("heard");
    drop(client.says);
    client.served.await.expect("it ends");
}

#[tokio::test]
async fn a_client_who_goes_ends_it() {
    for goes in [Some(Message::Close(None)), None] {
        let Client { says, hears, served, .. } = client(stream::pending(), None, false);
        match goes {
            Some(message) => says.send(message).expect("heard"),
            None => drop(says),
        }
        served.await.expect("it ends");
        drop(hears);
    }
}

#[tokio::test]
async fn silence_is_for_the_dead_and_pongs_for_the_living() {
    let mut client = client(stream::pending(), None, false);
    let begun = Instant::now();
    while begun.elapsed() < 2 * SHORT.silence {
        assert_eq!(client.hears.recv().await, Some(Message::Ping(Bytes::new())));
        client.says.send(Message::Pong(Bytes::new())).expect("heard");
    }
    assert_eq!(client.hear_close().await.0, POLICY);
}

#[tokio::test]
async fn who_does_not_read_is_dropped() {
    let says = stream::repeat_with(|| Say::Text("x".to_owned()));
    let Client { served, says: _open, hears: _read, .. } = client(says, None, true);
    let begun = Instant::now();
    served.await.expect("it ends");
    assert!(begun.elapsed() >= SHORT.stall, "it had its time");
}

#[tokio::test]
async fn what_is_said_waits_for_who_takes_it_and_not_for_ever() {
    let (ear, mut listens) = mpsc::channel(1);
    let mut client = client(stream::pending(), Some(ear), false);
    for word in ["one", "", "two", "three"] {
        client.says.send(Message::text(word)).expect("heard");
    }
    assert_eq!(listens.recv().await, Some(ProcessInput::Stdin(Bytes::from_static(b"one"))));
    assert_eq!(listens.recv().await, Some(ProcessInput::Stdin(Bytes::from_static(b"two"))));
    for _ in 0..3 {
        client.says.send(Message::text("more")).expect("heard");
    }
    assert_eq!(client.hear_close().await.0, POLICY);
}

#[tokio::test]
async fn the_end_of_the_server_is_told() {
    let mut client = client(stream::pending(), None, false);
    client.shutdown.cancel();
    assert_eq!(client.hear_close().await, (ENDING, "the server is ending".to_owned()));
}

#[test]
fn reasons_fit_into_their_frame() {
    assert_eq!(clipped("short".to_owned()), "short");
    let long = clipped("ä".repeat(100));
    assert_eq!((long.len(), long.chars().count()), (122, 61));
}
