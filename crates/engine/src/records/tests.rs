use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use infield_store::NewRecord;
use infield_testkit::eventually;

use super::*;
use crate::testing::SOON;

fn note(store: &mut Store) -> Result<()> {
    let record = NewRecord {
        at: 1,
        who: "alice".to_owned(),
        credential: "socket".to_owned(),
        action: "sandbox.create".to_owned(),
        subject: "something".to_owned(),
        detail: "at length ".repeat(100),
        outcome: "ok".to_owned(),
        request_id: "req".to_owned(),
    };
    store.append_audit(record).map(drop)
}

/// The length of the database's file, which grows when the log is brought into it.
fn length(home: &Path) -> u64 {
    fs::metadata(home.join("infield.db")).expect("it is there").len()
}

#[test]
fn the_log_waits_for_those_who_wait() {
    for (pages, awaited, expected) in [
        (0, Awaited::ByNobody, None),
        (ENOUGH - 1, Awaited::ByNobody, None),
        (ENOUGH, Awaited::ByNobody, Some(PAUSE)),
        (ENOUGH, Awaited::BySomebody, Some(PAUSE)),
        (MANY, Awaited::BySomebody, Some(PAUSE)),
        (MANY, Awaited::ByNobody, Some(Duration::ZERO)),
        (u32::MAX, Awaited::BySomebody, Some(PAUSE)),
    ] {
        assert_eq!(patience_for(pages, awaited), expected, "{pages} {awaited:?}");
    }
}

#[tokio::test]
async fn the_log_is_brought_into_the_file_in_a_pause() {
    let home = tempfile::tempdir().expect("a folder");
    let records = Records::open(Store::open(home.path()).expect("a store")).expect("a thread");
    let before = length(home.path());
    // Somebody waits for each, so that nothing but a pause is left for it.
    let mut pages = 0;
    while pages < ENOUGH {
        records.call(note).await.expect("written");
        pages = records.call(|store| store.pages_in_log()).await.expect("known");
    }
    eventually(SOON, "the log is in the file", || length(home.path()) > before).await;
    let written = records.call(|store| store.verify_audit()).await.expect("verified");
    assert_eq!(written.broken_at, None);
    records.close().await;
}

#[tokio::test]
async fn the_log_is_brought_into_the_file_when_there_is_no_pause() {
    let home = tempfile::tempdir().expect("a folder");
    let records = Records::open(Store::open(home.path()).expect("a store")).expect("a thread");
    let (done, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU32::new(0)));
    for round in 1..=30 {
        for _ in 0..RESTING {
            let (done, most) = (done.clone(), most.clone());
            records.post("note", move |store| {
                note(store)?;
                most.fetch_max(store.pages_in_log()?, Ordering::SeqCst);
                done.fetch_add(1, Ordering::SeqCst);
                Ok(())
            });
        }
        let all = || done.load(Ordering::SeqCst) == round * RESTING;
        eventually(SOON, "the jobs are done", all).await;
    }
    let most = most.load(Ordering::SeqCst);
    assert!(most < 2 * MANY, "{most} pages");
    records.close().await;
}
