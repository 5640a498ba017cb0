use std::time::Duration;

use super::*;

fn name(text: &str) -> DomainName {
    text.parse().expect("a name")
}

fn found(seconds: u64) -> Finding {
    Finding {
        outcome: Ok(vec!["192.0.2.1".parse().expect("an address")]),
        holds: Duration::from_secs(seconds),
    }
}

#[test]
fn what_was_found_holds_for_its_time() {
    let (cache, now) = (Cache::default(), Instant::now());
    cache.keep(&name("one.example"), &found(5), now);
    assert!(cache.get(&name("one.example"), now + Duration::from_secs(4)).is_some());
    assert!(cache.get(&name("one.example"), now + Duration::from_secs(5)).is_none());
    assert!(cache.get(&name("other.example"), now).is_none());
}

#[test]
fn it_has_bounds_and_what_is_over_goes_first() {
    let (cache, now) = (Cache::default(), Instant::now());
    for number in 0..MOST {
        let seconds = if number < 100 { 60 } else { 1 };
        cache.keep(&name(&format!("n{number}.example")), &found(seconds), now);
    }
    let later = now + Duration::from_secs(2);
    cache.keep(&name("new.example"), &found(60), later);
    assert_eq!(cache.lock().len(), 101);
    (0..3 * MOST).for_each(|number| {
        cache.keep(&name(&format!("m{number}.example")), &found(60), later);
    });
    assert!(cache.lock().len() <= MOST);
    assert!(cache.get(&name(&format!("m{}.example", 3 * MOST - 1)), later).is_some());
}
