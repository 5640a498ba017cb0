//! Attempts that take and take. What is looked at is what they are to use up, in the process that
//! would run out of it; where they are held, a neighbour and the command line are served meanwhile.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::super::attempts::{Attempt, Policy, Success, program};
use super::super::product::Product;
use super::super::world::World;
use super::chosen;
use crate::attacks::Outcome;

/// How long one goes on.
const FLOOD: Duration = Duration::from_secs(5);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(200);
/// How long anybody else waits at most, on a machine whose processors are all taken.
const SERVED: Duration = Duration::from_secs(5);

/// What somebody else does meanwhile, each time by a name that nobody knows yet.
const NEIGHBOUR: &str = "
for number in range(3):
    assert where(f'by{time.monotonic_ns()}.tunnel.allowed.example'), number
print('WORKS')";

/// Lets one go on in a sandbox of its own, and says whether it got what it is to use up.
pub(super) fn play(product: &Product, number: usize, attempt: &Attempt) -> Result<String> {
    let sandbox = format!("flood-{number}");
    product.create(&sandbox, product.policy_of(attempt))?;
    product.begin(&sandbox, &attempt.program())?;
    let begun = Instant::now();
    let mut seen = None;
    while seen.is_none() && begun.elapsed() < FLOOD {
        std::thread::park_timeout(LOOK);
        seen = taken(product, &sandbox, attempt.success)?;
    }
    if product.left_out().is_none() {
        check_served(product)?;
    }
    product.run(&["rm", "-f", &sandbox])?;
    Ok(seen.map_or_else(|| "HELD".to_owned(), |what| format!("BROKE {what}")))
}

/// What was taken, when it is too much.
fn taken(product: &Product, sandbox: &str, success: Success) -> Result<Option<String>> {
    match success {
        Success::Opens(most) => {
            let folder = format!("/proc/{}/fd", product.part("__network")?);
            let open = fs::read_dir(folder)?.count();
            Ok((open > most).then(|| format!("{open} descriptors")))
        }
        Success::Piles(most) => {
            let about: Value = serde_json::from_str(&product.run(&["info", sandbox, "--json"])?)?;
            let traffic = find(&about, "received_bytes").context("no traffic in `info`")?;
            Ok((traffic > most).then(|| format!("{traffic} bytes")))
        }
        Success::Said | Success::Asked(_) | Success::AskedOften(..) => Ok(None),
        Success::Option(_) | Success::Sent(_) => Ok(None),
    }
}

/// The number of a field, wherever it is.
fn find(value: &Value, field: &str) -> Option<u64> {
    match value {
        Value::Object(fields) => fields
            .get(field)
            .map_or_else(|| fields.values().find_map(|inner| find(inner, field)), Value::as_u64),
        Value::Array(all) => all.iter().find_map(|inner| find(inner, field)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// A neighbour and the command line are served, as soon as anybody can expect.
fn check_served(product: &Product) -> Result<()> {
    let begun = Instant::now();
    let said = product.python("beside", &program(NEIGHBOUR))?;
    ensure!(said.starts_with("WORKS"), "a neighbour is not served: {said}");
    product.run(&["ls"])?;
    ensure!(begun.elapsed() < SERVED, "others waited {:?}", begun.elapsed());
    Ok(())
}

#[test]
fn every_flood_is_held() -> Result<()> {
    let Some(world) = World::apart("every_flood_is_held")? else { return Ok(()) };
    let product = Product::start(world)?;
    product.create("beside", Policy::Custom(&["allow *.allowed.example"]))?;
    let mut faults = Vec::new();
    for (number, attempt) in chosen().filter(|attempt| attempt.is_flood()).enumerate() {
        let played = play(&product, number, attempt);
        match played.and_then(|said| Ok((attempt.outcome(product.world(), &said)?, said))) {
            Ok((Outcome::Held, _)) => {}
            Ok((Outcome::Broke, said)) => faults.push(format!("{}: {said}", attempt.name)),
            Err(error) => faults.push(format!("{}: {error:#}", attempt.name)),
        }
    }
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}
