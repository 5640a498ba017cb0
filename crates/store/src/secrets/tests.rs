use super::*;

fn secret(name: &str, changed_at: u64) -> Secret {
    Secret {
        name: name.parse().expect("a name"),
        owner: "alice".to_owned(),
        hosts: infield_domain::secret::hosts(&["a.example".to_owned()]).expect("a host"),
        created_at: 1,
        changed_at,
    }
}

#[test]
fn a_secret_is_kept_replaced_and_removed() {
    let mut store = Store::in_memory().expect("memory");
    let (b, a) = (secret("B", 1), secret("A", 1));
    store.put_secret(&b, &Sealed(vec![1])).expect("kept");
    store.put_secret(&a, &Sealed(vec![2])).expect("kept");
    assert_eq!(store.secrets().expect("read"), [a.clone(), b.clone()]);
    let again = secret("A", 2);
    store.put_secret(&again, &Sealed(vec![3])).expect("replaced");
    assert_eq!(store.secret(&a.name).expect("read"), Some((again, Sealed(vec![3]))));
    assert!(store.remove_secret(&a.name).expect("removed"));
    assert!(!store.remove_secret(&a.name).expect("looked for"));
    assert_eq!(store.secret(&a.name).expect("read"), None);
    assert_eq!(store.secrets().expect("read"), [b]);
}
