use super::*;

#[test]
fn the_prelude_can_carry_the_hook() {
    assert!(!PLOTS.contains("'''") && !PLOTS.contains('\\'));
    assert!(prelude().ends_with("'''), 'exec'))"));
}

#[test]
fn versions_of_node_are_read() {
    for (text, expected) in
        [("v22.18.0\n", (22, 18)), ("v20.20.2", (20, 20)), ("25.1", (25, 1)), ("what", (0, 0))]
    {
        assert_eq!(parse_version(text), expected, "{text}");
    }
}
