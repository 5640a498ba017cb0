use super::*;

fn refused(name: &str) -> Connection {
    Connection {
        at: 0,
        duration_ms: 0,
        name: Some(name.to_owned()),
        address: None,
        port: 443,
        sent_bytes: 0,
        received_bytes: 0,
        judgement: Judgement::Refused,
        reason: "no rule allows it".to_owned(),
        repeated: 0,
    }
}

#[test]
fn refusals_of_one_kind_are_one_entry() {
    let journal = Journal::new(Arc::default());
    (0..1_000).for_each(|_| journal.write(refused("one.example")));
    journal.write(refused("other.example"));
    let entries = journal.take(10);
    assert_eq!(entries.iter().map(|entry| entry.repeated).collect::<Vec<_>>(), [999, 0]);
    assert!(journal.take(10).is_empty());
}

#[test]
fn what_finds_no_room_is_counted() {
    let journal = Journal::new(Arc::default());
    (0..MOST + 7).for_each(|number| journal.write(refused(&format!("{number}.example"))));
    assert_eq!(journal.take(usize::MAX).len(), MOST);
    journal.write(refused("last.example"));
    assert_eq!(journal.take(1)[0].repeated, 7);
}

#[test]
fn connections_that_were_made_are_never_one_entry() {
    let journal = Journal::new(Arc::default());
    let made = || Connection { judgement: Judgement::Allowed, ..refused("one.example") };
    (0..3).for_each(|_| journal.write(made()));
    assert_eq!(journal.take(10).len(), 3);
}
