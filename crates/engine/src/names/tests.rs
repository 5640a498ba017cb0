use super::*;

#[test]
fn every_pair_of_words_makes_a_name() {
    for adjective in ADJECTIVES {
        for animal in ANIMALS {
            let text = format!("{adjective}-{animal}-999");
            assert_eq!(text.parse::<SandboxName>().expect("a name").as_str(), text);
        }
    }
    assert!(sandbox_name().as_str().split('-').count() == 3);
}

#[test]
fn a_key_has_the_shape_that_is_looked_up() {
    let secret = key_secret();
    assert!(secret.starts_with("inf_"));
    assert_eq!(secret.len(), 56);
    assert_ne!(secret, key_secret());
}
