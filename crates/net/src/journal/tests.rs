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

#[tokio::test]
async fn only_what_somebody_waits_for_is_news_at_once() {
    use tokio::time::{Duration, timeout};
    let check = async |entries: Vec<Connection>, is_at_once: bool| {
        let news = Arc::new(News::default());
        let journal = Journal::new(Arc::clone(&news));
        entries.into_iter().for_each(|entry| journal.write(entry));
        let told = timeout(Duration::from_millis(1), news.at_once.notified()).await;
        assert_eq!(told.is_ok(), is_at_once);
        let later = timeout(Duration::from_millis(1), news.soon.notified()).await;
        assert_eq!(later.is_ok(), !is_at_once);
    };
    let made = || Connection { judgement: Judgement::Allowed, ..refused("one.example") };
    check(vec![made()], false).await;
    check(vec![refused("one.example")], true).await;
}

#[tokio::test]
async fn a_journal_that_is_half_full_is_news_at_once() {
    use tokio::time::{Duration, timeout};
    let news = Arc::new(News::default());
    let journal = Journal::new(Arc::clone(&news));
    let made = || Connection { judgement: Judgement::Allowed, ..refused("one.example") };
    (0..=MOST / 2).for_each(|_| journal.write(made()));
    timeout(Duration::from_secs(1), news.at_once.notified()).await.expect("it is told");
}
