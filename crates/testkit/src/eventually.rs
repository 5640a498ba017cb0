//! Waiting for what another task is about to do.

use std::time::{Duration, Instant};

/// Looks again and again until `fits` holds.
///
/// # Panics
///
/// When it does not hold within `limit`: the test has failed, and `what` says at what.
pub async fn eventually(limit: Duration, what: &str, mut fits: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !fits() {
        assert!(begun.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
