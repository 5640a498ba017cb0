//! `infield bench net`: its daemon is its own, and goes with it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use infield_tests::Home;
use serde_json::Value;
use tempfile::TempDir;

use super::world::World;

/// How long its daemon may take to be there, and to be gone.
const PATIENCE: Duration = Duration::from_secs(60);

/// A bench on HOST, which has its own folder for what does not last.
struct Bench {
    folder: TempDir,
    home: Home,
    _world: Arc<World>,
}

impl Bench {
    /// None, and a word why, when the test cannot have one.
    fn new(test: &str) -> Result<Option<Self>> {
        let Some(world) = World::shared(test)? else { return Ok(None) };
        let folder = TempDir::with_prefix("infield-")?;
        // The daemon's account has to pass.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let home = Home::new()?.within(world.host().entry());
        Ok(Some(Self { folder, home, _world: world }))
    }

    fn command(&self, rounds: &str) -> Command {
        let words = ["bench", "net", "--only=opened", "--stream-ms=50", "--json", rounds];
        let mut command = self.home.command(&words);
        command.env("TMPDIR", self.folder.path());
        command
    }

    /// What it has there.
    fn left(&self) -> Result<Vec<PathBuf>> {
        fs::read_dir(self.folder.path())?.map(|entry| Ok(entry?.path())).collect()
    }

    fn wait(&self, what: &str, fits: impl Fn(&[PathBuf]) -> bool) -> Result<()> {
        let begun = Instant::now();
        while !fits(&self.left()?) {
            ensure!(begun.elapsed() < PATIENCE, "not in time: {what}: {:?}", self.left()?);
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Ok(())
    }
}

#[test]
fn what_is_opened_for_a_secret_is_measured_beside_the_same_directly() -> Result<()> {
    let test = "what_is_opened_for_a_secret_is_measured_beside_the_same_directly";
    let Some(bench) = Bench::new(test)? else { return Ok(()) };
    let output = bench.command("--rounds=1").output()?;
    ensure!(output.status.success(), "{output:?}");
    let figures: Value = serde_json::from_slice(&output.stdout)?;
    let rows = |kind: &str| figures["opened"][kind].as_array().cloned().unwrap_or_default();
    for (kind, count, unit) in [("delays", 4, "ms"), ("streams", 2, "gbit")] {
        let rows = rows(kind);
        ensure!(rows.len() == count, "{figures}");
        for row in rows {
            for side in ["direct", "opened"] {
                let found = row[format!("{side}_{unit}")].as_f64().context("no figure")?;
                ensure!(found > 0.0, "{row}");
            }
        }
    }
    let left = bench.left()?;
    ensure!(left.is_empty(), "{left:?}");
    Ok(())
}

#[test]
fn a_bench_that_is_killed_leaves_nothing() -> Result<()> {
    let Some(bench) = Bench::new("a_bench_that_is_killed_leaves_nothing")? else { return Ok(()) };
    let mut command = bench.command("--rounds=1000");
    let mut child = command.stdout(Stdio::null()).spawn()?;
    let serves = |left: &[PathBuf]| {
        let home = left.first().map(|folder| folder.join("home"));
        // A sandbox has a folder there as long as anything of it is left.
        let sandboxes = home.map(|home| fs::read_dir(home.join("sandboxes")));
        sandboxes.is_some_and(|all| all.is_ok_and(|mut all| all.next().is_some()))
    };
    let served = bench.wait("a sandbox", serves);
    child.kill()?;
    child.wait()?;
    served?;
    bench.wait("the end of its daemon", |left| left.is_empty())
}
