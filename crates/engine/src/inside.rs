//! Going inside a sandbox to do something: it is found, started when it rests, and kept busy.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::BoxStream;
use infield_domain::guest::Guest;
use infield_domain::lifecycle::State;
use infield_domain::sandbox::{Sandbox, Spec};
use infield_domain::{Error, GuestPath, Permission, Principal, Result};

use crate::Engine;
use crate::activity::Work;
use crate::driver::Seat;
use crate::driver::queue::Wish;

/// How long a caller waits for a resting sandbox to run.
const START_LIMIT: Duration = Duration::from_secs(120);
/// A sandbox may go to rest again while one waits for it; this often, and no more.
const TRIES: usize = 3;

/// A place inside a running sandbox.
pub(crate) struct Inside {
    pub(crate) seat: Arc<Seat>,
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) guest: Arc<dyn Guest>,
    /// The same, where files are the business of the sandbox's own user, like its commands.
    pub(crate) files: Arc<dyn Guest>,
    /// Keeps the sandbox from going to rest.
    pub(crate) work: Work,
}

impl Inside {
    /// A path of the caller, made absolute: relative ones begin at the working directory.
    pub(crate) fn path(&self, path: &GuestPath) -> Result<GuestPath> {
        absolute(&self.sandbox.spec, path)
    }

    /// A stream out of the sandbox that keeps it busy for as long as somebody reads.
    pub(crate) fn hold<T: 'static>(self, stream: BoxStream<'static, T>) -> BoxStream<'static, T> {
        let work = self.work;
        let held = futures_util::stream::unfold((stream, work), |(mut stream, work)| async move {
            let item = futures_util::StreamExt::next(&mut stream).await?;
            Some((item, (stream, work)))
        });
        Box::pin(held)
    }
}

/// A path inside, made absolute; `~` is left to the agent, which knows the user's home.
pub(crate) fn absolute(spec: &Spec, path: &GuestPath) -> Result<GuestPath> {
    let text = path.as_str();
    if text.starts_with('/') || text == "~" || text.starts_with("~/") {
        return Ok(path.clone());
    }
    format!("{}/{text}", spec.working_directory.as_str().trim_end_matches('/')).parse()
}

impl Engine {
    /// Finds a sandbox that the caller may use, and starts it when it rests.
    pub(crate) async fn enter(
        &self,
        who: &Principal,
        needed: Permission,
        reference: &str,
    ) -> Result<Inside> {
        who.require(needed)?;
        let seat = self.registry().find(who, reference)?;
        for _ in 0..TRIES {
            if let Some(inside) = self.step_inside(&seat) {
                return Ok(inside);
            }
            self.wake(who, &seat).await?;
        }
        Err(Error::unavailable(format!("sandbox `{}` keeps going to rest", seat.id))
            .with_hint("start it, and give it a longer idle time"))
    }

    /// The inside of a sandbox that runs at this moment.
    pub(crate) fn step_inside(&self, seat: &Arc<Seat>) -> Option<Inside> {
        let work = Work::begin(self, seat)?;
        let sandbox = seat.sandbox();
        if sandbox.state != State::Running {
            return None;
        }
        let guest = self.provider().guest(&seat.id);
        let files = self.provider().guest_as(&seat.id, &sandbox.spec.user);
        Some(Inside { seat: seat.clone(), sandbox, guest, files, work })
    }

    async fn wake(&self, who: &Principal, seat: &Arc<Seat>) -> Result<()> {
        let sandbox = seat.sandbox();
        if sandbox.state == State::Failed {
            let detail = sandbox.cause.as_ref().and_then(|cause| cause.detail.as_deref());
            return Err(Error::conflict(format!(
                "sandbox `{}` has failed: {}",
                seat.id,
                detail.unwrap_or("no cause is known")
            ))
            .with_hint("start it to try again, or delete it"));
        }
        let rests = matches!(
            sandbox.state,
            State::Pausing | State::Paused | State::Stopping | State::Stopped | State::Archived
        );
        let result = seat.ask(Wish::Start, START_LIMIT).await.map(drop);
        if rests {
            let about = ("sandbox.start", seat.id.as_str(), "for a caller who uses it");
            return self.noted(who, about, result);
        }
        result
    }
}
