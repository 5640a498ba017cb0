use super::*;

const GIVEN: &str = include_str!("../../../tests/intents/dev.jsonl");
const OWN: &str = include_str!("../../../tests/intents/own.jsonl");
const HELD: &str = include_str!("../../../tests/intents/held.jsonl");

#[test]
fn what_was_understood_once_stays_so() {
    for (text, least) in [(GIVEN, 40), (OWN, 230), (HELD, 54)] {
        let (tally, plans) = score(text).expect("it can be read");
        assert!(tally.right >= least, "{} and not {least} of {}", tally.right, tally.all);
        assert_eq!(plans.lines().count(), tally.all);
    }
}

#[test]
fn an_answer_is_held_against_what_is_expected() {
    let line = |expected: &str| {
        let text = r#"{"id": "x", "text": "run ls in web", "#;
        score(&format!("{text}{expected}}}")).expect("it can be read").0.right
    };
    let run = |command: &str| {
        format!(
            r#""expect": [{{"method": "execute_shell", "params": {{"sandbox_id": "web", "command": "{command}"}}}}]"#
        )
    };
    assert_eq!(line(&run("ls")), 1);
    assert_eq!(line(&run("ls -l")), 0);
    assert_eq!(line(r#""clarify": "command: which""#), 0);
    assert_eq!(line(r#""expect": []"#), 0);
}
