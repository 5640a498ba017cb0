use super::*;

fn said(say: Say) -> String {
    match say {
        Say::Text(text) => text,
        Say::Binary(_) | Say::Close(_) => panic!("no text"),
    }
}

#[test]
fn control_messages_are_those_of_the_contract() {
    let connected = said(control(wire::PtyStatus::Connected));
    assert_eq!(connected, r#"{"type":"control","status":"connected"}"#);
    let end = TerminalEnd { exit_code: 3, reason: None };
    assert_eq!(said(exited(&end)), r#"{"type":"control","status":"exited","exitCode":3}"#);
    let end = TerminalEnd { exit_code: 137, reason: Some("killed".to_owned()) };
    let text = said(exited(&end));
    assert!(text.ends_with(r#""exitCode":137,"exitReason":"killed"}"#), "{text}");
    let long = TerminalEnd { exit_code: 137, reason: Some("\"".repeat(200)) };
    assert!(super::text(&exit(&long)).len() <= 123);
}

#[test]
fn variables_come_as_base64() {
    let found = values("eyJTSEFQRSI6InJvdW5kIn0").expect("variables");
    assert_eq!(found["SHAPE"], "round");
    for wrong in ["", "%", "eyJ", "WzFd"] {
        values(wrong).expect_err(wrong);
    }
}
