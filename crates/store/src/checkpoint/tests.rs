//! Pages that a write puts into the log: each is copied, summed and written before it returns.

use std::collections::BTreeMap;
use std::fs;

use infield_domain::command::{Ending, Execution};
use infield_domain::lifecycle::State;
use infield_domain::sandbox::Resources;
use infield_domain::{ExecutionId, SandboxId};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::*;
use crate::{ExecutionRow, SandboxRow};

/// Rows that are there before the first one counts.
const BEFORE: u64 = 1_000;
/// Rows that count.
const COUNTED: u64 = 400;

/// Sixteen bytes like those of an id, the same in each run of the test.
fn scattered(number: u64) -> [u8; 16] {
    let hash = Sha256::digest(number.to_be_bytes());
    hash[..16].try_into().expect("a hash has 32 bytes")
}

/// A sandbox as most are, with variables of so many bytes.
fn sandbox(number: u64, variables: usize) -> SandboxRow {
    let id = SandboxId::from_random(scattered(number));
    let now = 1_700_000_000_000 + number;
    let sandbox = json!({
        "id": id,
        "owner": "local",
        "request_key": null,
        "spec": {
            "name": format!("quick-{id}"), "image": "host", "language": "python",
            "user": "root", "working_directory": "/workspace",
            "environment": {"A": "b".repeat(variables)}, "labels": {},
            "retention": {
                "persistent": false, "stop_after_idle_ms": 1_800_000,
                "delete_after_stop_ms": 86_400_000, "time_to_live_ms": null
            },
            "resources": Resources::DEFAULT, "network": "none", "require": []
        },
        "state": "creating", "cause": null, "provider": "local", "enforcement": null,
        "created_at": now, "changed_at": now, "active_at": now
    });
    let sandbox = serde_json::from_value(sandbox).expect("a sandbox");
    SandboxRow { sandbox, single_use: true, traffic: Default::default() }
}

fn execution(number: u64, sandbox: &SandboxRow) -> ExecutionRow {
    let execution = Execution {
        id: ExecutionId::from_random(scattered(number + 1_000_000)),
        command: "python: print(1)".to_owned(),
        started_at: sandbox.sandbox.created_at,
        ending: None,
        stdout_bytes: 0,
        stderr_bytes: 0,
    };
    ExecutionRow { sandbox_id: sandbox.sandbox.id.clone(), execution }
}

/// A store in a real file, and the pages that each kind of write took.
struct Counted {
    _home: tempfile::TempDir,
    store: Store,
    pages: BTreeMap<&'static str, Vec<u32>>,
}

impl Counted {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let store = Store::open(home.path()).expect("opens");
        Self { _home: home, store, pages: BTreeMap::new() }
    }

    fn write(&mut self, what: &'static str, write: impl FnOnce(&mut Store) -> Result<()>) {
        if self.store.pages_in_log().expect("known") > LAST_RESORT / 2 {
            self.store.checkpoint().expect("brought into the file");
        }
        let before = self.store.pages_in_log().expect("known");
        write(&mut self.store).expect("written");
        let after = self.store.pages_in_log().expect("known");
        // A log that is wholly in the file begins anew.
        self.pages.entry(what).or_default().push(after - before);
    }

    /// The life of a sandbox with one command.
    fn live(&mut self, number: u64, variables: usize) {
        let mut row = sandbox(number, variables);
        self.write("insert", |store| store.insert_sandbox(&row));
        let controls = ["memory", "pids", "cpu", "network", "seccomp", "landlock"];
        let enforcement = controls.map(|control| (control.to_owned(), json!("kernel")));
        let enforcement = serde_json::Map::from_iter(enforcement);
        row.sandbox.enforcement = serde_json::from_value(enforcement.into()).expect("known");
        row.sandbox.state = State::Running;
        self.write("update", |store| store.update_sandbox(&row.sandbox));
        let mut command = execution(number, &row);
        self.write("start", |store| store.put_execution(&command));
        command.execution.ending =
            Some(Ending { exit_code: 0, signal: None, stopped_by: None, wall_ms: 5 });
        self.write("end", |store| store.put_execution(&command));
        let active_at = row.sandbox.active_at + 9;
        self.write("touch", |store| store.touch_sandbox(&row.sandbox.id, active_at));
        row.sandbox.state = State::Deleted;
        self.write("delete", |store| store.update_sandbox(&row.sandbox));
    }
}

/// The usual number of pages, and the highest mean, of each kind of write.
fn check(variables: usize, expected: &[(&'static str, u32, f64)]) {
    let mut counted = Counted::new();
    (0..BEFORE).for_each(|number| counted.live(number, variables));
    counted.pages.clear();
    (BEFORE..BEFORE + COUNTED).for_each(|number| counted.live(number, variables));
    for (what, usual, highest_mean) in expected {
        let pages = counted.pages.get_mut(what).expect("it was written");
        pages.sort_unstable();
        let median = pages[pages.len() / 2];
        let mean = f64::from(pages.iter().sum::<u32>()) / pages.len() as f64;
        assert!(median <= *usual, "{what} usually writes {median} pages");
        assert!(mean <= *highest_mean, "{what} writes {mean} pages in the mean");
    }
}

#[test]
fn a_write_takes_few_pages() {
    #[rustfmt::skip]
    check(1, &[
        ("insert", 3, 4.0), ("update", 2, 2.1), ("touch", 1, 1.0), ("delete", 3, 3.5),
        ("start", 4, 4.7), ("end", 2, 2.1),
    ]);
}

#[test]
fn a_long_row_takes_few_pages_more() {
    check(700, &[("insert", 5, 4.7), ("update", 2, 2.1), ("touch", 1, 1.0), ("delete", 3, 3.5)]);
}

#[test]
fn a_log_begins_anew_and_is_bounded() {
    let home = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(home.path()).expect("opens");
    store.insert_sandbox(&sandbox(1, 1)).expect("inserted");
    assert!(store.pages_in_log().expect("known") > 0);
    store.checkpoint().expect("brought into the file");
    assert_eq!(store.pages_in_log().expect("known"), 0);
    let length = || fs::metadata(home.path().join("infield.db-wal")).expect("it is there").len();
    let row = sandbox(2, 1);
    store.insert_sandbox(&row).expect("inserted");
    let before = length();
    for _ in 0..100 {
        store.update_sandbox(&row.sandbox).expect("updated");
        store.checkpoint().expect("brought into the file");
    }
    assert_eq!(length(), before, "the log is written over from its beginning");
    // Without anybody who finds the time.
    let frame = 4_096 + 24;
    for _ in 0..3 * LAST_RESORT {
        store.update_sandbox(&row.sandbox).expect("updated");
    }
    assert!(length() < u64::from(LAST_RESORT + 10) * frame, "{}", length());
}
