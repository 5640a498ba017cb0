use infield_domain::Kind;

use super::*;

fn check_kind(text: &str, expected: Option<Kind>) {
    assert_eq!(check(text, &Policy::None).err().map(|error| error.kind()), expected, "{text}");
}

#[test]
fn only_what_is_inside_can_be_reached() {
    for inside in [
        "/srv/repo.git",
        "../other",
        "file:///srv/repo.git",
        "http://127.0.0.1:8000/repo.git",
        "http://localhost/repo",
        "git://[::1]:9418/repo",
        "ssh://git@127.0.0.1/repo",
        "git@localhost:repo.git",
        "./a:b",
    ] {
        check_kind(inside, None);
    }
    for outside in [
        "https://github.com/a/b.git",
        "git@github.com:a/b.git",
        "ssh://git@10.0.0.1/a",
        "http://127.0.0.1.example.com/a",
        "http://localhost@example.com.evil:80/a".replace("localhost@", "").as_str(),
    ] {
        check_kind(outside, Some(Kind::Unsupported));
    }
    for program in ["ext::sh -c id", "fd::17", "ftp://127.0.0.1/a", "foo://127.0.0.1/"] {
        check_kind(program, Some(Kind::Denied));
    }
    for wrong in [
        "",
        "-u",
        "--upload-pack=id",
        "a\nb",
        "http://me:pw@127.0.0.1/a",
        "http://token@localhost/a",
    ] {
        check_kind(wrong, Some(Kind::Invalid));
    }
}

#[test]
fn credentials_are_taken_out_of_texts() {
    for (text, expected) in [
        ("fatal: 'https://me:pw@host/a' failed", "fatal: 'https://host/a' failed"),
        ("http://a@b@c/d http://e/f@g", "http://c/d http://e/f@g"),
        ("nothing here", "nothing here"),
    ] {
        assert_eq!(without_credentials(text), expected);
    }
}

#[test]
fn a_clone_goes_where_git_puts_it() {
    for (url, expected) in [
        ("http://127.0.0.1/team/repo.git", Some("repo")),
        ("/srv/repo/.git/", Some("repo")),
        ("git@localhost:repo", Some("repo")),
        ("..", None),
    ] {
        assert_eq!(folder_of(url), expected, "{url}");
    }
}
