//! Kill −9 of keeper, daemon, launcher and agent, in each phase of creation, in the middle of
//! commands and of imports, as root and as an ordinary user.
//!
//! What must hold after each: work that ran still runs and its output has no gap; a sandbox whose
//! first process was killed says so; and soon after, the records and the host agree.

mod field;
mod import;
mod volumes;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use infield_tests::Home;
use serde_json::Value;

use self::field::{BACK, Field, Victim, agree, folders, kill, kill_newcomer};
use crate::traces::first_process;

/// Kills in all; a third for each kind of victim.
const KILLS: u32 = 30;
/// Kills of a keeper, which cost a start of everything each.
const KEEPER_KILLS: u32 = 12;
/// How often the kills are gone through, at most, until one has met a creation.
const MOST_ROUNDS: u32 = 4;
/// The victims below a keeper.
const BELOW: &[Victim] = &[Victim::Daemon, Victim::Launcher, Victim::Agent];
/// All of them.
const ALL: &[Victim] = &[Victim::Daemon, Victim::Launcher, Victim::Agent, Victim::Keeper];
/// Ids that own nothing, one for each test as an ordinary user.
const USERS: [u32; 2] = [61_001, 61_002];

#[tokio::test]
async fn no_kill_in_creation_leaves_a_lie() -> Result<()> {
    kill_in_creations(Field::open()?, BELOW, KILLS).await
}

#[tokio::test]
async fn no_kill_of_the_keeper_in_creation_leaves_a_lie() -> Result<()> {
    kill_in_creations(Field::open()?, &[Victim::Keeper], KEEPER_KILLS).await
}

#[tokio::test]
async fn no_kill_in_creation_leaves_a_lie_to_an_ordinary_user() -> Result<()> {
    if !infield_tests::is_root("recovery as an ordinary user") {
        return Ok(());
    }
    kill_in_creations(Field::open_at(Home::of_user(USERS[0])?)?, ALL, KILLS * 2 / 3).await
}

async fn kill_in_creations(mut field: Field, victims: &[Victim], kills: u32) -> Result<()> {
    let begun = Instant::now();
    field.ask(&["create", "--name", "measure"])?;
    let creation = begun.elapsed();
    let kinds = u32::try_from(victims.len())?;
    let (mut met, mut broken) = (0, 0);
    for (number, victim) in (0..kills * MOST_ROUNDS).zip(victims.iter().cycle()) {
        // A host that is busy with other things may let every kill miss.
        if number >= kills && met > 0 {
            break;
        }
        let home = field.home.path();
        let before = folders(&home);
        let name = format!("n{number}");
        // Looking takes longer than a creation on a busy host.
        let found = (*victim != Victim::Agent).then(|| field.find(*victim)).transpose()?;
        let mut creating = field.begin(&["create", "--name", &name])?;
        // Every kind of victim meets every phase: the delays go evenly over a whole creation.
        let delay = creation * (number % kills / kinds) / (kills / kinds);
        if let Some(target) = found {
            std::thread::park_timeout(delay);
            field.kill(*victim, target)?;
        } else {
            kill_newcomer(&home, &before, delay / 4)?;
            broken += 1;
        }
        let answered = creating.wait()?.success();
        met += u32::from(!answered);
        field.check_steady().with_context(|| format!("after the kill {number}"))?;
        let is_lost = answered && *victim != Victim::Agent && field.rest(&name)? != "running";
        ensure!(!is_lost, "`{name}` was said to be made, and the kill {number} took it away");
    }
    agree(&field).await;
    let failed = field.records()?.iter().filter(|record| record["state"] != "running").count();
    assert!(met > 0 && (failed > 0 || broken == 0), "{met} answers and {failed} met a kill");
    for record in field.records()? {
        let id = record["id"].as_str().context("no id")?;
        field.ask(&["rm", "-f", id])?;
    }
    let left = agree(&field).await;
    assert!(left.folders.is_empty() && left.groups.is_empty() && left.processes.is_empty());
    Ok(())
}

#[tokio::test]
async fn no_kill_in_a_command_loses_it() -> Result<()> {
    kill_in_commands(Field::open()?, BELOW, KILLS).await
}

#[tokio::test]
async fn no_kill_of_the_keeper_in_a_command_loses_it() -> Result<()> {
    kill_in_commands(Field::open()?, &[Victim::Keeper], KEEPER_KILLS).await
}

#[tokio::test]
async fn no_kill_in_a_command_loses_it_to_an_ordinary_user() -> Result<()> {
    if !infield_tests::is_root("recovery as an ordinary user") {
        return Ok(());
    }
    kill_in_commands(Field::open_at(Home::of_user(USERS[1])?)?, ALL, KILLS * 2 / 3).await
}

