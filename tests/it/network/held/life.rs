//! Attempts in the course of a sandbox's life: what it goes through comes before the script, or
//! while the script waits for it. Forks and snapshots are passed over until there are any.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::super::attempts::{Attempt, Policy, Step, program};
use super::super::product::Product;
use super::super::world::World;
use super::{check_works, chosen, neighbours};
use crate::attacks::Outcome;

/// What a script in the background may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long nobody may serve after the death of a network process.
const SUCCESSOR: Duration = Duration::from_secs(1);
/// The same after any death, the whole look at what works included.
const GAP: Duration = Duration::from_secs(3);
/// Where a script in the background writes.
const SAID: &str = "/tmp/said";

/// Says how long nobody serves, from the moment that a connection ends, whichever way it does.
const BREAKS: &str = "
with connect('streams.allowed.example', 7) as stream:
    stream.sendall(b'before\\n')
    stream.recv(100)
    ready()
    stream.settimeout(SECONDS)
    try:
        ended = stream.recv(100) == b''
    except TimeoutError:
        ended = False
    except OSError:
        ended = True
begun = time.monotonic()
while ended and not where('allowed.example'):
    time.sleep(0.01)
print('served after', round(1000 * (time.monotonic() - begun)), 'ms')
verdict(not ended)";

impl Product {
    /// Starts a script that goes on whatever happens to the daemon, and waits until it is ready.
    pub(in crate::network) fn begin(&self, sandbox: &str, script: &str) -> Result<()> {
        let script = &*self.fitting(script);
        let line = format!("exec /usr/bin/python3 -c \"$1\" > {SAID} 2>&1");
        self.run(&["exec", "-d", sandbox, "/bin/sh", "-c", &line, "sh", script])?;
        self.said(sandbox, "READY").map(drop)
    }

