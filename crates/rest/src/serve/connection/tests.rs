//! What a slow reader costs.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::body;

const PAGE: usize = 16 << 10;

#[tokio::test]
async fn a_slow_reader_costs_bounded_memory() {
    let (mut near, far) = tokio::io::duplex(PAGE);
    let taken = Arc::new(AtomicUsize::new(0));
    let count = taken.clone();
    let service = service_fn(move |_: Request<Incoming>| {
        let count = count.clone();
        let endless = stream::repeat_with(|| Ok(Bytes::from_static(&[7; PAGE])));
        let endless = endless.inspect(move |_| {
            count.fetch_add(PAGE, Ordering::SeqCst);
        });
        let answer = body::download(Box::pin(endless), "application/octet-stream");
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let serving = protocol(&Limits::STANDARD).serve_connection(TokioIo::new(far), service);
    let serving = tokio::spawn(serving);
    near.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("there is room");
    // Whoever does not read is given what the pipe and the buffer take, and then nothing.
    let mut before = usize::MAX;
    while before != taken.load(Ordering::SeqCst) || before == 0 {
        before = taken.load(Ordering::SeqCst);
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
    assert!(before <= BUFFER_BYTES + 4 * PAGE, "{before} bytes were taken for nobody");
    let mut read = vec![0; 10 * BUFFER_BYTES];
    near.read_exact(&mut read).await.expect("it goes on");
    assert!(taken.load(Ordering::SeqCst) > before);
    serving.abort();
}
