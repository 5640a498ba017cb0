use super::*;

fn check(pattern: &str, name: &str, expected: bool) {
    let letters = |text: &str| text.chars().collect::<Vec<_>>();
    assert_eq!(matches(&letters(pattern), &letters(name)), expected, "`{pattern}` and `{name}`");
}

#[test]
fn patterns_are_those_of_a_shell() {
    for (pattern, name, expected) in [
        ("*.py", "a.py", true),
        ("*.py", "a.pyc", false),
        ("*", "", true),
        ("", "", true),
        ("", "a", false),
        ("a*b*c", "aXXbYYc", true),
        ("a*b*c", "aXXbYY", false),
        ("?.rs", "x.rs", true),
        ("?.rs", "xx.rs", false),
        ("[a-c]1", "b1", true),
        ("[!a-c]1", "b1", false),
        ("[^a-c]1", "d1", true),
        ("[]]", "]", true),
        ("[a", "[a", true),
        ("\\*", "*", true),
        ("\\*", "x", false),
        ("*ü*", "grüße", true),
        ("**", "anything", true),
    ] {
        check(pattern, name, expected);
    }
}

#[test]
fn a_pattern_of_stars_takes_no_time() {
    check(&"*a".repeat(60), &"a".repeat(10_000), true);
    check(&format!("{}b", "*a".repeat(60)), &"a".repeat(10_000), false);
}
