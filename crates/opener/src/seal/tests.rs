use super::*;

fn key(byte: u8) -> Key {
    Key(Zeroizing::new([byte; KEY_BYTES]))
}

fn hosts(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| text.parse().expect("a host")).collect()
}

#[test]
fn a_value_opens_with_its_key_name_and_hosts_alone() {
    let (name, other): (SecretName, SecretName) =
        ("A".parse().expect("a name"), "B".parse().expect("a name"));
    let value = Value::new("correct horse".to_owned()).expect("a value");
    let ours = hosts(&["a.example", "b.example"]);
    let sealed = key(1).seal(&name, &ours, &value).expect("sealed");
    assert!(!sealed.0.windows(7).any(|part| part == b"correct"));
    assert_eq!(key(1).open(&name, &ours, &sealed), Some(value.clone()));
    assert_eq!(key(2).open(&name, &ours, &sealed), None);
    assert_eq!(key(1).open(&other, &ours, &sealed), None);
    assert_eq!(key(1).open(&name, &hosts(&["evil.example"]), &sealed), None);
    assert_eq!(key(1).open(&name, &hosts(&["a.example"]), &sealed), None);
    for place in 0..sealed.0.len() {
        let mut changed = sealed.clone();
        changed.0[place] ^= 1;
        assert_eq!(key(1).open(&name, &ours, &changed), None, "{place}");
    }
    let again = key(1).seal(&name, &ours, &value).expect("sealed");
    assert_ne!(again, sealed, "the same value is never sealed to the same bytes");
    assert_eq!(key(1).open(&name, &ours, &Sealed(Vec::new())), None);
}
