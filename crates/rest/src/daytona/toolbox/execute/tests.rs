use super::*;

#[test]
fn a_time_limit_is_in_seconds() {
    assert_eq!(milliseconds(None).ok(), Some(STANDARD_MS));
    assert_eq!(milliseconds(Some(0.0)).ok(), Some(STANDARD_MS));
    assert_eq!(milliseconds(Some(1.5)).ok(), Some(1_500));
    assert_eq!(milliseconds(Some(1e300)).ok(), Some(STANDARD_MS));
    for wrong in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(milliseconds(Some(wrong)).is_err(), "{wrong}");
    }
}
