//! Carries a WebSocket. What its client says is masked by the protocol (RFC 6455, 5.3), so that no
//! placeholder can be seen in it: values go out with its first request alone. What its host says is
//! looked at, and the first value in it ends the connection.

use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{
    AsyncReadExt as _, AsyncWriteExt as _, BufReader, ReadHalf, WriteHalf, copy_buf, split,
};

use crate::exchange::Exchange;
use crate::swap::Swap;

/// Bytes of each direction that wait for a slow reader.
const BUFFER: usize = 8 << 10;

/// Carries it to its end; says why, if it was ended here.
pub(super) async fn carry(
    client: OnUpgrade,
    host: OnUpgrade,
    exchange: &Exchange,
) -> Option<String> {
    let (client, host) = tokio::try_join!(client, host).ok()?;
    let (from_client, to_client) = split(TokioIo::new(client));
    let (from_host, mut to_host) = split(TokioIo::new(host));
    let mut from_client = BufReader::with_capacity(BUFFER, from_client);
    let out = async {
        let copied = copy_buf(&mut from_client, &mut to_host).await;
        copied.and(to_host.shutdown().await)
    };
    let back = back(from_host, to_client, exchange);
    let (mut out, mut back) = (std::pin::pin!(out), std::pin::pin!(back));
    tokio::select! {
        why = back.as_mut() => why,
        ended = out.as_mut() => match ended {
            Ok(()) => back.await,
            Err(_) => None,
        },
    }
}

type Side = TokioIo<Upgraded>;

async fn back(
    mut from: ReadHalf<Side>,
    mut to: WriteHalf<Side>,
    exchange: &Exchange,
) -> Option<String> {
    let mut swap = Swap::new(&exchange.mask);
    let (mut buffer, mut out) = (vec![0; BUFFER], Vec::new());
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        out.clear();
        drop(swap.feed(buffer.get(..read).unwrap_or_default(), &mut out));
        if swap.found() > 0 {
            return Some("its host sent the value of a secret over a WebSocket".to_owned());
        }
        to.write_all(&out).await.ok()?;
    }
    out.clear();
    drop(swap.end(&mut out));
    to.write_all(&out).await.ok()?;
    to.shutdown().await.ok()?;
    None
}
