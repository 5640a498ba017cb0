use super::*;

fn check(pieces: &[&str], expected: &[&str]) {
    let mut lines = Lines::default();
    let mut found = Vec::new();
    for piece in pieces {
        lines.push(piece.as_bytes());
        while let Some(line) = lines.pop() {
            found.push(line);
        }
    }
    assert_eq!(found, expected);
}

#[test]
fn lines_come_in_any_pieces() {
    check(&["a 1\nb", " 2", "\n"], &["a 1", "b 2"]);
    check(&[&"x".repeat(4_000), "y\nc 3\n"], &["y", "c 3"]);
}

#[test]
fn a_line_about_another_command_says_nothing() {
    assert_eq!(code_of("cmd-1 7", "cmd-1"), Some(7));
    assert_eq!(code_of("cmd-12 7", "cmd-1"), None);
    assert_eq!(code_of("cmd-1 7 8", "cmd-1"), None);
    assert_eq!(code_of("hello", "cmd-1"), None);
}

#[test]
fn the_text_of_a_command_stays_one_argument() {
    let text = script(("cmd-1", "echo 'it''s'; }\n{"), 42, 0);
    assert!(text.starts_with(r"{ eval 'echo '\''it'\'''\''s'\''; }"), "{text}");
    assert!(text.contains("</proc/42/fd/0 >/proc/42/fd/1 2>/proc/42/fd/2\n"), "{text}");
}

#[test]
fn a_command_finds_how_the_one_before_ended() {
    let text = script(("cmd-1", "echo $?"), 42, 7);
    assert!(text.starts_with("(exit 7) && \\:\n{ eval 'echo $?'"), "{text}");
}
