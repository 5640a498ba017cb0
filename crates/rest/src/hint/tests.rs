//! Words that people mistype.

use super::*;

fn check(complaint: &str, expected: Option<&str>) {
    assert_eq!(nearest_field(complaint).as_deref(), expected, "{complaint}");
}

#[test]
fn the_hint_is_the_nearest_known_word() {
    check(
        "nmae: unknown field `nmae`, expected one of `name`, `image`, `user` at line 1 column 7",
        Some("did you mean `name`?"),
    );
    check("unknown field `pth`, expected `path`", Some("did you mean `path`?"));
    check("unknown variant `explode`, expected `keep` or `stop`", Some("use one of keep, stop"));
    check("unknown field `x`, there are no fields", Some("leave it out"));
    check("invalid type: string \"`a` `b`\", expected u64", None);
}

#[test]
fn distance_counts_edits() {
    for (one, other, expected) in [
        ("", "", 0),
        ("", "abc", 3),
        ("abc", "", 3),
        ("kitten", "sitting", 3),
        ("é", "e", 1),
        ("nmae", "name", 1),
    ] {
        assert_eq!(distance(one, other), expected, "{one} {other}");
    }
}

#[test]
fn shown_text_is_one_bounded_line() {
    assert_eq!(shown("a\n\u{1b}[31mb"), "a[31mb");
    assert_eq!(shown(&"x".repeat(5_000)).len(), SHOWN_CHARS);
}
