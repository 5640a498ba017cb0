use super::*;

#[track_caller]
fn check(before: &str, expected: &str) {
    let entry = json!({ "command": "infield" });
    let after = merge(before, "mcpServers", "sandbox", &entry, Path::new("f")).expect("understood");
    assert_eq!(after, expected);
    let again = merge(&after, "mcpServers", "sandbox", &entry, Path::new("f")).expect("understood");
    assert_eq!(again, after, "a second merge changes nothing");
}

#[test]
fn an_empty_file_gets_the_block() {
    let block = "{\n  \"mcpServers\": {\n    \"sandbox\": {\n      \"command\": \"infield\"\n    }\n  }\n}\n";
    check("{}\n", block);
    check("", block);
}

#[test]
fn foreign_keys_comments_and_order_stay() {
    check(
        "// mine\n{\n  \"z\": 1, /* why */\n  \"mcpServers\": {\n    // theirs\n    \"a\": {\"x\": [1,],},\n  },\n}\n",
        "// mine\n{\n  \"z\": 1, /* why */\n  \"mcpServers\": {\n    \"sandbox\": {\n      \"command\": \"infield\"\n    },\n    // theirs\n    \"a\": {\"x\": [1,],},\n  },\n}\n",
    );
}

#[test]
fn an_older_block_of_ours_is_replaced() {
    check(
        "{\"mcpServers\": {\"sandbox\": {\"command\": \"old\", \"args\": []}, \"b\": {}}}",
        "{\"mcpServers\": {\"sandbox\": {\n      \"command\": \"infield\"\n    }, \"b\": {}}}",
    );
}

#[test]
fn an_object_with_a_comment_alone_keeps_it() {
    check(
        "{\"mcpServers\": { /* none yet */ }}",
        "{\"mcpServers\": {\n    \"sandbox\": {\n      \"command\": \"infield\"\n    } /* none yet */ }}",
    );
}

#[test]
fn what_is_not_understood_is_refused() {
    let wrongs = [
        "[]",
        "{\"mcpServers\": []}",
        "{\"mcpServers\": {}",
        "{} trailing",
        "{\"a\": \"\n\"}",
        "{a: 1}",
        "{\"a\" 1}",
        "{\"a\": 1 \"b\": 2}",
        "/* open",
        "{\"mcpServers\": {}, \"mcpServers\": {}}",
        "{\"\\",
        "nul",
    ];
    for wrong in wrongs {
        let error = merge(wrong, "mcpServers", "sandbox", &json!({}), Path::new("f"));
        assert!(error.is_err(), "`{wrong}` was taken");
    }
    let deep = "[".repeat(100_000);
    assert!(merge(&deep, "mcpServers", "sandbox", &json!({}), Path::new("f")).is_err());
}

#[test]
fn the_file_of_before_is_kept_with_its_mode() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("mcp.json");
    std::fs::write(&file, "{\"a\": 1}").expect("writable");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).expect("ours");
    for round in 0..2 {
        let copy = keep_copy(&file).expect("there is room");
        assert!(copy.exists());
        replace(&file, &format!("{{\"a\": {round}}}")).expect("writable");
    }
    let text = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("kept");
    assert_eq!(text("mcp.json.bak"), "{\"a\": 1}");
    assert_eq!(text("mcp.json.bak1"), "{\"a\": 0}");
    assert_eq!(text("mcp.json"), "{\"a\": 1}");
    let mode = std::fs::metadata(&file).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 3);
}
