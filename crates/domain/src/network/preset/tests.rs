use super::*;

#[test]
fn the_preset_is_made_of_rules() {
    let rules = limited(LIMITED).expect("every line is a rule");
    assert!(rules.len() > 20);
    assert!(rules.iter().all(|rule| !rule.ports.is_all()), "each names its ports");
}

#[test]
fn a_line_that_is_no_rule_is_named() {
    let error = limited("# first\nallow pypi.org:443 # second\n\npypi.org\n").expect_err("no rule");
    assert!(error.message().starts_with("line 4"), "{}", error.message());
    assert_eq!(limited("allow pypi.org:443 # why").expect("a rule").len(), 1);
}
