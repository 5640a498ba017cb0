//! Output far beyond what is kept. An agent that keeps it all is killed by its own memory limit,
//! and the sandbox with it.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::attacks::{Attack, Outcome, Stage};

macro_rules! flood {
    ($name:literal, $code:literal) => {
        Attack::around($name, "kept_output", |stage| flood(stage, $code))
    };
}

pub(crate) const ATTACKS: &[Attack] = &[
    flood!(
        "cannot_flood_by_standard_output",
        "
for _ in range(400):
    os.write(1, b'x' * (1 << 20))"
    ),
    flood!(
        "cannot_flood_by_standard_error",
        "
for _ in range(400):
    os.write(2, b'x' * (1 << 20))"
    ),
    flood!(
        "cannot_flood_by_short_lines",
        "
for _ in range(400):
    os.write(1, b'x\\n' * (1 << 19))"
    ),
    flood!(
        "cannot_flood_by_both_streams_at_once",
        "
other = threading.Thread(target=lambda: [os.write(2, bytes(1 << 20)) for _ in range(200)])
other.start()
for _ in range(200):
    os.write(1, bytes(1 << 20))
other.join()"
    ),
    flood!(
        "cannot_flood_by_children_that_nobody_waits_for",
        "
for _ in range(8):
    if os.fork() == 0:
        os.setsid()
        for _ in range(50):
            os.write(1, b'x' * (1 << 20))
        os._exit(0)
for _ in range(8):
    os.wait()"
    ),
];

/// How long a flood may last.
const PATIENCE: Duration = Duration::from_secs(40);

fn flood(stage: &Stage, code: &str) -> Result<Outcome> {
    let sandbox = stage.sandbox(&[])?;
    sandbox.mark()?;
    sandbox.leave_running(&format!("{code}\nopen('/workspace/over', 'w')"))?;
    let limit = Instant::now() + PATIENCE;
    while Instant::now() < limit {
        if !sandbox.is_marked()? {
            return Ok(Outcome::Broke);
        }
        let said = sandbox.python("print('over', os.path.exists('/workspace/over'))")?;
        if said.trim() == "over True" {
            return Ok(Outcome::Held);
        }
    }
    bail!("the flood is not over after {PATIENCE:?}")
}
