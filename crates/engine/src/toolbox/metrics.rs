//! What a sandbox uses at this moment.

use std::time::Duration;

use infield_domain::sandbox::{Millis, Resources, Usage};
use infield_domain::{Principal, Result};
use tokio::time::Instant;

use crate::Engine;

/// How long the processor's use is watched.
const WATCH: Duration = Duration::from_millis(100);

/// A sample.
#[derive(Clone, Copy, Debug)]
pub struct Metrics {
    /// What is used.
    pub usage: Usage,
    /// What there is.
    pub resources: Resources,
    /// The processor's use as a part of what the sandbox may use: 1.0 is all of it.
    pub cpu_share: Option<f64>,
    /// When.
    pub at: Millis,
}

impl Engine {
    /// Takes a sample of what a running sandbox uses. Needs `read`.
    pub async fn sandbox_metrics(&self, who: &Principal, reference: &str) -> Result<Metrics> {
        let begun = Instant::now();
        let before = self.sandbox_usage(who, reference).await?;
        tokio::time::sleep(WATCH).await;
        let usage = self.sandbox_usage(who, reference).await?;
        let elapsed_us = begun.elapsed().as_micros() as f64;
        let resources = self.get_sandbox(who, reference).await?.spec.resources;
        let processors = f64::from(resources.cpu_millis) / 1_000.0;
        let cpu_share = before.cpu_us.zip(usage.cpu_us).map(|(before, after)| {
            after.saturating_sub(before) as f64 / (elapsed_us * processors).max(1.0)
        });
        Ok(Metrics { usage, resources, cpu_share, at: self.now() })
    }
}
