use clap::Parser;

use super::*;
use crate::args::{Cli, Command};

fn typed(words: &[&str]) -> Result<(Run, Input)> {
    let words = ["infield", "run"].iter().chain(words);
    let cli = Cli::try_parse_from(words).map_err(|error| Error::invalid(error.to_string()))?;
    match cli.command {
        Command::Run(args) => into_request(args, Input::Stdin),
        other => Err(Error::internal(format!("{other:?}"))),
    }
}

#[track_caller]
fn check_language(name: &str, code: &str, expected: Option<Language>) {
    assert_eq!(guess_language(Path::new(name), code), expected, "{name}: {code}");
}

#[test]
fn the_language_follows_from_the_name_or_the_first_line() {
    check_language("a.py", "", Some(Language::Python));
    check_language("dir.js/a.mjs", "", Some(Language::JavaScript));
    check_language("a.ts", "", Some(Language::TypeScript));
    check_language("a.sh", "", Some(Language::Bash));
    check_language("a.c", "", Some(Language::C));
    check_language("a.go", "", Some(Language::Go));
    check_language("tool", "#!/usr/bin/env -S python3.12 -u\n", Some(Language::Python));
    check_language("tool", "#! /bin/bash -e\n", Some(Language::Bash));
    check_language("tool", "echo", None);
    check_language("a.txt", "", None);
}

#[test]
fn what_follows_the_code_belongs_to_the_program() {
    let (run, input) = typed(&["-c", "print(1)", "-x", "--timeout", "5"]).expect("well formed");
    assert_eq!(run.execution.arguments, ["-x", "--timeout", "5"]);
    assert_eq!(run.execution.timeout_ms, None);
    assert_eq!(run.execution.code.as_deref(), Some("print(1)"));
    assert_eq!((input, run.execution.stdin), (Input::Stdin, Some(Stdin::Stream)));
}

#[test]
fn options_before_the_file_are_ours() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (file, data) = (folder.path().join("a.js"), folder.path().join("data"));
    std::fs::write(&file, "1").expect("writable");
    std::fs::write(&data, [0xff]).expect("writable");
    let bring = format!("{}:in/x", data.display());
    let file = file.to_str().expect("temporary names are text");
    let words = ["--timeout", "2s", "-m", "64m", "-e", "A=1", "--file", &bring, file, "b"];
    let (run, _) = typed(&words).expect("well formed");
    assert_eq!(run.execution.language.as_deref(), Some("javascript"));
    assert_eq!(run.execution.timeout_ms, Some(2_000));
    assert_eq!(run.execution.arguments, ["b"]);
    assert_eq!(run.execution.environment["A"], "1");
    assert_eq!(run.sandbox.resources.memory_bytes, Some(64 << 20));
    let brought = &run.execution.files[0];
    assert_eq!((brought.path.as_str(), &brought.content), ("in/x", &Content::of(&[0xff])));
}

#[test]
fn nothing_to_run_is_refused() {
    assert!(typed(&[]).is_err());
    let missing = typed(&["/nowhere/a.py"]).expect_err("is not there");
    assert_eq!(missing.kind(), infield_domain::Kind::NotFound);
}
