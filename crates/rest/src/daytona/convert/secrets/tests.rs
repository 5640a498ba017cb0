use super::*;

fn secret_of(number: u64) -> Secret {
    Secret {
        id: format!("sec-{number:016}").parse().expect("an id"),
        name: format!("KEY_{number}").parse().expect("a name"),
        owner: "alice".to_owned(),
        description: None,
        hosts: secret::hosts(&["a.example".to_owned()]).expect("a host"),
        created_at: number,
        changed_at: 100 - number,
    }
}

fn page(query: &str) -> Result<(Vec<String>, usize, Option<String>)> {
    let all = (0..5).map(secret_of).collect();
    let list = serde_json::from_str(query).expect("a query");
    let page = secret_page(all, list)?;
    Ok((page.items.into_iter().map(|one| one.name).collect(), page.total, page.next_cursor))
}

#[test]
fn a_list_is_gone_through_in_pages() {
    let (mut names, mut cursor) = (Vec::new(), None);
    loop {
        let query = serde_json::json!({ "limit": 2, "cursor": cursor, "order": "asc" });
        let (found, total, next) = page(&query.to_string()).expect("a page");
        assert_eq!(total, 5);
        names.extend(found);
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(names, ["KEY_0", "KEY_1", "KEY_2", "KEY_3", "KEY_4"]);
    assert_eq!(page("{}").expect("a page").0[0], "KEY_4", "the newest come first");
    assert_eq!(page(r#"{"sort": "updatedAt"}"#).expect("a page").0[0], "KEY_0");
    let (found, total, _) = page(r#"{"name": "_3"}"#).expect("a page");
    assert_eq!((found, total), (vec!["KEY_3".to_owned()], 1));
    for wrong in [r#"{"limit": 0}"#, r#"{"limit": 201}"#, r#"{"cursor": "sec-x"}"#] {
        assert!(page(wrong).is_err(), "{wrong}");
    }
}
