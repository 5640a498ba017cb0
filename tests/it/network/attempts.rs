//! What a hostile program tries in order to reach what its policy does not allow. Each attempt is
//! named for what must fail, and for the one defence without which it succeeds.
//!
//! Here they are as data, and each that can be is seen to succeed on HOST itself, where nothing
//! holds it: a script that fails everywhere proves nothing about a sandbox.

mod document;
mod table;

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};

use self::table::{KINDS, LEFT_OUT};
use super::world::{ABSTRACT, BAIT_PORT, HOST, PLACES, World};
use crate::attacks::Outcome;

/// What each script begins with, after the world's addresses.
const PRELUDE: &str = include_str!("attempts/prelude.py");
/// Where another sandbox of the same owner listens, on every address that it has. At the next port
/// it gives back what it gets.
const NEIGHBOUR: u16 = 8077;
/// Attempts that go on at the same time.
const WORKERS: usize = 8;

/// One attempt: Python that prints `BROKE` when it got what it wanted, else `HELD`.
pub(crate) struct Attempt {
    /// What must fail, as in `cannot_...`.
    pub(super) name: &'static str,
    /// The defence that holds it, by its word; several with commas between them where each of
    /// them holds it alone.
    pub(super) defence: &'static str,
    pub(super) policy: Policy,
    /// A ceiling of the sandbox's network, as `NAME=VALUE`.
    ceiling: Option<&'static str>,
    /// A named network that the sandbox is in.
    network: Option<&'static str>,
    /// What the sandbox goes through before the script begins.
    pub(super) after: &'static [Step],
    /// What happens when the script has said `READY`; `CHANGED` names a file that comes then.
    pub(super) during: &'static [Step],
    pub(super) ground: Ground,
    pub(super) success: Success,
    pub(super) script: &'static str,
}

/// What the sandbox may reach.
#[derive(Clone, Copy)]
pub(crate) enum Policy {
    None,
    Limited,
    Public,
    Custom(&'static [&'static str]),
}

impl Policy {
    /// The options of the command line that say it.
    pub(super) fn words(self) -> Vec<String> {
        let (word, rules) = match self {
            Self::None => ("none", &[] as &[_]),
            Self::Limited => ("limited", &[] as &[_]),
            Self::Public => ("public", &[] as &[_]),
            Self::Custom(rules) => ("none", rules),
        };
        let rules = rules.iter().map(|rule| format!("--{}", rule.replacen(' ', "=", 1)));
        [format!("--network={word}")].into_iter().chain(rules).collect()
    }
}

/// Where an attempt can be made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ground {
    /// In every network that leads to INTERNET.
    Anywhere,
    /// In a sandbox alone: it is about something that only these have or lack.
    Sandbox,
    /// The same, and only where the host's kernel has what it is about.
    Kernel,
}

