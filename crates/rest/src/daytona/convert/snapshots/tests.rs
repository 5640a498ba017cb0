use infield_domain::image::Origin;

use super::*;

fn images() -> Vec<Image> {
    let image = |(name, created_at): (&str, u64)| Image {
        name: name.parse().expect("a name"),
        origin: Origin::Import,
        size_bytes: GIB / 2,
        files: 1,
        created_at,
        left_out: Vec::new(),
    };
    [("host", 0), ("debian", 2_000), ("alpine", 1_000)].map(image).into()
}

fn check(query: &[(&str, &str)], expected: &[&str]) {
    let query: Vec<_> = query.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let page = list_snapshots(images(), &query).expect("it is valid");
    let names: Vec<_> = page.items.iter().map(|snapshot| snapshot.name.as_str()).collect();
    assert_eq!(names, expected, "{query:?}");
}

#[test]
fn snapshots_are_listed_as_they_are_asked_for() {
    check(&[], &["debian", "alpine", "host"]);
    check(&[("sort", "name"), ("order", "asc")], &["alpine", "debian", "host"]);
    check(&[("sort", "createdAt"), ("order", "asc")], &["host", "alpine", "debian"]);
    check(&[("name", "IAN")], &["debian"]);
    check(&[("limit", "2"), ("page", "2")], &["host"]);
    check(&[("limit", "2"), ("page", "1000000000")], &[]);
    check(&[("sourceSandboxId", "x")], &[]);
}

#[test]
fn one_is_found_by_its_name() {
    let found = one_snapshot(images(), "debian").expect("it is there");
    assert_eq!((found.state, found.size), ("active", Some(0.5)));
    let error = one_snapshot(images(), "windows").expect_err("it is not there");
    assert_eq!(error.kind(), infield_domain::Kind::NotFound);
}
