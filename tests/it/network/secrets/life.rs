//! Secrets over the life of a sandbox and of the processes that serve it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{HOST, Stage};

/// How long anything may take to be as it was.
const PATIENCE: Duration = Duration::from_secs(10);

impl Stage {
    /// One request with the placeholder, and whether its host got the value.
    fn works(&self, number: &str) -> Result<bool> {
        let path = format!("/echo/{number}/plain");
        let script = format!("curl -sS -m 5 -H \"X-Key: $TOKEN\" 'https://{HOST}{path}'");
        let said = self.shell(&script)?;
        ensure!(!said.contains(&self.value), "the value came in: {said}");
        Ok(self.got(&path).is_ok_and(|got| super::header(&got, "x-key") == Some(&*self.value)))
    }

    /// It works again before long, and in the meantime no placeholder goes out.
    fn works_again(&self, when: &str) -> Result<Duration> {
        let begun = Instant::now();
        for number in 0.. {
            let number = format!("{when}-{number}");
            if self.works(&number)? {
                return Ok(begun.elapsed());
            }
            if let Ok(got) = self.got(&format!("/echo/{number}/plain")) {
                anyhow::bail!("{when}: it passed unopened: {got}");
            }
            ensure!(begun.elapsed() < PATIENCE, "{when}: it does not work again");
        }
        unreachable!("numbers do not end")
    }
}

#[test]
fn secrets_work_on_every_path() -> Result<()> {
    let Some(mut stage) = Stage::new("secrets_work_on_every_path")? else { return Ok(()) };
    ensure!(stage.works("made")?);
    let placeholder = stage.placeholder()?;
    for part in ["__opener", "__network", "__daemon", "__launcher"] {
        stage.product.kill(part)?;
        stage.works_again(part)?;
    }
    stage.product.ask(&["stop", "box"])?;
    stage.product.ask(&["start", "box"])?;
    stage.works_again("started")?;
    stage.product.restart()?;
    stage.works_again("restarted")?;
    ensure!(stage.placeholder()? == placeholder, "it is another placeholder");
    Ok(())
}

#[test]
fn a_connection_ends_with_the_opener_and_is_not_passed_on() -> Result<()> {
    let test = "a_connection_ends_with_the_opener_and_is_not_passed_on";
    let Some(stage) = Stage::new(test)? else { return Ok(()) };
    let line = format!(
        "curl -sS -N -H \"X-Key: $TOKEN\" 'https://{HOST}/echo/held/slow' > out 2>&1; \
         echo ended >> out"
    );
    stage.product.run(&["exec", "-d", "box", "/bin/sh", "-c", &line])?;
    let begun = Instant::now();
    while !stage.shell("cat out")?.contains('x') {
        ensure!(begun.elapsed() < PATIENCE, "it does not begin");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    stage.product.kill("__opener")?;
    while !stage.shell("cat out")?.contains("ended") {
        ensure!(begun.elapsed() < PATIENCE, "it goes on");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    stage.works_again("after").map(drop)
}

#[test]
fn changes_hold_at_once() -> Result<()> {
    let Some(mut stage) = Stage::new("changes_hold_at_once")? else { return Ok(()) };
    ensure!(stage.works("before")?);
    let other = "quite another value";
    stage.set("TOKEN", HOST, other)?;
    stage.value = other.to_owned();
    ensure!(stage.works("changed")?, "{:?}", stage.got("/echo/changed/plain"));
    stage.product.run(&["secret", "rm", "TOKEN"])?;
    ensure!(!stage.works("removed")?);
    let listed = stage.product.run(&["secret", "ls"])?;
    ensure!(!listed.contains("TOKEN"), "{listed}");
    stage.product.run(&["stop", "box"])?;
    let started = stage.product.command(&["start", "box"]).output()?;
    let said = String::from_utf8_lossy(&started.stderr).into_owned();
    ensure!(!started.status.success() && said.contains("TOKEN"), "{said}");
    stage.set("TOKEN", HOST, other)?;
    stage.product.run(&["secret", "give", "box", "TOKEN"])?;
    stage.product.run(&["start", "box"])?;
    ensure!(stage.works("back")?);
    stage.product.run(&["secret", "give", "box"])?;
    ensure!(!stage.works("taken")?);
    stage.product.run(&["secret", "give", "box", "TOKEN"])?;
    ensure!(stage.works("given")?);
    Ok(())
}

#[test]
fn a_sandbox_without_a_network_can_use_no_secret() -> Result<()> {
    let test = "a_sandbox_without_a_network_can_use_no_secret";
    let Some(stage) = Stage::new(test)? else { return Ok(()) };
    let made = stage.product.command(&["create", "--network=none", "--secret=TOKEN"]).output()?;
    ensure!(!made.status.success());
    let made = stage.product.command(&["create", "--secret=NOBODY"]).output()?;
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    ensure!(!made.status.success() && said.contains("infield secret set NOBODY"), "{said}");
    Ok(())
}

#[test]
fn the_opener_has_nothing_but_what_it_is_given() -> Result<()> {
    let test = "the_opener_has_nothing_but_what_it_is_given";
    let Some(stage) = Stage::new(test)? else { return Ok(()) };
    let field = |pid: u32, name: &str| -> Result<String> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        Ok(line.context("no such field")?.trim().to_owned())
    };
    let opener = stage.product.part("__opener")?;
    for name in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(field(opener, name)?, "0000000000000000", "{name}");
    }
    assert_eq!(field(opener, "NoNewPrivs:")?, "1");
    for other in ["__daemon", "__network", "__launcher"] {
        let other = stage.product.part(other)?;
        ensure!(field(opener, "Uid:")? != field(other, "Uid:")?, "two have one account");
        let network = |pid: u32| fs::read_link(format!("/proc/{pid}/ns/net"));
        ensure!(network(opener)? != network(other)?, "it has a network");
    }
    // What is not dumpable belongs to root there: proc(5).
    assert_eq!(fs::metadata(format!("/proc/{opener}/environ"))?.uid(), 0);
    let limits = fs::read_to_string(format!("/proc/{opener}/limits"))?;
    let core = limits.lines().find(|line| line.starts_with("Max core")).context("no limit")?;
    ensure!(core.split_whitespace().nth(4) == Some("0"), "{core}");
    Ok(())
}
