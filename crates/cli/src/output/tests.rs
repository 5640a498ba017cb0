use super::*;

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[test]
fn columns_line_up_and_the_last_is_ragged() {
    let mut table = Table::new(&["NAME", "STATE"]);
    table.row(["a".to_owned(), "running".to_owned()]);
    table.styled([("longer".to_owned(), GOOD), (String::new(), BAD)]);
    assert_eq!(plain(&table.render()), "NAME    STATE\na       running\nlonger\n");
}

#[test]
fn a_table_without_rows_is_its_header() {
    assert_eq!(plain(&Table::new(&["NAME"]).render()), "NAME\n");
}

#[test]
fn cells_of_a_guest_are_cleaned() {
    let mut table = Table::new(&[]);
    table.row(["a\u{1b}[31m\nb".to_owned()]);
    assert_eq!(table.render(), "a[31mb\n");
    assert_eq!(clean("a\r\n\tb\u{9b}\u{2066}\u{7f}"), "ab");
    assert_eq!(clean_lines("a\r\n\tb"), "a\n\tb");
}

#[test]
fn sizes_and_spans_have_few_digits() {
    let sizes = [0, 1023, 1024, 1536, 10 << 20, 3 << 30, u64::MAX].map(size);
    assert_eq!(sizes, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "10 MiB", "3.0 GiB", "16384 PiB"]);
    let spans = [0, 999, 1_000, 59_999, 60_000, 3_600_000, 172_800_000].map(span);
    assert_eq!(spans, ["0 ms", "999 ms", "1 s", "59 s", "1 min", "1 h", "2 d"]);
}
