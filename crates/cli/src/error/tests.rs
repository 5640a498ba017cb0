use super::*;

#[track_caller]
fn check(error: &Error, expected: &str) {
    let shown = anstream::adapter::strip_str(&render(error)).to_string();
    assert_eq!(shown, expected);
}

#[test]
fn an_error_and_its_hint_are_two_lines() {
    check(
        &Error::not_found("there is no sandbox `web`").with_hint("run `infield ls`"),
        "error: there is no sandbox `web`\nhint: run `infield ls`\n",
    );
    check(&Error::internal("it broke"), "error: it broke\n");
}

#[test]
fn what_a_guest_put_into_an_error_moves_no_cursor() {
    check(&Error::invalid("bad \u{1b}[2Jname \u{202e}txt\u{7}"), "error: bad [2Jname txt\n");
}

#[test]
fn every_kind_has_a_code_that_is_no_success_and_not_of_a_program() {
    let kinds = [
        Kind::NotFound,
        Kind::Conflict,
        Kind::Invalid,
        Kind::Unauthenticated,
        Kind::Denied,
        Kind::Quota,
        Kind::Unsupported,
        Kind::Unavailable,
        Kind::Timeout,
        Kind::Internal,
    ];
    assert!(kinds.iter().all(|kind| (1..TIME_OVER).contains(&exit_code(*kind))));
}
