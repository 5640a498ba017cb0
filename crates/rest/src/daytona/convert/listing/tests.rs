use infield_domain::preview::Access;

use super::*;

fn read(query: &[(&str, &str)], numbering: Numbering) -> Result<Option<(FindSandboxes, usize)>> {
    let query: Vec<_> = query.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    find_sandboxes(&query, numbering)
}

fn one(name: &str, value: &str) -> FindSandboxes {
    let read = read(&[(name, value)], Numbering::Cursor).expect("it is valid");
    read.expect("some may be").0
}

#[test]
fn lists_know_the_words_of_the_contract() {
    assert_eq!(one("states", "started").list.states, [State::Running]);
    assert_eq!(one("isRecoverable", "false").list.states, []);
    let labelled = one("labels", r#"{"a": "b"}"#).list.labels;
    assert_eq!(labelled.get("a").map(String::as_str), Some("b"));
    assert_eq!(one("isPublic", "true").filter.previews, Some(Access::Public));
    assert_eq!(one("name", "web").filter.name, Some(Text::Beginning("web".to_owned())));
    let (paged, page) = read(&[("name", "web"), ("page", "2"), ("limit", "5")], Numbering::Pages)
        .expect("it is valid")
        .expect("some may be");
    assert_eq!(paged.filter.name, Some(Text::Part("web".to_owned())));
    assert_eq!((page, paged.list.limit), (2, 5));
    let sorted = one("sort", "memoryGib");
    assert_eq!((sorted.sort, sorted.order), (Sort::Memory, Order::Descending));
}

#[test]
fn sizes_and_moments_narrow_a_list() {
    let two = one("minCpu", "2").filter.cpu_millis;
    assert_eq!(two, Span { least: Some(1_001), most: None });
    assert_eq!(one("maxDiskGiB", "3.0").filter.disk_bytes.most, Some(3 * GIB));
    for text in ["1970-01-01T00:00:01Z", "1970-01-01T01:00:01+0100", "1970-01-01T00:00:01.000000"] {
        assert_eq!(one("createdAtAfter", text).filter.created_at.least, Some(1_001), "{text}");
    }
    assert_eq!(one("lastEventBefore", "1970-01-01T00:00:01Z").filter.active_at.most, Some(999));
}

#[test]
fn what_no_sandbox_can_be_lists_nothing() {
    for (name, value) in
        [("states", "pulling_snapshot"), ("regionIds", "moon"), ("sandboxClasses", "windows")]
    {
        let read = read(&[(name, value)], Numbering::Cursor).expect("it is valid");
        assert!(read.is_none(), "{name}");
    }
    let both = [("states", "started"), ("isRecoverable", "true")];
    assert!(read(&both, Numbering::Cursor).expect("it is valid").is_none());
    assert_eq!(one("isRecoverable", "True").list.states, [State::Failed]);
    assert_eq!(one("states", "archived").list.states, [State::Archived]);
}

#[test]
fn wrong_words_are_refused() {
    for (name, value) in [
        ("labels", "a=b"),
        ("limit", "0"),
        ("limit", "201"),
        ("page", "-1"),
        ("sort", "colour"),
        ("order", "up"),
        ("minCpu", "NaN"),
        ("isPublic", "1"),
        ("createdAtAfter", "yesterday"),
    ] {
        let error = read(&[(name, value)], Numbering::Cursor).expect_err(name);
        assert_eq!(error.kind(), infield_domain::Kind::Invalid, "{name}");
    }
}
