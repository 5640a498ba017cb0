use super::*;

fn answer(text: &str) -> Bytes {
    Bytes::copy_from_slice(format!("{{\"id\": 1, \"result\": {text}}}").as_bytes())
}

fn names(text: &str) -> Vec<String> {
    let said: AtMost<SymbolSaid> = answered(&answer(text)).expect("an answer");
    symbols(said, "file:///asked").into_iter().map(|s| format!("{} {}", s.uri, s.name)).collect()
}

#[test]
fn symbols_come_in_both_shapes() {
    let range = r#"{"start": {"line": 1, "character": 2}, "end": {"line": 3, "character": 4}}"#;
    let flat = format!(
        r#"[{{"name": "a", "kind": 5, "location": {{"uri": "file:///b", "range": {range}}}}}]"#
    );
    assert_eq!(names(&flat), ["file:///b a"]);
    let nested = format!(
        r#"[{{"name": "a", "kind": 5, "range": {range}, "selectionRange": {range}, "children": [
            {{"name": "b", "kind": 6, "range": {range}, "children": null}}]}},
            {{"name": "c", "kind": 6, "range": {range}}}]"#
    );
    assert_eq!(names(&nested), ["file:///asked a", "file:///asked b", "file:///asked c"]);
    let said: AtMost<SymbolSaid> = answered(&answer(&nested)).expect("an answer");
    assert_eq!(symbols(said, "u")[0].range.end, Position { line: 3, character: 4 });
    assert_eq!(names("null"), Vec::<String>::new());
    assert_eq!(names("[]"), Vec::<String>::new());
    let wrong = answered::<AtMost<SymbolSaid>>(&answer(r#"[{"name": 1}]"#)).expect_err("wrong");
    assert!(wrong.message().contains("another shape"), "{wrong}");
}

#[test]
fn lists_end_at_their_bound() {
    let one = r#"{"name": "a", "kind": 5},"#.repeat(MOST_ITEMS + 5);
    let text = format!("[{}]", one.trim_end_matches(','));
    let said: AtMost<SymbolSaid> = answered(&answer(&text)).expect("an answer");
    assert_eq!((said.items.len(), said.is_cut), (MOST_ITEMS, true));
    // Deeper than anything that is meant: refused, not followed.
    let deep = format!("{}{}", r#"[{"name": "", "kind": 1, "children": "#.repeat(300), "[]");
    assert!(answered::<AtMost<SymbolSaid>>(&answer(&deep)).is_err());
}

#[test]
fn completions_come_in_both_shapes() {
    let check = |text: &str, incomplete: bool| {
        let said: CompletionsSaid = answered(&answer(text)).expect("an answer");
        let completions = said.into_completions();
        assert_eq!(completions.is_incomplete, incomplete, "{text}");
        completions.items
    };
    let items = check(
        r#"{"isIncomplete": true, "more": [1], "items": [
            {"label": "a", "kind": 3, "documentation": "plain", "textEdit": {"newText": "aa"}},
            {"label": "b", "insertText": "bb", "documentation": {"kind": "markdown", "value": "*b*"}}
        ]}"#,
        true,
    );
    let of = |kind: &str, text: &str| Some((kind.to_owned(), text.to_owned()));
    assert_eq!(items[0].documentation, of("plaintext", "plain"));
    assert_eq!(items[0].insert_text.as_deref(), Some("aa"));
    assert_eq!(items[1].documentation, of("markdown", "*b*"));
    assert_eq!(items[1].insert_text.as_deref(), Some("bb"));
    assert_eq!(check(r#"[{"label": "c"}]"#, false).len(), 1);
    assert_eq!(check("null", false), []);
}

#[test]
fn a_server_says_whether_it_knows_the_project() {
    let check = |text: &str, expected: bool| {
        let said: Introduction = answered(&answer(text)).expect("an answer");
        assert_eq!(said.knows_project(), expected, "{text}");
    };
    check(r#"{"capabilities": {"workspaceSymbolProvider": true}}"#, true);
    check(r#"{"capabilities": {"workspaceSymbolProvider": {"resolveProvider": false}}}"#, true);
    check(r#"{"capabilities": {"hoverProvider": true}}"#, false);
    check("{}", false);
}

#[test]
fn questions_are_answered_and_everything_else_is_known() {
    let check = |text: &str, expected: Said| {
        assert_eq!(understand(text.as_bytes()).expect("understood"), expected, "{text}");
    };
    check(r#"{"id": 3, "result": {"deep": [[[]]]}}"#, Said::Answer(3));
    check(r#"{"id": null, "error": {}}"#, Said::Notice);
    check(r#"{"method": "x", "params": 1}"#, Said::Notice);
    let granted = json!({ "jsonrpc": "2.0", "id": 3, "result": null });
    check(r#"{"id": 3, "method": "window/workDoneProgress/create"}"#, Said::Question(granted));
    let long = "x".repeat(ID_BYTES + 1);
    understand(format!(r#"{{"id": "{long}", "method": "x"}}"#).as_bytes()).expect_err("too long");
    for wrong in ["", "[]", "7", "{", "\u{fffd}"] {
        understand(wrong.as_bytes()).expect_err(wrong);
    }
}
