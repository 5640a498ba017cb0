use super::*;

#[test]
fn paths_are_those_of_the_caller() {
    for (folder, path, expected) in [
        (".", "a/b", "a/b"),
        ("data", "a", "data/a"),
        ("/srv/", "a", "/srv/a"),
        ("/", "etc", "/etc"),
        ("/srv/note", "note", "/srv/note"),
        ("/srv/note", "", "/srv/note"),
        ("/", "", "/"),
    ] {
        assert_eq!(below(folder, path), expected, "{folder} {path}");
    }
}

#[test]
fn modes_are_shown_as_by_ls() {
    assert_eq!(shown_mode(FileKind::File, 0o644), "-rw-r--r--");
    assert_eq!(shown_mode(FileKind::Directory, 0o750), "drwxr-x---");
}

#[test]
fn modes_are_octal() {
    assert_eq!(mode("0755").ok(), Some(0o755));
    assert_eq!(mode("644").ok(), Some(0o644));
    for wrong in ["", "9", "77777", "rwx"] {
        assert!(mode(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_text_is_searched_as_it_is() {
    assert_eq!(literally("a.b(é)"), "a\\.b\\(é\\)");
}
