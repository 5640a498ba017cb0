use super::*;

fn asked(message: Value) -> Asked {
    read(message).expect("it is understood")
}

#[test]
fn every_form_of_a_message_is_understood() {
    assert_eq!(asked(json!({"method": "initialize", "id": "init-1"})), Asked::Initialize);
    assert_eq!(asked(json!({"method": "tools/list"})), Asked::Tools);
    assert_eq!(asked(json!({"method": "notifications/initialized"})), Asked::Nothing);
    let arguments = json!({"sandbox_id": "web"}).as_object().expect("an object").clone();
    let call = |form| Asked::Call {
        tool: "delete_sandbox".to_owned(),
        arguments: arguments.clone(),
        form,
    };
    let params = json!({"name": "delete_sandbox", "arguments": arguments});
    assert_eq!(asked(json!({"method": "tools/call", "params": params})), call(Form::Rpc));
    assert_eq!(asked(params), call(Form::Bare));
    let method = json!({"method": "delete_sandbox", "params": arguments});
    assert_eq!(asked(method), call(Form::Bare));
    let text = json!({"method": "delete_sandbox", "params": r#"{"sandbox_id": "web"}"#});
    assert_eq!(asked(text), call(Form::Bare));
    for wrong in [json!([]), json!({}), json!({"name": 1}), json!({"name": "x", "arguments": [1]})]
    {
        assert!(read(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn a_bare_result_is_its_facts_or_an_error() {
    let unknown = bare(Err("there is no tool `x`".to_owned()));
    assert_eq!(unknown, json!({"error": "there is no tool `x`"}));
    let facts = CallToolResult::structured(json!({"count": 0}));
    assert_eq!(bare(Ok(facts)), json!({"count": 0}));
    let failed = CallToolResult::error(vec![rmcp::model::ContentBlock::text("no such sandbox")]);
    assert_eq!(bare(Ok(failed)), json!({"error": "no such sandbox"}));
}
