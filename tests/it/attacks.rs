//! Hostile code in a real sandbox, twice: once as users have it, where each attack must be held,
//! and once in a build that leaves out the one defence that the attack is named for, where it
//! must succeed. An attack that fails everywhere proves nothing.
//!
//! An attack is a program that runs inside and prints a line that begins with `HELD` or `BROKE`,
//! or a function that plays a part on the host as well. The list of all of them with both outcomes
//! is `docs/attacks.md`; `INFIELD_BLESS=1` writes it anew.

mod document;
mod owner;
mod stage;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::{Result, bail, ensure};

pub(crate) use self::stage::Stage;
use self::table::KINDS;

/// Attacks that go on at the same time.
const WORKERS: usize = 4;

/// One attack.
pub(crate) struct Attack {
    /// What must fail, as in `cannot_...`.
    name: &'static str,
    /// The defence that holds it, by its word.
    defence: &'static str,
    /// Options of the sandbox that it needs, such as small limits.
    options: &'static [&'static str],
    method: Method,
}

/// How an attack is done.
enum Method {
    /// By Python inside, after [`stage::PRELUDE`].
    Inside(&'static str),
    /// By a function that plays the host's part too.
    Around(fn(&Stage) -> Result<Outcome>),
}

/// How an attack ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Held,
    Broke,
}

impl Outcome {
    /// What it is called when this tells whether the attack succeeded.
    pub(crate) fn of(broke: bool) -> Self {
        if broke { Self::Broke } else { Self::Held }
    }

    /// The verdict that a program printed. One success is enough, whatever comes after.
    pub(crate) fn read(text: &str) -> Result<Self> {
        let says = |word| text.lines().any(|line: &str| line.starts_with(word));
        match (says("BROKE"), says("HELD")) {
            (true, _) => Ok(Self::Broke),
            (false, true) => Ok(Self::Held),
            (false, false) => bail!("neither HELD nor BROKE: {text}"),
        }
    }
}

impl Attack {
    /// An attack by a program alone.
    pub(crate) const fn inside(
        name: &'static str,
        defence: &'static str,
        code: &'static str,
    ) -> Self {
        Self { name, defence, options: &[], method: Method::Inside(code) }
    }

    /// An attack with a part on the host.
    pub(crate) const fn around(
        name: &'static str,
        defence: &'static str,
        play: fn(&Stage) -> Result<Outcome>,
    ) -> Self {
        Self { name, defence, options: &[], method: Method::Around(play) }
    }

    /// The same in a sandbox with these options.
    pub(crate) const fn with(mut self, options: &'static [&'static str]) -> Self {
        self.options = options;
        self
    }

    fn play(&self, stage: &Stage) -> Result<Outcome> {
        match self.method {
            Method::Inside(code) => stage.run(self.options, code),
            Method::Around(play) => play(stage),
        }
    }
}

/// Attacks that share a stage.
struct Act {
    without: Option<&'static str>,
    attacks: Vec<&'static Attack>,
    stage: OnceLock<Result<Stage>>,
}

impl Act {
    fn new(without: Option<&'static str>, attacks: Vec<&'static Attack>) -> Self {
        Self { without, attacks, stage: OnceLock::new() }
    }

    /// What is wrong with the outcome of one attack.
    fn fault(&self, attack: &Attack) -> Option<String> {
        let expected = Outcome::of(self.without.is_some());
        let played = match self.stage.get_or_init(|| Stage::new(self.without)) {
            Ok(stage) => attack.play(stage),
            Err(error) => return Some(format!("{}: no stage: {error:#}", attack.name)),
        };
        match played {
            Ok(outcome) if outcome == expected => None,
            Ok(outcome) => Some(format!("{}: {outcome:?}, not {expected:?}", attack.name)),
            Err(error) => Some(format!("{}: {error:#}", attack.name)),
        }
    }
}

/// Plays everything, some at a time, and fails with all that is wrong.
fn perform(acts: &[Act]) -> Result<()> {
    let chosen = std::env::var("INFIELD_ATTACK").unwrap_or_default();
    let all = acts.iter().flat_map(|act| act.attacks.iter().map(move |attack| (act, *attack)));
    let waiting = Mutex::new(all.filter(|(_, attack)| attack.name.contains(&chosen)));
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        let mut faults = Vec::new();
        while let Some((act, attack)) = next() {
            faults.extend(act.fault(attack));
        }
        faults
    };
    let faults: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        let ended = workers.into_iter().map(|worker| worker.join());
        ended.flat_map(|faults| faults.unwrap_or_else(|_| vec!["a panic".to_owned()])).collect()
    });
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

fn all() -> impl Iterator<Item = &'static Attack> {
    KINDS.iter().flat_map(|(_, attacks)| attacks.iter())
}

#[test]
fn every_attack_is_held() -> Result<()> {
    if !infield_tests::is_root("every_attack_is_held") {
        return Ok(());
    }
    perform(&[Act::new(None, all().collect())])
}

#[test]
fn every_attack_succeeds_without_its_defence() -> Result<()> {
    if !infield_tests::is_root("every_attack_succeeds_without_its_defence") {
        return Ok(());
    }
    let mut by_defence: BTreeMap<&str, Vec<&Attack>> = BTreeMap::new();
    for attack in all() {
        by_defence.entry(attack.defence).or_default().push(attack);
    }
    let acts = by_defence.into_iter().map(|(defence, attacks)| Act::new(Some(defence), attacks));
    perform(&acts.collect::<Vec<_>>())
}

#[test]
fn there_are_enough_attacks_of_each_kind() {
    let names: BTreeSet<_> = all().map(|attack| attack.name).collect();
    assert_eq!(names.len(), all().count(), "a name occurs twice");
    assert!(names.len() >= 80, "only {} attacks", names.len());
    for (kind, attacks) in KINDS {
        assert!(attacks.len() >= 5, "{kind}: {}", attacks.len());
    }
}
