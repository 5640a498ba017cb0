use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;

fn bytes(text: &[u8]) -> Bytes {
    Zeroizing::new(text.to_vec())
}

fn table(pairs: &[(&[u8], &[u8])]) -> Arc<Table> {
    let pairs = pairs.iter().map(|(text, put)| (bytes(text), Action::Put(bytes(put))));
    Arc::new(Table::new(pairs).expect("a table"))
}

fn pieces(table: &Arc<Table>, pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut swap = Swap::new(table);
    let mut all = Vec::new();
    for piece in pieces {
        let mut out = Vec::new();
        swap.feed(piece, &mut out).expect("nothing is refused");
        all.push(out);
    }
    let mut out = Vec::new();
    swap.end(&mut out).expect("nothing is refused");
    all.push(out);
    all
}

#[test]
fn only_what_may_be_a_beginning_is_held() {
    let table = table(&[(b"secret", b"***")]);
    let seen = pieces(&table, &[b"data: hello\n", b"data: sec", b"ond\n", b"sec", b"ret", b"!sec"]);
    let expected: [&[u8]; 7] =
        [b"data: hello\n", b"data: ", b"second\n", b"", b"***", b"!", b"sec"];
    assert_eq!(seen, expected);
}

#[test]
fn a_beginning_of_any_length_is_held() {
    let text = b"a secret that is long";
    let table = table(&[(text, b"***"), (b"secretly", b"+++")]);
    for length in 1..text.len() {
        let seen = pieces(&table, &[&[b"data: ", &text[..length]].concat(), &text[length..]]);
        assert_eq!(seen, [&b"data: "[..], b"***", b""], "{length}");
    }
}

#[test]
fn the_longest_of_several_counts() {
    let table = table(&[(b"abc", b"1"), (b"abcdef", b"2"), (b"cde", b"3")]);
    for (text, expected) in [
        (&b"abcdef"[..], &b"2"[..]),
        (b"abcde", b"1de"),
        (b"abcdeg", b"1deg"),
        (b"cdef", b"3f"),
        (b"ababcdefabc", b"ab21"),
    ] {
        for cut in 0..=text.len() {
            let (one, other) = text.split_at(cut);
            assert_eq!(pieces(&table, &[one, other]).concat(), expected, "{cut}");
        }
    }
}

#[test]
fn a_stray_placeholder_ends_the_stream() {
    let name: SecretName = "A".parse().expect("a name");
    let refuse = (bytes(b"stray"), Action::Refuse(name.clone()));
    let table = Arc::new(Table::new([refuse]).expect("a table"));
    let (mut swap, mut out) = (Swap::new(&table), Vec::new());
    assert_eq!(swap.feed(b"before st", &mut out), Ok(()));
    assert_eq!(swap.feed(b"ray after", &mut out), Err(name));
    assert_eq!(out, b"before ");
}

#[test]
fn nothing_is_done_with_an_empty_table() {
    let table = table(&[]);
    assert_eq!(pieces(&table, &[b"a", b"b"]).concat(), b"ab");
}

proptest! {
    /// The same comes out, whatever the pieces, of short texts and of those that have a head.
    #[test]
    fn pieces_do_not_matter(
        text in proptest::collection::vec(prop::sample::select(b"ab".to_vec()), 0..160),
        cuts in proptest::collection::vec(0..160_usize, 0..12),
        texts in proptest::collection::hash_set("[ab]{1,6}|[ab]{7,24}", 1..5),
    ) {
        let texts: Vec<String> = texts.into_iter().collect();
        let puts: Vec<String> = (0..texts.len()).map(|number| format!("<{number}>")).collect();
        let pairs: Vec<_> =
            texts.iter().zip(&puts).map(|(one, put)| (one.as_bytes(), put.as_bytes())).collect();
        let table = table(&pairs);
        let whole = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&texts)
            .expect("a finder")
            .replace_all_bytes(&text, &puts);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let parts: Vec<&[u8]> = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
        prop_assert_eq!(pieces(&table, &parts).concat(), whole.clone());
        prop_assert_eq!(table.swap(&text).expect("nothing is refused"), whole);
    }
}
