//! Every attempt once more without the defence that it is named for, where it must succeed: what
//! fails everywhere proves nothing about the defence.
//!
//! Attempts with the same defence share a product of the test build that leaves it out. Where several
//! defences each hold an attempt alone, all of them are left out, and it is held as long as any of
//! them is there. The page says why there are several.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, ensure};

use super::super::attempts::{Attempt, Ground, Policy, all, program};
use super::super::product::Product;
use super::super::world::World;
use super::{Said, chosen, floods, is_short, life, neighbours, play_all, rounds};
use crate::attacks::Outcome;

/// Products at the same time.
const ACTS: usize = 3;
/// Sandboxes of one product that are busy at the same time.
const WORKERS: usize = 3;

/// What came of the attempts of one act: what their scripts said, and mistakes.
type Played = (Said, Vec<String>);
/// Attempts of one act, each with what must come of it.
type Act = Vec<(&'static Attempt, Outcome)>;

/// What is left out, and what is tried then.
fn acts(attempts: impl Iterator<Item = &'static Attempt>) -> BTreeMap<String, Act> {
    let mut acts: BTreeMap<String, Act> = BTreeMap::new();
    for attempt in attempts {
        let words: Vec<_> = attempt.defence.split(',').collect();
        let mut add = |left_out: String, outcome| {
            acts.entry(left_out).or_default().push((attempt, outcome));
        };
        add(attempt.defence.to_owned(), Outcome::Broke);
        if words.len() == 1 {
            continue;
        }
        for kept in &words {
            let others: Vec<_> = words.iter().filter(|word| *word != kept).copied().collect();
            add(others.join(","), Outcome::Held);
        }
    }
    acts
}

/// Makes the attempts that have one defence.
fn play(world: &Arc<World>, words: &str, act: &Act) -> Result<Played> {
    let attempts: Vec<_> = act.iter().map(|(attempt, _)| *attempt).collect();
    let mut product = Product::without(Arc::clone(world), words)?;
    if let Some(attempt) = attempts.iter().find(|attempt| attempt.script.contains("NEIGHBOUR")) {
        neighbours(&product, product.policy_of(attempt))?;
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

/// What is wrong with what an attempt said.
fn wrong(world: &World, act: &Act, (attempt, said): &(&Attempt, String)) -> Option<String> {
    let expected = act.iter().find(|(one, _)| one.name == attempt.name)?.1;
    match attempt.outcome(world, said) {
        Ok(outcome) if outcome == expected => None,
        Ok(outcome) => Some(format!("{}: {outcome:?}: {said}", attempt.name)),
        Err(error) => Some(format!("{}: {error:#}", attempt.name)),
    }
}

#[test]
fn every_attempt_succeeds_without_its_defence() -> Result<()> {
    let test = "every_attempt_succeeds_without_its_defence";
    let Some(world) = World::apart(test)? else { return Ok(()) };
    let wanted = chosen().filter(|attempt| attempt.left_out().is_none());
    let acts = acts(wanted.filter(|attempt| can_be_made(attempt, &world)));
    let mut waiting: Vec<_> = acts.iter().collect();
    waiting.sort_by_key(|(_, act)| act.len());
    let waiting = Mutex::new(waiting);
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let faults = Mutex::new(Vec::new());
    let fault = |text: String| faults.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    let work = || {
        while let Some((words, act)) = next() {
            match play(&world, words, act) {
                Ok((said, mistakes)) => {
                    let all = said.iter().filter_map(|said| wrong(&world, act, said));
                    all.chain(mistakes).for_each(|text| fault(format!("without {words}: {text}")));
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
        ["reached('169.254.169.254', HOST4)", "reached('alone.example', EVIL4)"].map(program);
    for (sandbox, script) in [("public", &inward), ("closed", &inward), ("closed", &outward)] {
        let said = product.python(sandbox, script)?;
        ensure!(said.starts_with("HELD"), "{sandbox}: {said}");
    }
    let said = product.python("public", &outward)?;
    ensure!(said.starts_with("BROKE"), "the public network is dead: {said}");
    Ok(())
}
