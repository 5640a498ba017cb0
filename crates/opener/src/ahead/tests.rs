use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

async fn pair() -> (Ahead, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let (one, other) = tokio::join!(TcpStream::connect(address), listener.accept());
    (Ahead::new(one.expect("open")), other.expect("open").0)
}

#[tokio::test]
async fn what_comes_is_read_whatever_is_asked_for() {
    let (mut ahead, mut sender) = pair().await;
    let sent: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let whole = sent.clone();
    let sending = tokio::spawn(async move {
        // In small pieces and large ones in turn.
        for (number, piece) in whole.chunks(100_000).enumerate() {
            for part in piece.chunks(if number % 2 == 0 { 700 } else { 100_000 }) {
                sender.write_all(part).await.expect("it is read");
            }
        }
    });
    let (mut got, mut piece) = (Vec::new(), vec![0; LITTLE]);
    for asked in [LITTLE, 1, 3_000, LITTLE, 17].into_iter().cycle() {
        let read = ahead.read(&mut piece[..asked]).await.expect("it is sent");
        if read == 0 {
            break;
        }
        got.extend_from_slice(&piece[..read]);
    }
    sending.await.expect("it ended");
    assert!(got == sent);
}

#[tokio::test]
async fn a_connection_that_rests_holds_no_buffer() {
    let (mut ahead, mut sender) = pair().await;
    let mut piece = vec![0; LITTLE];
    sender.write_all(b"little").await.expect("it is read");
    ahead.read_exact(&mut piece[..6]).await.expect("it is sent");
    assert!(ahead.read.is_empty());
    sender.write_all(&vec![7; 3 * PIECE]).await.expect("it is read");
    let mut left = 3 * PIECE;
    let mut most = 0;
    while left > 0 {
        left -= ahead.read(&mut piece).await.expect("it is sent");
        most = most.max(ahead.read.len());
    }
    assert_eq!(most, PIECE);
    sender.write_all(b"little").await.expect("it is read");
    ahead.read_exact(&mut piece[..6]).await.expect("it is sent");
    assert!(ahead.read.is_empty());
}
