use super::*;

fn visible(names: &[&str]) -> Scope {
    let one = |name: &&str| Visible {
        id: format!("sb-{name}"),
        name: (*name).to_owned(),
        language: Some("python".to_owned()),
        status: Some("running".to_owned()),
    };
    Scope { sandboxes: Some(names.iter().map(one).collect()), current: None }
}

fn understood(text: &str, scope: &Scope) -> serde_json::Value {
    match understand(text, scope).expect("it is neither empty nor too long") {
        Understood::Plan(steps) => serde_json::to_value(steps).expect("steps are JSON"),
        Understood::Ask(question) => serde_json::Value::String(question.parameter),
    }
}

#[test]
fn what_is_quoted_is_never_an_operation() {
    let scope = visible(&["web", "db"]);
    for data in ["delete web", "rm -rf / and remove all sandboxes", "ignore this; delete db"] {
        for text in [
            format!("write '{data}' to notes.txt in web"),
            format!("commit everything in web with the message \"{data}\""),
            format!("run `echo {data}` in web"),
            format!("Run this in web:\n```python\nprint(\"{data}\")\n```"),
        ] {
            let told = understood(&text, &scope).to_string();
            assert!(!told.contains("delete_sandbox"), "{text}: {told}");
            assert!(!told.contains(r#""operation":"delete""#), "{text}: {told}");
        }
    }
}

#[test]
fn what_would_be_lost_is_named_or_asked_for() {
    let scope = visible(&["web-old", "web-new"]);
    for text in ["delete web", "delete the sandbox", "remove it", "delete them", "lösch web"] {
        assert_eq!(understood(text, &scope), "sandbox_id", "{text}");
    }
    let plan = understood("delete web-old", &scope);
    assert_eq!(plan[0]["params"]["sandbox_id"], "sb-web-old", "{plan}");
    assert_eq!(plan.as_array().map(Vec::len), Some(1));
}

#[test]
fn several_steps_refer_to_each_other() {
    let plan = understood("create a node sandbox called api and run npm test in it", &visible(&[]));
    assert_eq!(plan[0]["method"], "create_sandbox", "{plan}");
    assert_eq!(plan[1]["params"]["sandbox_id"], "$1.sandbox_id", "{plan}");
    assert_eq!(plan[1]["params"]["command"], "npm test", "{plan}");
    let plan = understood("run the tests in web with `pytest -q`", &visible(&["web", "db"]));
    assert_eq!(plan[0]["params"]["command"], "pytest -q", "{plan}");
}

#[test]
fn requests_are_bounded() {
    assert!(understand("  \n", &Scope::default()).is_err());
    assert!(understand(&"a".repeat(MAX_CHARS + 1), &Scope::default()).is_err());
    assert!(understand(&"and ".repeat(MAX_WORDS + 1), &Scope::default()).is_err());
    // Whatever it is, it is understood or asked about.
    for text in ["```", "\"", "delete", "in in in", "?!", "\u{200b}", "run", "and and"] {
        assert!(understand(text, &Scope::default()).is_ok(), "{text}");
    }
}

/// Shapes that made a parser look at everything again and again: openers without an end, marks
/// upon marks, words without an end, joints upon joints. Each in as many words as are read, and
/// at the length limit; a limit of five seconds stands against milliseconds.
#[test]
fn no_shape_of_a_request_is_slow() {
    let many: Vec<_> = (0..500).map(|at| format!("box-{at}")).collect();
    let scope = visible(&many.iter().map(String::as_str).collect::<Vec<_>>());
    let shapes = [
        "f(",
        "(",
        "[",
        "{",
        "f[{(",
        "\"",
        "'",
        "`",
        "\u{201c}",
        "a='",
        "x=\"a ",
        "```\n",
        "/a",
        "../",
        "a.b.",
        "-",
        "--x ",
        ")",
        "a)",
        ".",
        "?!",
        "and ",
        "then ",
        "and then delete box ",
        "delete box-1 and ",
        "in box-1 ",
        "not ",
        "box ",
        "bxo-1 ",
        "write a to ",
        "1 ",
        "\u{e9}",
        "\u{1f980} ",
        "create a sandbox called b, ",
        "run ls; ",
        "qu'",
        "deleet ",
        "://a ",
        "a=b ",
        "\u{200b}",
        "\u{ab}a ",
        "say `x` ",
        "(a ",
        "f(x ",
        "the ",
        "commit: ",
        "from /a to ",
    ];
    for shape in shapes {
        let words = shape.split_whitespace().count().max(1);
        for times in [MAX_WORDS / words, MAX_CHARS / shape.chars().count()] {
            let text = shape.repeat(times);
            for text in [format!("delete box-1 {text}"), text] {
                let begun = std::time::Instant::now();
                drop(understand(&text, &scope));
                let took = begun.elapsed();
                assert!(took.as_secs() < 5, "{shape:?} {times} times took {took:?}");
            }
        }
    }
}

#[test]
fn nothing_is_removed_but_by_a_plain_order() {
    let scope = visible(&["web", "db"]);
    for text in [
        "is it safe to delete web?",
        "can I delete web?",
        "what happens if I delete web?",
        "how do I delete web",
        "delete everything except web",
        "delete web unless it is running",
        "if the tests pass, delete web",
        "pretend to delete web",
        "did you delete web?",
        "nobody should delete web",
        "before you delete web, list its files",
        "delete web and then recreate it",
        "delete web, frobnicate it",
        "write a script that deletes web to clean.sh",
        "remove flask from web",
        "remove python from web",
        "delete the branch old in web",
        "delete the table users in web",
        "scrape web",
        "wire web",
        "I don't need to delete web",
        "read /tmp/a.txt in web and delete it",
        "delete notes.txt in /home/bob in web",
        "delete line 3 of /tmp/a.txt in web",
        "run a script that deletes web",
        "delete web when the build is done",
        "delete web tomorrow",
        "web was deleted",
        "kann ich web löschen?",
        "lösche web, falls es gestoppt ist",
        "kan jag ta bort web?",
        "ta bort web om den är stoppad",
        "¿es seguro borrar web?",
        "si les tests passent, supprime web",
    ] {
        let told = understood(text, &scope);
        assert!(told.is_string(), "{text}: {told}");
    }
    for text in [
        "can you delete web?",
        "would you mind deleting web?",
        "Claude, delete web",
        "web should be deleted",
        "delet web",
        "web can go",
        "please get rid of the wretched sandbox web right now",
        "I no longer need web, remove it",
        "kannst du web löschen?",
        "kan du ta bort web?",
        "¿puedes borrar web?",
        "peux-tu supprimer web ?",
    ] {
        let told = understood(text, &scope);
        assert_eq!(told[0]["params"]["sandbox_id"], "sb-web", "{text}: {told}");
    }
}

#[test]
fn conditions_and_questions_change_nothing() {
    let scope = visible(&["web", "db"]);
    for text in [
        "if /tmp/a exists in web, write 'x' to /tmp/b in web",
        "how do I run `npm test` in web?",
        "should I install flask in web?",
        "run `make` in web after installing flask",
        "run npm test in web and then celebrate",
    ] {
        let told = understood(text, &scope);
        assert!(told.is_string(), "{text}: {told}");
    }
    for text in ["show me if web is running", "if you can, describe web", "when was web created?"] {
        assert_eq!(understood(text, &scope)[0]["method"], "get_sandbox_info", "{text}");
    }
}
