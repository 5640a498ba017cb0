use super::*;

fn record(number: u64) -> NewRecord {
    NewRecord {
        at: number,
        who: "alice".to_owned(),
        credential: "socket".to_owned(),
        action: "sandbox.create".to_owned(),
        subject: format!("s{number}"),
        detail: String::new(),
        outcome: "ok".to_owned(),
        request_id: "req-1".to_owned(),
    }
}

fn trail(records: u64) -> Store {
    let mut store = Store::in_memory().expect("memory");
    for number in 1..=records {
        assert_eq!(store.append_audit(record(number)).expect("appended"), number);
    }
    store
}

/// Checks where verification finds a break after somebody got around the triggers.
fn check(tampering: &str, expected: Option<u64>) {
    let store = trail(5);
    let triggers = "DROP TRIGGER audit_is_never_changed; DROP TRIGGER audit_is_never_cut;";
    store.connection.execute_batch(triggers).expect("dropped");
    store.connection.execute_batch(tampering).expect("tampered");
    assert_eq!(store.verify_audit().expect("verified").broken_at, expected, "{tampering}");
}

#[test]
fn whoever_gets_around_the_triggers_is_seen() {
    check("", None);
    check("UPDATE audit SET outcome = 'denied' WHERE sequence = 3", Some(3));
    check("UPDATE audit SET who = 'alic', credential = 'esocket' WHERE sequence = 2", Some(2));
    check("DELETE FROM audit WHERE sequence = 2", Some(2));
    check("DELETE FROM audit WHERE sequence = 5", Some(5));
    check("DELETE FROM audit", Some(1));
    check("DELETE FROM settings", Some(6));
}

#[test]
fn the_trail_is_append_only() {
    let store = trail(2);
    for sql in ["UPDATE audit SET who = 'bob'", "DELETE FROM audit"] {
        let error = store.connection.execute_batch(sql).expect_err("refused");
        assert!(error.to_string().contains("append-only"), "{error}");
    }
}

#[test]
fn the_newest_come_first_and_in_pages() {
    let store = trail(5);
    let filter = |subject: Option<&str>, before, limit| AuditFilter {
        subject: subject.map(str::to_owned),
        action: None,
        who: Some("alice".to_owned()),
        before,
        limit,
    };
    let sequences = |filter| {
        let records = store.audit(&filter).expect("listed");
        records.iter().map(|record| record.sequence).collect::<Vec<_>>()
    };
    assert_eq!(sequences(filter(None, u64::MAX, 2)), [5, 4]);
    assert_eq!(sequences(filter(None, 4, 10)), [3, 2, 1]);
    assert_eq!(sequences(filter(Some("s2"), u64::MAX, 10)), [2]);
}
