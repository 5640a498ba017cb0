use super::*;

/// What is heard, however it comes in pieces; neighbouring texts are one.
fn check(all: &[u8], expected: &[Heard]) {
    for size in [1, 2, 3, 7, all.len().max(1)] {
        let mut speech = Speech::new("m4rk");
        let mut heard: Vec<Heard> = Vec::new();
        let pieces = all.chunks(size).flat_map(|piece| speech.push(piece)).collect::<Vec<_>>();
        for one in pieces.into_iter().chain(speech.rest()) {
            match (heard.last_mut(), one) {
                (Some(Heard::Text(before)), Heard::Text(text)) => before.push_str(&text),
                (_, one) => heard.push(one),
            }
        }
        assert_eq!(heard, expected, "in pieces of {size}");
    }
}

fn text(text: &str) -> Heard {
    Heard::Text(text.to_owned())
}

#[test]
fn records_are_taken_out_of_texts() {
    let fault = Fault { name: "E".to_owned(), value: "v".to_owned(), traceback: "t".to_owned() };
    let all = b"old\x1em4rkb\nnew\x1em4rk+{\"name\":\"E\",\n\
        \x1em4rke\"value\":\"v\",\"traceback\":\"t\"}\n\x1em4rkd\nlate";
    let old_and_new = [text("old"), Heard::Begun, text("new"), Heard::Fault(fault)];
    check(all, &[&old_and_new[..], &[Heard::Done, text("late")]].concat());
}

#[test]
fn what_is_no_record_is_a_text() {
    check(b"", &[]);
    check("caf\u{e9} \u{1f600}\n".as_bytes(), &[text("caf\u{e9} \u{1f600}\n")]);
    check(b"\x1e\x1em4r\x1em4", &[text("\x1e\x1em4r\x1em4")]);
    check(b"\x1em4rk", &[text("\x1em4rk")]);
    check(b"\x1em4rk?\n\x1em4rk\nrest", &[text("rest")]);
    check(b"\xff\xc3", &[text("\u{fffd}\u{fffd}")]);
    let long = [&b"\x1em4rk"[..], &[b'x'; 2 * RECORD_BYTES]].concat();
    check(&long, &[text(&String::from_utf8(long.clone()).expect("text"))]);
}

#[test]
fn errors_are_bounded_and_may_be_nonsense() {
    let mut speech = Speech::new("m4rk");
    let piece = [&b"\x1em4rk+"[..], &[b'['; 3000], b"\n"].concat();
    for _ in 0..1_000 {
        assert_eq!(speech.push(&piece), []);
    }
    assert!(speech.fault.len() <= ERROR_BYTES && speech.held.is_empty());
    let unknown = Fault { name: "Error".to_owned(), ..Fault::default() };
    assert_eq!(speech.push(b"\x1em4rke]\n"), [Heard::Fault(unknown)]);
}
