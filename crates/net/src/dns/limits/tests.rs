use super::*;

fn name(text: &str) -> DomainName {
    text.parse().expect("a name")
}

fn answered(limits: &Limits, now: Instant) -> usize {
    (0..2_000).filter(|_| limits.admit(now) == Admission::Answered).count()
}

#[test]
fn questions_have_a_rate_and_a_burst() {
    let (limits, now) = (Limits::default(), Instant::now());
    assert_eq!(answered(&limits, now), 400);
    assert_eq!(answered(&limits, now), 0);
    assert_eq!(answered(&limits, now + Duration::from_millis(500)), 100);
    assert_eq!(answered(&limits, now + Duration::from_secs(60)), 400);
}

#[test]
fn refusals_have_them_too() {
    let (limits, now) = (Limits::default(), Instant::now());
    answered(&limits, now);
    assert_eq!(limits.admit(now), Admission::Ignored);
    let later = now + Duration::from_millis(10);
    let admissions: Vec<_> = (0..8).map(|_| limits.admit(later)).collect();
    assert_eq!(admissions[..2], [Admission::Answered; 2]);
    assert_eq!(admissions[2..7], [Admission::Refused; 5]);
    assert_eq!(admissions[7], Admission::Ignored);
}

#[test]
fn names_are_counted_once_a_minute() {
    let (limits, now) = (Limits::default(), Instant::now());
    for number in 0..1_000 {
        let name = name(&format!("n{number}.example"));
        assert!(limits.admit_name(&name, now) && limits.admit_name(&name, now));
    }
    assert!(!limits.admit_name(&name("new.example"), now));
    assert!(limits.admit_name(&name("n7.example"), now), "it is known already");
    assert!(!limits.admit_name(&name("new.example"), now + Duration::from_secs(59)));
    assert!(limits.admit_name(&name("new.example"), now + MINUTE));
}

#[test]
fn places_are_given_back() {
    let limits = Limits::default();
    let places: Vec<_> = std::iter::from_fn(|| limits.place()).collect();
    assert_eq!(places.len(), 64);
    drop(places);
    assert!(limits.place().is_some());
}
