use rmcp::model::JsonObject;
use serde_json::{Value, json};

use super::{get, list};

fn text(name: &str, words: Value) -> Result<String, String> {
    let words: JsonObject = serde_json::from_value(words).expect("an object");
    let prompt = get(name, Some(&words)).map_err(|error| error.message.into_owned())?;
    let content = prompt.messages[0].content.as_text().expect("a prompt is text");
    Ok(content.text.clone())
}

#[test]
fn every_prompt_can_be_had_with_what_it_requires() {
    for prompt in list().prompts {
        let arguments = prompt.arguments.unwrap_or_default();
        let required = arguments.iter().filter(|argument| argument.required == Some(true));
        let words = required.map(|argument| (argument.name.clone(), json!("WORD")));
        let text = text(&prompt.name, Value::Object(words.collect())).expect("the prompt");
        for argument in arguments {
            assert!(!text.contains(&format!("{{{}}}", argument.name)), "{text}");
            assert!(argument.required != Some(true) || text.contains("WORD"), "{text}");
        }
    }
}

#[test]
fn words_of_the_user_are_not_taken_for_places() {
    let code = "print('{language} {sandbox_id} {code}')";
    let text = text("run_and_fix", json!({"code": code})).expect("the prompt");
    assert!(text.contains(code), "{text}");
}

#[test]
fn what_is_missing_and_what_is_unknown_are_named() {
    assert_eq!(
        text("run_and_fix", json!({"code": " "})),
        Err("the prompt `run_and_fix` needs `code`".to_owned())
    );
    let error = text("run_and_fixx", json!({})).expect_err("no such prompt");
    assert!(error.contains("did you mean `run_and_fix`?"), "{error}");
}
