//! Every attempt once more without the defence that it is named for, where it must succeed: what
//! fails everywhere proves nothing about the defence.
//!
//! Attempts with the same defence share a product of the test build that leaves it out. Where two
//! defences each hold an attempt alone, both are left out; the page says why there are two.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, ensure};

use super::super::attempts::{Attempt, Ground, Policy, all, program};
use super::super::product::Product;
use super::super::world::World;
use super::{Said, chosen, floods, is_short, life, neighbour, play_all, rounds};
use crate::attacks::Outcome;

/// Products at the same time.
const ACTS: usize = 3;
/// Sandboxes of one product that are busy at the same time.
const WORKERS: usize = 3;

/// What came of the attempts of one act: what their scripts said, and mistakes.
type Played = (Said, Vec<String>);

/// Makes the attempts that have one defence.
fn play(world: &Arc<World>, words: &str, attempts: &[&'static Attempt]) -> Result<Played> {
    let mut product = Product::without(Arc::clone(world), words)?;
    if let Some(attempt) = attempts.iter().find(|attempt| attempt.script.contains("NEIGHBOUR")) {
        neighbour(&product, product.policy_of(attempt))?;
    }
    let short = attempts.iter().copied().filter(|attempt| is_short(attempt));
    let (mut said, mut faults) = play_all(&product, &rounds(&product, short), WORKERS);
    for (number, attempt) in attempts.iter().filter(|attempt| attempt.has_steps()).enumerate() {
        match life::play(&mut product, number, attempt) {
            Ok(words) => said.push((attempt, words)),
            Err(error) => faults.push(format!("{}: {error:#}", attempt.name)),
        }
    }
    for (number, attempt) in attempts.iter().filter(|attempt| attempt.is_flood()).enumerate() {
        match floods::play(&product, number, attempt) {
            Ok(words) => said.push((attempt, words)),
            Err(error) => faults.push(format!("{}: {error:#}", attempt.name)),
        }
    }
    Ok((said, faults))
}

/// Whether the host's kernel has what the attempt is about; says so by name when not.
#[expect(clippy::print_stderr, reason = "a skipped attempt must be seen")]
fn can_be_made(attempt: &Attempt, world: &World) -> bool {
    let is_there = attempt.ground != Ground::Kernel
        || matches!(attempt.play_on_host(world), Ok(Outcome::Broke));
    if !is_there {
        eprintln!("skipped: {}: this kernel has nothing of the kind", attempt.name);
    }
    is_there
}

#[test]
fn every_attempt_succeeds_without_its_defence() -> Result<()> {
    let test = "every_attempt_succeeds_without_its_defence";
    let Some(world) = World::apart(test)? else { return Ok(()) };
    let mut by_defence: BTreeMap<&str, Vec<&'static Attempt>> = BTreeMap::new();
    let wanted = chosen().filter(|attempt| attempt.left_out().is_none());
    for attempt in wanted.filter(|attempt| can_be_made(attempt, &world)) {
        by_defence.entry(attempt.defence).or_default().push(attempt);
    }
    let mut acts: Vec<_> = by_defence.iter().collect();
    acts.sort_by_key(|(_, attempts)| attempts.len());
    let acts = Mutex::new(acts);
    let next = || acts.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let (said, faults) = (Mutex::new(Said::new()), Mutex::new(Vec::new()));
    let fault = |text: String| faults.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    let work = || {
        while let Some((words, attempts)) = next() {
            match play(&world, words, attempts) {
                Ok((words, mistakes)) => {
                    said.lock().unwrap_or_else(PoisonError::into_inner).extend(words);
                    mistakes.into_iter().for_each(fault);
                }
                Err(error) => fault(format!("without {words}: {error:#}")),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..ACTS {
            scope.spawn(work);
        }
    });
    for (attempt, said) in said.into_inner().unwrap_or_else(PoisonError::into_inner) {
        match attempt.outcome(&world, &said) {
            Ok(Outcome::Broke) => {}
            Ok(Outcome::Held) => {
                fault(format!("{}: held without {}: {said}", attempt.name, attempt.defence));
            }
            Err(error) => fault(format!("{}: {error:#}", attempt.name)),
        }
    }
    let faults = faults.into_inner().unwrap_or_else(PoisonError::into_inner);
    ensure!(faults.is_empty(), "{}:\n{}", faults.len(), faults.join("\n"));
    Ok(())
}

#[test]
fn an_ordinary_build_leaves_nothing_out() -> Result<()> {
    let test = "an_ordinary_build_leaves_nothing_out";
    let Some(world) = World::shared(test)? else { return Ok(()) };
    let words: BTreeSet<_> = all().flat_map(|attempt| attempt.defence.split(',')).collect();
    let words = words.into_iter().collect::<Vec<_>>().join(",");
    let product = Product::asked_to_weaken(world, &words)?;
    product.create("public", Policy::Public)?;
    product.create("closed", Policy::Custom(&["deny *.evil.example"]))?;
    let [inward, outward] =
        ["reached('169.254.169.254', HOST4)", "reached('alone.example', EVIL4)"]
            .map(|script| program(script));
    for (sandbox, script) in [("public", &inward), ("closed", &inward), ("closed", &outward)] {
        let said = product.python(sandbox, script)?;
        ensure!(said.starts_with("HELD"), "{sandbox}: {said}");
    }
    let said = product.python("public", &outward)?;
    ensure!(said.starts_with("BROKE"), "the public network is dead: {said}");
    Ok(())
}
