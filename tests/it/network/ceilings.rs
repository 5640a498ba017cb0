//! How much a sandbox's network carries: held in every moment of its life, changed while it runs,
//! and told to whoever met it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::attempts::{Policy, program};
use super::product::Product;
use super::world::World;

/// Where a server of the world sends and sends.
const RULES: Policy = Policy::Custom(&["allow *.allowed.example"]);
/// How long something may take to be counted.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes in all, and what a sandbox tries.
const TOTAL: u64 = 4 << 20;

/// Takes up to 8 MiB, and says how many bytes came and whether the connection was cut.
const TAKES: &str = "
count, begun = 0, time.monotonic()
try:
    with connect('streams.allowed.example', 19) as stream:
        while count < LIMIT:
            piece = stream.recv(1 << 16)
            if not piece:
                break
            count += len(piece)
    print('GOT', count, round(time.monotonic() - begun, 2))
except OSError as error:
    print('CUT', count, error)
";

/// What a script in a sandbox has taken, at most so many bytes.
fn take(product: &Product, sandbox: &str, most: u64) -> Result<String> {
    product.python(sandbox, &format!("LIMIT = {most}\n{}", program(TAKES)))
}

fn moved(product: &Product, sandbox: &str) -> Result<u64> {
    let text = product.ask(&["info", "--json", sandbox])?;
    let found: Value = serde_json::from_str(&text)?;
    let bytes = |name: &str| found["traffic"][name].as_u64().context("no traffic");
    Ok(bytes("sent_bytes")? + bytes("received_bytes")?)
}

/// Waits until the daemon knows of so many bytes: the network process tells them each second.
fn wait_until_told(product: &Product, sandbox: &str, least: u64) -> Result<()> {
    let begun = Instant::now();
    while moved(product, sandbox)? < least {
        ensure!(begun.elapsed() < PATIENCE, "not so much is known: {}", moved(product, sandbox)?);
        std::thread::park_timeout(Duration::from_millis(50));
    }
    Ok(())
}

#[test]
fn bytes_in_all_end_and_are_not_forgotten() -> Result<()> {
    let test = "bytes_in_all_end_and_are_not_forgotten";
    let Some(world) = World::shared(test)? else { return Ok(()) };
    let mut product = Product::start(world)?;
    let rule = "--allow=*.allowed.example";
    product.run(&["create", "--name=spent", "--network=none", rule, "--net-total=4m"])?;
    let said = take(&product, "spent", 1 << 20)?;
    ensure!(said.starts_with("GOT"), "some of it is there: {said}");
    let said = take(&product, "spent", 8 << 20)?;
    ensure!(said.starts_with("CUT"), "it has an end: {said}");
    ensure!(moved(&product, "spent")? <= TOTAL, "more was moved than may be");
    wait_until_told(&product, "spent", TOTAL)?;

    // Nobody who counts anew begins from nothing.
    let is_spent = |product: &Product, when: &str| -> Result<()> {
        let begun = Instant::now();
        let said = loop {
            let said = take(product, "spent", 1)?;
            // After a death nobody may serve for a moment, and names are not found.
            if !said.contains("Temporary") || begun.elapsed() > PATIENCE {
                break said;
            }
        };
        ensure!(said.starts_with("CUT 0"), "{when}: {said}");
        ensure!(moved(product, "spent")? >= TOTAL, "{when}: the count fell");
        Ok(())
    };
    is_spent(&product, "after the end")?;
    product.kill("__network")?;
    is_spent(&product, "after another network process")?;
    product.kill("__daemon")?;
    product.ask(&["ls"])?;
    is_spent(&product, "after another daemon")?;
    product.ask(&["stop", "spent"])?;
    product.ask(&["start", "spent"])?;
    is_spent(&product, "after a stop")?;
    product.restart()?;
    is_spent(&product, "after everything")?;

    let log = product.ask(&["net", "log", "spent"])?;
    ensure!(log.contains("limit"), "the log has no word of it: {log}");
    ensure!(log.contains("the sandbox has moved as many bytes as it may"), "{log}");
    product.ask(&["net", "limit", "spent", "--total=0"])?;
    let said = take(&product, "spent", 1 << 20)?;
    ensure!(said.starts_with("GOT"), "without the ceiling it goes on: {said}");
    Ok(())
}

#[test]
fn bytes_have_a_pace_that_changes_while_they_flow() -> Result<()> {
    let test = "bytes_have_a_pace_that_changes_while_they_flow";
    let Some(world) = World::shared(test)? else { return Ok(()) };
    let product = Product::start(world)?;
    product.create("paced", RULES)?;
    let seconds = |said: &str| -> Result<f64> {
        let last = said.split_whitespace().last().context("nothing was said")?;
        last.parse().with_context(|| said.to_owned())
    };
    ensure!(seconds(&take(&product, "paced", 2 << 20)?)? < 1.5, "it is slow without a pace");
    product.run(&["net", "limit", "paced", "--bandwidth=1m"])?;
    let took = seconds(&take(&product, "paced", 2 << 20)?)?;
    ensure!((1.5..4.0).contains(&took), "2 MiB at 1 MiB a second took {took} s");
    let shown = product.run(&["info", "paced"])?;
    ensure!(shown.contains("1024 connections, 1.0 MiB a second"), "{shown}");
    Ok(())
}

#[test]
fn connections_at_once_end_and_the_agent_is_told() -> Result<()> {
    let test = "connections_at_once_end_and_the_agent_is_told";
    let Some(world) = World::shared(test)? else { return Ok(()) };
    let product = Product::start(world)?;
    let rule = "--allow=*.allowed.example";
    product.run(&["create", "--name=few", "--network=none", rule, "--net-connections=3"])?;
    let script = "
open = []
try:
    for _ in range(5):
        stream = connect('streams.allowed.example', 7)
        stream.sendall(b'here\\n')
        assert read(stream, b'here') == b'here\\n'
        open.append(stream)
    print('ALL')
except (OSError, AssertionError):
    print('OPENED', len(open))
";
    let said = product.python("few", &program(script))?;
    ensure!(said.contains("OPENED 3"), "{said}");
    let hint = "see `infield net limit`";
    ensure!(said.contains(hint), "whoever ran it is not told: {said}");
    Ok(())
}
