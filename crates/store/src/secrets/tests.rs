use super::*;

fn secret(name: &str, changed_at: u64) -> Secret {
    let mut id = ["0"; 16];
    id[15] = if name == "A" { "a" } else { "b" };
    Secret {
        id: format!("sec-{}", id.concat()).parse().expect("an id"),
        description: None,
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
    assert_eq!(store.secret(&a.id).expect("read"), Some((again, Sealed(vec![3]))));
    let taken = Secret { id: "sec-000000000000000c".parse().expect("an id"), ..a.clone() };
    let error = store.put_secret(&taken, &Sealed(vec![4])).expect_err("its owner has one");
    assert_eq!(error.kind(), infield_domain::Kind::Conflict);
    let theirs = Secret { owner: "bob".to_owned(), ..taken };
    store.put_secret(&theirs, &Sealed(vec![4])).expect("another owner's");
    assert!(store.remove_secret(&theirs.id).expect("removed"));
    assert!(store.remove_secret(&a.id).expect("removed"));
    assert!(!store.remove_secret(&a.id).expect("looked for"));
    assert_eq!(store.secret(&a.id).expect("read"), None);
    assert_eq!(store.secrets().expect("read"), [b]);
}
