//! A visitor who was let in, and a connection to a port.

use std::io;
use std::num::NonZeroU16;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use infield_domain::guest::PortStream;
use infield_domain::lifecycle::State;
use infield_domain::preview::{Access, PreviewName};
use infield_domain::sandbox::Millis;
use infield_domain::{Error, Kind, Result};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;

use super::token::{self, Claim, Use};
use super::{COOKIE_MS, VISITS_OF_ONE_SANDBOX};
use crate::Engine;
use crate::activity::Work;
use crate::driver::Seat;
use crate::inside::Inside;

/// How long a visitor waits for another to go.
const ROOM_LIMIT: Duration = Duration::from_secs(10);
/// The longest sleep until a link ends; clocks are set.
const LOOK_AGAIN_MS: u64 = 60_000;

/// A visitor who may come to a port.
#[derive(Clone)]
pub struct PreviewPass {
    pub(super) engine: Engine,
    pub(super) seat: Arc<Seat>,
    pub(super) name: PreviewName,
    pub(super) means: Means,
}

/// What let a visitor in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Means {
    /// The port is public.
    Public,
    /// A token or a cookie of this generation, which ends at this moment, if ever.
    Until { until: Option<Millis>, generation: u32 },
}

impl PreviewPass {
    /// What a browser keeps to come back, and for how many seconds; it ends no later than what
    /// was shown. None for the visitor of a public port: it may be private again tomorrow.
    pub fn cookie(&self) -> Option<(String, u64)> {
        let Means::Until { until, generation } = self.means else { return None };
        let now = self.engine.now();
        let longest = now.saturating_add(COOKIE_MS);
        let ends = until.map_or(longest, |until| until.min(longest));
        let claim = Claim { of: Use::Cookie, name: &self.name, generation };
        let text = token::write(self.engine.preview_key(), &claim, Some(ends));
        Some((text, ends.saturating_sub(now) / 1000))
    }

    /// Whether it is still good.
    fn holds(&self) -> bool {
        let sandbox = self.seat.sandbox();
        let previews = &sandbox.spec.previews;
        match self.means {
            Means::Public => previews.access(self.name.port) == Access::Public,
            Means::Until { until, generation } => {
                generation == previews.generation(self.name.port)
                    && until.is_none_or(|at| at > self.engine.now())
            }
        }
    }

    /// Waits until it is no longer good, however long that is.
    pub async fn ended(&self) {
        let mut changes = self.seat.watch();
        while self.holds() {
            let left = match self.means {
                Means::Until { until: Some(at), .. } => at.saturating_sub(self.engine.now()),
                Means::Until { until: None, .. } | Means::Public => LOOK_AGAIN_MS,
            };
            let pause = Duration::from_millis(left.clamp(1, LOOK_AGAIN_MS));
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Connects to the port. A sandbox that does not run is a conflict that names how to start it.
    pub async fn dial(&self) -> Result<Visit> {
        let Some(inside) = self.engine.step_inside(&self.seat) else {
            let sandbox = self.seat.sandbox();
            let (name, state) = (&sandbox.spec.name, sandbox.state.as_str());
            let error = Error::conflict(format!("the sandbox `{name}` is {state}"));
            return Err(match sandbox.state {
                State::Paused | State::Stopped | State::Archived | State::Failed => {
                    error.with_hint(format!("start it with `infield start {name}`"))
                }
                State::Creating
                | State::Starting
                | State::Running
                | State::Pausing
                | State::Resuming
                | State::Stopping
                | State::Deleting
                | State::Deleted => error.with_hint("try again in a moment"),
            });
        };
        Visit::begin(inside, self.name.port).await
    }
}

/// A connection to a port, which keeps the sandbox busy.
pub struct Visit {
    stream: Box<dyn PortStream>,
    _work: Work,
    _place: OwnedSemaphorePermit,
}

impl Visit {
    pub(super) async fn begin(inside: Inside, port: NonZeroU16) -> Result<Self> {
        let room = inside.seat.visits.room.clone();
        let place = match tokio::time::timeout(ROOM_LIMIT, room.acquire_owned()).await {
            Ok(Ok(place)) => place,
            Ok(Err(_)) | Err(_) => {
                let text = format!(
                    "the sandbox `{}` has {VISITS_OF_ONE_SANDBOX} visitors at once already",
                    inside.sandbox.spec.name
                );
                return Err(Error::new(Kind::Quota, text).with_hint("close some of its pages"));
            }
        };
        let stream = inside.guest.dial(port).await?;
        Ok(Self { stream, _work: inside.work, _place: place })
    }
}

impl AsyncRead for Visit {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let count = ready!(self.stream.poll_read(context, buffer.initialize_unfilled()))?;
        buffer.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Visit {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream.poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Nothing is kept back.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_finish(context)
    }
}
