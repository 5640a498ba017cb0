use super::*;

fn check(input: &str, expected: &str) {
    assert_eq!(plain_text(input.as_bytes()), expected, "{input:?}");
}

#[test]
fn noise_is_taken_out() {
    check("plain\n", "plain\n");
    check("\x1b[1;31mred\x1b[0m\n", "red\n");
    check("\x1b]0;title\x07text", "text");
    check("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link");
    check("\x1b(Bx", "x");
    check("10%\r50%\r100%\n", "100%\n");
    check("10%\r\x1b[Kdone\n", "done\n");
    check("kept\r\n", "kept\n");
    check("a\x08b\x00\x07c", "bc");
    check("tab\tü€😀", "tab\tü€😀");
    check("safe\u{202e}evil\u{e0041}", "safeevil");
    check("unfinished \x1b[", "unfinished ");
}

#[test]
fn wrong_bytes_are_shown_as_such() {
    assert_eq!(plain_text(b"a\xffb\xc3"), "a\u{fffd}b\u{fffd}");
    assert_eq!(plain_text(b"\xe2\x82A"), "\u{fffd}A");
}

#[test]
fn pieces_give_what_the_whole_gives() {
    let text = "ab\x1b[32mc\u{20ac}\x1b[0m\rx\ny\x1b]0;t\x07\u{1f600}\n".as_bytes();
    let whole = plain_text(text);
    for at in 0..=text.len() {
        let mut shaper = Shaper::new(usize::MAX);
        shaper.push(&text[..at]);
        shaper.push(&text[at..]);
        shaper.plain.finish(&mut shaper.kept);
        assert_eq!(shaper.kept.whole(), whole, "cut at {at}");
    }
}

fn shown(stdout: &str, stderr: &str, most: usize) -> (Shown, Shown) {
    let mut shapers = [Shaper::new(most), Shaper::new(most)];
    for (shaper, text) in shapers.iter_mut().zip([stdout, stderr]) {
        text.as_bytes().chunks(7).for_each(|piece| shaper.push(piece));
    }
    let [out, err] = shapers;
    let id = ExecutionId::from_random([1; 16]);
    show(out, err, most, &id)
}

#[test]
fn head_and_tail_stay_with_a_marker_between() {
    let text: String = (0..1_000).map(|n| format!("line {n:03}\n")).collect();
    let (out, err) = shown(&text, "", 100);
    assert!(out.truncated && !err.truncated);
    assert_eq!(out.total_bytes, 9_000);
    let (head, rest) = out.text.split_once("\n… ").expect("a marker");
    let (marker, tail) = rest.split_once(" …\n").expect("its end");
    assert_eq!((head.chars().count(), tail.chars().count()), (40, 60));
    assert_eq!(
        marker,
        "8,900 characters left out; read_output execution_id=ex-1111111111111111 stream=stdout \
         offset=36"
    );
    assert!(tail.ends_with("line 999\n"));
}

#[test]
fn a_short_stream_leaves_room_to_the_other() {
    assert_eq!(share(10, 10, 100), (10, 10));
    assert_eq!(share(1_000, 10, 100), (90, 10));
    assert_eq!(share(10, 1_000, 100), (10, 90));
    assert_eq!(share(1_000, 1_000, 100), (50, 50));
    let (out, err) = shown(&"o".repeat(5_000), "short", 100);
    assert_eq!(err.text, "short");
    assert!(out.text.chars().filter(|c| *c == 'o').count() >= 95);
}

#[test]
fn a_page_ends_between_characters() {
    assert_eq!(whole_length("aü".as_bytes()), 3);
    assert_eq!(whole_length(&"a😀".as_bytes()[..3]), 1);
    assert_eq!(whole_length(b"text\x1b[3"), 4);
    assert_eq!(whole_length(b"text\x1b[31m"), 9);
    assert_eq!(whole_length(b""), 0);
    assert_eq!(whole_length(b"\xff\xff"), 2);
}