/// How one sees that it succeeded.
#[derive(Clone, Copy)]
pub(crate) enum Success {
    /// It says so.
    Said,
    /// A look-up with this word in its name reached INTERNET.
    Asked(&'static str),
    /// More than so many names with this word.
    AskedOften(&'static str, usize),
    /// A look-up with this word in its options did.
    Option(&'static str),
    /// These bytes reached a server.
    Sent(&'static str),
    /// The network process has more than so many descriptors.
    Opens(usize),
    /// More than so many bytes came to the sandbox and lie in the kernel.
    Piles(u64),
}

/// What happens to a sandbox and to those who serve it.
#[derive(Clone, Copy)]
pub(crate) enum Step {
    /// Its policy becomes these rules.
    Change(&'static [&'static str]),
    /// Its policy becomes `none`.
    Close,
    /// It leaves a named network.
    Leave(&'static str),
    Stop,
    Start,
    Pause,
    Resume,
    /// The script runs in a fork of it.
    Fork,
    /// The script runs in a sandbox made from a snapshot of it.
    Snapshot,
    /// The script runs in one that was made ready before anybody asked for it.
    Pool,
    /// The script runs in one that was stopped because nobody used it.
    Idle,
    RestartAll,
    KillDaemon,
    KillNetwork,
    KillLauncher,
    KillKeeper,
}

impl Attempt {
    pub(crate) const fn new(
        name: &'static str,
        defence: &'static str,
        policy: Policy,
        script: &'static str,
    ) -> Self {
        let (ground, success) = (Ground::Anywhere, Success::Said);
        let (ceiling, network) = (None, None);
        let (after, during) = (&[] as &[Step], &[] as &[Step]);
        Self { name, defence, policy, ceiling, network, after, during, ground, success, script }
    }

    /// The same where it can be made.
    pub(crate) const fn on(self, ground: Ground) -> Self {
        Self { ground, ..self }
    }

    /// The same with another sign of success.
    pub(crate) const fn when(self, success: Success) -> Self {
        Self { success, ..self }
    }

    /// The same in a sandbox with a ceiling.
    pub(crate) const fn limited(self, ceiling: &'static str) -> Self {
        Self { ceiling: Some(ceiling), ..self }
    }

    /// The same in a sandbox that is in a named network.
    pub(crate) const fn within(self, network: &'static str) -> Self {
        Self { network: Some(network), ..self }
    }

    /// The same in a sandbox that has gone through something.
    pub(crate) const fn after(self, steps: &'static [Step]) -> Self {
        Self { after: steps, ..self }
    }

    /// The same in a sandbox that goes through something meanwhile.
    pub(crate) const fn during(self, steps: &'static [Step]) -> Self {
        Self { during: steps, ..self }
    }

    /// The whole program.
    pub(super) fn program(&self) -> String {
        program(self.script)
    }

    /// The options of the command line that set its ceiling and its named network.
    pub(super) fn options(&self) -> Vec<String> {
        let ceiling = self.ceiling.iter().map(|ceiling| format!("--net-{ceiling}"));
        ceiling.chain(self.network.iter().map(|network| format!("--join={network}"))).collect()
    }

    /// Whether its sandbox has a ceiling.
    pub(super) fn has_ceiling(&self) -> bool {
        self.ceiling.is_some()
    }

    /// Why it is not made in sandboxes, if it is not.
    pub(super) fn left_out(&self) -> Option<&'static str> {
        LEFT_OUT.iter().find(|(name, _)| *name == self.name).map(|(_, why)| *why)
    }

    /// What is seen of it with its defence, and without.
    fn outcomes(&self) -> [&'static str; 2] {
        match (self.left_out(), self.ground) {
            (Some(why), _) => [why, "-"],
            (None, Ground::Kernel) => ["held", "succeeds where the kernel has it"],
            (None, Ground::Anywhere | Ground::Sandbox) => ["held", "succeeds"],
        }
    }

    /// Whether it goes on and on while somebody looks at what it takes.
    pub(super) fn is_flood(&self) -> bool {
        matches!(self.success, Success::Opens(_) | Success::Piles(_))
    }

    /// Whether something happens to the sandbox.
    pub(super) fn has_steps(&self) -> bool {
        !self.after.is_empty() || !self.during.is_empty()
    }

    /// What it did, by what it said and by what INTERNET saw.
    pub(super) fn outcome(&self, world: &World, said: &str) -> Result<Outcome> {
        let spoken = Outcome::read(said)?;
        // Whoever asks for both families says nothing more by it.
        let asked = |word: &str| -> Result<usize> {
            let names = world.queries()?.into_iter().map(|query| query.name);
            Ok(names.filter(|name| name.contains(word)).collect::<BTreeSet<_>>().len())
        };
        Ok(match self.success {
            Success::Said => spoken,
            Success::Asked(word) => Outcome::of(asked(word)? > 0),
            Success::AskedOften(word, most) => Outcome::of(asked(word)? > most),
            Success::Option(word) => {
                Outcome::of(world.queries()?.iter().any(|query| query.options.contains(word)))
            }
            Success::Sent(bytes) => {
                Outcome::of(world.pieces()?.iter().any(|piece| piece.data.contains(bytes)))
            }
            // Whoever looks on says so in the script's place.
            Success::Opens(_) | Success::Piles(_) => spoken,
        })
    }

    /// Does it on HOST itself.
    pub(super) fn play_on_host(&self, world: &World) -> Result<Outcome> {
        let mut command = world.client(&["timeout", "60", "/usr/bin/python3", "-"])?;
        // Nothing changes here: what an attempt waits for is there already.
        command.env("CHANGED", "/").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn()?;
        let mut stdin = child.stdin.take().context("no standard input")?;
        stdin.write_all(self.program().as_bytes())?;
        drop(stdin);
        let output = child.wait_with_output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.outcome(world, &(text(&output.stdout) + &text(&output.stderr)))
    }
}

/// A script with what it may use.
pub(super) fn program(script: &str) -> String {
    let places = PLACES.iter().map(|place| (place.word, [place.four, place.six]));
    let known: String = places
        .chain([("HOST", HOST)])
        .map(|(word, [four, six])| format!("{word}4, {word}6 = '{four}', '{six}'\n"))
        .collect();
    let bait = format!("BAIT, NEIGHBOUR, ABSTRACT = {BAIT_PORT}, {NEIGHBOUR}, '{ABSTRACT}'\n");
    format!("{PRELUDE}{known}{bait}{script}\n")
}

pub(super) fn all() -> impl Iterator<Item = &'static Attempt> {
    KINDS.iter().flat_map(|(_, attempts)| attempts.iter())
}

#[test]
fn every_attempt_succeeds_where_nothing_holds_it() -> Result<()> {
    let test = "every_attempt_succeeds_where_nothing_holds_it";
    let Some(world) = World::shared(test)? else { return Ok(()) };
    let chosen = std::env::var("INFIELD_ATTACK").unwrap_or_default();
    let is_quiet = |attempt: &&Attempt| !attempt.is_flood();
    let waiting = all().filter(is_quiet).filter(|attempt| attempt.name.contains(&chosen));
    let waiting = Mutex::new(waiting);
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let faults = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        let work = || {
            while let Some(attempt) = next() {
                let outcome = attempt.play_on_host(&world);
                // What is about sandboxes alone may end either way here, but not by a mistake.
                let is_fine = match attempt.ground {
                    Ground::Anywhere => matches!(outcome, Ok(Outcome::Broke)),
                    Ground::Sandbox | Ground::Kernel => outcome.is_ok(),
                };
                if !is_fine {
                    let fault = format!("{}: {outcome:?}", attempt.name);
                    faults.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
                }
            }
        };
        for _ in 0..WORKERS {
            scope.spawn(work);
        }
    });
    let faults = faults.into_inner().unwrap_or_else(PoisonError::into_inner);
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

#[test]
fn every_attempt_is_a_program() -> Result<()> {
    let programs: Vec<_> = all().map(|attempt| (attempt.name, attempt.program())).collect();
    let check =
        "import json, sys\nfor name, code in json.load(sys.stdin): compile(code, name, 'exec')";
    let mut python = Command::new("/usr/bin/python3");
    python.args(["-W", "error", "-c", check]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = python.spawn().context("no /usr/bin/python3")?;
    let stdin = child.stdin.take().context("no standard input")?;
    serde_json::to_writer(stdin, &programs)?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[test]
fn what_is_left_out_is_there() {
    for (name, _) in LEFT_OUT {
        assert!(all().any(|attempt| attempt.name == *name), "no `{name}`");
    }
}

#[test]
fn every_attempt_is_whole() {
    let names: BTreeSet<_> = all().map(|attempt| attempt.name).collect();
    assert_eq!(names.len(), all().count(), "a name occurs twice");
    assert!(names.len() >= 60, "only {} attempts", names.len());
    for (kind, attempts) in KINDS {
        assert!(attempts.len() >= 5, "{kind}: {}", attempts.len());
    }
    let is_word = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit())
    };
    for attempt in all() {
        let name = attempt.name;
        assert!(name.starts_with("cannot_") && is_word(name), "{name}");
        assert!(attempt.defence.split(',').all(is_word), "{name}: {}", attempt.defence);
        assert!(attempt.ceiling.is_none_or(|ceiling| ceiling.contains('=')), "{name}");
        let waits = attempt.script.contains("ready()");
        assert_eq!(waits, !attempt.during.is_empty(), "{name}: waits for what does not come");
        let steps = attempt.after.iter().chain(attempt.during);
        let changes = steps.filter_map(|step| match step {
            Step::Change(rules) => Some(*rules),
            _ => None,
        });
        let rules = match attempt.policy {
            Policy::Custom(rules) => rules,
            Policy::None | Policy::Limited | Policy::Public => &[],
        };
        for rule in changes.flatten().chain(rules) {
            assert!(rule.starts_with("allow ") || rule.starts_with("deny "), "{name}: {rule}");
        }
    }
}
