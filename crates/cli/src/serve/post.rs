//! A post that a child process holds: who holds it, and when the next one may be started.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::process::Child;
use tokio::time::{Instant, sleep_until};

/// The pause after the second death in a row, which doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// A child that lived this long did not die of its start.
const SETTLED: Duration = Duration::from_secs(10);

/// A post, held by a child or vacant.
pub(super) struct Post {
    name: &'static str,
    child: Option<Child>,
    started_at: Instant,
    due_at: Instant,
    pub(super) failures: u32,
}

/// What happened to a post.
pub(super) enum Change {
    /// The child ended.
    Ended(ExitStatus),
    /// The pause is over.
    Due,
}

impl Post {
    /// A vacant post whose first child is due now.
    pub(super) fn new(name: &'static str) -> Self {
        let now = Instant::now();
        Self { name, child: None, started_at: now, due_at: now, failures: 0 }
    }

    /// Fills the post.
    pub(super) fn fill(&mut self, child: Child) {
        tracing::info!(process = self.name, pid = child.id(), "started");
        self.started_at = Instant::now();
        self.child = Some(child);
    }

    /// Takes note when no child could be started; the next attempt is due after a pause.
    pub(super) fn note(&mut self, started: io::Result<()>) {
        if let Err(error) = started {
            tracing::error!(process = self.name, %error, "could not be started");
            self.fail();
        }
    }

    /// Waits for the child's end, or until the next one is due.
    pub(super) async fn change(&mut self) -> io::Result<Change> {
        let Some(child) = &mut self.child else {
            sleep_until(self.due_at).await;
            return Ok(Change::Due);
        };
        let status = child.wait().await?;
        self.child = None;
        let lived = self.started_at.elapsed();
        if lived >= SETTLED {
            self.failures = 0;
        }
        self.fail();
        tracing::warn!(process = self.name, %status, lived_ms = lived.as_millis(), "ended");
        Ok(Change::Ended(status))
    }

    fn fail(&mut self) {
        self.failures = self.failures.saturating_add(1);
        self.due_at = Instant::now() + pause(self.failures);
    }

    /// Waits for the child's end, and ends it when that takes longer than `limit`.
    pub(super) async fn finish(&mut self, limit: Duration) -> io::Result<()> {
        let Some(child) = &mut self.child else { return Ok(()) };
        if tokio::time::timeout(limit, child.wait()).await.is_err() {
            tracing::error!(process = self.name, "does not end by itself and is killed");
            child.kill().await?;
        }
        self.child = None;
        Ok(())
    }
}

/// The first death is made good at once.
fn pause(failures: u32) -> Duration {
    match failures {
        0 | 1 => Duration::ZERO,
        more => (FIRST_PAUSE * 2_u32.saturating_pow(more - 2).min(1_000)).min(LONGEST_PAUSE),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::pause;

    #[test]
    fn pauses_grow_to_a_limit() {
        let check = |failures, milliseconds| {
            assert_eq!(pause(failures), Duration::from_millis(milliseconds), "{failures}");
        };
        check(1, 0);
        check(2, 50);
        check(3, 100);
        check(6, 800);
        check(7, 1_000);
        check(u32::MAX, 1_000);
    }
}
