use super::*;

fn inside(sandbox: &str, path: &str) -> Side {
    Side::Inside { sandbox: sandbox.to_owned(), path: path.to_owned() }
}

#[track_caller]
fn check(word: &str, expected: Side) {
    assert_eq!(parse(word), expected);
}

#[test]
fn a_sandbox_stands_before_the_first_colon() {
    check("-", Side::Standard);
    check("web:/a:b", inside("web", "/a:b"));
    check("web:", inside("web", "."));
    check("sbx-0123456789abcdef:x", inside("sbx-0123456789abcdef", "x"));
    check("./a:b", Side::Here("./a:b".into()));
    check("/a:b", Side::Here("/a:b".into()));
    check("plain", Side::Here("plain".into()));
    check(":x", Side::Here(":x".into()));
}

#[test]
fn a_target_that_is_no_folder_gives_the_name() {
    let parts = |folder: &str, name: &str| (folder.to_owned(), name.to_owned());
    assert_eq!(split("a").ok(), Some(parts(".", "a")));
    assert_eq!(split("/a").ok(), Some(parts("/", "a")));
    assert_eq!(split("b/c/a").ok(), Some(parts("b/c", "a")));
    assert!(split("b/..").is_err());
}

#[test]
fn a_source_without_a_name_takes_that_of_its_folder() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let inner = folder.path().join("inner");
    std::fs::create_dir_all(inner.join("deep")).expect("writable");
    assert_eq!(own_name(&inner.join("deep/..")).ok().as_deref(), Some("inner"));
    assert_eq!(own_name(Path::new("a/b")).ok().as_deref(), Some("b"));
}
