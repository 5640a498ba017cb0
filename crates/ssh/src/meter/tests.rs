use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::*;

const SOON: Duration = Duration::from_secs(20);

fn connection(meter: &Meter) -> (tokio::io::DuplexStream, Metered<tokio::io::DuplexStream>) {
    let (client, stream) = tokio::io::duplex(64);
    (client, Metered { stream, meter: meter.clone() })
}

/// Whether a byte that the client has sent is read at once.
async fn reads(metered: &mut Metered<tokio::io::DuplexStream>) -> bool {
    let mut byte = [0];
    let read = metered.read(&mut byte);
    tokio::select! {
        biased;
        read = read => read.is_ok_and(|count| count == 1),
        () = tokio::task::yield_now() => false,
    }
}

#[tokio::test]
async fn a_full_connection_is_read_again_when_something_was_taken() {
    let meter = Meter::default();
    let (mut client, mut metered) = connection(&meter);
    client.write_all(b"ab").await.expect("sent");
    let lying = meter.lay(ENOUGH);
    assert!(!reads(&mut metered).await, "enough lies here");
    let reader = tokio::spawn(async move {
        let mut byte = [0];
        metered.read_exact(&mut byte).await.map(|_| byte[0])
    });
    drop(lying);
    let read = timeout(SOON, reader).await.expect("it is woken").expect("it ran");
    assert_eq!(read.expect("read"), b'a');
}

#[tokio::test]
async fn while_output_waits_more_is_read_up_to_the_second_bound() {
    let meter = Meter::default();
    let (mut client, mut metered) = connection(&meter);
    client.write_all(b"abc").await.expect("sent");
    let _lying = meter.lay(ENOUGH);
    let starving = meter.starve();
    assert!(reads(&mut metered).await);
    let more = meter.lay(MOST - ENOUGH);
    assert!(!reads(&mut metered).await, "that is the most");
    drop(more);
    assert!(reads(&mut metered).await);
    drop(starving);
    assert!(!reads(&mut metered).await, "nobody waits any more");
}

#[tokio::test]
async fn pieces_without_bytes_count_too() {
    let meter = Meter::default();
    let (mut client, mut metered) = connection(&meter);
    client.write_all(b"a").await.expect("sent");
    let pieces: Vec<_> = (0..ENOUGH / PIECE).map(|_| meter.lay(0)).collect();
    assert!(!reads(&mut metered).await);
    drop(pieces);
    assert!(reads(&mut metered).await);
}
