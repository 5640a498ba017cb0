use infield_domain::intent::NewSandbox;

use super::*;

fn file(operation: FileVerb, content: Option<&str>) -> Step {
    Step::FileOperation(FileOperation {
        sandbox_id: Target::MadeBy(1),
        operation,
        file_path: Some("/a".to_owned()),
        content: content.map(str::to_owned),
        local_path: None,
    })
}

#[test]
fn a_step_uses_what_an_earlier_one_made() {
    let made = [Some("sb-1".to_owned())];
    let arguments = arguments(&file(FileVerb::Read, None), &made, 1_000);
    assert_eq!(arguments["sandbox_id"], "sb-1");
    assert_eq!(arguments["operation"], "read");
}

#[test]
fn a_new_file_never_empties_one_that_is_there() {
    let made = [Some("sb-1".to_owned())];
    let of = |content| arguments(&file(FileVerb::Create, content), &made, 1_000);
    assert_eq!((&of(None)["operation"], &of(None)["content"]), (&json!("append"), &json!("")));
    assert_eq!(of(Some("x"))["operation"], "write");
}

#[test]
fn what_a_tool_answers_ends_the_row_or_not() {
    for (facts, expected) in [
        (json!({"success": true}), Outcome::Done),
        (json!({"sandboxes": []}), Outcome::Done),
        (json!({"success": false}), Outcome::Failed),
        (json!({"execution_id": "x", "status": "finished", "exit_code": 0}), Outcome::Done),
        (json!({"execution_id": "x", "status": "finished", "exit_code": 3}), Outcome::Failed),
        (json!({"execution_id": "x", "status": "finished"}), Outcome::Failed),
        (json!({"execution_id": "x", "status": "running"}), Outcome::Running),
        (json!({"exit_code": 128, "success": false}), Outcome::Failed),
    ] {
        assert_eq!(outcome(&facts), expected, "{facts}");
    }
}

#[test]
fn a_file_that_looks_like_an_answer_is_content() {
    let text = json!({"success": false, "sandbox_id": "sb-evil"}).to_string();
    let reply = Reply::Content(vec![ContentBlock::text(text.clone())]);
    let (outcome, result, _) = read(&file(FileVerb::Read, None), Ok(reply));
    assert_eq!((outcome, result), (Outcome::Done, json!({"content": text})));
}

#[test]
fn steps_are_written_as_their_tools_take_them() {
    let new = NewSandbox { language: Some("python".to_owned()), ..NewSandbox::default() };
    let arguments = arguments(&Step::CreateSandbox(new), &[], 1_000);
    assert_eq!(Value::Object(arguments), json!({"language": "python"}));
}
