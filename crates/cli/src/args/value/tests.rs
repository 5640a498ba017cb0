use super::*;

#[track_caller]
fn check<T: PartialEq + std::fmt::Debug>(
    found: std::result::Result<T, String>,
    expected: Option<T>,
) {
    assert_eq!(found.ok(), expected);
}

#[test]
fn durations() {
    check(duration_ms("90"), Some(90_000));
    check(duration_ms("250ms"), Some(250));
    check(duration_ms("1.5m"), Some(90_000));
    check(duration_ms("2h"), Some(7_200_000));
    check(duration_ms("1d"), Some(86_400_000));
    for wrong in ["", "m", "1w", "-1s", "1 s", "1e9", "99999999999999999d", "1..2"] {
        check(duration_ms(wrong), None);
    }
}

#[test]
fn sizes() {
    check(size_bytes("4096"), Some(4_096));
    check(size_bytes("512m"), Some(512 << 20));
    check(size_bytes("512M"), Some(512 << 20));
    check(size_bytes("2GiB"), Some(2 << 30));
    check(size_bytes("1.5gb"), Some(3 << 29));
    for wrong in ["", "b", "x", "1q", "-5m", "1ii"] {
        check(size_bytes(wrong), None);
    }
}

#[test]
fn processors() {
    check(cpu_millis("0.5"), Some(500));
    check(cpu_millis("2"), Some(2_000));
    check(cpu_millis("two"), None);
}

#[test]
fn variables_of_the_command_line_win_over_those_of_a_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("variables");
    std::fs::write(&file, "# a comment\nA=1\n\nB=x=y\n").expect("writable");
    let words = ["A=2".to_owned(), "INFIELD_TEST_SURELY_UNSET".to_owned(), "C=".to_owned()];
    let found = environment(&words, &[file]).expect("all are well formed");
    let expected = [("A", "2"), ("B", "x=y"), ("C", "")];
    assert_eq!(found, expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
}

#[test]
fn a_variable_without_a_name_is_refused() {
    let error = environment(&["=1".to_owned()], &[] as &[&str]).expect_err("has no name");
    assert_eq!(error.kind(), infield_domain::Kind::Invalid);
}
