//! Many sandboxes: how fast they are made, what an idle one holds, what one more costs.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use infield_domain::{Error, Result};
use infield_rest::wire::{CreateSandbox, Sandbox};
use serde::Serialize;

use super::measure::Series;
use crate::client::{Client, Request};
use crate::commands::info::path;

/// Sandboxes that are created or deleted at once where it is not measured.
const AT_ONCE: usize = 8;

/// Sandboxes of which one says what creating one costs.
const SAMPLES: u32 = 20;

/// How long the kernel gets to settle before memory is read.
const SETTLE: Duration = Duration::from_secs(1);

/// How fast sandboxes are made.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Rate {
    /// Requests under way together.
    pub(super) at_once: usize,
    /// Sandboxes that were made.
    pub(super) created: u32,
    /// Made in a second.
    pub(super) per_second: f64,
}

/// Many at once.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Crowd {
    /// Alive together, and idle.
    pub(super) alive: u32,
    /// Memory of the host that each one holds, all of infield's own included.
    pub(super) kib_each: f64,
    /// Median cost of creating one when there is none.
    pub(super) first_ms: f64,
    /// Median cost of creating one more.
    pub(super) one_more_ms: f64,
    /// How the two compare.
    pub(super) ratio: f64,
    /// Deleted in a second.
    pub(super) deleted_per_second: f64,
}

/// Makes `count` sandboxes, always `at_once` under way, and removes them.
pub(super) async fn rate(client: &Client, count: u32, at_once: usize) -> Result<Rate> {
    let start = Instant::now();
    let made = create(client, count, at_once).await?;
    let took = start.elapsed();
    delete(client, made).await?;
    Ok(Rate { at_once, created: count, per_second: f64::from(count) / took.as_secs_f64() })
}

/// Fills the host with `count` idle sandboxes, looks, and removes them.
pub(super) async fn alive(client: &Client, count: u32) -> Result<Crowd> {
    let mut made = Vec::new();
    let looked = fill(client, count, &mut made).await;
    let start = Instant::now();
    let total = made.len();
    delete(client, made).await?;
    let deleted_per_second = total as f64 / start.elapsed().as_secs_f64();
    Ok(Crowd { deleted_per_second, ..looked? })
}

async fn fill(client: &Client, count: u32, made: &mut Vec<Sandbox>) -> Result<Crowd> {
    let before = available_kib()?;
    let samples = SAMPLES.min(count);
    let first_ms = sample(client, samples, made).await?;
    made.extend(create(client, count - samples, AT_ONCE).await?);
    tokio::time::sleep(SETTLE).await;
    let held = before.saturating_sub(available_kib()?);
    let one_more_ms = sample(client, SAMPLES, made).await?;
    Ok(Crowd {
        alive: count,
        kib_each: held as f64 / f64::from(count),
        first_ms,
        one_more_ms,
        ratio: one_more_ms / first_ms,
        deleted_per_second: 0.0,
    })
}

/// The median cost of creating one, in milliseconds, as rested as every other measured subject.
async fn sample(client: &Client, count: u32, made: &mut Vec<Sandbox>) -> Result<f64> {
    let mut series = Series::new();
    for _ in 0..count {
        tokio::time::sleep(super::PAUSE).await;
        let start = Instant::now();
        made.push(create_one(client).await?);
        series.push(start.elapsed());
    }
    Ok(series.quantile(0.5))
}

async fn create(client: &Client, count: u32, at_once: usize) -> Result<Vec<Sandbox>> {
    stream::iter(0..count)
        .map(async |_| create_one(client).await)
        .buffer_unordered(at_once)
        .try_collect()
        .await
}

async fn create_one(client: &Client) -> Result<Sandbox> {
    client.json(Request::post("/v1/sandboxes", &CreateSandbox::default())?).await
}

async fn delete(client: &Client, made: Vec<Sandbox>) -> Result<()> {
    stream::iter(made)
        .map(async |sandbox| {
            client.json::<Sandbox>(Request::delete(path(&sandbox.id))).await.map(drop)
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

/// Memory that programs could still get, proc(5).
fn available_kib() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/meminfo")
        .map_err(|source| Error::unavailable("cannot read `/proc/meminfo`").with_source(source))?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| Error::unsupported("`/proc/meminfo` does not tell the available memory"))
}
