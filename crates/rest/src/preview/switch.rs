//! Connections that are no HTTP any more: WebSocket, and whatever else both sides agree on.

use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use infield_domain::Result;
use infield_engine::PreviewPass;

use super::forward::{Held, unasked};
use super::pulse::{Noticed, Pulse};
use super::{Context, Response, headers, page};

/// Between the answer 101 and the first byte of the other protocol.
const SWITCH_LIMIT: Duration = Duration::from_secs(10);

/// Hands both connections to a task that moves bytes, and gives the answer that says so.
pub(super) fn switch(
    context: &Context,
    (pass, pulse): (PreviewPass, Pulse),
    (ours, protocol): (OnUpgrade, HeaderValue),
    (mut answer, held): (http::Response<Incoming>, Held),
) -> Result<Response> {
    let same = |agreed: &HeaderValue| agreed.as_bytes().eq_ignore_ascii_case(protocol.as_bytes());
    let agreed = answer.headers().get(header::UPGRADE).filter(|agreed| same(agreed)).cloned();
    let agreed = agreed.ok_or_else(unasked)?;
    let theirs = hyper::upgrade::on(&mut answer);
    let (ending, limit) = (context.shutdown.clone(), context.door.limits.quiet);
    context.tasks.spawn(async move {
        let both = async { tokio::join!(ours, theirs) };
        let Ok((Ok(outside), Ok(inside))) = tokio::time::timeout(SWITCH_LIMIT, both).await else {
            tracing::debug!("a connection did not switch in time");
            return;
        };
        let mut outside = Noticed::new(TokioIo::new(outside), pulse.clone());
        let mut inside = TokioIo::new(inside);
        tokio::select! {
            copied = tokio::io::copy_bidirectional(&mut outside, &mut inside) => {
                tracing::debug!(?copied, "a switched connection ended");
            }
            () = pass.ended() => {}
            () = pulse.quiet_for(limit) => {}
            () = ending.cancelled() => {}
        }
        drop(held);
    });
    let (mut parts, _) = answer.into_parts();
    headers::outward(&mut parts.headers);
    let mut response = Response::new(page::full(""));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = parts.headers;
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    response.headers_mut().insert(header::UPGRADE, agreed);
    Ok(response)
}
