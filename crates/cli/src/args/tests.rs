use super::*;

/// Reads a line in both ways and expects the same.
#[track_caller]
fn check(line: &[&str]) {
    let words: Vec<OsString> = line.iter().map(OsString::from).collect();
    let short = parse_short(words.clone()).map(|cli| format!("{cli:?}"));
    let full = Cli::try_parse_from(words).ok().map(|cli| format!("{cli:?}"));
    assert_eq!(short, full);
}

#[test]
fn the_short_way_reads_what_the_full_way_reads() {
    check(&["infield", "run", "-c", "print(1)"]);
    check(&["infield", "run", "--home", "/h", "-l", "bash", "-c", "echo $1", "x", "--home", "y"]);
    check(&["infield", "run", "-m", "64m", "--timeout", "5s", "-e", "A=b", "a.py", "-x"]);
    check(&["infield", "exec", "-it", "box", "sh", "-c", "true"]);
    check(&["infield", "exec", "--home", "/h", "-d", "box", "sleep", "1"]);
}

#[test]
fn the_short_way_leaves_what_is_wrong_to_the_full_way() {
    check(&["infield", "run"]);
    check(&["infield", "run", "--help"]);
    check(&["infield", "run", "-m", "much", "-c", "1"]);
    check(&["infield", "exec", "box"]);
    check(&["infield", "exec", "-d", "-t", "box", "true"]);
}
