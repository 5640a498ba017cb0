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
