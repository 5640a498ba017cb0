//! Hostile code in a real sandbox, twice: once as users have it, where each attack must be held,
//! and once in a build that leaves out the one defence that the attack is named for, where it
//! must succeed. An attack that fails everywhere proves nothing.
//!
//! An attack is a program that runs inside and prints a line that begins with `HELD` or `BROKE`.
//! The table of all of them with both outcomes is `docs/attacks.md`; `INFIELD_WRITE_DOCS=1`
//! writes it anew.

mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use infield_tests::Home;

pub(crate) use self::table::KINDS;

/// One attack.
pub(crate) struct Attack {
    /// What must fail, as in `cannot_...`.
    pub(crate) name: &'static str,
    /// The defence that holds it, by the word of `jail::defence`.
    pub(crate) defence: &'static str,
    /// The program.
    pub(crate) program: Program,
    /// Options of `infield run` that the attack needs, such as small limits.
    pub(crate) options: &'static [&'static str],
}

/// What runs inside.
pub(crate) enum Program {
    /// Python, after [`table::PRELUDE`].
    Python(&'static str),
    /// Bash.
    Bash(&'static str),
    /// C.
    C(&'static str),
}

/// How an attack ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Held,
    Broke,
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn run(home: &Home, attack: &Attack) -> Result<(Outcome, String)> {
    let (language, code) = match attack.program {
        Program::Python(code) => ("python", format!("{}{code}", table::PRELUDE)),
        Program::Bash(code) => ("bash", code.to_owned()),
        Program::C(code) => ("c", code.to_owned()),
    };
    let mut command = home.command(&["run", "--language", language, "--timeout", "30s"]);
    command.args(attack.options).arg("-");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    stdin.write_all(code.as_bytes())?;
    drop(stdin);
    let output = child.wait_with_output()?;
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let last = |word: &str| text.lines().rev().find(|line| line.starts_with(word));
    // Broken before held: one success is enough.
    match (last("BROKE"), last("HELD")) {
        (Some(_), _) => Ok((Outcome::Broke, text)),
        (None, Some(_)) => Ok((Outcome::Held, text)),
        (None, None) => bail!("`{}` says neither HELD nor BROKE: {text}", attack.name),
    }
}

fn all() -> impl Iterator<Item = &'static Attack> {
    KINDS.iter().flat_map(|(_, attacks)| attacks.iter())
}

fn expect(home: &Home, attack: &Attack, expected: Outcome) -> Option<String> {
    match run(home, attack) {
        Ok((outcome, _)) if outcome == expected => None,
        Ok((outcome, text)) => Some(format!("{}: {outcome:?}, not {expected:?}: {text}", attack.name)),
        Err(error) => Some(format!("{}: {error:#}", attack.name)),
    }
}

#[test]
fn every_attack_is_held() -> Result<()> {
    if !is_root() {
        eprintln!("skipped: every_attack_is_held needs root");
        return Ok(());
    }
    let home = Home::new()?;
    let faults: Vec<_> = all().filter_map(|attack| expect(&home, attack, Outcome::Held)).collect();
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

#[test]
fn every_attack_succeeds_without_its_defence() -> Result<()> {
    if !is_root() {
        eprintln!("skipped: every_attack_succeeds_without_its_defence needs root");
        return Ok(());
    }
    let mut by_defence: BTreeMap<&str, Vec<&Attack>> = BTreeMap::new();
    for attack in all() {
        by_defence.entry(attack.defence).or_default().push(attack);
    }
    let mut faults = Vec::new();
    for (defence, attacks) in by_defence {
        let home = Home::without(defence)?;
        faults.extend(attacks.iter().filter_map(|attack| expect(&home, attack, Outcome::Broke)));
    }
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

#[test]
fn there_are_enough_attacks_of_each_kind() {
    let names: BTreeSet<_> = all().map(|attack| attack.name).collect();
    assert_eq!(names.len(), all().count(), "a name occurs twice");
    for (kind, attacks) in KINDS {
        assert!(attacks.len() >= 5, "{kind}: {}", attacks.len());
    }
}