    /// What the script wrote, as soon as one of some words is in it.
    pub(in crate::network) fn said(&self, sandbox: &str, words: &str) -> Result<String> {
        let begun = Instant::now();
        loop {
            let said = self.ask(&["exec", sandbox, "/bin/cat", SAID])?;
            if words.split('|').any(|word| said.contains(word)) {
                return Ok(said);
            }
            ensure!(begun.elapsed() < PATIENCE, "no {words}: {said}");
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// Tells the script that the change is there.
    pub(in crate::network) fn tell(&self, sandbox: &str) -> Result<()> {
        self.ask(&["exec", sandbox, "/usr/bin/touch", "/tmp/changed"]).map(drop)
    }

    /// Makes the sandbox anew so that it stops soon when it has nothing to do, and waits for that.
    fn let_idle(&self, sandbox: &str, policy: Policy) -> Result<()> {
        self.ask(&["rm", "-f", sandbox])?;
        self.create_with(sandbox, policy, &["--stop-after=1s"])?;
        let begun = Instant::now();
        // To look at a sandbox closely is to use it.
        let is_stopped = |line: &str| line.starts_with(sandbox) && line.contains(" stopped ");
        while !self.ask(&["ls"])?.lines().any(is_stopped) {
            ensure!(begun.elapsed() < PATIENCE, "a sandbox without work goes on");
            std::thread::park_timeout(LOOK);
        }
        Ok(())
    }

    /// Does one step to a sandbox. False when there is no such thing yet.
    fn step(&mut self, sandbox: &str, policy: Policy, step: Step) -> Result<bool> {
        match step {
            Step::Change(rules) => self.change(sandbox, Policy::Custom(rules))?,
            Step::Leave(network) => {
                self.ask(&["net", "leave", sandbox, network]).map(drop)?;
            }
            Step::Close => self.change(sandbox, Policy::None)?,
            Step::Stop => self.ask(&["stop", sandbox]).map(drop)?,
            Step::Start => self.ask(&["start", sandbox]).map(drop)?,
            Step::Pool => {
                self.ask(&["rm", "-f", sandbox])?;
                self.create(sandbox, policy)?;
            }
            Step::Idle => self.let_idle(sandbox, policy)?,
            Step::RestartAll => self.restart()?,
            Step::KillKeeper => self.revive()?,
            Step::KillDaemon => self.kill("__daemon").map(drop)?,
            Step::KillNetwork => self.kill("__network").map(drop)?,
            Step::KillLauncher => self.kill("__launcher").map(drop)?,
            Step::Pause | Step::Resume | Step::Fork | Step::Snapshot => return Ok(false),
        }
        Ok(true)
    }
}

/// Between two looks at a sandbox that is to stop by itself.
const LOOK: Duration = Duration::from_millis(200);

/// Whether a step takes away somebody who serves.
fn is_death(step: &Step) -> bool {
    matches!(step, Step::KillDaemon | Step::KillNetwork | Step::KillLauncher)
}

/// Does all of it to a sandbox, and gives what the script said.
pub(super) fn play(product: &mut Product, number: usize, attempt: &Attempt) -> Result<String> {
    let sandbox = format!("life-{number}");
    let policy = product.policy_of(attempt);
    let options = attempt.options();
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    product.create_with(&sandbox, policy, &options)?;
    if attempt.during.is_empty() {
        let mut said = String::new();
        for (done, step) in attempt.after.iter().enumerate() {
            product.step(&sandbox, policy, *step)?;
            // What was stopped goes on by a start of its own, not by being used; and a change is
            // taken back.
            let is_half = matches!(step, Step::Stop | Step::Change(_));
            if is_half && done + 1 < attempt.after.len() {
                continue;
            }
            product.ask(&["ls"])?;
            said += &product.python(&sandbox, &attempt.program())?;
            product.works_again(&sandbox, policy)?;
        }
        product.ask(&["rm", "-f", &sandbox])?;
        return Ok(said);
    }
    product.begin(&sandbox, &attempt.program())?;
    // A gap has to be tried from its very beginning.
    let is_gap = attempt.during.iter().all(is_death);
    if is_gap {
        product.tell(&sandbox)?;
    }
    for step in attempt.during {
        product.step(&sandbox, policy, *step)?;
    }
    if !is_gap {
        product.tell(&sandbox)?;
    }
    let said = product.said(&sandbox, "BROKE|HELD|Error")?;
    if is_gap {
        product.works_again(&sandbox, policy)?;
    }
    product.ask(&["rm", "-f", &sandbox])?;
    Ok(said)
}

impl Product {
    /// Waits until what is allowed works, for as long as nobody may serve.
    fn works_again(&self, sandbox: &str, policy: Policy) -> Result<()> {
        if self.left_out().is_some() {
            return Ok(());
        }
        let begun = Instant::now();
        while let Err(error) = check_works(self, sandbox, policy) {
            ensure!(begun.elapsed() < GAP, "{error:#}");
        }
        Ok(())
    }
}

#[test]
fn every_attempt_in_the_course_of_life_is_held() -> Result<()> {
    let test = "every_attempt_in_the_course_of_life_is_held";
    let Some(world) = World::shared(test)? else { return Ok(()) };
    check_all_lives_held(&mut Product::start(world)?)
}

/// Makes every attempt in the course of a life, and fails for each that succeeds.
pub(in crate::network) fn check_all_lives_held(product: &mut Product) -> Result<()> {
    neighbours(product, Policy::Public)?;
    let mut faults = Vec::new();
    // Where there is a proxy alone, nobody inside looks anything up.
    let looks_up = |attempt: &Attempt| {
        ["getaddrinfo", "resolver()"].iter().any(|word| attempt.script.contains(word))
    };
    let is_proxied = product.is_proxied();
    let lives = chosen()
        .filter(|attempt| attempt.has_steps() && attempt.left_out().is_none())
        .filter(|attempt| !(is_proxied && looks_up(attempt)));
    for (number, attempt) in lives.enumerate() {
        let held = play(product, number, attempt)
            .and_then(|said| attempt.outcome(product.world(), &said).with_context(|| said));
        match held {
            Ok(Outcome::Held) => {}
            Ok(Outcome::Broke) => faults.push(format!("{}: broke", attempt.name)),
            Err(error) => faults.push(format!("{}: {error:#}", attempt.name)),
        }
    }
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

#[test]
fn a_dead_network_process_has_a_successor_at_once() -> Result<()> {
    let test = "a_dead_network_process_has_a_successor_at_once";
    let Some(world) = World::shared(test)? else { return Ok(()) };
    check_successor(&Product::start(world)?)
}

/// Kills the network process, and fails unless another one serves at once.
pub(in crate::network) fn check_successor(product: &Product) -> Result<()> {
    let policy = Policy::Custom(&["allow allowed.example", "allow *.allowed.example"]);
    product.create("steady", policy)?;
    product.begin("steady", &program(BREAKS))?;
    product.tell("steady")?;
    let dead = product.kill("__network")?;
    let said = product.said("steady", "BROKE|HELD|Error")?;
    ensure!(said.contains("HELD"), "a connection outlived its carrier: {said}");
    let gap = said.split_whitespace().find_map(|word| word.parse().ok()).context("no time")?;
    ensure!(Duration::from_millis(gap) < SUCCESSOR, "nobody served for {gap} ms");
    ensure!(product.part("__network")? != dead, "it is the one that was killed");
    check_works(product, "steady", policy)
}