async fn kill_in_commands(mut field: Field, victims: &[Victim], kills: u32) -> Result<()> {
    for (number, victim) in (0..kills).zip(victims.iter().cycle()) {
        // It ends while nobody looks.
        let script = format!("sleep 0.1; echo line {number}; exit 3");
        let ending = field.ask(&["exec", "-d", "steady", "sh", "-c", &script])?;
        match victim {
            Victim::Agent => check_killed_agent(&field, number)?,
            Victim::Daemon | Victim::Launcher | Victim::Keeper => {
                field.kill(*victim, field.find(*victim)?)?;
            }
        }
        field.check_steady().with_context(|| format!("after the kill {number} of {victim:?}"))?;
        check_ended(&field, ending.trim(), &format!("line {number}\n"))
            .with_context(|| format!("after the kill {number} of {victim:?}"))?;
    }
    agree(&field).await;
    Ok(())
}

#[tokio::test]
async fn no_kill_lets_go_of_what_is_paused() -> Result<()> {
    if !infield_tests::is_root("recovery of what is paused") {
        return Ok(());
    }
    let mut field = Field::open()?;
    field.ask(&["pause", "steady"])?;
    for victim in [Victim::Daemon, Victim::Launcher, Victim::Keeper] {
        field.kill(victim, field.find(victim)?)?;
        let state = field.record("steady")?["state"].clone();
        assert_eq!(state, "paused", "after the kill of {victim:?}");
    }
    field.ask(&["start", "steady"])?;
    field.check_steady().context("its command goes on where it was")?;
    field.ask(&["pause", "steady"])?;
    field.ask(&["rm", "-f", "steady"])?;
    let left = agree(&field).await;
    assert!(left.folders.is_empty() && left.groups.is_empty() && left.processes.is_empty());
    Ok(())
}

/// A command that ended while something was killed has its output and its exit code.
fn check_ended(field: &Field, execution: &str, expected: &str) -> Result<()> {
    let begun = Instant::now();
    loop {
        let told: Value = serde_json::from_str(&field.ask(&["logs", execution, "--json"])?)?;
        let ending = &told["execution"]["ending"];
        if !ending.is_null() {
            ensure!(ending["exit_code"] == 3, "`{execution}` ended with {ending}");
            break;
        }
        ensure!(begun.elapsed() < BACK, "`{execution}` does not end: {told}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
    let output = field.ask(&["logs", execution])?;
    ensure!(output == expected, "`{execution}` wrote {output:?}");
    Ok(())
}

#[tokio::test]
async fn no_kill_at_a_stop_or_an_end_loses_a_file() -> Result<()> {
    let mut field = Field::open()?;
    field.ask(&["create", "--name", "saved"])?;
    let fill = "head -c 8000000 /dev/urandom > /workspace/x; sha256sum /workspace/x";
    let sum = field.ask(&["exec", "saved", "sh", "-c", fill])?;
    let begun = Instant::now();
    field.ask(&["stop", "saved"])?;
    let stop = begun.elapsed();
    for number in 0..KILLS {
        let victim = if number % 2 == 0 { Victim::Daemon } else { Victim::Launcher };
        if field.rest("saved")? == "stopped" {
            field.ask(&["start", "saved"])?;
        }
        let kept = field.ask(&["exec", "saved", "sha256sum", "/workspace/x"])?;
        ensure!(kept == sum, "the file changed before the kill {number}");
        let name = format!("e{number}");
        field.ask(&["create", "--name", &name])?;
        let target = field.find(victim)?;
        // One is stopped and one removed while the kill comes, each in another phase every time.
        let mut stopping = field.begin(&["stop", "saved"])?;
        let mut ending = field.begin(&["rm", "-f", &name])?;
        std::thread::park_timeout(stop * (number / 2) / (KILLS / 2));
        field.kill(victim, target)?;
        stopping.wait()?;
        ending.wait()?;
        field.check_steady().with_context(|| format!("after the kill {number}"))?;
    }
    agree(&field).await;
    Ok(())
}

/// A sandbox whose agent is killed in the middle of a command stops, says why, and its command
/// is not said to run.
fn check_killed_agent(field: &Field, number: u32) -> Result<()> {
    let name = format!("victim-{number}");
    field.ask(&["create", "--name", &name])?;
    let command = field.ask(&["exec", "-d", &name, "sleep", "1000"])?;
    let record = field.record(&name)?;
    let id = record["id"].as_str().context("no id")?;
    kill(first_process(&field.home.path(), id).context("no first process")?)?;
    let begun = Instant::now();
    let record = loop {
        let record = field.record(&name)?;
        if record["state"] == "stopped" {
            break record;
        }
        ensure!(begun.elapsed() < BACK, "{name} is still {}", record["state"]);
        std::thread::park_timeout(Duration::from_millis(10));
    };
    ensure!(record["cause"]["reason"] == "killed", "{name} stopped for {}", record["cause"]);
    let info: Value = serde_json::from_str(&field.ask(&["info", &name, "--json"])?)?;
    let running = info.to_string().contains("\"status\":\"running\"");
    ensure!(!running, "`{}` is said to run in a stopped sandbox: {info}", command.trim());
    field.ask(&["rm", "-f", &name])?;
    Ok(())
}
