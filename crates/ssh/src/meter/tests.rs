use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::time::timeout;

use super::*;

const SOON: Duration = Duration::from_secs(20);

fn connection(meter: &Meter) -> (DuplexStream, Metered<DuplexStream>) {
    let (client, stream) = tokio::io::duplex(64);
    (client, Metered::new(stream, meter.clone()))
}

fn bytes(count: usize) -> Input {
    Input::Bytes(vec![7; count].into())
}

#[tokio::test]
async fn a_client_is_allowed_little_while_enough_lies_here() {
    let meter = Meter::default();
    let (outbox, mut inbox) = inbox(&meter);
    outbox.give(bytes(ENOUGH - PIECE - 1));
    assert_eq!(meter.window(), WINDOW);
    outbox.give(bytes(PIECE));
    assert_eq!(meter.window(), TRICKLE);
    let (lying, _) = inbox.recv().await.expect("it lies here");
    assert_eq!(meter.window(), TRICKLE, "it lies here until it was taken");
    drop(lying);
    assert_eq!(meter.window(), WINDOW);
}

#[tokio::test]
async fn a_connection_is_read_slowly_then_not_at_all_then_again() {
    let meter = Meter::default();
    let (mut client, mut metered) = connection(&meter);
    client.write_all(b"ab").await.expect("sent");
    let slow = meter.lay(ENOUGH);
    let mut byte = [0];
    let read = timeout(SOON, metered.read_exact(&mut byte)).await.expect("slowly");
    assert_eq!((read.expect("read"), byte), (1, *b"a"));
    let more = meter.lay(MOST - ENOUGH);
    let mut reader = look(&mut metered);
    assert!(reader.is_none(), "that is the most");
    let reading = tokio::spawn(async move {
        let mut byte = [0];
        metered.read_exact(&mut byte).await.map(|_| byte[0])
    });
    drop((slow, more));
    let read = timeout(SOON, reading).await.expect("it is woken").expect("it ran");
    reader = read.ok();
    assert_eq!(reader, Some(b'b'));
}

/// What one look at the connection gives.
fn look(metered: &mut Metered<DuplexStream>) -> Option<u8> {
    let mut byte = [0];
    let mut buffer = ReadBuf::new(&mut byte);
    let mut context = Context::from_waker(Waker::noop());
    match Pin::new(metered).poll_read(&mut context, &mut buffer) {
        Poll::Ready(_) => buffer.filled().first().copied(),
        Poll::Pending => None,
    }
}

#[tokio::test]
async fn input_comes_in_order_and_trickles_come_together() {
    let meter = Meter::default();
    let (outbox, mut inbox) = inbox(&meter);
    for _ in 0..1_000 {
        outbox.give(bytes(2));
    }
    let size = |columns| Input::Resize(TerminalSize { columns, rows: 24 });
    outbox.give(size(80));
    outbox.give(size(132));
    outbox.give(bytes(1));
    outbox.give(Input::End);
    assert!(lock(&meter.0).lying < 2_001 + 5 * PIECE, "a thousand trickles are one piece");
    let mut heard = Vec::new();
    drop(outbox);
    while let Some((_lying, input)) = inbox.recv().await {
        heard.push(input);
    }
    assert_eq!(heard, [bytes(2_000), size(132), bytes(1), Input::End]);
    assert_eq!(lock(&meter.0).lying, 0);
}

#[tokio::test]
async fn what_nobody_takes_any_more_does_not_lie_here() {
    let meter = Meter::default();
    let (outbox, inbox) = inbox(&meter);
    outbox.give(bytes(ENOUGH));
    drop(inbox);
    assert_eq!(meter.window(), WINDOW);
    assert!(outbox.is_closed());
    outbox.give(bytes(ENOUGH));
    assert_eq!(meter.window(), WINDOW);
}
