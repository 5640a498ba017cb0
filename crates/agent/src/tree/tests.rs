use super::*;

fn limits(locks: Option<u64>, rttime: Option<u64>) -> Limits {
    Limits { locks, rttime }
}

const FREE: Limits = Limits { locks: None, rttime: None };

fn check(locks: u64, rttime: u64, expected: Mark) {
    assert_eq!(limits(Some(locks), Some(rttime)).mark(FREE), expected);
}

#[test]
fn a_pair_that_adds_up_is_a_marker() {
    check(MIDDLE + 7, MIDDLE - 7, Mark::Command(Marker(7)));
    assert_eq!(FREE.mark(FREE), Mark::None);
}

#[test]
fn a_lowered_limit_never_looks_like_another_command() {
    check(MIDDLE + 6, MIDDLE - 7, Mark::Torn);
    check(MIDDLE + 7, MIDDLE - 8, Mark::Torn);
    check(0, 0, Mark::Torn);
    check(MIDDLE, MIDDLE, Mark::Torn);
    assert_eq!(limits(Some(MIDDLE + 7), None).mark(FREE), Mark::Torn);
}

#[test]
fn limits_are_read_as_the_kernel_writes_them() {
    let own = Limits::of(std::process::id().cast_signed());
    assert_eq!(own, Some(Limits::own()));
}

#[test]
fn names_do_not_confuse_the_fields() {
    let seen = stat(7, "7 (a) b (c) S 3 7 5 0 -1").map(|p| (p.state, p.parent, p.session));
    assert_eq!(seen, Some((b'S', 3, 5)));
    assert!(stat(7, "nonsense").is_none());
}
